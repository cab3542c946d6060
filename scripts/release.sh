#!/usr/bin/env bash
# Makes the files of a release, in dist/: a tarball per target, with the program, its documentation, its bill of materials
# and the licences of what is inside; and SHA256SUMS. The same commit gives the same tarballs on the same tools.
#   scripts/release.sh [TARGET...]
# x86_64-unknown-linux-musl     static, for every Linux, without the engine
# x86_64-unknown-linux-gnu      with llama.cpp inside, for glibc 2.35 and newer and processors with AVX2 (aarch64: any)
# Without TARGET both, for this machine's processor; aarch64 as well, on such a machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source scripts/common.sh

glibc=2.35
[ $# -gt 0 ] || set -- "$(uname -m)-unknown-linux-musl" "$(uname -m)-unknown-linux-gnu"
# Flags for the compilers of C are parted at spaces.
case $PWD${CARGO_HOME:-$HOME/.cargo}${CARGO_TARGET_DIR:-} in
*[[:space:]]*)
    die "A release can't be built with a space in the name of its folder ($PWD), CARGO_HOME or CARGO_TARGET_DIR:" \
        "name them without."
    ;;
esac
version=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
rm -f dist/minions-"$version"-*.tar.gz dist/SHA256SUMS
if [ -n "$(git status --porcelain)" ]; then
    say "There are changes that are not committed: this is no release, only a trial."
    version+=-trial
fi
# It would be taken in the place of our flags.
unset CARGO_ENCODED_RUSTFLAGS
# Of its own, as it is built for other machines than what is in target/release.
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$PWD/target}/dist

# need_target TARGET: Rust's library for it.
need_target() {
    [ -d "$(rustc --print sysroot)/lib/rustlib/$1" ] && return
    command -v rustup >/dev/null && rustup target add "$1" >&2 ||
        die "Rust's library for $1 is missing, and rustup can't fetch it: install it, or name another target."
}

# g++'s own library, of Debian 12 and newer, asks glibc 2.36 for random numbers. The program brings that function itself.
older_glibc() {
    local object=$CARGO_TARGET_DIR/arc4random.o
    mkdir -p "$CARGO_TARGET_DIR"
    cc -O2 -fPIC -x c -c -o "$object" - <<'C'
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

uint32_t arc4random(void) {
    uint32_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number) abort();
    return number;
}
C
    printf %s "$object"
}

# build TARGET OPTION...: for any machine of that target, with no path of this one inside.
build() {
    local registry=${CARGO_HOME:-$HOME/.cargo}/registry/src extra=()
    case $1 in *-gnu) extra=(-C link-arg="$(older_glibc)") ;; esac
    local prefixes=("$registry=crates" "$PWD=minions")
    export RUSTFLAGS CFLAGS CXXFLAGS
    RUSTFLAGS=$(printf -- '--remap-path-prefix=%s ' "${prefixes[@]}")
    CFLAGS=$(printf -- '-ffile-prefix-map=%s ' "${prefixes[@]}")
    CXXFLAGS=$CFLAGS
    CARGO_PROFILE_RELEASE_STRIP=symbols cargo rustc --release --locked --bin minions --target "$@" -- "${extra[@]}" >&2
}

# The libraries that a program loads.
loads() { objdump -p "$1" | sed -n 's/^ *NEEDED *//p'; }

must_be_static() {
    [ -z "$(loads "$1")" ] || die "$1 is not static: it loads" $(loads "$1")
}

must_run_on_glibc() {
    local newest others
    newest=$(objdump -T "$1" | grep -o 'GLIBC_[0-9.]*' | sort -uV | tail -n 1)
    printf 'GLIBC_%s\n%s\n' "$glibc" "$newest" | sort -VC && [ "$newest" != "GLIBC_$glibc" ] &&
        die "$1 needs $newest, newer than glibc $glibc: build it on Debian 12, Ubuntu 22.04 or older."
    others=$(loads "$1" | grep -vxE 'lib(c|m|gcc_s)\.so\.[0-9]+|ld-linux-.*' || true)
    [ -z "$others" ] || die "$1 loads what is not on every machine:" $others
}

# pack TARGET OPTION...: the tarball of what was built.
pack() {
    local target=$1 name=minions-$version-$1
    local folder=$CARGO_TARGET_DIR/$name
    rm -rf "$folder"
    mkdir -p "$folder/models" dist
    cp "$CARGO_TARGET_DIR/$target/release/minions" "$folder"
    git archive HEAD README.md LICENSE CHANGELOG.md docs examples/quickstart.json scripts/fetch-model.sh | tar -x -C "$folder"
    scripts/sbom.py "$target" "$folder" "${@:2}"
    # Who packs, when, and in which order the file system lists, is not in it.
    tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=u+rw,go=rX,a-st \
        --format=gnu -C "$CARGO_TARGET_DIR" -c "$name" | gzip -n -9 >"dist/$name.tar.gz"
    rm -rf "$folder"
}

# must_start TARBALL: as whoever unpacks it would, with nothing of this machine's environment.
must_start() {
    local folder
    folder=$(mktemp -d)
    tar -xzf "$1" -C "$folder"
    env -i "$folder"/*/minions demo >/dev/null 2>&1 || die "minions demo of $1 fails."
    rm -rf "$folder"
}

for target in "$@"; do
    say "== $target"
    need_target "$target"
    options=()
    case $target in
    *-linux-musl)
        command -v musl-gcc >/dev/null || need_packages musl-tools
        ;;
    *-linux-gnu)
        need_build_tools
        options=(--features embedded,minions-llama/static-stdcxx)
        # The engine alone takes more than the oldest processor has, and says so on one that lacks it.
        case $target in x86_64-*) export GGML_SSE42=ON GGML_AVX=ON GGML_AVX2=ON GGML_BMI2=ON GGML_FMA=ON GGML_F16C=ON ;; esac
        ;;
    *) die "There is no release for $target: the targets end in -linux-musl or -linux-gnu." ;;
    esac
    build "$target" "${options[@]}"
    program=$CARGO_TARGET_DIR/$target/release/minions
    case $target in *-musl) must_be_static "$program" ;; *) must_run_on_glibc "$program" ;; esac
    pack "$target" "${options[@]}"
    [[ $target != "$(uname -m)"-* ]] || must_start "dist/minions-$version-$target.tar.gz"
done
(cd dist && sha256sum minions-"$version"-*.tar.gz >SHA256SUMS && cat SHA256SUMS)
