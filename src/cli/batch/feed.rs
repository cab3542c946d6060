//! What a batch reads and where its lines go.

use std::path::PathBuf;

use super::output::Sink;
use crate::cli::input::Incoming;

/// The jobs of a batch, and where its lines go.
pub(in crate::cli) struct Feed {
    pub pieces: Incoming,
    /// Where paths in the jobs begin.
    pub folder: Option<PathBuf>,
    pub total: Total,
    pub sink: Sink,
}

/// How many jobs there are.
pub(in crate::cli) enum Total {
    Unknown,
    /// This file has them.
    In(PathBuf),
    Known(usize),
}
