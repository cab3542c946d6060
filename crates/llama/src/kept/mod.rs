//! What was read is kept: the state of the model after a part of a prompt that other prompts begin with as well.
//!
//! In: a lane that holds such a part and no more. Out: a lane that holds it again, in this process or a later one. First
//! in memory (`shelf`), then in a folder (`folder`: files that are whole or not used, as their `tail` tells; `prune` removes
//! some). `turnover`: what goes where not all has room. `identity`: what a state is known by. Nothing here decides what is
//! shared.

mod folder;
mod identity;
mod prune;
mod shelf;
mod tail;
#[cfg(test)]
mod trace;
mod turnover;

use std::time::Duration;

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::session::{LlamaStateSeqFlags, SeqState};
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use self::folder::Folder;
use self::identity::Identity;
use self::shelf::Shelf;
use super::EngineSettings;
use super::logs::Tap;
use minions_machine::{memory, prompt_cache};

/// Shorter parts are read again.
const SHORTEST: usize = 64;

/// The states that are kept of one model as one engine runs it.
pub(super) struct Kept {
    identity: Identity,
    memory: Shelf<(SeqState, Duration)>,
    folder: Option<Folder>,
    /// The most tokens of a state that can be cut at any place.
    longest: usize,
}

impl Kept {
    /// What there is for the engine of `settings` with its model. A folder that cannot be used is told of.
    pub(super) fn new(settings: &EngineSettings, model: &LlamaModel) -> Self {
        let identity = Identity::of(settings);
        let memory =
            settings.keeping.memory.unwrap_or_else(|| prompt_cache::within(memory::free(), model.size()));
        let folder = settings.keeping.folder.as_ref().and_then(|place| {
            let opened = identity.is_known().and_then(|()| Folder::open(place, identity.settings()));
            opened
                .inspect_err(|error| {
                    tracing::warn!("what is read is not kept in {}: {error}", place.path.display());
                })
                .ok()
        });
        // A state lacks what is outside of a sliding window, which a shorter prompt may need.
        let window = model.meta_val_str("general.architecture").ok().and_then(|architecture| {
            model.meta_val_str(&format!("{architecture}.attention.sliding_window")).ok()?.parse().ok()
        });
        let longest = window.filter(|window| *window > 0).unwrap_or(usize::MAX);
        Self { identity, memory: Shelf::new(memory), folder, longest }
    }

    fn is_for(&self, tokens: &[LlamaToken]) -> bool {
        (SHORTEST..=self.longest).contains(&tokens.len())
    }

    /// Makes `lane` hold exactly `tokens`, if their state is kept. What the lane held is gone if that fails half way.
    pub(super) fn restore(
        &mut self,
        context: &mut LlamaContext<'_>,
        lane: usize,
        tokens: &[LlamaToken],
        tap: &Tap,
    ) -> Restored {
        if !self.is_for(tokens) {
            return Restored::Unknown;
        }
        let key = self.identity.key(tokens);
        if let Some((state, took)) = self.memory.get(key) {
            return Restored::of(context.state_seq_set(state, lane as i32).is_ok(), *took);
        }
        let Some(folder) = &mut self.folder else { return Restored::Unknown };
        let Some(file) = folder.find(key) else { return Restored::Unknown };
        let (loaded, complaints) =
            tap.listen(|| context.state_seq_load_file(file.path(), lane as i32, tokens.len()));
        let is_whole = loaded.is_ok_and(|(held, _)| held == tokens);
        if !is_whole {
            tracing::debug!("a kept state is not usable: {complaints}");
            folder.remove(key);
        }
        Restored::of(is_whole, file.took)
    }

    /// Keeps the state of `lane`, which holds exactly `tokens`. They took so long to be read.
    pub(super) fn keep(
        &mut self,
        context: &LlamaContext<'_>,
        lane: usize,
        tokens: &[LlamaToken],
        took: Duration,
    ) {
        if !self.is_for(tokens) {
            return;
        }
        let (key, lane, flags) = (self.identity.key(tokens), lane as i32, LlamaStateSeqFlags::empty());
        let bytes = context.state_seq_get_size_ext(lane, flags) as u64;
        if self.memory.makes_room(key, bytes)
            && let Ok(state) = context.state_seq_get(lane, flags)
        {
            self.memory.put(key, (state, took), bytes, tokens.len());
        }
        if let Some(folder) = &mut self.folder {
            folder.keep(key, bytes, took, |path| context.state_seq_save_file(path, lane, tokens).ok());
        }
    }
}

/// What became of a lane that a state was to be brought back to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Restored {
    /// The lane holds the tokens, which took so long to be read.
    Whole(Duration),
    /// Nothing is kept of the tokens; the lane is as it was.
    Unknown,
    /// The lane has to be cleared.
    Damaged,
}

impl Restored {
    fn of(is_whole: bool, took: Duration) -> Self {
        if is_whole { Self::Whole(took) } else { Self::Damaged }
    }
}
