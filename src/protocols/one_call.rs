//! One call over all documents: what `remote_only` and `local_only` have in common.
//!
//! In: a side and the prompt for it. Out: its answer, with each of its citations looked up in the documents. A reply that
//! is no JSON is the answer as it stands: asking again would have all documents read anew.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::ask::schema;
use super::{Assignment, Cited, ProtocolError, Transcript, excerpt, joined, reply};
use crate::chat::{ChatReply, ChatRequest, Finish, Format, Image, Message};
use crate::documents::Document;
use crate::documents::evidence::{Evidence, Sources};
use crate::events::{CallEvents, Purpose};
use crate::job::JobRole;
use crate::prompts::{Filled, Prompt, Slot};
use crate::words::count;

/// Characters of an unusable reply that an error quotes.
const QUOTE: usize = 300;

/// A side that answers alone.
pub(super) struct OneCall<'a> {
    pub assignment: &'a Assignment<'a>,
    pub role: JobRole,
    pub prompt: &'static Prompt,
    /// Pictures that come with the documents.
    pub images: &'a [Arc<Image>],
}

/// What a call gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reading {
    /// `None` where the model says that there is none.
    pub answer: Option<String>,
    /// What it cites, each with its place.
    pub cited: Vec<Cited>,
}

impl OneCall<'_> {
    /// What the side is sent.
    pub(super) fn message(&self) -> Message {
        let (filled, shared) = self.filled(self.assignment.context);
        let images = self.images.to_vec();
        Message { images, ..Message::user(filled.text).owning(filled.own).sharing(shared) }
    }

    /// The prompt, and how many bytes of it are the same for another question.
    fn filled(&self, context: &[Document]) -> (Filled, usize) {
        let metadata = match self.assignment.doc_metadata {
            Some(metadata) => self.assignment.about(Slot::Other(metadata)),
            None => self.assignment.about(Slot::Own("nothing more is known")),
        };
        let documents = self.documents(context);
        let slots = [
            ("documents", Slot::Filled(&documents)),
            ("task", self.assignment.task()),
            ("metadata", Slot::Filled(&metadata)),
        ];
        let prompts = self.assignment.prompts;
        (prompts.fill(self.prompt, &slots), prompts.shared(self.prompt, &["task", "metadata"], &slots))
    }

    /// The documents, first in the prompt, so that they stay cached from question to question.
    fn documents(&self, context: &[Document]) -> Filled {
        let mut filled = Filled::default();
        let texts: Vec<Document> =
            context.iter().filter(|document| !document.text.trim().is_empty()).cloned().collect();
        if !texts.is_empty() {
            filled.push(Slot::Own("<documents>\n"));
            filled.push(Slot::Other(&joined(&texts)));
            filled.push(Slot::Own("\n</documents>"));
        }
        if !self.images.is_empty() {
            let many = self.images.len();
            filled.push(Slot::Own(&format!("\n[{}, shown with this message]", count(many, "picture"))));
        }
        if filled.text.is_empty() {
            let none = "There are no documents: answer from what you know, and say so where you don't know.";
            filled.push(Slot::Own(none));
        }
        filled
    }

    /// Asks once. `sample` tells apart calls that are otherwise the same.
    ///
    /// # Errors
    /// The call fails, or the token limit cuts its reply off before there is an answer.
    pub(super) async fn ask(
        &self,
        purpose: Purpose,
        sample: u32,
        transcript: &Transcript,
    ) -> Result<Reading, ProtocolError> {
        let (role, assignment) = (self.role, self.assignment);
        let side = if role == JobRole::Supervisor { assignment.supervisor } else { assignment.worker };
        let noted = self.filled(&note_of(assignment.context)).0.text;
        transcript.told(role, &noted);
        let calls = CallEvents::new(&transcript.events, role, purpose);
        let request = ChatRequest {
            messages: vec![self.message()],
            format: format(),
            observer: calls.observer(),
            sample,
            ..ChatRequest::default()
        };
        let outcome = side.chat(&mut side.permit(None).await, &request).await;
        let reply = outcome
            .inspect_err(|error| transcript.turn(role, &noted, &format!("[failed: {error}]")))
            .map_err(|error| match role {
                JobRole::Supervisor => ProtocolError::Supervisor(error),
                JobRole::Worker | JobRole::Embedding => ProtocolError::Worker(error),
            })?;
        tracing::info!("the {role} replied with {}", count(reply.usage.completion_tokens, "token"));
        transcript.said(role, calls.call(), &reply.text);
        transcript.turn(role, &noted, &reply.text);
        let (answer, citations) = read(&reply).map_err(|problem| ProtocolError::Unusable {
            role,
            is_cut: reply.finish == Finish::Length,
            tries: 1,
            problem,
            quote: excerpt(&reply.text, QUOTE),
        })?;
        Ok(Reading { answer, cited: cited(citations, assignment.context) })
    }
}

fn format() -> Format {
    schema(
        "answer",
        json!({
            "explanation": {"type": "string"},
            "answer": {"type": ["string", "null"]},
            "citations": {"type": "array", "items": {"type": "string"}},
        }),
    )
}

