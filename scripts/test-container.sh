#!/usr/bin/env bash
# Builds the image with the Dockerfile that users use, on a real Docker Engine, and runs the tests of the container.
# No image registry is needed: base images are made here from the system's packages under the names that the Dockerfile
# asks for. Those names are overwritten, so this is for machines of CI and development.
# usage: test-container.sh [CARGO_OPTION...]   (such as --features embedded, to use what is built already)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh
target=${CARGO_TARGET_DIR:-target}
# As test.sh does, so that what it has built is not built again.
build_for_this_machine
# The builder that every engine has, also those without buildx.
export DOCKER_BUILDKIT=0

give_up() {
    say "The container's tests are skipped: $*"
    [ "${CI:-}" = true ] && exit 1
    exit 0
}

start_engine() {
    if ! command -v dockerd >/dev/null; then
        [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || give_up "no Docker Engine answers, and this user can't install one"
        need_packages docker.io
    fi
    [ "$(id -u)" = 0 ] || give_up "no Docker Engine answers, and this user can't start it"
    (setsid dockerd >/tmp/dockerd.log 2>&1 &)
    local tries
    for tries in $(seq 150); do
        docker info >/dev/null 2>&1 && return
        sleep 0.2
    done
    give_up "dockerd does not start, see /tmp/dockerd.log"
}

# The plugin, or the older program that Debian has.
need_compose() {
    docker compose version >/dev/null 2>&1 && return
    command -v docker-compose >/dev/null && return
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || give_up "no Docker Compose here, and this user can't install it"
    need_packages docker-compose
}

# Containers of these names are the tests' own; somebody else's are not to be lost.
keep_strangers() {
    local name standin
    for name in docker-model-runner minions-container $(docker ps -aq --filter label=com.docker.compose.project=minions); do
        standin=$(docker inspect -f '{{index .Config.Labels "minions.standin"}}' "$name" 2>/dev/null) || continue
        [ "$standin" = true ] || give_up "there is a container $name on this machine, which they would remove"
    done
}

has_python() { docker run --rm --pull never --entrypoint python3 "$1" -c 'import tomllib' >/dev/null 2>&1; }

# The system's own packages, so that what is built here runs there.
make_bases() {
    local suite
    suite=$(. /etc/os-release && printf %s "$VERSION_CODENAME")
    if ! has_python minions-test-base; then
        command -v debootstrap >/dev/null || need_packages debootstrap
        debootstrap --variant=minbase --include=gcc,libc6-dev,ca-certificates,python3 "$suite" "$work/base" >/dev/null
        # As this machine, so that the package registries answer.
        cp /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/"
        tar -C "$work/base" -c . | docker import - minions-test-base >/dev/null
    fi
    if ! has_python rust:1.95-bookworm; then
        printf '%s\n' 'FROM minions-test-base' 'COPY bin /usr/local/bin' 'COPY lib /usr/local/lib' \
            'COPY share/doc/rust /usr/local/share/doc/rust' >"$work/Dockerfile"
        tar -c -C "$work" Dockerfile -C "$(rustc --print sysroot)" bin lib share/doc/rust/COPYRIGHT-library.html | quietly docker build -q -t rust:1.95-bookworm -
    fi
}

# standin TAG LINE...: an image with the stand-in, and these lines of a Dockerfile.
standin() {
    local tag=$1
    shift
    printf '%s\n' 'FROM minions-test-base' 'LABEL minions.standin=true' 'COPY ollama-standin /usr/bin/ollama' "$@" >"$work/standin/Dockerfile"
    quietly docker build -q -t "$tag" "$work/standin"
}

quietly() { "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; return 1; }; }

docker info >/dev/null 2>&1 || start_engine
need_compose
keep_strangers
work=$(mktemp -d)
left_over() { docker ps -aq --filter ancestor=minions --filter status=exited | sort; }
left_over >"$work/before"
volumes() { docker volume ls -q --filter name='^minions[-_]models$' | sort; }
volumes >"$work/volumes"
clean_up() {
    # What the documented commands leave, which have no --rm.
    left_over | comm -13 "$work/before" - | xargs -r docker rm >/dev/null
    volumes | comm -13 "$work/volumes" - | xargs -r docker volume rm >/dev/null
    rm -rf "$work"
}
trap clean_up EXIT

say "base images"
make_bases
say "stand-ins"
cargo test --quiet --test it --no-run "$@"
mkdir "$work/standin"
cp "$target/debug/ollama-standin" "$work/standin/"
# What the official images set.
standin ollama/ollama:0.32.15 'ENV OLLAMA_HOST=0.0.0.0:11434' 'ENTRYPOINT ["/bin/ollama"]' 'CMD ["serve"]'
model_runner=('RUN useradd --system modelrunner && install -d -o modelrunner /models' 'USER modelrunner'
    'ENV MODEL_RUNNER_PORT=12434 MODELS_PATH=/models STANDIN_DISCOVERY_MS=200' 'EXPOSE 12434' 'ENTRYPOINT ["/bin/ollama", "model-runner"]')
standin docker/model-runner:latest "${model_runner[@]}"
standin docker/model-runner:latest-cuda "${model_runner[@]}"
standin docker/model-runner:broken "${model_runner[@]}" 'ENV STANDIN_DIE="no llama.cpp for this processor"'
say "image"
quietly docker build -t minions .
say "tests of the container"
# A few at a time: some only wait.
cargo test --quiet --test it "$@" -- --ignored --test-threads 3 container::
