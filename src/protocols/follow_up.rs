//! A turn of a conversation before its protocol begins: a follow-up becomes a question that stands alone, and the oldest
//! turns become a summary.
//!
//! The protocol then runs on that question as if nobody had said anything before, so that the worker never sees what was
//! said.

use serde_json::{Map, Value, json};

use super::ask::{Judged, Supervisor, schema};
use super::{Assignment, ProtocolError, Transcript, reply};
use crate::chat::{Finish, Format};
use crate::documents::tokens::estimate;
use crate::events::{EventKind, Purpose};
use crate::history::MOST_OF_SUMMARY;
use crate::job::JobRole;
use crate::prompts::{self, Filled, Slot};

/// A message, as it was understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Understood {
    /// The message in words that stand alone.
    pub task: String,
    /// Whether it rests on what was said before.
    pub rests_on_history: bool,
}

/// What is said to the models before the protocol begins.
pub(crate) struct FollowUp<'a> {
    /// The message, and the two sides.
    pub assignment: &'a Assignment<'a>,
    pub transcript: &'a Transcript,
    /// Whose model sums up the oldest turns.
    pub summarises: JobRole,
}

impl FollowUp<'_> {
    /// Has the model of `role` put the message into words that stand alone, given what was said before.
    ///
    /// # Errors
    /// The call fails, or the replies stay unusable.
    pub(crate) async fn understand(
        &self,
        role: JobRole,
        history: &Filled,
    ) -> Result<Understood, ProtocolError> {
        let message = self.assignment.task;
        let slots = [("history", Slot::Filled(history)), ("task", Slot::Own(message))];
        let prompt = self.assignment.prompts.fill(&prompts::FOLLOW_UP, &slots);
        let mut model = Supervisor::of(role, self.assignment, Purpose::FollowUp, self.transcript);
        let understood = model.ask(prompt, &format(), |reply| read(message, reply)).await?;
        tracing::info!("understood as: {}", understood.task);
        self.transcript.events.emit(|| EventKind::Understood { task: understood.task.clone() });
        Ok(understood)
    }

    /// Has a model sum up the oldest turns.
    ///
    /// # Errors
    /// There is no usable summary, for this reason.
    pub(crate) async fn summarise(&self, turns: &Filled) -> Result<String, String> {
        let prompt = self.assignment.prompts.fill(&prompts::SUMMARISE, &[("history", Slot::Filled(turns))]);
        let role = self.summarises;
        let mut model = Supervisor::of(role, self.assignment, Purpose::Summary, self.transcript);
        let reply = model.say(prompt, &Format::Text).await.map_err(|error| error.to_string())?;
        let summary = reply.text.trim();
        match reply.finish {
            Finish::Stop if summary.is_empty() => Err(format!("the {role} wrote nothing")),
            Finish::Stop if estimate(summary) > MOST_OF_SUMMARY => {
                Err(format!("what the {role} wrote is too long"))
            }
            Finish::Stop => Ok(summary.to_owned()),
            Finish::Length => Err(format!("the token limit cut off what the {role} wrote")),
            Finish::Looped => Err(format!("the {role} repeated itself")),
        }
    }
}

fn format() -> Format {
    schema("follow_up", json!({"refers_to": {"type": ["string", "null"]}, "task": {"type": "string"}}))
}

/// What `reply` makes of `message`. A message that rests on nothing stays as it is.
fn read(message: &str, mut reply: Map<String, Value>) -> Judged<Understood> {
    let rests_on_history = reply::text_or_nothing(reply.remove("refers_to")).is_some();
    let Some(task) = reply::text(reply.remove("task")) else { return Judged::missing("task") };
    let has_same_words = words(&task).eq(words(message));
    let task = if has_same_words { message.to_owned() } else { task };
    Judged::Usable(Understood { task, rests_on_history })
}

/// The letters and digits of `text`, in lower case.
fn words(text: &str) -> impl Iterator<Item = char> {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_stands_alone_stays_as_it_is() {
        let read = |reply: Value| match read("Who signed it?", reply.as_object().unwrap().clone()) {
            Judged::Usable(Understood { task, rests_on_history }) => Ok((task, rests_on_history)),
            Judged::Poor(problem, _) => Err(problem),
        };
        let understood = |task: &str, rests| Ok((task.to_owned(), rests));
        for (reply, expected) in [
            (json!({"refers_to": null, "task": "who signed it"}), understood("Who signed it?", false)),
            (json!({"refers_to": "None", "task": "Who signed it?"}), understood("Who signed it?", false)),
            (
                json!({"refers_to": "the 10-K", "task": "Who signed the 10-K?"}),
                understood("Who signed the 10-K?", true),
            ),
            // It says that it took nothing, but it did.
            (
                json!({"refers_to": null, "task": "Who signed the 10-K?"}),
                understood("Who signed the 10-K?", false),
            ),
            (json!({"refers_to": "x", "task": " "}), Err("\"task\" is missing or empty".to_owned())),
            (json!({"question": "x"}), Err("\"task\" is missing or empty".to_owned())),
        ] {
            assert_eq!(read(reply.clone()), expected, "{reply}");
        }
    }
}
