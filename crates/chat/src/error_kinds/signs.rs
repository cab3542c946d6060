//! Words by which servers tell the same in many ways, in lower case.

/// How servers say that the system ended a model's process: Go's words of a signal and of a status.
pub(super) const KILLED: &[&str] =
    &["signal: killed", "signal: 9", "sigkill", "exit status 137", "exit code 137", "status 137"];

/// How servers say that there is no memory for a model: the words of llama.cpp's backends (Ollama's `llm/status.go`), of
/// Ollama before 0.30, of Docker Model Runner.
pub(super) const OUT_OF_MEMORY: &[&str] = &[
    "out of memory",
    "out of device memory",
    "outofmemory",
    "out_of_device_memory",
    "malloc failed",
    "failed to allocate",
    "unable to allocate",
    "allocation failed",
    "not enough memory",
    "not enough gpu memory",
    "insufficient memory",
    "requires more system memory",
    "bad_alloc",
];

/// How servers say that the process behind them has died. What follows is of its log, and may be about another request:
/// Ollama's `llm/llama_server.go`, Docker Model Runner's `pkg/inference/backends/runner.go`, LM Studio, vLLM, llama-swap.
pub(super) const DEAD_RUNNER: &[&str] = &[
    "an error was encountered while running the model",
    "model runner has unexpectedly stopped",
    "process no longer running",
    "process has terminated",
    "terminated unexpectedly",
    "the model has crashed",
    "enginedeaderror",
    "enginecore encountered an issue",
    "upstream command exited",
];

/// How servers say that a prompt is too long.
pub(super) const TOO_LONG: &[&str] = &[
    "exceed_context_size_error",
    "context_length_exceeded",
    "prompt is too long",
    "prompt too long",
    "maximum context length",
    "exceeds the available context size",
    "exceeds the context",
    "exceed context window",
    "longer than the context length",
    "exceed context limit",
    "maximum prompt length",
    "input is too long",
    "input token count*exceeds",
    "tokens`*must be <=",
    "request_too_large",
    "too large to process",
];
