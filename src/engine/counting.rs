//! The tokens of a job's texts, counted beside its preparation.

use std::sync::Arc;

use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use crate::documents::Document;
use crate::documents::tokens::{self, Count};
use crate::job::Job;

/// The counting of a job's texts. Long texts are counted in a blocking task while the models are made ready. Short
/// texts are only estimated, which is faster than a task.
pub(super) enum Counting<'a> {
    Short(&'a Job),
    Long(JoinHandle<Count>),
}

impl<'a> Counting<'a> {
    /// Begins to count the texts of `job`.
    pub(super) fn begin(job: &'a Job) -> Self {
        if texts(job).map(str::len).sum::<usize>() < tokens::COUNTED_FROM {
            return Self::Short(job);
        }
        let context = Arc::clone(&job.context);
        let others: Vec<String> = job.doc_metadata.iter().chain([&job.task]).cloned().collect();
        Self::Long(spawn_blocking(move || tokens::count(chained(&context, &others))))
    }

    /// The tokens, once they are counted.
    pub(super) async fn texts(self) -> Result<Count, JoinError> {
        match self {
            Self::Short(job) => Ok(tokens::count(texts(job))),
            Self::Long(counting) => counting.await,
        }
    }
}

fn texts(job: &Job) -> impl Iterator<Item = &str> + Clone {
    chained(&job.context, job.doc_metadata.iter().chain([&job.task]))
}

fn chained<'a>(
    context: &'a [Document],
    others: impl IntoIterator<Item = &'a String, IntoIter: Clone>,
) -> impl Iterator<Item = &'a str> + Clone {
    context.iter().map(Document::as_ref).chain(others.into_iter().map(String::as_str))
}
