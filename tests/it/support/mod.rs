//! What the tests share.

pub(crate) mod chat;
pub(crate) mod llama_server;
pub(crate) mod minion;
pub(crate) mod pdf;
pub(crate) mod program;
pub(crate) mod recorded;
pub(crate) mod rust_source;
pub(crate) mod sandboxes;
pub(crate) mod screen;
pub(crate) mod server;
pub(crate) mod terminal;
pub(crate) mod wait;
pub(crate) mod wire;
