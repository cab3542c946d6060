#!/usr/bin/env bash
# Prints what minions costs besides the models: time and memory of a `minion` job with 100 kB of context against a
# local server that answers at once. The release binary without the embedded engine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
need_build_tools
say "Building without the engine ..."
cargo build --release --quiet --target-dir target/lean >&2
exec python3 tests/support/bench.py target/lean/release/minions
