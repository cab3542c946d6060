//! The size of a daemon that a watchdog runs: its slots, and the memory for old prompts. The watchdog tells it in a file,
//! a job asks for another one in a second file and ends the daemon, which the watchdog starts again.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use minions_machine::footprint::{CacheType, Footprint};
use minions_machine::memory;
use minions_machine::plan::Wish;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::locks::Locks;
use super::name::Name;
use super::start_watchdog::Start;
use super::{ONE_SLOT, Ollama};
use crate::sizing::{self, Memory};
use crate::{Endpoint, Need, RuntimeError, window};

/// The calls that the daemon takes at once, at most, where the user has not set `OLLAMA_NUM_PARALLEL`.
pub(super) const SLOTS: usize = 4;
/// The variables of the daemon that decide its size.
pub(super) const PARALLEL: &str = "OLLAMA_NUM_PARALLEL";
pub(super) const CACHE_RAM: &str = "LLAMA_ARG_CACHE_RAM";
const CACHE_TYPE: &str = "OLLAMA_KV_CACHE_TYPE";
/// The files, by their roles.
const TOLD: &str = "size";
const ASKED: &str = "asked";
/// The longest file that is read, in bytes.
const LONGEST: usize = 4096;
/// The pause between two looks at a daemon that is started again.
const LOOK: Duration = Duration::from_millis(20);

/// What a watchdog tells of the daemon that it runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Told {
    process: i32,
    pub(super) slots: usize,
    /// MiB of old prompts that the runner keeps; `None` if that is not a number.
    cache_ram: Option<u64>,
    cache_type: String,
    /// Whether these are the user's own, which are kept.
    are_slots_set: bool,
    is_cache_set: bool,
}

/// What a job asks for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) slots: usize,
    /// MiB; `None` leaves it as it is.
    pub(super) cache_ram: Option<u64>,
}

impl Told {
    /// Of the daemon of `process` with this environment. `given` has the user's own settings.
    pub(super) fn of(
        process: i32,
        environment: &[(String, String)],
        given: &[(String, String)],
    ) -> Option<Self> {
        let value =
            |name: &str| environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim());
        let is_set = |name: &str| given.iter().any(|(known, _)| known == name);
        Some(Self {
            process,
            slots: value(PARALLEL)?.parse().ok().filter(|slots| *slots > 0)?,
            cache_ram: value(CACHE_RAM).and_then(|value| value.parse().ok()),
            cache_type: value(CACHE_TYPE).unwrap_or_default().to_owned(),
            are_slots_set: is_set(PARALLEL),
            is_cache_set: is_set(CACHE_RAM),
        })
    }

    /// Writes it down for all jobs.
    pub(super) fn tell(&self, locks: &Locks) -> Result<(), RuntimeError> {
        write(locks, TOLD, &json!(self))
    }

    /// What another size has to be asked for, so that `slots` fit and leave `left` bytes; `None` if this one fits.
    fn change(&self, slots: usize, left: u64, is_unused: bool) -> Option<Asked> {
        let slots = match self.are_slots_set || slots > self.slots && !is_unused {
            true => self.slots,
            false => slots,
        };
        // The job itself takes some.
        let left = (left >> 20) / 2;
        let is_too_much = !self.is_cache_set && self.cache_ram.is_none_or(|cache| cache > left);
        let cache_ram = if is_too_much { Some(left) } else { self.cache_ram };
        (slots != self.slots || is_too_much).then_some(Asked { slots, cache_ram })
    }
}

/// What the last job asked for, which the next daemon gets.
pub(super) fn asked(locks: &Locks) -> Option<Asked> {
    read(locks, ASKED)
}

/// A new watchdog begins with the usual size.
pub(super) fn forget(locks: &Locks) -> Result<(), RuntimeError> {
    write(locks, ASKED, &Value::Null)
}

fn write(locks: &Locks, role: &str, value: &Value) -> Result<(), RuntimeError> {
    let text = value.to_string();
    let written = |file: File| {
        file.write_all_at(text.as_bytes(), 0)?;
        file.set_len(text.len() as u64)
    };
    written(locks.open(role)?).map_err(|error| locks.failed(&error))
}

fn read<T: DeserializeOwned>(locks: &Locks, role: &str) -> Option<T> {
    let mut bytes = vec![0; LONGEST];
    let length = locks.open(role).ok()?.read_at(&mut bytes, 0).ok()?;
    serde_json::from_slice(&bytes[..length]).ok()
}

