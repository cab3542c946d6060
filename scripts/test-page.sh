#!/usr/bin/env bash
# The page of `minions serve` in a real browser, against the real program. Installs what it needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

command -v chromium >/dev/null || need_packages chromium
command -v npm >/dev/null || need_packages nodejs npm
node -e 'process.exit(process.versions.node.split(".")[0] < 20 ? 1 : 0)' ||
    die "Node.js $(node --version) is too old: the browser's driver needs 20.11 or newer."
cargo build --quiet --workspace "$@"
cd tests/page
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund >&2
MINIONS_BIN=${CARGO_TARGET_DIR:-$PWD/../../target}/debug/minions
CHROMIUM=$(command -v chromium)
export MINIONS_BIN CHROMIUM
exec npm test --silent
