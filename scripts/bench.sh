#!/usr/bin/env bash
# Prints what minions costs besides the models, and how well it uses them: each row against an ideal, a limit, or a peer
# that was measured in the same run. Takes about ten minutes on a quiet machine; on a busy one it means little.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
need_build_tools
build_for_this_machine
model=$(scripts/fetch-model.sh)
python=$(model_server_python)

binaries=target/bench
mkdir -p "$binaries"
build() {
    say "Building $1 ..."
    cargo build --release --quiet --target-dir target "${@:2}" >&2
    cp target/release/minions "$binaries/$1"
}
build lean
build embedded --features embedded

PYTHONPATH=tests/bench python3 -c 'import table; table.head()'
python3 tests/bench/overhead.py "$binaries/lean"
python3 tests/bench/terminal.py "$binaries/lean"
python3 tests/bench/serve.py "$binaries/lean"
python3 tests/bench/read_ahead.py "$binaries/lean"
python3 tests/bench/batch.py "$binaries/lean"
python3 tests/bench/scale.py "$binaries/lean" "$(nats_server)"
python3 tests/bench/long_context.py "$binaries/lean"
python3 tests/bench/fan_out.py "$binaries/lean"
python3 tests/bench/python_module.py "$binaries/lean"
python3 tests/bench/second_question.py "$binaries/lean" "$model" "$python"
python3 tests/bench/read_once.py "$binaries/embedded" "$model" "$python"
cargo build --release --quiet --target-dir target --package minions-llama --example what_stays >&2
python3 tests/bench/what_stays.py target/release/examples/what_stays
python3 tests/bench/real_server.py "$binaries/embedded" "$model" "$python"
python3 tests/bench/estimate.py "$binaries/lean" "$python" "$model"
if docker image inspect minions >/dev/null 2>&1; then
    python3 tests/bench/container.py
else
    say "(the container's rows need an engine and the image: scripts/test-container.sh)"
fi
