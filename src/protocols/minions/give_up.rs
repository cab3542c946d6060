//! When it is no use to go on asking.

use super::worker::Lost;
use crate::chat::{ChatError, ChatErrorKind};

/// Calls that the server has failed, and none that it answered, after which the rest would only wait for the same end.
pub(super) const HOPELESS: usize = 8;
/// The same for a key that is not taken or a model that is not there.
pub(super) const REFUSED: usize = 3;
/// The same in a row, once it has answered some.
pub(super) const GONE: usize = 32;

/// What has become of calls, as far as that tells how others would end.
#[derive(Default)]
pub(super) struct GiveUpPolicy {
    answered: bool,
    /// Lost since the last answer for a reason that is the server's.
    lost: usize,
    /// Of these, the ones that it refused.
    refused: usize,
    /// A chunk was too long, which the supervisor can mend.
    too_long: bool,
    /// The job may send no more.
    withheld: bool,
    /// Why calls were lost, or withheld.
    pub reason: Option<ChatError>,
}

impl GiveUpPolicy {
    pub(super) fn add(&mut self, lost: Option<&Lost>) {
        let Some(Lost::Call(error)) = lost else {
            *self = Self { answered: true, lost: 0, refused: 0, ..std::mem::take(self) };
            return;
        };
        self.lost += usize::from(error.kind.is_of_the_server());
        self.refused += usize::from(matches!(error.kind, ChatErrorKind::Auth | ChatErrorKind::NotFound));
        self.too_long |= error.kind == ChatErrorKind::ContextTooLong;
        if !self.withheld && (self.reason.is_none() || !matches!(error.kind, ChatErrorKind::ContextTooLong)) {
            self.reason = Some(error.clone());
        }
        self.withheld |= error.kind == ChatErrorKind::Withheld;
    }

    /// No further call would go better. One that is still under way may yet show that they do.
    pub(super) fn are_hopeless(&self) -> bool {
        let is_gone = match self.answered {
            true => self.lost >= GONE,
            false => self.lost >= HOPELESS || self.refused >= REFUSED,
        };
        self.withheld || is_gone
    }

    /// Whether the round can't go on.
    pub(super) fn are_fatal(&self) -> bool {
        self.withheld || !self.answered && (self.are_hopeless() || !self.too_long)
    }
}
