# One program on Ollama's own image. Builds with the classic builder and with BuildKit.
#
#   docker build -t minions .
#
# Other bases: --build-arg OLLAMA_IMAGE=ollama/ollama:0.32.15-rocm for AMD GPUs.
ARG RUST_IMAGE=rust:1.95-bookworm
ARG OLLAMA_IMAGE=ollama/ollama:0.32.15

FROM ${RUST_IMAGE} AS build
WORKDIR /src
# The addresses that the loader adjusts take some 3 MB less in this form; glibc reads it since 2.36. Rust's own linker,
# which it takes on x86-64, also keeps one of functions that are the same. Optimizing all crates together takes another
# 3 %, and no more of the processor, since each is only half compiled before.
ENV CARGO_PROFILE_RELEASE_LTO=thin \
    CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C link-arg=-Wl,-z,pack-relative-relocs -C link-arg=-Wl,--icf=all" \
    CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C link-arg=-Wl,-z,pack-relative-relocs"
# The dependencies alone, with empty sources: a change of our sources does not build them again.
COPY Cargo.toml Cargo.lock LICENSE ./
COPY third-party third-party
COPY crates/chat/Cargo.toml crates/chat/
COPY crates/confined/Cargo.toml crates/confined/
COPY crates/documents/Cargo.toml crates/documents/
COPY crates/estimate/Cargo.toml crates/estimate/
COPY crates/evaluation/Cargo.toml crates/evaluation/
COPY crates/ingest/Cargo.toml crates/ingest/
COPY crates/llama/Cargo.toml crates/llama/
COPY crates/machine/Cargo.toml crates/machine/
COPY crates/python/Cargo.toml crates/python/
COPY crates/queue/Cargo.toml crates/queue/
COPY crates/reader/Cargo.toml crates/reader/
COPY crates/runtimes/Cargo.toml crates/runtimes/
COPY crates/sandbox/Cargo.toml crates/sandbox/
RUN mkdir -p src tests/it tests/standin \
    && echo 'fn main() {}' | tee src/main.rs tests/it/main.rs > tests/standin/main.rs \
    && touch src/lib.rs \
    && for crate in crates/*; do mkdir $crate/src && touch $crate/src/lib.rs; done \
    && cargo build --release --locked --bin minions
# The licences of what is inside; Rust's image has the Python.
COPY scripts/sbom.py scripts/
RUN mkdir licences && scripts/sbom.py "$(rustc --print host-tuple)" licences && gzip -n -9 licences/* && cp LICENSE licences
COPY src src
COPY crates crates
# The recording that `minions demo` replays is compiled in.
COPY examples/demo examples/demo
# The empty sources are newer than ours may be.
RUN find src crates -name '*.rs' -exec touch {} + \
    && cargo build --release --locked --bin minions \
    && strip target/release/minions

FROM ${OLLAMA_IMAGE}
# The entry step becomes this user; it is root only to hand it what was mounted. Others may pass through /root, where
# volumes with models are mounted by habit.
RUN useradd --uid 10001 --create-home minions && install -d -m 1777 /app/minion_logs && chmod a+x /root
COPY --from=build /src/target/release/minions /usr/local/bin/minions
COPY --from=build /src/licences /usr/share/doc/minions
COPY start_minion.sh /app/start_minion.sh
WORKDIR /app
# Ollama's image listens everywhere, and has no authentication.
ENV OLLAMA_HOST=127.0.0.1:11434
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s CMD ["minions", "health"]
ENTRYPOINT ["minions", "entry"]
