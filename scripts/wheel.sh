#!/usr/bin/env bash
# Makes the Python wheel in dist/: the program, the module of python/, the licences of what is inside.
#   scripts/wheel.sh [--try] [TARGET [CARGO_OPTION...]]
# TARGET is a Rust target; without one this machine's. CARGO_OPTION names features, as in `--features embedded`.
# --try installs it into an empty environment of its own and runs the three lines of docs/python.md there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

try=
if [ "${1:-}" = --try ]; then
    try=yes
    shift
fi
target=${1:-$(rustc --print host-tuple)}
[ $# = 0 ] || shift

python=target/wheel-python
if ! "$python/bin/python" -m maturin --version >/dev/null 2>&1; then
    python3 -m venv "$python" >/dev/null 2>&1 || { need_packages python3-venv && python3 -m venv "$python" >&2; }
    "$python/bin/python" -m pip install --quiet maturin==1.16.0 >&2
fi

# Metadata names only files below the project's own folder.
rm -rf python/licences
mkdir -p python/licences dist
cp LICENSE python/licences/
scripts/sbom.py "$target" python/licences "$@"

rm -f dist/minions-*.whl
"$python/bin/python" -m maturin build --release --locked --target "$target" --manifest-path python/../Cargo.toml \
    --out dist "$@" >&2
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
