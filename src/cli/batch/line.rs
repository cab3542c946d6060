//! A job of a batch, named.

use minions::error::Failure;
use minions::job::Job;

/// A line of the input.
pub(in crate::cli) struct Line {
    pub custom_id: String,
    /// What tells its content apart; empty if there is no job.
    pub hash: String,
    pub job: Result<Box<Job>, Failure>,
}
