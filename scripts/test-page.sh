#!/usr/bin/env bash
# The page of `minions serve` in a real browser, against the real program. Installs what it needs.
# usage: test-page.sh [CARGO_OPTION...]   (such as --features embedded, to use what is built already)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
# As test.sh does, so that what it has built is not built again.
build_for_this_machine

command -v chromium >/dev/null || need_packages chromium
node=$(node_folder)
cargo test --quiet --test it --no-run "$@"
MINIONS_BIN=${CARGO_TARGET_DIR:-$PWD/target}/debug/minions
CHROMIUM=$(command -v chromium)
MINIONS_TEST_MODEL=${MINIONS_TEST_MODEL:-$(scripts/fetch-model.sh)}
MINIONS_TEST_PYTHON=${MINIONS_TEST_PYTHON:-$(model_server_python)}
export MINIONS_BIN CHROMIUM MINIONS_TEST_MODEL MINIONS_TEST_PYTHON
export PATH=$node:$PATH
cd tests/page
if ! [ node_modules/.package-lock.json -nt package-lock.json ]; then
    node "$node/../lib/node_modules/npm/bin/npm-cli.js" ci --silent --no-audit --no-fund >&2
fi
exec node --test --test-concurrency=1 --test-reporter=spec