impl Start {
    /// The size of the daemon that a watchdog runs now.
    pub(super) fn told(&self) -> Option<Told> {
        let locks = self.locks();
        locks.told_slots()?;
        read(&locks, TOLD)
    }

    /// Has the daemon started again with the size `asked`, and waits until it answers.
    async fn resize(&self, ollama: &Ollama, asked: Asked) -> Result<(), RuntimeError> {
        let locks = self.locks();
        let _turn = locks.become_starter().await?;
        let Some(before) = self.told() else { return Ok(()) };
        if (before.slots, before.cache_ram) == (asked.slots, asked.cache_ram) {
            return Ok(());
        }
        write(&locks, ASKED, &json!(asked))?;
        tracing::info!("the Ollama daemon starts again with OLLAMA_NUM_PARALLEL={}", asked.slots);
        // It may have ended by itself.
        let _ = kill(Pid::from_raw(before.process), Signal::SIGTERM);
        let deadline = Instant::now() + self.limit;
        loop {
            let is_new = self.told().is_some_and(|now| now.process != before.process);
            match ollama.look().await {
                Ok(()) if is_new => return Ok(()),
                Err(error) if Instant::now() > deadline => return Err(error),
                _ => sleep(LOOK).await,
            }
        }
    }
}

impl Ollama {
    /// The window of `need` and the daemon's slots, so that the model of `shown` fits into the memory, where a watchdog of
    /// ours runs the daemon. `window` was chosen without regard to that; `loaded` is the window that the model has now.
    pub(super) async fn fit(
        &self,
        need: &Need,
        name: &Name,
        shown: &Value,
        window: u32,
        loaded: Option<u32>,
    ) -> Result<u32, RuntimeError> {
        let Some((start, told)) = self.start.as_ref().and_then(|start| Some((start, start.told()?))) else {
            return Ok(window);
        };
        // It is in memory as it is asked for.
        if loaded == Some(window) {
            return Ok(window);
        }
        let Some((footprint, mut memory)) = self.sizes(name, shown, &told).await? else { return Ok(window) };
        let others = self.others(&mut memory).await;
        let family = shown["details"]["family"].as_str().unwrap_or_default();
        let (least_slots, slots) = match (ONE_SLOT.contains(&family), told.are_slots_set) {
            (true, _) => (1, 1),
            (false, true) => (told.slots, told.slots),
            (false, false) => (1, SLOTS),
        };
        let wish = Wish { window, least_window: window::least(need, window), slots, least_slots };
        let plan = match sizing::choose(&need.model, &footprint, wish, &memory) {
            Ok(plan) => plan,
            Err(error) if least_slots > 1 => {
                let fewer =
                    sizing::choose(&need.model, &footprint, Wish { least_slots: 1, ..wish }, &memory)?;
                tracing::warn!(
                    "{error}; {PARALLEL} is kept, and {} would fit",
                    fewer.map_or(1, |plan| plan.slots)
                );
                None
            }
            Err(error) => return Err(error),
        };
        let Some(plan) = plan else { return Ok(window) };
        let slots = if ONE_SLOT.contains(&family) { told.slots } else { plan.slots };
        if let Some(asked) = told.change(slots, plan.left, others == 0) {
            start.resize(self, asked).await?;
        }
        Ok(plan.window)
    }

    /// The footprint of the model of `shown` and the memory that there is, as far as both are known.
    async fn sizes(
        &self,
        name: &Name,
        shown: &Value,
        told: &Told,
    ) -> Result<Option<(Footprint, Memory)>, RuntimeError> {
        let weights = self.bytes_of(name).await?;
        let cache = CacheType::named(&told.cache_type);
        let footprint = weights.and_then(|weights| sizing::footprint(&shown["model_info"], weights, cache));
        Ok(match footprint.zip(memory::free()) {
            Some((footprint, free)) => Some((footprint, Memory::with(free).await)),
            None => None,
        })
    }

    /// The bytes of a model's files.
    async fn bytes_of(&self, name: &Name) -> Result<Option<u64>, RuntimeError> {
        let answer = self.api.get("/api/tags", self.timeouts.answer).await?.json();
        let is_it = |model: &&Value| {
            model["name"].as_str().map(Name::parse).is_some_and(|there| there.as_ref() == Ok(name))
        };
        Ok(answer["models"]
            .as_array()
            .into_iter()
            .flatten()
            .find(is_it)
            .and_then(|model| model["size"].as_u64()))
    }

