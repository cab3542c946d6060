//! The thread that owns the context: every active lane goes on in one batch, step after step.
//!
//! In: requests from a channel. Out: a reply for each, and [`Stats`]. A step is: take in what arrived, give
//! free lanes to waiting requests, decode one batch (a token of each generating lane, then pieces of
//! prompts), sample. It knows tokens only, no messages.

use std::sync::mpsc::{Receiver, TryRecvError};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use tokio::sync::{oneshot, watch};

use super::json_tail::Closing;
use super::lanes::{self, Placement, View};
use super::logs::Tap;
use super::memory::BATCH;
use super::sample::Sampler;
use super::{Stats, failed};
use minions_chat::{ChatError, Finish, Usage};

/// Waiting requests among which one with a cached prefix may go first.
const LOOKAHEAD: usize = 64;
/// How often a request may be overtaken by such a one.
const PATIENCE: u32 = 64;

/// A prompt to answer.
pub(super) struct Request {
    /// The order of the calls; preparing a prompt takes its time, so requests arrive out of order.
    pub(super) ticket: u64,
    /// The prompt, shorter than the window.
    pub(super) prompt: Vec<LlamaToken>,
    /// Picks the tokens.
    pub(super) sampler: Sampler,
    /// The longest reply in tokens, at least 1.
    pub(super) max_tokens: usize,
    /// How many of these a constrained reply needs to come to its end.
    pub(super) closing: Closing,
    /// Gets the reply; once nobody listens, the request is dropped.
    pub(super) answer: oneshot::Sender<Result<Reply, ChatError>>,
}

/// What the model wrote.
pub(super) struct Reply {
    /// The bytes, control tokens left out.
    pub(super) text: Vec<u8>,
    /// How it ended.
    pub(super) finish: Finish,
    /// After so many bytes it was brought to its end.
    pub(super) closed: Option<usize>,
    /// Tokens of this request.
    pub(super) usage: Usage,
}

struct Waiting {
    request: Request,
    overtaken: u32,
}

struct Job {
    request: Request,
    reused: usize,
    /// A prefix that another lane is still evaluating: the lane, its job, the length.
    wait: Option<(usize, u64, usize)>,
    written: Vec<LlamaToken>,
    text: Vec<u8>,
    /// The limit is near: after so many bytes the sampler has begun to close the constrained reply.
    closed: Option<usize>,
    /// Where in the batch the logits for the next token are.
    logits_at: Option<i32>,
}

#[derive(Default)]
struct Lane {
    /// The tokens whose keys and values the context holds for this lane's sequence.
    cached: Vec<LlamaToken>,
    job: Option<Job>,
    last_used: u64,
}

impl Lane {
    /// Prompt tokens still to evaluate.
    fn prefill(&self) -> &[LlamaToken] {
        self.job.as_ref().map_or(&[], |job| job.request.prompt.get(self.cached.len()..).unwrap_or(&[]))
    }

    fn view(&self) -> View<'_> {
        let coming = match &self.job {
            Some(job) if !self.prefill().is_empty() => &job.request.prompt[..],
            _ => &[],
        };
        View { cached: &self.cached, coming, free: self.job.is_none(), last_used: self.last_used }
    }
}

