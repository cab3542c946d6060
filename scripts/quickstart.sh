#!/usr/bin/env bash
# Builds minions with its embedded engine, fetches a small real model and runs a job.
#   scripts/quickstart.sh                  runs examples/quickstart.json
#   scripts/quickstart.sh < job.json       runs the job on stdin
#   scripts/quickstart.sh --job job.json   passes its arguments on to minions
set -euo pipefail
calling_dir=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

need_build_tools </dev/null
build_for_this_machine
model=$(scripts/fetch-model.sh </dev/null)
minions=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release/minions
built() { stat -c %y "$minions" 2>/dev/null || true; }
before=$(built)
[ -n "$before" ] || say "Building minions with llama.cpp, which takes some minutes the first time ..."
cargo build --release --features embedded </dev/null >&2
[ "$before" != "$(built)" ] || say "minions is already built."

if [ $# -gt 0 ]; then
    cd "$calling_dir"
    exec "$minions" "$@"
fi
# A pipe or a file that is not empty holds a job; a terminal or /dev/null holds none.
first=
if [ ! -t 0 ] && IFS= read -r -t 5 -N 1 first; then
    cd "$calling_dir"
    { printf %s "$first" && cat; } | "$minions"
    exit
fi
say "Running examples/quickstart.json on $model ..."
code=0
"$minions" --job examples/quickstart.json || code=$?
say "The program is $minions. Next: $minions --help, or a job of your own: $minions < job.json"
exit $code
