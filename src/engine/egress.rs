//! The ledger of a job: every call that left this machine, and what of the documents it carried.
//!
//! Which calls those are is the sides' business. What is counted of the documents are parts of
//! [`SHORTEST`](verbatim::SHORTEST) characters or more that a text has character by character; a part that is sent
//! again has left once.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use async_trait::async_trait;
use tokio::task::{JoinError, spawn_blocking};

use super::egress_report::{EgressCall, EgressPassage, EgressReport};
use crate::chat::{CallOutcome, ChatError, EgressGate, OutboundRequest, Usage};
use crate::documents::Document;
use crate::documents::tokens::estimate;
use crate::documents::verbatim::{self, Passage};
use crate::events::{EventKind, Events};
use crate::job::JobRole;

/// Between two texts that are searched for at once: no character, so no document has it.
const BETWEEN: &str = "\u{ffff}";
/// Bytes of documents that are searched in well under a millisecond.
const QUICK: usize = 1 << 20;

/// What has left, and how much may.
pub(super) struct Ledger {
    documents: Arc<[Document]>,
    /// Characters of the documents that may leave.
    limit: Option<u64>,
    events: Events,
    calls: Mutex<Vec<Call>>,
    /// The first call that was kept here.
    refusal: OnceLock<ChatError>,
}

struct Call {
    side: JobRole,
    departure: OutboundRequest,
    passages: Vec<Passage>,
    /// Of its texts, by estimate.
    tokens: u64,
    arrival: Option<CallOutcome>,
}

impl Call {
    /// Whether anything has left, as far as is known.
    fn is_sent(&self) -> bool {
        self.arrival.as_ref().is_none_or(|arrival| arrival.sent)
    }

    /// What it has cost: where it was cut off nobody tells.
    fn usage(&self) -> Usage {
        self.arrival.as_ref().map_or_else(|| Usage::of_call(self.tokens, 0, 0), |arrival| arrival.usage)
    }
}

impl Ledger {
    pub(super) fn new(documents: Arc<[Document]>, limit: Option<u64>, events: Events) -> Arc<Self> {
        Arc::new(Self { documents, limit, events, calls: Mutex::default(), refusal: OnceLock::new() })
    }

    /// What sees the calls of one side.
    pub(super) fn watch(self: &Arc<Self>, side: JobRole) -> Arc<dyn EgressGate> {
        Arc::new(Watch { ledger: Arc::clone(self), side })
    }

    /// Why the job may send no more. It fails then, also where the protocol could do without the call.
    pub(super) fn refusal(&self) -> Option<&ChatError> {
        self.refusal.get()
    }

    /// Keeps a call here. The first refusal is the job's.
    fn refuse(&self, endpoint: &str, why: &str, hint: &str) -> ChatError {
        self.refusal.get_or_init(|| ChatError::withheld(endpoint, why, hint)).clone()
    }

    /// Tokens of one side's calls, each try by itself.
    pub(super) fn usage(&self, side: JobRole) -> Usage {
        let mut usage = Usage::default();
        self.calls().iter().filter(|call| call.side == side).for_each(|call| usage += call.usage());
        usage
    }

    /// As the result shows it.
    pub(super) fn report(&self) -> EgressReport {
        let calls = self.calls();
        let left = verbatim::joined(passages(&calls));
        EgressReport {
            calls: Some(calls.iter().map(|call| self.call(call)).collect()),
            bytes: bytes(&calls),
            context_chars: self.chars(&left),
            of_context_chars: self.all_chars(),
            passages: Some(self.in_characters(&left)),
        }
    }

    fn call(&self, call: &Call) -> EgressCall {
        let OutboundRequest { endpoint, bytes, sha256 } = &call.departure;
        let cut_off = || Some("cut off before its end".to_owned());
        let usage = call.usage();
        EgressCall {
            side: call.side,
            endpoint: endpoint.clone(),
            bytes: if call.is_sent() { *bytes } else { 0 },
            sha256: call.is_sent().then(|| sha256.clone()),
            context_chars: self.chars(&verbatim::joined(call.passages.clone())),
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            error: call.arrival.as_ref().map_or_else(cut_off, |arrival| arrival.error.clone()),
        }
    }

    /// Characters of all documents.
    fn all_chars(&self) -> usize {
        self.documents.iter().map(Document::chars).sum()
    }

    fn chars(&self, passages: &[Passage]) -> usize {
        passages.iter().map(|passage| self.text(passage).chars().count()).sum()
    }