/// The engine's state, all on its thread.
pub(super) struct Worker<'a> {
    model: &'a LlamaModel,
    context: LlamaContext<'a>,
    batch: LlamaBatch<'static>,
    tap: Tap,
    lanes: Vec<Lane>,
    waiting: Vec<Waiting>,
    sharing: bool,
    clock: u64,
    stats: watch::Sender<Stats>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        model: &'a LlamaModel,
        context: LlamaContext<'a>,
        lanes: usize,
        tap: Tap,
        stats: watch::Sender<Stats>,
    ) -> Self {
        Self {
            model,
            context,
            batch: LlamaBatch::new(BATCH as usize, 1),
            tap,
            lanes: (0..lanes).map(|_| Lane::default()).collect(),
            waiting: Vec::new(),
            sharing: !model.is_recurrent() && !model.is_hybrid(),
            clock: 0,
            stats,
        }
    }

    /// Serves until the other end of `requests` is gone.
    pub(super) fn run(mut self, requests: &Receiver<Request>) {
        while self.intake(requests) {
            self.drop_cancelled();
            self.admit();
            self.resume_waiting_lanes();
            self.fill_batch();
            if self.batch.n_tokens() > 0 {
                self.step();
            }
            self.publish();
        }
    }

    /// Takes all that arrived; sleeps while there is nothing to do. False when nobody can ask any more.
    fn intake(&mut self, requests: &Receiver<Request>) -> bool {
        let idle = self.waiting.is_empty() && self.lanes.iter().all(|lane| lane.job.is_none());
        if idle {
            match requests.recv() {
                Ok(request) => self.enqueue(request),
                Err(_) => return false,
            }
        }
        loop {
            match requests.try_recv() {
                Ok(request) => self.enqueue(request),
                Err(TryRecvError::Empty) => return true,
                Err(TryRecvError::Disconnected) => return false,
            }
        }
    }

    fn enqueue(&mut self, request: Request) {
        let at = self.waiting.partition_point(|other| other.request.ticket < request.ticket);
        self.waiting.insert(at, Waiting { request, overtaken: 0 });
    }

    fn drop_cancelled(&mut self) {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| !waiting.request.answer.is_closed());
        let mut cancelled = before - self.waiting.len();
        for lane in &mut self.lanes {
            if lane.job.as_ref().is_some_and(|job| job.request.answer.is_closed()) {
                lane.job = None;
                cancelled += 1;
            }
        }
        self.stats.send_if_modified(|stats| {
            stats.cancelled += cancelled as u64;
            cancelled > 0
        });
    }

    /// Gives free lanes to waiting requests: the first one, or one soon after it whose prefix is cached.
    fn admit(&mut self) {
        while !self.waiting.is_empty() && self.lanes.iter().any(|lane| lane.job.is_none()) {
            let views: Vec<View<'_>> = self.lanes.iter().map(Lane::view).collect();
            let window = if self.waiting[0].overtaken < PATIENCE { LOOKAHEAD } else { 1 };
            let gain = |at: usize| {
                let prompt = &self.waiting[at].request.prompt;
                let start = lanes::place(prompt, &views, self.sharing)?;
                // Only most of a prompt is worth an exception; all begin with the same few tokens. In place comes
                // first: a copy would evict what a lane holds, perhaps for a request that waits too.
                let worth = 2 * start.reused > prompt.len();
                let rank = (worth && start.lane == start.source, if worth { start.reused } else { 0 });
                Some((at, rank, start))
            };
            let best = (0..self.waiting.len().min(window))
                .filter_map(gain)
                .reduce(|best, other| if other.1 > best.1 { other } else { best });
            let Some((at, _, start)) = best else { return };
            for overtaken in &mut self.waiting[..at] {
                overtaken.overtaken += 1;
            }
            let request = self.waiting.remove(at).request;
            self.start(request, start);
        }
    }

    fn start(&mut self, request: Request, start: Placement) {
        let reused = self.reuse(start.lane, start.source, start.reused);
        let wait = start.wait.and_then(|(source, length)| {
            self.lanes[source].job.as_ref().map(|job| (source, job.request.ticket, length))
        });
        self.clock += 1;
        let lane = &mut self.lanes[start.lane];
        lane.last_used = self.clock;
        lane.job = Some(Job {
            request,
            reused,
            wait,
            written: Vec::new(),
            text: Vec::new(),
            closed: None,
            logits_at: None,
        });
    }

    /// Makes `lane` hold exactly the first `length` tokens of `source`; gives what it holds then.
    fn reuse(&mut self, lane: usize, source: usize, length: usize) -> usize {
        let mut cut = if lane == source { length } else { 0 };
        // From lane to lane all cells are copied, or none.
        if lane != source
            && length > 0
            && self.context.kv_cache_seq_cp(source as i32, lane as i32, None, None).is_ok()
        {
            self.lanes[lane].cached = self.lanes[source].cached[..length].to_vec();
            cut = length;
        }
        let kept = self.context.kv_cache_seq_rm(lane as i32, Some(cut as u32), None).is_ok();
        if !kept {
            // Recurrent states cannot be cut: start anew.
            let _ = self.context.kv_cache_seq_rm(lane as i32, None, None);
        }
        self.lanes[lane].cached.truncate(if kept { cut } else { 0 });
        self.lanes[lane].cached.len()
    }

    /// Lanes that wait for a prefix take it as soon as it is there, or what there is if its owner has gone.
    fn resume_waiting_lanes(&mut self) {
        for lane in 0..self.lanes.len() {
            let Some(job) = &self.lanes[lane].job else { continue };
            let Some((source, ticket, length)) = job.wait else { continue };
            let owner = &self.lanes[source];
            let evaluating = owner.job.as_ref().is_some_and(|other| other.request.ticket == ticket);
            if evaluating && owner.cached.len() < length {
                continue;
            }
            let length = lanes::common(&job.request.prompt, &owner.cached).min(length);
            let mut reused = job.reused;
            if length > reused {
                reused = self.reuse(lane, source, length);
            }
            if let Some(job) = &mut self.lanes[lane].job {
                job.reused = reused;
                job.wait = None;
            }
        }
    }

    /// One token of each generating lane, then pieces of prompts, the oldest request first.
    fn fill_batch(&mut self) {
        self.batch.clear();
        let mut order: Vec<usize> =
            (0..self.lanes.len()).filter(|at| self.lanes[*at].job.is_some()).collect();
        order.sort_by_key(|at| (!self.lanes[*at].prefill().is_empty(), self.lanes[*at].last_used));
        for at in order {
            let lane = &mut self.lanes[at];
            let room = BATCH as usize - self.batch.n_tokens() as usize;
            let position = lane.cached.len();
            let Some(job) = &mut lane.job else { continue };
            if job.wait.is_some() || room == 0 {
                continue;
            }
            let all: &[LlamaToken] = match job.request.prompt.get(position..) {
                Some(rest) if !rest.is_empty() => rest,
                _ => job.written.last().map_or(&[], std::slice::from_ref),
            };
            let piece = all[..all.len().min(room)].to_vec();
            for (offset, token) in piece.iter().enumerate() {
                let last = offset + 1 == all.len();
                if last {
                    job.logits_at = Some(self.batch.n_tokens());
                }
                // There is room, which is the only way to fail.
                let _ = self.batch.add(*token, (position + offset) as i32, &[at as i32], last);
            }
            lane.cached.extend(piece);
        }
    }

    fn step(&mut self) {
        let (result, complaints) = self.tap.listen(|| self.context.decode(&mut self.batch));
        if let Err(error) = result {
            self.fail_all(&format!("llama.cpp cannot go on: {error}; {complaints}"));
            return;
        }
        let mut evaluated = self.batch.n_tokens() as u64;
        for at in 0..self.lanes.len() {
            let Some(logits_at) = self.lanes[at].job.as_mut().and_then(|job| job.logits_at.take()) else {
                continue;
            };
            let generating = self.lanes[at].job.as_ref().is_some_and(|job| !job.written.is_empty());
            evaluated -= u64::from(generating);
            self.advance(at, logits_at);
        }
        self.stats.send_if_modified(|stats| {
            stats.evaluated_prompt_tokens += evaluated;
            false
        });
    }

    /// Samples the next token of a lane and answers if it was the last.
    fn advance(&mut self, at: usize, logits_at: i32) {
        let window = self.window();
        let lane = &mut self.lanes[at];
        let Some(job) = &mut lane.job else { return };
        let left = job.request.max_tokens - job.written.len();
        let token = if job.request.sampler.constrained() && left <= job.request.closing.due(&job.text) {
            job.closed.get_or_insert(job.text.len());
            job.request.sampler.close()
        } else {
            job.request.sampler.pick(self.context.get_logits_ith(logits_at), &job.written)
        };
        let vocab = self.model.vocab();
        let finish = match token {
            None => {
                let error = failed(
                    "the model gave no usable next token".to_owned(),
                    "the file may be damaged: compare its checksum, or use another model",
                );
                return self.answer(at, Err(error));
            }
            Some(token) if vocab.is_eog(token) => {
                Some(if job.closed.is_some() { Finish::Length } else { Finish::Stop })
            }
            Some(token) => {
                job.written.push(token);
                let before = job.text.len();
                vocab.token_to_piece_into(token, &mut job.text, false, None);
                let closes = job.text[before..].iter().any(|byte| matches!(byte, b'}' | b']'));
                if closes && job.request.sampler.complete() {
                    Some(if job.closed.is_some() { Finish::Length } else { Finish::Stop })
                } else if job.written.len() >= job.request.max_tokens || lane.cached.len() + 1 >= window {
                    Some(Finish::Length)
                } else {
                    None
                }
            }
        };
        if let Some(finish) = finish {
            let usage =
                Usage::of_call(job.request.prompt.len() as u64, job.written.len() as u64, job.reused as u64);
            let text = std::mem::take(&mut job.text);
            let closed = job.closed;
            self.answer(at, Ok(Reply { text, finish, closed, usage }));
        }
    }

    /// Frees the lane, which keeps its tokens for the next request.
    fn answer(&mut self, at: usize, reply: Result<Reply, ChatError>) {
        let Some(job) = self.lanes[at].job.take() else { return };
        self.stats.send_if_modified(|stats| {
            stats.finished += 1;
            stats.cached_prompt_tokens += job.reused as u64;
            stats.generated_tokens += job.written.len() as u64;
            false
        });
        // Nobody listens if the call was cancelled meanwhile.
        let _ = job.request.answer.send(reply);
    }

    /// After a failed step the state of the cache is unknown.
    fn fail_all(&mut self, message: &str) {
        self.context.clear_kv_cache();
        for at in 0..self.lanes.len() {
            self.lanes[at].cached.clear();
            self.answer(at, Err(failed(message.to_owned(), "lower n_ctx or max_concurrency")));
        }
    }

    /// The longest prompt and reply of a lane.
    fn window(&self) -> usize {
        self.context.n_ctx() as usize / self.lanes.len()
    }

    fn publish(&self) {
        let active = self.lanes.iter().filter(|lane| lane.job.is_some()).count();
        self.stats.send_modify(|stats| {
            stats.active = active;
            stats.waiting = self.waiting.len();
        });
    }
}
