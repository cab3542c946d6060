//! What the tests share.

pub mod chat;
pub mod llama_server;
pub mod program;
pub mod server;
pub mod wire;
