//! What every protocol is given.

use super::side::Side;
use crate::documents::Document;
use crate::prompts::{self, Filled, Prompts, Slot};

/// The question, the documents and the two sides that work on them.
pub(crate) struct Assignment<'a> {
    /// The side that plans, asks and answers.
    pub supervisor: &'a Side,
    /// The side that reads the documents.
    pub worker: &'a Side,
    /// The texts that the two sides are sent.
    pub prompts: &'a Prompts,
    /// The question.
    pub task: &'a str,
    /// Whether the user or the supervisor has put it into words. The worker may have taken some from documents.
    pub is_task_own: bool,
    /// The documents.
    pub context: &'a [Document],
    /// What the supervisor is told about the documents.
    pub doc_metadata: Option<&'a str>,
    /// What earlier answers of the conversation say; empty if there are none that matter.
    pub known: &'a Filled,
    /// The most rounds, at least 1.
    pub max_rounds: u32,
}

impl Assignment<'_> {
    /// The question, for a prompt.
    pub(super) fn task(&self) -> Slot<'_> {
        if self.is_task_own { Slot::Own(self.task) } else { Slot::Other(self.task) }
    }

    /// `metadata`, and below it what is known already. The user's description of the documents is none of the job's own
    /// words: it may name them.
    pub(super) fn about(&self, metadata: Slot<'_>) -> Filled {
        let mut about = Filled::default();
        about.push(metadata);
        if !self.known.text.is_empty() {
            about.push(Slot::Own("\n\n"));
            let known = [("known", Slot::Filled(self.known))];
            about.push(Slot::Filled(&self.prompts.fill(&prompts::KNOWN_SO_FAR, &known)));
        }
        about
    }
}
