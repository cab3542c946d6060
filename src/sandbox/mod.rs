//! Runs the supervisor's Python in a child process of our own binary, under limits.
//!
//! In: code, documents, earlier jobs. Out: manifests, or the text for the supervisor, or an error that the
//! supervisor can act on. It must not know any model, provider or prompt.

mod types;

pub use types::{Job, JobManifest, JobOutput};