    fn text(&self, passage: &Passage) -> &str {
        &self.documents[passage.document].text[passage.start..passage.end]
    }

    /// What texts have of the documents. Long documents are searched beside the runtime, as that takes time.
    async fn carried(&self, texts: &[&str]) -> Result<Vec<Passage>, JoinError> {
        let (documents, text) = (Arc::clone(&self.documents), texts.join(BETWEEN));
        let bytes: usize = documents.iter().map(|document| document.text.len()).sum();
        let search = move || verbatim::passages(&documents, &text);
        if bytes > QUICK { spawn_blocking(search).await } else { Ok(search()) }
    }

    /// Sorted passages as characters.
    fn in_characters(&self, passages: &[Passage]) -> Vec<EgressPassage> {
        let (mut document, mut byte, mut chars) = (0, 0, 0);
        let mut shown = Vec::new();
        for passage in passages {
            if passage.document != document {
                (document, byte, chars) = (passage.document, 0, 0);
            }
            let Document { name, text, .. } = &self.documents[document];
            let start = chars + text[byte..passage.start].chars().count();
            chars = start + self.text(passage).chars().count();
            byte = passage.end;
            shown.push(EgressPassage { document, start, end: chars, source: name.clone() });
        }
        shown
    }

    fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that left.
fn bytes(calls: &[Call]) -> usize {
    calls.iter().filter(|call| call.is_sent()).map(|call| call.departure.bytes).sum()
}

/// What all calls carried.
fn passages(calls: &[Call]) -> Vec<Passage> {
    calls.iter().filter(|call| call.is_sent()).flat_map(|call| call.passages.iter().cloned()).collect()
}

/// Notes the calls of one side.
struct Watch {
    ledger: Arc<Ledger>,
    side: JobRole,
}

#[async_trait]
impl EgressGate for Watch {
    async fn leave(&self, texts: &[&str], departure: OutboundRequest) -> Result<usize, ChatError> {
        let Self { ledger, side } = self;
        let carried = ledger.carried(texts).await.map_err(|error| {
            let why = format!("what it carries of the documents could not be searched for: {error}");
            ledger.refuse(&departure.endpoint, &why, "this is a defect of minions; please report it")
        })?;
        let tokens = texts.iter().map(|text| estimate(text)).sum();
        let mut calls = ledger.calls();
        if let Some(limit) = ledger.limit {
            let mut all = passages(&calls);
            all.extend(carried.iter().cloned());
            let chars = ledger.chars(&verbatim::joined(all)) as u64;
            if chars > limit {
                let why = format!(
                    "{chars} characters of the documents would have left this machine, and the budget is {limit}"
                );
                let hint = "raise budget.egress_chars or --max-egress-chars";
                return Err(ledger.refuse(&departure.endpoint, &why, hint));
            }
        }
        calls.push(Call { side: *side, departure, passages: carried, tokens, arrival: None });
        ledger.events.emit_detail(|| EventKind::Egress {
            bytes: bytes(&calls),
            context_chars: ledger.chars(&verbatim::joined(passages(&calls))),
            of_context_chars: ledger.all_chars(),
        });
        Ok(calls.len() - 1)
    }

    fn ended(&self, call: usize, arrival: CallOutcome) {
        if let Some(call) = self.ledger.calls().get_mut(call) {
            call.arrival = Some(arrival);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn long_documents_are_searched_beside_the_runtime() {
        let line = "The Aurora lay off the port of Brest.";
        let fog = "Fog, and more fog, all day long.\n";
        let before = fog.repeat(2 * QUICK / fog.len());
        let document =
            Document { name: Some("log.txt".to_owned()), ..Document::from(format!("{before}{line}")) };
        let ledger = Ledger::new([document].into(), Some(40), Events::off());
        let gate = ledger.watch(JobRole::Supervisor);
        let request = || OutboundRequest { endpoint: "E".to_owned(), bytes: 1, sha256: String::new() };
        assert_eq!(gate.leave(&["It says:", line], request()).await.unwrap(), 0);
        let (start, end) = (before.len(), before.len() + line.len());
        let source = Some("log.txt".to_owned());
        let passages = vec![EgressPassage { document: 0, start, end, source }];
        assert_eq!(ledger.report().passages, Some(passages));
        assert!(ledger.refusal().is_none());
        let error = gate.leave(&[fog], request()).await.unwrap_err();
        assert!(error.message.contains("E was not called") && ledger.refusal().is_some(), "{error:?}");
    }
}
