#!/usr/bin/env bash
# Formatting, lints, all tests. Installs and fetches what they need.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

need_build_tools
build_for_this_machine
python3 -m pip --version >/dev/null 2>&1 || need_packages python3 python3-pip python3-venv
{ cargo fmt --version && cargo clippy --version; } >/dev/null || die "Missing. Run: rustup component add rustfmt clippy"

step() { say "== $* ($(date +%T))"; }

step "model and model server"
MINIONS_TEST_MODEL=$(scripts/fetch-model.sh)
MINIONS_TEST_PYTHON=$(model_server_python)
export MINIONS_TEST_MODEL MINIONS_TEST_PYTHON

step "formatting"
cargo fmt --check
step "lints, and what the tests run"
# Clippy compiles as rustc does, so that nothing is compiled for lints alone. Cargo's own `cargo clippy` says it the same way.
if [ "${CI:-}" = true ]; then export CARGO_INCREMENTAL=0; fi
export RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__
cargo test --quiet --no-run --workspace --all-targets --features embedded
step "lints of the engine's crate without the engine"
cargo clippy --quiet -p minions-llama --all-targets -- -D warnings
step "tests"
# Apart from the others, as they keep one core busy, or all: the model's threads, and hundreds of programs.
scripts/run-tests.py --per-core llama_cpp:: --per-core "it read_once::" \
    --alone chat_real_server:: --alone real_model --alone "it estimate::" --alone "it egress_bytes::" --workspace --features embedded
step "the Python module"
scripts/test-python.sh --workspace --features embedded
step "many machines"
scripts/test-scale.sh --workspace --features embedded
step "the page in a browser"
scripts/test-page.sh --workspace --features embedded
step "the container"
scripts/test-container.sh --workspace --features embedded
step "done"
