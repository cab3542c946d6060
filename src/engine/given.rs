//! What a file that a job names has given.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::file_report::FolderReport;
use crate::reader::FileReading;

/// What a file or a folder that the job names has given.
#[derive(Serialize, Deserialize)]
pub(super) struct Given {
    pub readings: Vec<FileReading>,
    /// What was left out of a folder.
    pub folder: Option<FolderReport>,
    /// What a folder itself is called; `None` for a file.
    pub title: Option<String>,
    /// The names of files whose text was read by a model that sees.
    #[serde(default)]
    pub seen: BTreeSet<String>,
    /// Where the files are, by name.
    #[serde(skip)]
    pub paths: BTreeMap<String, PathBuf>,
    /// Whether files of it are named besides, and read there.
    #[serde(default)]
    pub is_read_elsewhere: bool,
}
