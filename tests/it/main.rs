//! The one integration-test binary: the real executable, real servers, scripted servers for faults.

#![allow(clippy::unwrap_used, reason = "the helpers of a test may fail as a test does")]

mod addresses;
mod architecture;
mod bad_input;
mod batch;
mod before_spending;
mod call_params;
mod chat_damage;
mod chat_faults;
mod chat_quirks;
mod chat_real_server;
mod chat_refusals;
mod chat_streaming;
mod client_kwargs;
mod command_line;
mod container;
mod demo;
mod docs;
mod documentation;
mod egress;
mod egress_bytes;
mod egress_words;
mod endings;
mod events;
mod file_circles;
mod fleet;
mod floods;
mod help;
mod input;
mod library;
#[cfg(feature = "embedded")]
mod llama_cpp;
mod machine_limits;
mod minion;
mod minions;
mod ollama_daemon;
mod ollama_proxy;
mod providers;
mod proxies;
mod read_ahead;
mod real_model_tape;
mod real_runtimes;
mod recordings;
mod replies;
mod runtimes;
mod sandbox;
mod sandbox_hostile;
mod sandbox_machine;
mod savings;
mod secrets;
mod server_itself;
mod support;
mod tape;
