#!/usr/bin/env bash
# Builds minions with its embedded engine, fetches a small real model and runs a job.
#   scripts/quickstart.sh                  runs examples/quickstart.json
#   scripts/quickstart.sh < job.json       runs the job on stdin
#   scripts/quickstart.sh --job job.json   passes its arguments on to minions
set -euo pipefail
calling_dir=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

need_build_tools
build_for_this_machine
say "Building (a few minutes the first time) ..."
cargo build --release --features embedded --quiet >&2
model=$(scripts/fetch-model.sh)
minions=$(cargo metadata --format-version 1 --no-deps | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')/release/minions

if [ $# -gt 0 ]; then
    cd "$calling_dir"
    exec "$minions" "$@"
fi
# A pipe or a file that is not empty holds a job; a terminal or /dev/null does not.
if [ -p /dev/stdin ] || { [ -f /dev/stdin ] && [ -s /dev/stdin ]; }; then
    cd "$calling_dir"
    exec "$minions"
fi
say "Running examples/quickstart.json on $model ..."
exec "$minions" --job examples/quickstart.json
