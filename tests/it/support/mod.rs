//! What the tests share.

pub mod server;
pub mod wire;
