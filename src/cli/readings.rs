//! The prompts that models are reading, and the line that says how far they are with all of them together.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use minions::events::{Event, EventKind};

use super::digits::grouped;

/// The prompts under way, by the job of a batch and the call's number in it.
#[derive(Default)]
pub(crate) struct Readings(HashMap<(Option<Arc<str>>, u64), Prompt>);

/// How far one prompt is.
#[derive(Clone, Copy)]
struct Prompt {
    read: Option<u64>,
    total: u64,
    is_estimate: bool,
    passed: Duration,
    left: Option<Duration>,
}

impl Readings {
    /// Takes an event. Whether it is one of a prompt.
    pub(crate) fn take(&mut self, event: &Event) -> bool {
        match &event.kind {
            EventKind::Reading { call, is_done: true, .. } => {
                self.0.remove(&(event.job.clone(), *call)).is_some()
            }
            EventKind::Reading { call, read, total, is_estimate, ms, left_ms, .. } => {
                let (passed, left) = (Duration::from_millis(*ms), left_ms.map(Duration::from_millis));
                let prompt = Prompt { read: *read, total: *total, is_estimate: *is_estimate, passed, left };
                self.0.insert((event.job.clone(), *call), prompt);
                true
            }
            EventKind::Finished { .. } => {
                self.0.retain(|(job, _), _| *job != event.job);
                false
            }
            _ => false,
        }
    }

    /// Tokens that are read of all prompts, and all tokens. `None` without a prompt.
    pub(crate) fn tokens(&self) -> Option<(u64, u64)> {
        let each = self.0.values().map(|prompt| (prompt.read.unwrap_or_default(), prompt.total));
        each.reduce(|(read, total), (more, of)| (read.saturating_add(more), total.saturating_add(of)))
    }

    /// How far all prompts are together; `None` without a prompt.
    pub(crate) fn line(&self) -> Option<String> {
        let (read, total) = self.tokens()?;
        let prompts = || self.0.values();
        let about = if prompts().any(|prompt| prompt.is_estimate) { "about " } else { "" };
        let mut line = match prompts().any(|prompt| prompt.read.is_some()) {
            true => format!("reading {about}{} of {} tokens", grouped(read), grouped(total)),
            false => format!("reading {about}{} tokens", grouped(total)),
        };
        if self.0.len() > 1 {
            line += &format!(" of {} prompts", self.0.len());
        }
        // The one that takes longest tells for all; if that is not known, how long it has taken.
        let left = prompts().map(|prompt| prompt.left).collect::<Option<Vec<_>>>();
        line += &match left.and_then(|left| left.into_iter().max()) {
            Some(left) => format!(", {} left", clock(left)),
            None => {
                let passed = prompts().map(|prompt| prompt.passed).max().unwrap_or_default();
                format!(", for {} so far", clock(passed))
            }
        };
        Some(line)
    }
}

/// Minutes and seconds, `2:05`.
pub(crate) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use minions::job::JobRole;

    /// The event of a reading that has taken a minute.
    pub(crate) fn reading(
        job: Option<&str>,
        call: u64,
        read: Option<u64>,
        left_seconds: Option<u64>,
        is_done: bool,
    ) -> Event {
        let kind = EventKind::Reading {
            call,
            side: JobRole::Worker,
            read,
            total: 30_100,
            is_estimate: left_seconds.is_none(),
            ms: 65_000,
            left_ms: left_seconds.map(|seconds| seconds * 1000),
            is_done,
        };
        Event { seq: 0, t_ms: 0, job: job.map(Into::into), kind }
    }

    #[test]
    fn a_line_says_how_far_all_prompts_are() {
        for (events, line) in [
            (&[][..], None),
            (
                &[reading(None, 1, Some(12_300), Some(130), false)],
                Some("reading 12,300 of 30,100 tokens, 2:10 left"),
            ),
            (&[reading(None, 1, None, None, false)], Some("reading about 30,100 tokens, for 1:05 so far")),
            (
                &[reading(None, 1, Some(12_300), None, false)],
                Some("reading about 12,300 of 30,100 tokens, for 1:05 so far"),
            ),
            (
                &[
                    reading(Some("a"), 1, Some(300), Some(130), false),
                    reading(Some("b"), 1, Some(1000), Some(700), false),
                    reading(Some("b"), 1, Some(2000), Some(690), false),
                ],
                Some("reading 2,300 of 60,200 tokens of 2 prompts, 11:30 left"),
            ),
            (
                &[
                    reading(None, 1, Some(300), Some(130), false),
                    reading(None, 2, None, None, false),
                    reading(None, 3, None, None, false),
                    reading(None, 3, Some(30_100), Some(0), true),
                ],
                Some("reading about 300 of 60,200 tokens of 2 prompts, for 1:05 so far"),
            ),
            (&[reading(None, 1, None, None, false), reading(None, 1, None, None, true)], None),
        ] {
            let mut readings = Readings::default();
            events.iter().for_each(|event| assert!(readings.take(event)));
            assert_eq!(readings.line().as_deref(), line);
        }
    }

    #[test]
    fn a_job_that_ends_reads_no_more() {
        let mut readings = Readings::default();
        for job in ["a", "b"] {
            readings.take(&reading(Some(job), 1, Some(100), Some(9), false));
        }
        let kind = EventKind::Finished { success: false, kind: None, envelope: None, failure: None };
        readings.take(&Event { seq: 1, t_ms: 9, job: Some("a".into()), kind });
        assert_eq!(readings.tokens(), Some((100, 30_100)));
    }
}
