//! minions: a small local model and a frontier model in the cloud solve a job together.

pub use minions_chat as chat;
pub use minions_documents as documents;
pub use minions_llama as llama;
pub use minions_runtimes as runtimes;
pub use minions_sandbox as sandbox;

pub mod cli;
pub mod config;
pub mod container;
pub mod engine;
pub mod envelope;
pub mod error;
pub mod job;
pub mod listing;
pub mod logging;
pub mod prompts;
pub mod protocols;
mod pull_bar;
pub mod service;
mod sync;
