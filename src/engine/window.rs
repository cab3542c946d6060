//! The context window that a side needs. All calls of a job have one window, so that no server loads its model anew
//! between them.

use crate::config;
use crate::documents::tokens::bounds;
use crate::job::{Job, Protocol};
use crate::runtimes::Need;

/// The fewest bytes of a token that dense text has. A window is estimated with this number.
const BYTES_PER_TOKEN: usize = 3;
/// The tokens of a picture, by models that count many.
pub(super) const IMAGE_TOKENS: u32 = 1600;
/// The tokens of the prompts of minions with a question or task.
const PROMPT_TOKENS: u32 = 512;
/// The tokens of a question and its reply.
pub(super) const TALK_TOKENS: u32 = config::REPLY_TOKENS + PROMPT_TOKENS;

/// A window for the longest prompt with what was said before, and its reply.
const HISTORY_WINDOW: u32 = 4608;

/// The window that a side needs, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Demand {
    /// The window that the job sets.
    pub asked: Option<u32>,
    /// The longest prompt and reply together, estimated with room to spare.
    pub likely: u32,
    /// The shortest length that the longest prompt can have, whatever the tokenizer.
    pub certain: u32,
}

impl Demand {
    pub(super) fn of_worker(job: &Job) -> Self {
        let asked = job.local.kwargs.generation.num_ctx;
        let demand = match job.protocol {
            Protocol::Minion(_) => Self { asked, ..Self::of_reading_all(job, job.max_rounds) },
            Protocol::LocalOnly { .. } => Self { asked, ..Self::of_reading_all(job, 1) },
            Protocol::Minions(_) | Protocol::Auto(_) => {
                Self { asked, likely: config::MINIONS_WINDOW, certain: 0 }
            }
            Protocol::RemoteOnly => Self { asked, ..Self::default() },
        };
        Self { likely: demand.likely.max(of_history(job)), ..demand }
    }

    /// The window of a model that reads all documents and pictures at once, and replies so often.
    fn of_reading_all(job: &Job, replies: u32) -> Self {
        let bytes = job.task.len() + job.context.iter().map(|document| document.text.len()).sum::<usize>();
        let pictures = tokens(job.images.len()).saturating_mul(IMAGE_TOKENS);
        let talk = replies.saturating_mul(TALK_TOKENS);
        Self {
            asked: None,
            likely: tokens(bytes / BYTES_PER_TOKEN)
                .saturating_add(talk)
                .saturating_add(PROMPT_TOKENS + pictures),
            certain: least(job.context.iter().map(|document| &*document.text).chain([&*job.task])),
        }
    }

    pub(super) fn of_supervisor(job: &Job) -> Self {
        let asked = job.remote.kwargs.generation.num_ctx;
        if job.protocol == Protocol::RemoteOnly {
            let demand = Self { asked, ..Self::of_reading_all(job, 1) };
            return Self { likely: demand.likely.max(of_history(job)), ..demand };
        }
        let texts = || job.doc_metadata.iter().chain([&job.task]);
        let bytes: usize = texts().map(String::len).sum();
        Self {
            asked,
            likely: config::SUPERVISOR_WINDOW
                .max(of_history(job))
                .max(tokens(bytes / BYTES_PER_TOKEN).saturating_add(config::SUPERVISOR_WINDOW / 2)),
            certain: least(texts().map(String::as_str)),
        }
    }

    /// A demand that covers both.
    pub(super) fn max(self, other: Self) -> Self {
        Self {
            asked: self.asked.max(other.asked),
            likely: self.likely.max(other.likely),
            certain: self.certain.max(other.certain),
        }
    }

    /// Whether a window that was chosen for this demand serves `other` as well.
    pub(super) fn covers(self, other: Self) -> bool {
        self.likely >= other.likely && self.certain >= other.certain
    }

    /// The demand as a runtime takes it, for `model`.
    pub(super) fn of(self, model: String) -> Need {
        let Self { asked: window, likely: tokens, certain: at_least } = self;
        Need { model, window, tokens, at_least, ..Need::default() }
    }
}

/// The window for what was said before in a conversation, with our words around it and the reply.
fn of_history(job: &Job) -> u32 {
    if job.conversation.is_some() { HISTORY_WINDOW } else { 0 }
}

/// The number of bytes of chunk, task and advice that fit into a window of `window` tokens, beside the prompt of
/// minions and the reply.
pub(super) fn chunk_bytes(window: u32) -> usize {
    let free = window.saturating_sub(config::REPLY_TOKENS.min(window / 4) + PROMPT_TOKENS.min(window / 4));
    usize::try_from(free).unwrap_or(usize::MAX).saturating_mul(BYTES_PER_TOKEN)
}

/// The fewest tokens that `texts` can have together.
fn least<'a>(texts: impl Iterator<Item = &'a str>) -> u32 {
    let least: u64 = texts.map(|text| bounds(text).least).sum();
    u32::try_from(least).unwrap_or(u32::MAX)
}

fn tokens(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
