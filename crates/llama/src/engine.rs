//! The thread that owns the context: every active lane goes on in one batch, step after step.
//!
//! In: requests from a channel. Out: a reply for each, and [`Stats`]. A step takes in the requests that have arrived,
//! gives free lanes to waiting requests, decodes one batch (a token of each generating lane, then pieces of prompts),
//! and samples. The thread knows tokens only, no messages.

use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;
use tokio::sync::watch;

use super::kept::{Kept, Restored};
use super::lanes::{self, Placement, View, WORTH_WAITING};
use super::logs::Tap;
use super::memory::BATCH;
use super::requests::{ActiveRequest, Lane, Pace, Reply, Request, Waiting};
use super::{Stats, failed};
use minions_chat::{ChatError, Finish};

/// The number of waiting requests among which one with a cached prefix may go first.
const LOOKAHEAD: usize = 64;
/// How often a request may be overtaken by requests with a cached prefix.
const PATIENCE: u32 = 64;

/// The state of the engine, which lives on the engine's thread.
pub(super) struct Worker<'a> {
    model: &'a LlamaModel,
    context: LlamaContext<'a>,
    batch: LlamaBatch<'static>,
    tap: Tap,
    kept: Kept,
    lanes: Vec<Lane>,
    waiting: Vec<Waiting>,
    sharing: bool,
    /// How long prompts take, or took when what is kept of them was read.
    pace: Pace,
    clock: u64,
    stats: watch::Sender<Stats>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(
        model: &'a LlamaModel,
        context: LlamaContext<'a>,
        lanes: usize,
        kept: Kept,
        tap: Tap,
        stats: watch::Sender<Stats>,
    ) -> Self {
        Self {
            model,
            context,
            batch: LlamaBatch::new(BATCH as usize, 1),
            tap,
            kept,
            lanes: (0..lanes).map(|_| Lane::default()).collect(),
            waiting: Vec::new(),
            sharing: !model.is_recurrent() && !model.is_hybrid(),
            pace: Pace::default(),
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

    /// Takes all requests that have arrived; blocks while there is nothing to do. `false` once no request can come.
    fn intake(&mut self, requests: &Receiver<Request>) -> bool {
        let idle = self.waiting.is_empty() && self.lanes.iter().all(|lane| lane.active.is_none());
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
            if lane.active.as_ref().is_some_and(|active| active.request.answer.is_closed()) {
                lane.active = None;
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
        while !self.waiting.is_empty() && self.lanes.iter().any(|lane| lane.active.is_none()) {
            let views: Vec<View<'_>> = self.lanes.iter().map(Lane::view).collect();
            let window = if self.waiting[0].overtaken < PATIENCE { LOOKAHEAD } else { 1 };
            let gain = |at: usize| {
                let prompt = &self.waiting[at].request.prompt;
                let start = lanes::place(prompt, &views, self.sharing)?;
                // An exception must save most of a prompt, as all prompts begin with the same few tokens. A lane that
                // has the prefix itself comes first: a copy would evict tokens that another request may need.
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

    fn start(&mut self, request: Request, mut start: Placement) {
        let reused = if self.restore(&request, &mut start) {
            request.shared
        } else {
            self.reuse(start.lane, start.source, start.reused)
        };
        let wait = start.wait.and_then(|(source, length)| {
            self.lanes[source].active.as_ref().map(|active| (source, active.request.ticket, length))
        });
        self.clock += 1;
        let lane = &mut self.lanes[start.lane];
        lane.last_used = self.clock;
        lane.active = Some(ActiveRequest::new(request, reused, wait));
    }

    /// Brings back the shared part of the prompt, if it is kept and no lane has most of it.
    fn restore(&mut self, request: &Request, start: &mut Placement) -> bool {
        if request.shared < start.reused + WORTH_WAITING {
            return false;
        }
        let (shared, lane) = (&request.prompt[..request.shared], start.lane);
        match self.kept.restore(&mut self.context, lane, shared, &self.tap) {
            Restored::Whole(took) => {
                self.pace.note(shared.len(), took);
                self.lanes[lane].cached = shared.to_vec();
                start.wait = None;
                true
            }
            Restored::Unknown => false,
            Restored::Damaged => {
                let _ = self.context.kv_cache_seq_rm(lane as i32, None, None);
                self.lanes[lane].cached.clear();
                if start.source == lane {
                    start.reused = 0;
                }
                false
            }
        }
    }

    /// Makes `lane` hold exactly the first `length` tokens of `source`. Gives the number of tokens that it then holds.
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

    /// Gives each lane that waits for a prefix that prefix once it is evaluated, or the evaluated part of it if the
    /// request that evaluated it is gone.
    fn resume_waiting_lanes(&mut self) {
        for lane in 0..self.lanes.len() {
            let Some(active) = &self.lanes[lane].active else { continue };
            let Some((source, ticket, length)) = active.wait else { continue };
            let owner = &self.lanes[source];
            let evaluating = owner.active.as_ref().is_some_and(|other| other.request.ticket == ticket);
            if evaluating && owner.cached.len() < length {
                continue;
            }
            let length = lanes::common(&active.request.prompt, &owner.cached).min(length);
            let mut reused = active.reused;
            if length > reused {
                reused = self.reuse(lane, source, length);
            }
            if let Some(active) = &mut self.lanes[lane].active {
                active.reused = reused;
                active.wait = None;
                active.began = Instant::now();
            }
        }
    }

    /// Fills the batch with one token of each generating lane, then with pieces of prompts, the oldest request first.
    fn fill_batch(&mut self) {
        self.batch.clear();
        let mut order: Vec<usize> =
            (0..self.lanes.len()).filter(|at| self.lanes[*at].active.is_some()).collect();
        order.sort_by_key(|at| (!self.lanes[*at].prefill().is_empty(), self.lanes[*at].last_used));
        for at in order {
            let lane = &mut self.lanes[at];
            let room = BATCH as usize - self.batch.n_tokens() as usize;
            let position = lane.cached.len();
            let Some(active) = &mut lane.active else { continue };
            if active.wait.is_some() || room == 0 {
                continue;
            }
            let all: &[LlamaToken] = match active.request.prompt.get(position..) {
                Some(rest) if !rest.is_empty() => rest,
                _ => active.written.last().map_or(&[], std::slice::from_ref),
            };
            // A step ends with the shared part, which is kept then. What follows is computed in the same way whether that
            // part was read now or before.
            let border = active.request.shared.checked_sub(position).filter(|left| *left > 0);
            let piece = all[..all.len().min(room).min(border.unwrap_or(usize::MAX))].to_vec();
            active.ends_shared = border == Some(piece.len());
            active.piece = if active.written.is_empty() { piece.len() } else { 0 };
            for (offset, token) in piece.iter().enumerate() {
                let last = offset + 1 == all.len();
                if last {
                    active.logits_at = Some(self.batch.n_tokens());
                }
                // Adding fails only without room, and there is room.
                let _ = self.batch.add(*token, (position + offset) as i32, &[at as i32], last);
            }
            lane.cached.extend(piece);
        }
    }

    fn step(&mut self) {
        let begun = Instant::now();
        let (result, complaints) = self.tap.listen(|| self.context.decode(&mut self.batch));
        let each = begun.elapsed() / self.batch.n_tokens().max(1).unsigned_abs();
        if let Err(error) = result {
            self.fail_all(&format!("llama.cpp cannot go on: {error}; {complaints}"));
            return;
        }
        self.keep_shared(each);
        let mut evaluated = self.batch.n_tokens() as u64;
        for at in 0..self.lanes.len() {
            let Some(logits_at) = self.lanes[at].active.as_mut().and_then(|active| active.logits_at.take())
            else {
                continue;
            };
            let generating = self.lanes[at].active.as_ref().is_some_and(|active| !active.written.is_empty());
            evaluated -= u64::from(generating);
            self.advance(at, logits_at);
        }
        self.stats.send_if_modified(|stats| {
            stats.evaluated_prompt_tokens += evaluated;
            false
        });
    }

    /// Keeps the shared parts that this step has read to their ends. A token of the step took `each`.
    fn keep_shared(&mut self, each: Duration) {
        for (at, lane) in self.lanes.iter_mut().enumerate() {
            let Some(active) = &mut lane.active else { continue };
            let piece = std::mem::take(&mut active.piece);
            let took = each * piece as u32;
            active.spent += took;
            self.pace.note(piece, took);
            if std::mem::take(&mut active.ends_shared) {
                self.kept.keep(&self.context, at, &lane.cached, active.spent);
            }
        }
    }

    /// Samples the next token of a lane and answers the request if that token was the last.
    fn advance(&mut self, at: usize, logits_at: i32) {
        let window = self.window();
        let lane = &mut self.lanes[at];
        let Some(active) = &mut lane.active else { return };
        active.first.get_or_insert_with(Instant::now);
        let left = active.request.max_tokens - active.written.len();
        // The sampler does not go on with a block of tokens that comes again, unless the grammar allows nothing else. What
        // repeats itself all the same is ended here, a constrained reply in its form.
        let is_due = active.is_looped || left <= active.request.closing.due(&active.text);
        let token = if active.request.sampler.constrained() && is_due {
            active.closed.get_or_insert(active.text.len());
            active.request.sampler.close()
        } else {
            active.request.sampler.pick(self.context.get_logits_ith(logits_at), &active.written)
        };
        let vocab = self.model.vocab();
        // How much stays of a text that is ended, as it repeats itself.
        let mut kept = None;
        let finish = match token {
            None => {
                let error = failed(
                    "the model gave no usable next token".to_owned(),
                    "the file may be damaged: compare its checksum, or use another model",
                );
                return self.answer(at, Err(error));
            }
            Some(token) if vocab.is_eog(token) => {
                Some(if active.closed.is_some() { Finish::Length } else { Finish::Stop })
            }
            Some(token) => {
                active.written.push(token);
                let before = active.text.len();
                vocab.token_to_piece_into(token, &mut active.text, false, None);
                let found = active.repeats.push(&active.text[before..]).filter(|_| !active.is_looped);
                active.is_looped |= found.is_some();
                kept = found.filter(|_| !active.request.sampler.constrained()).map(|found| found.keeps);
                let closes = active.text[before..].iter().any(|byte| matches!(byte, b'}' | b']'));
                if closes && active.request.sampler.complete() {
                    Some(if active.closed.is_some() { Finish::Length } else { Finish::Stop })
                } else if kept.is_some() {
                    Some(Finish::Looped)
                } else if active.written.len() >= active.request.max_tokens || lane.cached.len() + 1 >= window
                {
                    Some(Finish::Length)
                } else {
                    None
                }
            }
        };
        if let Some(finish) = finish {
            let saved = self.pace.of(active.reused);
            let reply = active.reply(finish, kept, left.saturating_sub(1) as u64, saved);
            self.answer(at, Ok(reply));
        }
    }

    /// Answers the request of a lane and frees the lane, which keeps its tokens for the next request.
    fn answer(&mut self, at: usize, reply: Result<Reply, ChatError>) {
        let Some(active) = self.lanes[at].active.take() else { return };
        self.stats.send_if_modified(|stats| {
            stats.finished += 1;
            stats.cached_prompt_tokens += active.reused as u64;
            stats.generated_tokens += active.written.len() as u64;
            false
        });
        // The receiver is gone if the call was cancelled meanwhile.
        let _ = active.request.answer.send(reply);
    }

    /// Fails all active requests and clears the cache, whose state is unknown after a failed step.
    fn fail_all(&mut self, message: &str) {
        self.context.clear_kv_cache();
        for at in 0..self.lanes.len() {
            self.lanes[at].cached.clear();
            self.answer(at, Err(failed(message.to_owned(), "lower n_ctx or max_concurrency")));
        }
    }

    /// The longest prompt and reply of a lane, in tokens.
    fn window(&self) -> usize {
        self.context.n_ctx() as usize / self.lanes.len()
    }

    fn publish(&self) {
        let active = self.lanes.iter().filter(|lane| lane.active.is_some()).count();
        self.stats.send_modify(|stats| {
            stats.active = active;
            stats.waiting = self.waiting.len();
        });
    }
}
