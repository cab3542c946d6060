//! minions: a small local model and a frontier model in the cloud solve a job together.
//!
//! Start at [`engine::Engine`]: it runs jobs. The modules, in the order in which a job passes through them:
//!
//! * [`job`]: JSON becomes a checked [`job::Job`], or an error that names the place and the remedy;
//! * [`engine`]: one job end to end, any number at once; the only module that knows all the others;
//! * [`runtimes`]: a model server that answers and has the model; gives an endpoint;
//! * [`chat`]: one conversation turn with a model at an endpoint; [`llama`]: the same in this process;
//! * `protocols`: `minion` and `minions`, with [`prompts`], [`sandbox`] and [`documents`];
//! * [`reader`]: files become documents, in a child process;
//! * [`events`]: what happens in a job, as it happens;
//! * [`answer`]: a job's answer as it is written, and what it rests on;
//! * [`memory`]: whether a job fits into the memory that is left; [`forecast`]: how long a model takes;
//! * [`serve`]: jobs over HTTP, and the page; [`servers`]: the model servers that answer here;
//! * [`error`]: why a job has no answer; [`config`]: defaults and the environment; [`settings`]: `minions.toml`, for jobs of
//!   people.
//!
//! Arrows point one way: `chat` gets a URL and never knows `runtimes`; `protocols` never know which provider they talk
//! to. Nothing here writes to stdout or stderr, takes over a signal or ends the process: that is the program's, in
//! `src/main.rs` and `src/cli`. The environment is read by [`config::Environment::of_process`] alone, but for the proxies
//! that the HTTP library looks up.
//!
//! # Words
//!
//! | word | means |
//! |---|---|
//! | job | a question, its documents, two sides and a protocol; its result or failure is one envelope |
//! | side | one of the two members of a job: the supervisor with its servers, or the worker with its own, to which the embedding model belongs |
//! | supervisor | the model that plans and answers, the job's remote client |
//! | worker | the model that reads the documents, the job's local client |
//! | document | a text that the worker reads, with its name and places |
//! | chunk | a part of a document that fits into the worker's context window |
//! | manifest | one task on one chunk, as the supervisor's program asks for it |
//! | worker job | a manifest with the worker's output |
//! | round | one turn of a protocol: a message and its reply, or a program, its worker jobs and the synthesis |
//! | program | the supervisor's Python code, which runs in the sandbox |
//! | slot | one call that a model server works on at a time |
//! | permit | the right to use a slot, until it is given back |
//! | server pool | the servers of a side: which of them has a free slot, which is down |
//! | ledger | the record of what left this machine |
//! | tape | whether a run records its exchanges with models, replays recorded ones or neither, and the recording that holds them |
//! | budget | what a job may spend: tokens, dollars, characters that leave, time |
//! | event | something that happened in a job |
//! | envelope | `{success, result, error}`, as the program prints it |

pub use minions_chat as chat;
pub use minions_documents as documents;
pub use minions_estimate as estimate;
pub use minions_evaluation as evaluation;
pub use minions_llama as llama;
pub use minions_reader as reader;
pub use minions_runtimes as runtimes;
pub use minions_sandbox as sandbox;

pub mod answer;
pub mod config;
pub mod engine;
pub mod envelope;
pub mod error;
pub mod events;
mod files;
pub mod forecast;
pub mod history;
pub mod job;
mod memo;
pub mod memory;
pub mod prompts;
mod protocols;
pub mod serve;
pub mod servers;
pub mod sessions;
pub mod settings;
mod sync;
pub mod words;

pub use memo::MemoReport;
pub use protocols::{Cited, CitedPart, Entry, Round, RoundJob, RoundJobs, RoundVerdict, Status};
