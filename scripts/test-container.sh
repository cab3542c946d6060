#!/bin/sh
# Builds the image with the Dockerfile that users use, on a real Docker Engine, and runs the tests of the container.
# No image registry is needed: base images are made here from Debian's packages under the names that the Dockerfile
# asks for. Those names are overwritten, so this is for machines of CI and development.
set -eu
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
export DOCKER_BUILDKIT=0

give_up() {
    echo "test-container: skipped, $1" >&2
    [ "${CI:-}" = true ] && exit 1
    exit 0
}

if ! docker info >/dev/null 2>&1; then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || give_up "no Docker Engine answers, and it can't be installed here"
    command -v dockerd >/dev/null && command -v debootstrap >/dev/null \
        || { apt-get update -qq && apt-get install -y -qq docker.io debootstrap >/dev/null; }
    (dockerd >/tmp/dockerd.log 2>&1 &)
    for _ in $(seq 100); do docker info >/dev/null 2>&1 && break; sleep 0.2; done
    docker info >/dev/null 2>&1 || give_up "dockerd does not start, see /tmp/dockerd.log"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if ! docker image inspect minions-test-base >/dev/null 2>&1; then
    debootstrap --variant=minbase --include=gcc,libc6-dev,ca-certificates bookworm "$work/base" >/dev/null
    # As this machine, so that the package registries answer.
    cp /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/"
    tar -C "$work/base" -c . | docker import - minions-test-base >/dev/null
fi

if ! docker image inspect rust:1.95-bookworm >/dev/null 2>&1; then
    printf '%s\n' 'FROM minions-test-base' 'COPY bin /usr/local/bin' 'COPY lib /usr/local/lib' >"$work/Dockerfile"
    tar -c -C "$work" Dockerfile -C "$(rustc --print sysroot)" bin lib | docker build -q -t rust:1.95-bookworm - >/dev/null
fi

cargo build --release --bin ollama-standin
mkdir "$work/ollama"
cp "$target/release/ollama-standin" "$work/ollama/ollama"
# What the official image sets.
cat >"$work/ollama/Dockerfile" <<'DOCKERFILE'
FROM minions-test-base
COPY ollama /usr/bin/ollama
ENV OLLAMA_HOST=0.0.0.0:11434
ENTRYPOINT ["/bin/ollama"]
CMD ["serve"]
DOCKERFILE
docker build -q -t ollama/ollama:0.32.15 "$work/ollama" >/dev/null

docker build -t minions .
cargo test --release --test it container:: -- --ignored --test-threads 1
