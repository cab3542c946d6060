//! A job as it travels.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A job with the files that it names.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Job {
    /// Its name.
    pub custom_id: String,
    /// What tells its content apart, with that of its files.
    pub hash: String,
    /// The job itself.
    pub job: Value,
    /// The files and folders that it names.
    pub trees: Vec<Tree>,
}

/// A file or a folder that a job names.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Tree {
    /// Its path, as the job gives it.
    pub path: String,
    /// What it is called where it comes from.
    pub name: String,
    /// Its files; of a file, that one.
    pub files: Vec<File>,
}

/// A file of a tree.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct File {
    /// Its path below the tree's; empty if the tree is the file.
    pub path: String,
    /// The SHA-256 of its content, in hexadecimal, under which the queue keeps it.
    pub sha256: String,
}

/// The header with a job's hash.
pub(crate) const HASH: &str = "Minions-Hash";
/// The header that names the object with a message's content, which is too long for a message.
pub(crate) const OBJECT: &str = "Minions-Object";
/// The header with a custom_id, as JSON.
pub(crate) const CUSTOM_ID: &str = "Minions-Custom-Id";
/// The header with the number of the job that a result is of.
pub(crate) const JOB: &str = "Minions-Job";
/// The header with how a job ended: `true` or `false`.
pub(crate) const SUCCESS: &str = "Minions-Success";
/// The header with the dollars of a job that has prices.
pub(crate) const USD: &str = "Minions-Usd";
/// The header with a job's remote tokens.
pub(crate) const TOKENS: &str = "Minions-Remote-Tokens";

/// Bytes of a message at most: the usual server takes 1 MiB.
pub(crate) const LONGEST: usize = 512 << 10;
