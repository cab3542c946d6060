//! A queue of jobs on NATS JetStream: submitted once, worked on by many, collected once.
//!
//! In: jobs as JSON, files, lines of results. Out: the same, elsewhere. It must not know what a job is, or how one runs.
//!
//! A queue is two streams, a bucket of keys, one of notes and one of files. A job is a message whose subject is made of its custom_id,
//! and the stream takes one message for each subject: so a job is there once, however often it is submitted. The same
//! holds for results. A worker's message is its own as long as the worker says so; else another worker gets it. Notes of who has
//! which job outlive a broker that is killed, which forgets its last deliveries. What all workers may
//! spend is one key, from which each takes a lease before a call.

mod address;
mod budget;
mod claims;
mod error;
mod files;
mod jobs;
mod purse;
mod queue;
mod results;
mod subject;
mod wire;
mod work;
mod workers;

pub use address::Address;
pub use budget::{Budget, Call, Cost, Limits};
pub use error::QueueError;
pub use jobs::Submitted;
pub use purse::Purse;
pub use queue::{Counts, Queue};
pub use results::{Result, Tally};
pub use wire::{File, Job, Tree};
pub use work::{Delivery, Pulled, Work};
pub use workers::Worker;
