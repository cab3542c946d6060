#!/usr/bin/env bash
# Tests the Python module with the debug program of this tree, or with MINIONS_BINARY: types, then what it does, with the
# python of this machine and with those that MINIONS_TEST_PYTHONS names. The first one runs the notebook, too.
# usage: test-python.sh [CARGO_OPTION...]   (such as --features embedded, to use what is built already)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

if [ -z "${MINIONS_BINARY:-}" ]; then
    # As test.sh does, so that what it has built is not built again.
    build_for_this_machine
    cargo test --quiet --test it --no-run "$@"
    export MINIONS_BINARY=${CARGO_TARGET_DIR:-$PWD/target}/debug/minions
fi

venv=target/module-python
if ! "$venv/bin/python" -c 'import mypy, nbclient, nbformat, ipykernel, pydantic' 2>/dev/null; then
    python3 -m venv "$venv" >/dev/null 2>&1 || { need_packages python3-venv && python3 -m venv "$venv" >&2; }
    "$venv/bin/python" -m pip install --quiet mypy==2.4.1 nbclient==0.11.0 nbformat==5.11.1 ipykernel==7.4.0 pydantic==2.14.4 >&2
fi

venv=$PWD/$venv
cd python
"$venv/bin/mypy" --no-error-summary
cd tests
for python in "$venv/bin/python" ${MINIONS_TEST_PYTHONS:-}; do
    say "$("$python" --version)"
    PYTHONPATH=../src "$python" -B -W ignore::minions.MinionsWarning -m unittest --quiet 2>&1 | tail -n 40
done