    /// How many models are in memory. What they take is added to `memory`: the daemon ends them where it needs the room.
    async fn others(&self, memory: &mut Memory) -> usize {
        // Without an answer they count as staying.
        let Ok(answer) = self.api.get("/api/ps", self.timeouts.answer).await else { return 0 };
        let answer = answer.json();
        let models = answer["models"].as_array().map_or(&[][..], Vec::as_slice);
        for model in models {
            let bytes = |name: &str| model[name].as_u64().unwrap_or(0);
            let on_card = bytes("size_vram");
            // The weights are mapped from files, whose memory counts as free.
            memory.give_back(bytes("size").saturating_sub(on_card) / 2, on_card);
        }
        models.len()
    }

    /// See [`Runtime::shrink`](crate::Runtime::shrink).
    pub(super) async fn fewer_slots(&self) -> Result<(), RuntimeError> {
        let told = self.start.as_ref().and_then(|start| Some((start, start.told()?)));
        match told {
            Some((start, told)) if told.slots > 1 && !told.are_slots_set => {
                let cache_ram = if told.is_cache_set { told.cache_ram } else { Some(0) };
                start.resize(self, Asked { slots: told.slots / 2, cache_ram }).await
            }
            _ => Err(sizing::lacks(format!("{} has no slot to spare", self.api.place))),
        }
    }

    /// See [`Runtime::memory`](crate::Runtime::memory).
    pub(super) async fn figures(&self, endpoint: &Endpoint) -> Option<String> {
        let told = self.start.as_ref()?.told()?;
        let shown = self.show(&endpoint.model).await.ok()??;
        let name = Name::parse(&endpoint.model).ok()?;
        let (footprint, memory) = self.sizes(&name, &shown, &told).await.ok()??;
        let window = endpoint.context_window.unwrap_or(window::DEFAULT);
        Some(format!("{}, and {}", footprint.words(window, told.slots), memory.words()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(given: &[(&str, &str)]) -> Option<Told> {
        let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let given = own(given);
        let ours = own(&[(PARALLEL, "4"), (CACHE_RAM, "512")]);
        let all: Vec<_> = given.iter().cloned().chain(ours).collect();
        Told::of(7, &all, &given)
    }

    #[test]
    fn the_cache_shrinks_and_the_user_s_numbers_stay() {
        let asked = |slots, cache_ram| Some(Asked { slots, cache_ram: Some(cache_ram) });
        for (given, slots, left, is_unused, expected) in [
            (&[][..], 4, 1200 << 20, true, None),
            (&[], 4, 1000 << 20, true, asked(4, 500)),
            (&[], 2, 1200 << 20, false, asked(2, 512)),
            (&[], 1, 0, false, asked(1, 0)),
            (&[(PARALLEL, "2")], 1, 1200 << 20, true, None),
            (&[(PARALLEL, "2")], 1, 0, true, asked(2, 0)),
            (&[(PARALLEL, "2"), (CACHE_RAM, "8192")], 1, 0, true, None),
            (&[(CACHE_RAM, "-1")], 4, 0, true, None),
        ] {
            assert_eq!(
                told(given).unwrap().change(slots, left, is_unused),
                expected,
                "{given:?} {slots} {left}"
            );
        }
        assert!(told(&[(PARALLEL, "many")]).is_none());
        // More slots than before only where no model is in memory.
        let one = Told { slots: 1, ..told(&[]).unwrap() };
        assert_eq!(one.change(4, 1200 << 20, true), asked(4, 512));
        assert_eq!(one.change(4, 1200 << 20, false), None);
    }

    #[test]
    fn what_is_asked_for_is_kept_until_the_next_watchdog() {
        let directory = tempfile::tempdir().unwrap();
        let locks = Locks::new(directory.path().join("locks"), 1);
        let wished = Asked { slots: 1, cache_ram: Some(0) };
        assert_eq!(asked(&locks), None);
        write(&locks, ASKED, &json!(Asked { slots: 12, cache_ram: Some(512) })).unwrap();
        write(&locks, ASKED, &json!(wished)).unwrap();
        assert_eq!(asked(&locks), Some(wished));
        forget(&locks).unwrap();
        assert_eq!(asked(&locks), None);
    }
}
