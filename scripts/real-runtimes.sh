#!/usr/bin/env bash
# Runs minions against the vendors' own programs, Ollama and Docker Model Runner, with a small real model and a scripted
# supervisor. What is not on this machine is skipped, and said. docs/runtimes.md tells what was tried.
# usage: real-runtimes.sh [PART_OF_A_TEST'S_NAME]...
#   OLLAMA        the program; default: `ollama` on the PATH. It brings its own llama.cpp.
#   MODEL_RUNNER  the program of Docker Model Runner; default: `model-runner` on the PATH. Its image has it as /app/model-runner.
#   LLAMA_SERVER  llama.cpp's server for it; default: `llama-server` on the PATH, or Ollama's
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

# program PATH_OR_NAME: where it is; nothing if it is not here.
program() { command -v "$1" 2>/dev/null | xargs -r realpath; }

OLLAMA=$(program "${OLLAMA:-ollama}" || true)
MODEL_RUNNER=$(program "${MODEL_RUNNER:-model-runner}" || true)
LLAMA_SERVER=$(program "${LLAMA_SERVER:-llama-server}" || program "${OLLAMA%/bin/ollama}/lib/ollama/llama-server" || true)

tests=()
if [ -n "$OLLAMA" ]; then
    say "Ollama: $OLLAMA ($("$OLLAMA" --version 2>/dev/null | sed -n "s/.*version is //p"))"
    tests+=(real_runtimes::ollama)
else
    say "Ollama is skipped: it is not on the PATH, and OLLAMA does not say where it is"
fi
if [ -z "$MODEL_RUNNER" ]; then
    say "Docker Model Runner is skipped: model-runner is not on the PATH, and MODEL_RUNNER does not say where it is"
elif [ -z "$LLAMA_SERVER" ]; then
    say "Docker Model Runner is skipped: it needs llama-server, which is not on the PATH, and LLAMA_SERVER does not say where it is"
else
    say "Docker Model Runner: $MODEL_RUNNER with $LLAMA_SERVER ($("$LLAMA_SERVER" --version 2>&1 | grep -m 1 version))"
    tests+=(real_runtimes::model_runner)
fi
[ ${#tests[@]} = 0 ] && exit 0

MINIONS_TEST_MODEL=${MINIONS_TEST_MODEL:-$(scripts/fetch-model.sh)}
export MINIONS_TEST_MODEL MINIONS_REAL_OLLAMA=$OLLAMA MINIONS_REAL_MODEL_RUNNER=$MODEL_RUNNER MINIONS_REAL_LLAMA_SERVER=$LLAMA_SERVER
# One at a time, as the model's threads take all cores.
cargo test --test it -- --ignored --test-threads 1 "${@:-${tests[@]}}"
