//! What the engine's thread knows of a request: while it waits, and in its lane.

use std::time::{Duration, Instant};

use llama_cpp_2::token::LlamaToken;
use tokio::sync::oneshot;

use super::json_tail::Closing;
use super::lanes::View;
use super::sample::Sampler;
use minions_chat::repeats::Repeats;
use minions_chat::{CallTimes, ChatError, Finish, Usage};

/// A prompt to answer.
pub(super) struct Request {
    /// The order of the calls; preparing a prompt takes its time, so requests arrive out of order.
    pub(super) ticket: u64,
    /// The prompt, shorter than the window.
    pub(super) prompt: Vec<LlamaToken>,
    /// How many of its first tokens other prompts begin with as well; fewer than all, 0 if that is not known.
    pub(super) shared: usize,
    /// Picks the tokens.
    pub(super) sampler: Sampler,
    /// The longest reply in tokens, at least 1.
    pub(super) max_tokens: usize,
    /// How many tokens a constrained reply needs to come to its end.
    pub(super) closing: Closing,
    /// Receives the reply. Once its receiver is gone, the request is dropped.
    pub(super) answer: oneshot::Sender<Result<Reply, ChatError>>,
}

/// The reply that the model wrote.
pub(super) struct Reply {
    /// Its bytes, without control tokens.
    pub(super) text: Vec<u8>,
    /// How the reply ended.
    pub(super) finish: Finish,
    /// The number of bytes after which the sampler began to close the reply; `None` if it ended by itself.
    pub(super) closed: Option<usize>,
    /// Tokens of this request.
    pub(super) usage: Usage,
    /// The tokens that were left when the reply was ended, as it repeated itself.
    pub(super) spared: u64,
    /// How long its prompt and its tokens took.
    pub(super) times: CallTimes,
}

/// A request that waits for a lane, and how often others were preferred to it.
pub(super) struct Waiting {
    pub(super) request: Request,
    pub(super) overtaken: u32,
}

/// A request that has a lane.
pub(super) struct ActiveRequest {
    pub(super) request: Request,
    pub(super) reused: usize,
    /// How many tokens of its prompt the step that is being made reads, and how long those before it took.
    pub(super) piece: usize,
    pub(super) spent: Duration,
    /// When its prompt began to be evaluated, and when its first token was there.
    pub(super) began: Instant,
    pub(super) first: Option<Instant>,
    /// A prefix that another lane is still evaluating: the lane, the ticket of its request, the length.
    pub(super) wait: Option<(usize, u64, usize)>,
    pub(super) written: Vec<LlamaToken>,
    pub(super) text: Vec<u8>,
    /// The number of bytes after which the sampler began to close the constrained reply, as the limit was near.
    pub(super) closed: Option<usize>,
    /// What is seen of repetition in the text, and whether that is a loop.
    pub(super) repeats: Repeats,
    pub(super) is_looped: bool,
    /// Whether the step that is being made reads the shared part to its end.
    pub(super) ends_shared: bool,
    /// The position in the batch of the logits for the next token.
    pub(super) logits_at: Option<i32>,
}

/// How long tokens of prompts take.
#[derive(Default)]
pub(super) struct Pace {
    tokens: u64,
    took: Duration,
}

impl Pace {
    /// So many tokens took so long.
    pub(super) fn note(&mut self, tokens: usize, took: Duration) {
        self.tokens += tokens as u64;
        self.took += took;
    }

    /// How long so many tokens take.
    pub(super) fn of(&self, tokens: usize) -> Duration {
        self.took.mul_f64(tokens as f64 / self.tokens.max(1) as f64)
    }
}

/// A place for one request at a time, which keeps what it holds for the next one.
#[derive(Default)]
pub(super) struct Lane {
    /// The tokens whose keys and values the context holds for this lane's sequence.
    pub(super) cached: Vec<LlamaToken>,
    pub(super) active: Option<ActiveRequest>,
    pub(super) last_used: u64,
}

impl ActiveRequest {
    /// A request that begins with `reused` tokens that need not be evaluated.
    pub(super) fn new(request: Request, reused: usize, wait: Option<(usize, u64, usize)>) -> Self {
        Self {
            request,
            reused,
            piece: 0,
            spent: Duration::ZERO,
            began: Instant::now(),
            first: None,
            wait,
            written: Vec::new(),
            text: Vec::new(),
            closed: None,
            repeats: Repeats::default(),
            is_looped: false,
            ends_shared: false,
            logits_at: None,
        }
    }

    /// The reply, which ends as `finish` tells, with `kept` bytes of its text if it repeats itself. It could have gone on for
    /// `left` tokens. `saved`: how long reading what was reused would have taken.
    pub(super) fn reply(&mut self, finish: Finish, kept: Option<usize>, left: u64, saved: Duration) -> Reply {
        let (prompt, written) = (self.request.prompt.len() as u64, self.written.len() as u64);
        let usage = Usage::of_call(prompt, written, self.reused as u64);
        let mut text = std::mem::take(&mut self.text);
        text.truncate(kept.unwrap_or(text.len()));
        let finish = if self.is_looped && finish == Finish::Length { Finish::Looped } else { finish };
        let spared = if finish == Finish::Looped { left } else { 0 };
        let now = Instant::now();
        let first = self.first.unwrap_or(now);
        let times = CallTimes {
            read: (usage.new_prompt_tokens, first.saturating_duration_since(self.began)),
            may_count_cached: false,
            // The first token comes with the prompt.
            written: (written.saturating_sub(1), now.saturating_duration_since(first)),
            saved,
        };
        Reply { text, finish, closed: self.closed, usage, spared, times }
    }
}

impl Lane {
    /// The prompt tokens that are still to be evaluated.
    pub(super) fn prefill(&self) -> &[LlamaToken] {
        self.active
            .as_ref()
            .map_or(&[], |active| active.request.prompt.get(self.cached.len()..).unwrap_or(&[]))
    }

    pub(super) fn view(&self) -> View<'_> {
        let coming = match &self.active {
            Some(active) if !self.prefill().is_empty() => &active.request.prompt[..],
            _ => &[],
        };
        View { cached: &self.cached, coming, free: self.active.is_none(), last_used: self.last_used }
    }
}
