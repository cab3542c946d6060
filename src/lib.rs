//! minions: a small local model and a frontier model in the cloud solve a job together.
//!
//! The rooms, in the order in which a job walks through them:
//!
//! * [`cli`] the command line, [`config`] every default and environment name;
//! * [`job`] bytes from stdin become a checked [`job::Job`];
//! * [`runner`] one job end to end: the only room that knows all the others;
//! * [`runtimes`] a model server that answers and has the model: gives an endpoint;
//! * [`chat`] one conversation turn with a model at an endpoint;
//! * [`protocols`] `minion` and `minions`, with [`prompts`], [`sandbox`] and [`documents`];
//! * [`listing`] what the program tells about itself on demand;
//! * [`envelope`] the one writer of stdout, [`error`] what failed and the exit code,
//!   [`secrets`] keys never leave.
//!
//! Arrows point one way: `chat` gets a URL and never knows `runtimes`; `protocols` never know which
//! provider they talk to.

pub mod chat;
pub mod cli;
pub mod config;
pub mod container;
pub mod documents;
pub mod envelope;
pub mod error;
pub mod http;
pub mod job;
pub mod listing;
pub mod logging;
pub mod prompts;
pub mod protocols;
pub mod runner;
pub mod runtimes;
pub mod sandbox;
pub mod secrets;
pub mod service;