/// The answer and the citations of `reply`, or why it has none.
fn read(reply: &ChatReply) -> Result<(Option<String>, Vec<String>), String> {
    let ChatReply { text, finish, cut, .. } = reply;
    match reply::last_object(text, finish.is_cut()) {
        Ok(mut object) if object.keys().any(|key| key.to_lowercase().starts_with("answer")) => {
            // A citation is not marked: the beginning of the document's words can be found as well.
            reply::mark_cut(&mut object, cut.iter().filter(|key| *key == "answer"));
            let answer = reply::text_or_nothing(reply::field(&mut object, "answer"));
            Ok((answer, citations(&mut object)))
        }
        Err(problem) if text.contains("\"answer\"") || text.trim_start().starts_with('{') => {
            Err(match finish {
                Finish::Length => format!("{problem}, as the token limit cut it off"),
                Finish::Looped => format!("{problem}, as it repeats itself"),
                Finish::Stop => problem,
            })
        }
        Ok(_) | Err(_) => {
            let mark = match finish {
                Finish::Stop => "",
                Finish::Length => reply::CUT,
                Finish::Looped => reply::LOOPED,
            };
            Ok((Some(text.trim().to_owned() + mark).filter(|text| !text.is_empty()), Vec::new()))
        }
    }
}

fn citations(object: &mut Map<String, Value>) -> Vec<String> {
    let given = reply::field(object, "citations").or_else(|| reply::field(object, "citation"));
    let items = match given {
        Some(Value::Array(items)) => items,
        other => other.into_iter().collect(),
    };
    let mut citations: Vec<String> = Vec::new();
    for citation in items.into_iter().filter_map(|item| reply::text_or_nothing(Some(item))) {
        if !citations.contains(&citation) {
            citations.push(citation);
        }
    }
    citations
}

/// Each citation with its place in the documents.
fn cited(citations: Vec<String>, documents: &[Document]) -> Vec<Cited> {
    let sources = Sources::new(documents);
    let chunks: Vec<_> = documents.iter().map(|document| sources.chunk(&document.text)).collect();
    let find = |citation: &str| -> Evidence {
        let mut best = Evidence::default();
        for evidence in chunks.iter().map(|chunk| chunk.evidence(citation)) {
            if evidence.verified {
                return evidence;
            }
            best = if best.document.is_none() { evidence } else { best };
        }
        best
    };
    let one = |citation: String| {
        let evidence = find(&citation);
        let nearest = || chunks.iter().find_map(|chunk| chunk.nearest(&citation));
        let nearest = if evidence.verified { None } else { nearest() };
        Cited {
            round: 1,
            nearest: nearest.map(|nearest| nearest.words),
            ..Cited::of(citation, evidence, &sources, documents)
        }
    };
    citations.into_iter().map(one).collect()
}

/// Stands for the documents where messages are shown.
fn note_of(context: &[Document]) -> Vec<Document> {
    if context.iter().all(|document| document.text.trim().is_empty()) {
        return Vec::new();
    }
    let chars: usize = context.iter().map(Document::chars).sum();
    let documents = count(context.len(), "document");
    vec![format!("[{documents}, {chars} characters: see conversation_log.context]").into()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Usage;

    fn reply(text: &str, finish: Finish) -> ChatReply {
        let (text, usage, cut) = (text.to_owned(), Usage::default(), Vec::new());
        ChatReply { text, finish, usage, refused: false, cut, spared: 0, times: None }
    }

    #[test]
    fn an_answer_is_read_in_whatever_form_it_comes() {
        let ok = |answer: Option<&str>, citations: &[&str]| {
            Ok((answer.map(str::to_owned), citations.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>()))
        };
        let cut = format!("It fell by{}", reply::CUT);
        for (text, finish, expected) in [
            (
                r#"{"explanation": "e", "answer": "Ada", "citations": ["a b", "a b", "c"]}"#,
                Finish::Stop,
                ok(Some("Ada"), &["a b", "c"]),
            ),
            (
                "```json\n{\"answer\": 7, \"citations\": \"by Ada\"}\n```",
                Finish::Stop,
                ok(Some("7"), &["by Ada"]),
            ),
            (r#"{"answer": null, "citations": []}"#, Finish::Stop, ok(None, &[])),
            (r#"{"answer": "Ada", "citation": null}"#, Finish::Stop, ok(Some("Ada"), &[])),
            ("Ada signed it.", Finish::Stop, ok(Some("Ada signed it."), &[])),
            ("It fell by", Finish::Length, ok(Some(&cut), &[])),
            ("A {set} of ships.", Finish::Stop, ok(Some("A {set} of ships."), &[])),
        ] {
            assert_eq!(read(&reply(text, finish)), expected, "{text}");
        }
        let error = read(&reply(r#"{"explanation": "e", "answer": "It f"#, Finish::Length)).unwrap_err();
        assert!(error.contains("token limit"), "{error}");
    }

    #[test]
    fn citations_are_found_in_whichever_document_has_them() {
        let named = |name: &str, text: &str| Document {
            name: Some(name.to_owned()),
            ..Document::from(text.to_owned())
        };
        let documents = [named("a", "Fog all day."), named("b", "Signed by Ada.\nFog all night.")];
        let found =
            cited(vec!["signed by Ada".into(), "Fog all night.".into(), "by Bert".into()], &documents);
        let shown: Vec<_> = found.iter().map(|one| (one.source.as_deref(), one.evidence.verified)).collect();
        assert_eq!(shown[..2], [(Some("b"), true), (Some("b"), true)]);
        assert!(!shown[2].1);
    }
}
