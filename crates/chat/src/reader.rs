//! Reads one reply: a server's bytes, split anywhere, become a reply or the reason why there is none.
//!
//! A reply is whole only if the server has sent its end and has given no reason against it. Pure: this file does not
//! know the network, the endpoint's name, or what a caller does with a failure.

use serde_json::Value;

use super::dialect::{Dialect, Partial, Taken};
use super::error_body::{self, ErrorBody};
use super::finish::Ending;
use super::frames::{Frame, Frames};
use super::keep_alive;
use super::thinking::without_thoughts;
use super::{ChatErrorKind as Kind, Finish};

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub kind: Kind,
    /// What the server did, as the end of a sentence that begins with the endpoint's name.
    pub text: String,
    /// What to do about it, where that does not follow from the kind.
    pub hint: Option<&'static str>,
    /// What the server said, if it sent an error in place of a reply.
    pub said: Option<Box<ErrorBody>>,
}

impl Fault {
    fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into(), hint: None, said: None }
    }

    fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }

    /// Whether the reply ended as it should, without a text for an answer.
    pub(crate) fn is_for_no_text(&self) -> bool {
        self.said.is_none() && matches!(self.kind, Kind::Empty | Kind::Rejected)
    }

    fn malformed(bytes: &str) -> Self {
        let quote = error_body::in_short(bytes);
        Self::new(Kind::Malformed, format!(" sent something else than a reply of its API: {quote}"))
    }
}

/// Reads the bytes of one reply.
pub(crate) struct Reader<'a> {
    dialect: &'a dyn Dialect,
    frames: Frames,
    pub reply: Partial,
    /// Whether a part of a reply has come.
    known: bool,
    /// Whether the mark of the stream's end has come.
    ended: bool,
    /// Whether the bytes have ended within a frame.
    torn: bool,
    /// The first event that stood beside the reply.
    beside: Option<String>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(dialect: &'a dyn Dialect) -> Self {
        let (frames, reply) = (Frames::default(), Partial::default());
        Self { dialect, frames, reply, known: false, ended: false, torn: false, beside: None }
    }

    /// Takes the next bytes. `true` if nothing of the reply follows.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<bool, Fault> {
        for frame in self.frames.push(bytes) {
            self.take(frame)?;
            if self.ended {
                break;
            }
        }
        Ok(self.ended)
    }

    /// Takes the end of the bytes.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        let has_events = self.frames.has_events();
        if !self.ended {
            for frame in std::mem::take(&mut self.frames).finish() {
                self.take(frame)?;
            }
        }
        let chose_nothing = self.known && self.reply.choice.is_none() && self.dialect.has_choices();
        if chose_nothing && !self.torn && (self.ended || !has_events) {
            let text = " gave no choice: a filter may have stopped the prompt";
            return Err(Fault::new(Kind::Refused, text));
        }
        if self.reply.complete {
            return Ok(());
        }
        Err(match &self.beside {
            _ if self.known && (self.ended || self.reply.stopped) => Fault::new(
                Kind::Unfinished,
                " ended its stream without the reason, so the reply may be a part of one",
            ),
            _ if self.known || self.torn => {
                Fault::new(Kind::Connection, ": the reply broke off before its end")
            }
            Some(event) => Fault::malformed(event),
            None => Fault::new(Kind::Malformed, " sent an empty reply"),
        })
    }

    fn take(&mut self, frame: Frame) -> Result<(), Fault> {
        match frame {
            Frame::Done => {
                self.ended = true;
                self.reply.complete |= self.known && self.reply.ending.is_some();
            }
            Frame::Garbage(text) => return Err(Fault::malformed(&text)),
            Frame::Part => self.torn = true,
            Frame::Json(event) if keep_alive::is_event(&event) => {}
            Frame::Json(event) => {
                if let Some(said) = error_in(&event) {
                    let fault = Fault::new(said.kind, format!(" failed: {}", said.text));
                    return Err(Fault { said: Some(Box::new(said)), ..fault });
                }
                match self.dialect.take(&event, &mut self.reply) {
                    Taken::Part => self.known = true,
                    Taken::Nothing => {}
                    Taken::Foreign if keep_alive::is_beside(&event) => {
                        self.beside.get_or_insert_with(|| event.to_string());
                    }
                    Taken::Foreign => return Err(Fault::malformed(&event.to_string())),
                }
            }
        }
        Ok(())
    }

    /// The text of the complete reply, and how it ended. `is_answer` tells of reasoning that stands alone whether it
    /// is the answer.
    pub(crate) fn answer(&self, is_answer: impl Fn(&str) -> bool) -> Result<(&str, Finish), Fault> {
        let Partial { text, reasoning, refusal, ending, .. } = &self.reply;
        let finish = match ending {
            _ if !refusal.is_empty() => return Err(refused(&format!(": {refusal}"))),
            Some(Ending::Refused(word)) => return Err(refused(&format!(" ({word})"))),
            Some(Ending::Failed(word)) => {
                let text = format!(" broke its reply off, for the reason \"{word}\"");
                return Err(Fault::new(Kind::Server, text));
            }
            Some(Ending::Unknown(word)) => {
                let text = format!(" ended its reply for the reason \"{word}\", which is not known here");
                let hint = "The reply may be a part, so it is not used. See the server's documentation, or use another server.";
                return Err(Fault::new(Kind::Server, text).hint(hint));
            }
            _ if self.reply.calls_tool => {
                let fault = Fault::new(Kind::Empty, " asked for a tool, though it was offered none");
                return Err(fault.hint("Use a model that answers without tools."));
            }
            // Gateways that get JSON from a forced tool give it as text, and keep the reason.
            Some(Ending::Whole | Ending::Tool(_)) | None => Finish::Stop,
            Some(Ending::Cut) => Finish::Length,
        };
        let answer = without_thoughts(text);
        if !answer.is_empty() {
            return Ok((answer, finish));
        }
        let reasoning = without_thoughts(reasoning);
        match finish {
            Finish::Length => {
                let text =
                    " reached the token limit before any text (did it think?); raise kwargs.max_tokens";
                Err(Fault::new(Kind::Rejected, text))
            }
            Finish::Stop if text.trim().is_empty() && !reasoning.is_empty() && is_answer(reasoning) => {
                Ok((reasoning, finish))
            }
            Finish::Stop if reasoning.is_empty() && text.trim().is_empty() => {
                Err(Fault::new(Kind::Empty, " sent a reply without text"))
            }
            Finish::Stop => {
                let fault = Fault::new(Kind::Empty, " sent its reasoning alone, and no answer");
                Err(fault.hint(
                    "Turn the model's thinking off. If it is off, the server takes the answer for reasoning: start it \
                     without its reasoning parser (vLLM: --reasoning-parser).",
                ))
            }
        }
    }
}

fn refused(how: &str) -> Fault {
    Fault::new(Kind::Refused, format!(" refused to answer{how}"))
}

/// The error in an event, or in one of its choices: gateways put one there if the vendor fails in the middle.
fn error_in(event: &Value) -> Option<ErrorBody> {
    let choices = event["choices"].as_array().into_iter().flatten();
    [event].into_iter().chain(choices).find_map(error_body::of_event)
}
