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
step "lints"
cargo clippy --quiet --release --workspace --all-targets --features embedded -- -D warnings
step "lints of the build without the engine"
cargo clippy --quiet --release -- -D warnings
step "build"
cargo test --quiet --release --features embedded --no-run
step "tests"
real=(chat_real_server:: llama_cpp:: real_model)
cargo test --release --features embedded -- "${real[@]/#/--skip=}"
# One at a time: the model's threads take all cores.
step "tests with the real model"
cargo test --release --features embedded -- --test-threads=1 "${real[@]}"
step "the container"
scripts/test-container.sh --features embedded
step "done"
