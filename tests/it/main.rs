//! The one integration-test binary: the real executable, real servers, scripted servers for faults.

mod chat_faults;
mod chat_real_server;
#[cfg(feature = "embedded")]
mod llama_cpp;
mod server_itself;
mod support;
