//! When a fan-out stops calling the worker.

use super::call::Lost;
use crate::chat::{ChatError, ChatErrorKind};

/// After so many failed calls without any answer, the fan-out gives up: the others would fail the same way.
pub(super) const MAX_FAILURES_WITHOUT_ANSWER: usize = 8;
/// The same limit for calls that fail because of a bad key, a missing model or an empty account: a refusal for good is
/// not asked for again.
pub(super) const MAX_SETUP_FAILURES: usize = 1;
/// Once the worker has answered some calls, the fan-out gives up after so many failures in a row.
pub(super) const MAX_FAILURES_IN_A_ROW: usize = 32;

/// Counts how calls ended, as far as that predicts how the next ones will end.
#[derive(Default)]
pub(super) struct GiveUpPolicy {
    has_answers: bool,
    /// Calls that failed since the last answer for a reason that lies with the server.
    failures: usize,
    /// Those of them that failed because of a bad key, a missing model or an empty account.
    setup_failures: usize,
    /// A chunk was too long; the supervisor can cut smaller ones in the next round.
    chunk_was_too_long: bool,
    /// The job may send nothing more.
    is_withheld: bool,
    /// The error of the calls that failed or were withheld.
    pub reason: Option<ChatError>,
}

impl GiveUpPolicy {
    /// Counts one call that ended. An unreadable reply counts as an answer, as the server gave it.
    pub(super) fn add(&mut self, lost: Option<&Lost>) {
        match lost {
            Some(Lost::Call(error)) => self.add_failure(error),
            Some(Lost::Unreadable) | None => {
                self.has_answers = true;
                self.failures = 0;
                self.setup_failures = 0;
            }
        }
    }

    fn add_failure(&mut self, error: &ChatError) {
        self.failures += usize::from(error.kind.is_of_the_server());
        self.setup_failures += usize::from(error.kind.is_of_the_setup());
        self.chunk_was_too_long |= error.kind == ChatErrorKind::ContextTooLong;
        if !self.is_withheld && (self.reason.is_none() || error.kind != ChatErrorKind::ContextTooLong) {
            self.reason = Some(error.clone());
        }
        self.is_withheld |= error.kind == ChatErrorKind::Withheld;
    }

    /// Whether to make no further call. An answer to a call still under way can turn this back to `false`.
    pub(super) fn should_stop(&self) -> bool {
        let has_failed = if self.has_answers {
            self.failures >= MAX_FAILURES_IN_A_ROW
        } else {
            self.failures >= MAX_FAILURES_WITHOUT_ANSWER || self.setup_failures >= MAX_SETUP_FAILURES
        };
        self.is_withheld || has_failed
    }

    /// Whether the whole job fails: the worker answered nothing and no smaller chunk would help, or nothing more
    /// may be sent.
    pub(super) fn is_fatal(&self) -> bool {
        self.is_withheld || !self.has_answers && (self.should_stop() || !self.chunk_was_too_long)
    }
}
