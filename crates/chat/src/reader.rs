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
use super::repeats::{self, Loop, Repeats};
use super::thinking::without_thoughts;
use super::{ChatErrorKind as Kind, Finish};
use minions_documents::tokens::estimate;

/// The bytes that a token has at most, on average.
const LONGEST_TOKEN: u64 = 12;

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
    /// What is seen of repetition in the text and in the reasoning.
    repeats: [Repeats; 2],
    /// The pieces of both that have come.
    pieces: u64,
    /// Whether a reply that repeats itself ends where that is seen.
    ends_loops: bool,
    /// The loop in which the reply has ended. Of reasoning nothing is kept.
    pub found: Option<Loop>,
    /// Whether it was this reader that ended the reply.
    pub is_ended_here: bool,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(dialect: &'a dyn Dialect) -> Self {
        Self {
            dialect,
            frames: Frames::default(),
            reply: Partial::default(),
            known: false,
            ended: false,
            torn: false,
            beside: None,
            repeats: Default::default(),
            pieces: 0,
            ends_loops: false,
            found: None,
            is_ended_here: false,
        }
    }

    /// A reader that ends the reply of a model that repeats itself, as nothing of it follows that is of use.
    pub(crate) fn ending_loops(self, ends_loops: bool) -> Self {
        Self { ends_loops, ..self }
    }

    /// The tokens that the model has written: the pieces that have come, or an estimate where these are no tokens.
    fn written(&self) -> u64 {
        let Partial { text, reasoning, .. } = &self.reply;
        let bytes = (text.len() + reasoning.len()) as u64;
        if bytes < self.pieces * LONGEST_TOKEN { self.pieces } else { estimate(text) + estimate(reasoning) }
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
            if self.reply.ending == Some(Ending::Cut)
                && let Some(found) = self.repeated()
            {
                self.looped(found);
            }
            return Ok(());
        }
        // The stream was not torn, so the server ended it in good order.
        if self.dialect.has_silent_guard()
            && self.known
            && !self.torn
            && let Some(found) = self.guarded()
        {
            self.looped(found);
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
                    if said.kind == Kind::Repeating {
                        let all = Loop { keeps: self.reply.text.len(), tokens: 0 };
                        self.looped(self.repeated().or_else(|| self.guarded()).unwrap_or(all));
                        return Ok(());
                    }
                    let fault = Fault::new(said.kind, format!(" failed: {}", said.text));
                    return Err(Fault { said: Some(Box::new(said)), ..fault });
                }
                let before = (self.reply.text.len(), self.reply.reasoning.len());
                match self.dialect.take(&event, &mut self.reply) {
                    Taken::Part => {
                        self.known = true;
                        self.watch(before);
                    }
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

    /// Looks for a loop in what has come since the text and the reasoning had these lengths.
    fn watch(&mut self, (text, reasoning): (usize, usize)) {
        let (text, reasoning) = (&self.reply.text[text..], &self.reply.reasoning[reasoning..]);
        self.pieces += u64::from(!text.is_empty() || !reasoning.is_empty());
        let [of_text, of_reasoning] = &mut self.repeats;
        let (in_text, in_reasoning) =
            (of_text.push(text.as_bytes()), of_reasoning.push(reasoning.as_bytes()));
        let found = in_text.or_else(|| self.without_reasoning(in_reasoning));
        if self.ends_loops
            && !self.reply.complete
            && let Some(found) = found
        {
            self.is_ended_here = true;
            self.looped(found);
        }
    }

    /// The loop at the end of a reply that has ended.
    fn repeated(&self) -> Option<Loop> {
        repeats::of_text(&self.reply.text)
            .or_else(|| self.without_reasoning(repeats::of_text(&self.reply.reasoning)))
    }

    /// The loop that a silent guard has seen, if it was that which ended the reply.
    fn guarded(&self) -> Option<Loop> {
        let [text, reasoning] = &self.repeats;
        let whole = || (self.pieces == 1).then(|| repeats::guarded_text(&self.reply.text)).flatten();
        text.guarded().or_else(whole).or_else(|| self.without_reasoning(reasoning.guarded()))
    }

    fn without_reasoning(&self, found: Option<Loop>) -> Option<Loop> {
        found.map(|found| Loop { keeps: self.reply.text.len(), ..found })
    }

    /// Ends the reply where it began to repeat itself.
    fn looped(&mut self, found: Loop) {
        let (written, is_ended_here) = (self.written(), self.is_ended_here);
        let Partial { ending, complete, usage, .. } = &mut self.reply;
        (*ending, *complete) = (Some(Ending::Looped), true);
        // The count of a server that has ended the reply itself is the true one.
        if is_ended_here || usage.completion_tokens == 0 {
            usage.completion_tokens = usage.completion_tokens.max(written);
        }
        usage.total_tokens =
            usage.total_tokens.max(usage.prompt_tokens.saturating_add(usage.completion_tokens));
        self.ended = true;
        self.found = Some(found);
    }

    /// The raw text, up to where it began to repeat itself.
    pub(crate) fn kept(&self) -> &str {
        let text = &self.reply.text;
        &text[..self.found.map_or(text.len(), |found| text.floor_char_boundary(found.keeps))]
    }

    /// The text of the complete reply, and how it ended. `is_answer` tells of reasoning that stands alone whether it
    /// is the answer.
    pub(crate) fn answer(&self, is_answer: impl Fn(&str) -> bool) -> Result<(&str, Finish), Fault> {
        let Partial { reasoning, refusal, ending, .. } = &self.reply;
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
            Some(Ending::Looped) => Finish::Looped,
        };
        let text = self.kept();
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
            Finish::Looped => {
                let thinks = !reasoning.is_empty() || !text.trim().is_empty();
                let fault = Fault::new(
                    Kind::Repeating,
                    if thinks {
                        " repeated itself while it thought, and gave no answer"
                    } else {
                        " repeated itself, and gave no answer"
                    },
                );
                Err(if thinks {
                    fault.hint("Turn the model's thinking off, or use a larger model.")
                } else {
                    fault
                })
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
