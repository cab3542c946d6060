//! How long a side's context window has to be: one window for all calls of a job, so that no server loads its
//! model anew in between.

use crate::config;
use crate::job::{Job, Protocol};
use crate::runtimes::Need;

/// Bytes of a token at the least that is seen in dense text: what a window must be prepared for.
const BYTES_PER_TOKEN: usize = 3;
/// Bytes of a token that no ordinary text exceeds: what needs no asking a server.
const MOST_BYTES_PER_TOKEN: usize = 16;
/// Tokens of a picture, as the hungrier models count them.
const IMAGE_TOKENS: u32 = 1600;
/// Tokens of our own prompts, of a question, of a task.
const PROMPT_TOKENS: u32 = 512;

/// What a side asks of its window, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Demand {
    /// The job's own number.
    pub asked: Option<u32>,
    /// The longest prompt and reply, estimated with room to spare.
    pub likely: u32,
    /// What it will be at the very least.
    pub certain: u32,
}

impl Demand {
    pub(super) fn of_worker(job: &Job) -> Self {
        let asked = job.local.kwargs.generation.num_ctx;
        match job.protocol {
            Protocol::Minion => Self { asked, ..Self::of_reading_all(job) },
            Protocol::Minions(_) => Self { asked, likely: config::MINIONS_WINDOW, certain: 0 },
        }
    }

    /// What a worker needs that reads all documents and pictures at once.
    fn of_reading_all(job: &Job) -> Self {
        let bytes = job.task.len() + job.context.iter().map(|document| document.text.len()).sum::<usize>();
        let pictures = tokens(job.images.len()).saturating_mul(IMAGE_TOKENS);
        let talk = job.max_rounds.saturating_mul(config::REPLY_TOKENS + PROMPT_TOKENS);
        Self {
            asked: None,
            likely: tokens(bytes / BYTES_PER_TOKEN)
                .saturating_add(talk)
                .saturating_add(PROMPT_TOKENS + pictures),
            certain: tokens(bytes / MOST_BYTES_PER_TOKEN),
        }
    }

    pub(super) fn of_supervisor(job: &Job) -> Self {
        Self { asked: job.remote.kwargs.generation.num_ctx, likely: config::SUPERVISOR_WINDOW, certain: 0 }
    }

    /// What serves both.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            asked: self.asked.max(other.asked),
            likely: self.likely.max(other.likely),
            certain: self.certain.max(other.certain),
        }
    }

    /// Whether a window that was chosen for this serves `other` as well.
    pub(super) fn covers(self, other: Self) -> bool {
        self.likely >= other.likely && self.certain >= other.certain
    }

    /// The same for the model's server.
    pub(super) fn of(self, model: String) -> Need {
        let Self { asked: window, likely: tokens, certain: at_least } = self;
        Need { model, window, tokens, at_least, ..Need::default() }
    }
}

/// Bytes of chunk, task and advice that fit into a window beside our prompt and the reply.
pub(super) fn chunk_bytes(window: u32) -> usize {
    let free = window.saturating_sub(config::REPLY_TOKENS.min(window / 4) + PROMPT_TOKENS.min(window / 4));
    usize::try_from(free).unwrap_or(usize::MAX).saturating_mul(BYTES_PER_TOKEN)
}

fn tokens(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
