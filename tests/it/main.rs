//! The one integration-test binary: the real executable, real servers, scripted servers for faults.

mod chat_faults;
mod chat_real_server;
mod server_itself;
mod support;
