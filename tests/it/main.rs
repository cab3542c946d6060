//! The one integration-test binary: the real executable, real servers, scripted servers for faults.

mod ollama_daemon;
mod runtimes;
mod server_itself;
mod support;
