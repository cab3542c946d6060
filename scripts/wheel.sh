#!/usr/bin/env bash
# Makes the Python wheel in dist/: the program, the module of python/, the licences of what is inside.
#   scripts/wheel.sh [--debug] [--try] [CARGO_OPTION...]
# CARGO_OPTION names a target, `--target x86_64-unknown-linux-musl` for every Linux, or features, `--features embedded`.
# --debug takes the debug build: a trial that is large and slow.
# --try installs it into an empty environment of its own and runs the three lines of python/README.md there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

try='' profile=release
while :; do
    case ${1:-} in
    --try) try=yes ;;
    --debug) profile=dev ;;
    *) break ;;
    esac
    shift
done
target=$(rustc --print host-tuple) features=() options=("$@")
while [ $# -gt 0 ]; do
    case $1 in --target) target=$2 && shift ;; --target=*) target=${1#*=} ;; *) features+=("$1") ;; esac
    shift
done

python=target/wheel-python
if ! "$python/bin/python" -m maturin --version >/dev/null 2>&1; then
    python3 -m venv "$python" >/dev/null 2>&1 || { need_packages python3-venv && python3 -m venv "$python" >&2; }
    "$python/bin/python" -m pip install --quiet maturin==1.16.0 >&2
fi

# Metadata names only files below the project's own folder.
rm -rf python/licences
mkdir -p python/licences dist
cp LICENSE python/licences/
scripts/sbom.py "$target" python/licences "${features[@]}"

if [ "$profile" = release ]; then
    # As in a release, no path of this machine is inside.
    prefixes=("${CARGO_HOME:-$HOME/.cargo}/registry/src=crates" "$PWD=minions")
    RUSTFLAGS=$(printf -- '--remap-path-prefix=%s ' "${prefixes[@]}")
    CFLAGS=$(printf -- '-ffile-prefix-map=%s ' "${prefixes[@]}")
    CXXFLAGS=$CFLAGS
    export RUSTFLAGS CFLAGS CXXFLAGS
fi
rm -f dist/minions-*.whl
python=$PWD/$python/bin/python
(cd python && "$python" -m maturin build --profile "$profile" --locked --out ../dist "${options[@]}" >&2)
wheel=$(echo dist/minions-*.whl)
say "$wheel: $(($(stat -c %s "$wheel") / 1000)) kB"

if [ -n "$try" ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    python3 -m venv "$folder/venv"
    "$folder/venv/bin/python" -m pip install --quiet --no-index --no-deps "$wheel" >&2
    "$folder/venv/bin/minions" version
    env -u MINIONS_BINARY -u PYTHONPATH python3 python/tests/try_three_lines.py "$folder/venv/bin/python"
fi
