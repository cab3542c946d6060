//! The size of a daemon that a watchdog runs: its slots, and the memory for old prompts. The watchdog tells it in a file,
//! a job asks for another one in a second file and ends the daemon, which the watchdog starts again.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout_at};

use super::locks::Locks;
use super::note::Note;
use super::start_watchdog::{Start, failed};
use super::{Ollama, orphans};
use crate::RuntimeError;

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
    pub(super) cache_ram: Option<u64>,
    pub(super) cache_type: String,
    /// Whether these are the user's own, which are kept.
    pub(super) are_slots_set: bool,
    pub(super) is_cache_set: bool,
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

    /// What another size has to be asked for, so that `slots` fit and leave `left` bytes; `None` if this one fits, or if
    /// the daemon is in use and nothing but more slots or fewer old prompts would be gained.
    pub(super) fn change(&self, slots: usize, left: u64, is_unused: bool) -> Option<Asked> {
        let slots = match self.are_slots_set || slots > self.slots && !is_unused {
            true => self.slots,
            false => slots,
        };
        // The job itself takes some.
        let left = (left >> 20) / 2;
        let is_too_much = !self.is_cache_set && self.cache_ram.is_none_or(|cache| cache > left);
        let cache_ram = if is_too_much { Some(left) } else { self.cache_ram };
        (slots != self.slots || is_too_much && is_unused).then_some(Asked { slots, cache_ram })
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
    pub(super) async fn resize(&self, ollama: &Ollama, asked: Asked) -> Result<(), RuntimeError> {
        let locks = self.locks();
        let _turn = locks.become_starter().await?;
        let deadline = Instant::now() + self.limit;
        while let Some(before) = self.told() {
            if (before.slots, before.cache_ram) == (asked.slots, asked.cache_ram) {
                break;
            }
            write(&locks, ASKED, &json!(asked))?;
            tracing::info!("the Ollama daemon starts again with OLLAMA_NUM_PARALLEL={}", asked.slots);
            if timeout_at(deadline, self.is_again(ollama, &before)).await.map_err(|_| late(asked))?? {
                break;
            }
            // A new watchdog knows nothing of what was asked of the one that died.
            timeout_at(deadline, self.start_in_turn(ollama)).await.map_err(|_| late(asked))??;
        }
        Ok(())
    }

    /// Ends `before`. Whether another daemon answers at last; not if no watchdog is left to start one.
    async fn is_again(&self, ollama: &Ollama, before: &Told) -> Result<bool, RuntimeError> {
        let locks = self.locks();
        let mark = Note::last(&locks).unwrap_or_default().mark;
        let mut is_told = false;
        loop {
            is_told = is_told || orphans::tell_to_end(before.process, &mark);
            let is_new = self.told().is_some_and(|now| now.process != before.process);
            if is_new && ollama.look().await.is_ok() {
                return Ok(true);
            }
            if locks.become_watchdog()?.is_some() {
                return Ok(false);
            }
            sleep(LOOK).await;
        }
    }
}

/// A daemon that is not started again in time.
fn late(asked: Asked) -> RuntimeError {
    failed(&format!("its daemon does not come back with {PARALLEL}={}", asked.slots))
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use super::super::Host;
    use super::super::locks::Held;
    use super::*;
    use crate::Timeouts;

    /// Where no daemon answers.
    pub(in super::super) const NOBODY: &str = "http://127.0.0.1:1";

    fn told(given: &[(&str, &str)]) -> Option<Told> {
        let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        let given = own(given);
        let ours = own(&[(PARALLEL, "4"), (CACHE_RAM, "512")]);
        let all: Vec<_> = given.iter().cloned().chain(ours).collect();
        Told::of(7, &all, &given)
    }

    /// The Ollama at `url`, whose watchdog, for which the locks stand, says that it runs `process`.
    pub(in super::super) async fn watched(base: &Path, url: &str, process: i32) -> (Ollama, [Held; 2]) {
        let host = Host::read("127.0.0.1:1").unwrap();
        let start = Start::new("/bin/false", "/bin/false", host, base.join("locks"));
        let start = Start { limit: Duration::from_millis(300), ..start };
        let locks = start.locks();
        let watchdog = locks.become_watchdog().unwrap().unwrap();
        Told { process, ..told(&[]).unwrap() }.tell(&locks).unwrap();
        let slots = locks.tell_slots(4).await.unwrap();
        let ollama = Ollama::new(url, None, Timeouts::default()).unwrap();
        (ollama.starting(start), [watchdog, slots])
    }

    #[test]
    fn the_cache_shrinks_and_the_user_s_numbers_stay() {
        let asked = |slots, cache_ram| Some(Asked { slots, cache_ram: Some(cache_ram) });
        for (given, slots, left, is_unused, expected) in [
            (&[][..], 4, 1200 << 20, true, None),
            (&[], 4, 1000 << 20, true, asked(4, 500)),
            (&[], 2, 1200 << 20, false, asked(2, 512)),
            // Who uses the daemon is not interrupted for old prompts alone.
            (&[], 4, 1000 << 20, false, None),
            (&[], 4, 0, false, None),
            (&[(PARALLEL, "2")], 1, 0, false, None),
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
        // More slots than before only where nobody uses the daemon.
        let one = Told { slots: 1, ..told(&[]).unwrap() };
        assert_eq!(one.change(4, 1200 << 20, true), asked(4, 512));
        assert_eq!(one.change(4, 1200 << 20, false), None);
    }

    #[tokio::test]
    async fn a_daemon_that_does_not_come_back_is_not_waited_for_without_end() {
        let base = tempfile::tempdir().unwrap();
        // A process without the mark, which goes on.
        let mut stranger = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let (ollama, held) = watched(base.path(), NOBODY, stranger.id().try_into().unwrap()).await;
        let start = ollama.start.as_ref().unwrap();
        let wished = Asked { slots: 2, cache_ram: Some(0) };
        let error = start.resize(&ollama, wished).await.unwrap_err();
        assert!(error.message.contains("does not come back with OLLAMA_NUM_PARALLEL=2"), "{error}");
        assert_eq!(asked(&start.locks()), Some(wished));
        assert_eq!(stranger.try_wait().unwrap(), None);
        stranger.kill().unwrap();
        stranger.wait().unwrap();
        // Its turn is over, and where the watchdog has died another one is started.
        let [watchdog, slots] = held;
        drop(watchdog);
        let error = start.resize(&ollama, wished).await.unwrap_err();
        assert!(error.message.contains("its watchdog ended without a report"), "{error}");
        drop(slots);
        assert_eq!(start.resize(&ollama, wished).await, Ok(()));
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
