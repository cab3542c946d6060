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
say "Building (a few minutes the first time) ..."
cargo build --release --features embedded --quiet </dev/null >&2
minions=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release/minions

if [ $# -gt 0 ]; then
    cd "$calling_dir"
    exec "$minions" "$@"
fi
# A pipe or a file that has something to say holds a job; an empty one, a terminal or /dev/null does not.
first=
if [ ! -t 0 ] && IFS= read -r -t 5 -N 1 first; then
    cd "$calling_dir"
    { printf %s "$first" && cat; } | "$minions"
    exit
fi
say "Running examples/quickstart.json on $model ..."
exec "$minions" --job examples/quickstart.json
