#!/usr/bin/env bash
# Tests of what runs on many machines, on the real engines: a Slurm of three nodes and a NATS server on this machine, the
# manifests of Kubernetes by its schemas.
# usage: test-scale.sh [CARGO_OPTION...]   (such as --features embedded, to use what is built already)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
# As test.sh does, so that what it has built is not built again.
build_for_this_machine

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "The tests of engines are skipped: Slurm's daemons need root, on Debian or Ubuntu"
    [ "${CI:-}" = true ] && exit 1
    exit 0
fi
command -v parallel >/dev/null || need_packages parallel
command -v faketime >/dev/null || need_packages faketime

nats=$(nats_server)
say "manifests"
for version in 1.33 1.37; do
    "${nats%/*}/kubernetes-validate" --quiet --strict --kubernetes-version "$version" docker/kubernetes-*.yaml
done
# KEDA's own kind has no schema there: what it makes is a Job.
job=$(mktemp --suffix .yaml)
"${nats%/*}/python" - "$job" <<'END'
import sys, yaml
scaled = yaml.safe_load(open("docker/keda-queue.yaml"))
job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": scaled["metadata"], "spec": scaled["spec"]["jobTargetRef"]}
yaml.safe_dump(job, open(sys.argv[1], "w"))
END
"${nats%/*}/kubernetes-validate" --quiet --strict --kubernetes-version 1.37 "$job"
rm "$job"

say "build"
cargo test --quiet --test it --no-run "$@"
say "GNU parallel"
cargo test --quiet --test it "$@" -- --ignored batch::shards
cluster=$(mktemp -d)
trap 'kill "$queue" 2>/dev/null || true; scripts/slurm-cluster.sh stop "$cluster" && rm -rf "$cluster"' EXIT
say "NATS and Slurm"
# Side by side, as both wait most of the time.
MINIONS_TEST_NATS=$nats MINIONS_TEST_FAKETIME=$(dpkg -L libfaketime | grep libfaketimeMT.so.1) \
    cargo test --quiet --test it "$@" -- --ignored --test-threads 2 queue:: >"$cluster/nats.log" 2>&1 &
queue=$!
scripts/slurm-cluster.sh start "$cluster"
# One after the other: each takes all nodes.
MINIONS_TEST_SLURM=$cluster cargo test --quiet --test it "$@" -- --ignored --test-threads 1 slurm:: || failed=1
wait "$queue" || failed=1
cat "$cluster/nats.log"
exit "${failed:-0}"
