//! The ledger of a job: every call that left this machine, what of the documents it carried, and how many bytes of it
//! may hold something of them.
//!
//! The caller decides which sides are watched. What a call carries of the documents is an estimate, which
//! [`recognition`](crate::documents::recognition) makes; a part that is sent again counts once. The bytes are a bound:
//! they follow from where each text was put together.

use std::iter;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use async_trait::async_trait;
use tokio::task::{JoinError, spawn_blocking};

use super::config::JobOptions;
use super::egress_report::{EgressCall, EgressPassage, EgressReport};
use crate::chat::{CallOutcome, ChatError, EgressGate, OutboundRequest, OutboundText, Usage};
use crate::documents::Document;
use crate::documents::recognition::Recogniser;
use crate::documents::tokens::count;
use crate::documents::verbatim::{self, Passage};
use crate::events::{EventKind, Events};
use crate::job::{Job, JobRole};
use crate::sync::lock;

/// Stands between two texts that are searched at once. It is no character, so no document has it.
const BETWEEN: &str = "\u{ffff}";
/// The number of bytes of documents and texts that are searched in about a millisecond.
const QUICK: usize = 1 << 18;

/// The calls that have left, and the limit of what may leave.
pub(super) struct Ledger {
    documents: Arc<[Document]>,
    /// Made for the first call.
    recogniser: Arc<OnceLock<Recogniser>>,
    limits: EgressLimits,
    events: Events,
    calls: Mutex<Vec<Call>>,
    /// The error of the first call that was not let through.
    refusal: OnceLock<ChatError>,
}

/// What may leave; `None` is any number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct EgressLimits {
    /// Characters of the documents, as far as they are recognised.
    pub chars: Option<u64>,
    /// Bytes that are not the job's own words.
    pub bytes: Option<u64>,
}

impl EgressLimits {
    /// What each of two limits allows.
    pub(super) fn and(self, other: Self) -> Self {
        let smaller = |a: Option<u64>, b: Option<u64>| [a, b].into_iter().flatten().min();
        Self { chars: smaller(self.chars, other.chars), bytes: smaller(self.bytes, other.bytes) }
    }

    /// The limits of `job`, whose engine has those of `options`.
    pub(super) fn of(job: &Job, options: &JobOptions) -> Self {
        Self { chars: job.budget.egress_chars, bytes: job.budget.egress_bytes }
            .and(Self { chars: options.max_egress_chars, bytes: options.max_egress_bytes })
    }

    /// Why so many characters of documents, so many bytes as JSON writes them, may not all leave.
    pub(super) fn forbids_all(self, chars: u64, bytes: u64) -> Option<String> {
        let limits = [(self.chars, chars, "characters"), (self.bytes, bytes, "bytes")];
        let (limit, all, unit) =
            limits.into_iter().find(|(limit, all, _)| limit.is_some_and(|limit| *all > limit))?;
        let limit = limit.unwrap_or_default();
        Some(format!("it would send all {all} {unit} of the documents, and the egress limit is {limit}"))
    }

    /// Why no quote of a document may leave.
    pub(super) fn forbids_quotes(self) -> Option<String> {
        let limits = [(self.chars, "characters"), (self.bytes, "bytes")];
        let (_, unit) = limits.into_iter().find(|(limit, _)| *limit == Some(0))?;
        Some(format!("it sends quotes of the documents, and the egress limit is 0 {unit}"))
    }
}

/// Bytes of a document as JSON writes it.
pub(super) fn written_bytes(document: &Document) -> u64 {
    let extra = document.text.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)).count();
    (document.text.len() + extra) as u64
}

struct Call {
    side: JobRole,
    request: OutboundRequest,
    passages: Vec<Passage>,
    /// The tokens of the call's texts, by estimate.
    tokens: u64,
    /// `None` while the call is under way, and for ever if it was cut off.
    outcome: Option<CallOutcome>,
}

impl Call {
    /// Whether anything has left, as far as is known.
    fn is_sent(&self) -> bool {
        self.outcome.as_ref().is_none_or(|outcome| outcome.sent)
    }

    /// The tokens that the call has cost. Those of a call that was cut off are the estimate, as no server reports them.
    fn usage(&self) -> Usage {
        self.outcome.as_ref().map_or_else(|| Usage::of_call(self.tokens, 0, 0), |outcome| outcome.usage)
    }
}

impl Ledger {
    pub(super) fn new(documents: Arc<[Document]>, limits: EgressLimits, events: Events) -> Arc<Self> {
        Arc::new(Self {
            documents,
            recogniser: Arc::default(),
            limits,
            events,
            calls: Mutex::default(),
            refusal: OnceLock::new(),
        })
    }

    /// Where the job's events go.
    pub(super) fn events(&self) -> &Events {
        &self.events
    }

    /// The gate for the calls of one side.
    pub(super) fn watch(self: &Arc<Self>, side: JobRole) -> Arc<dyn EgressGate> {
        Arc::new(Watch { ledger: Arc::clone(self), side })
    }

    /// The error of the first call that was not let through. The job fails with it, also where the protocol could do
    /// without the call.
    pub(super) fn refusal(&self) -> Option<&ChatError> {
        self.refusal.get()
    }

    /// The error of a call that is not let through: that of the first such call of the job.
    fn refuse(&self, endpoint: &str, why: &str, hint: &str) -> ChatError {
        self.refusal.get_or_init(|| ChatError::withheld(endpoint, why, hint)).clone()
    }

    /// Tokens of one side's calls, each try counted by itself.
    pub(super) fn usage(&self, side: JobRole) -> Usage {
        let mut usage = Usage::default();
        self.calls().iter().filter(|call| call.side == side).for_each(|call| usage += call.usage());
        usage
    }

    /// The ledger as the result shows it.
    pub(super) fn report(&self) -> EgressReport {
        let calls = self.calls();
        let left = verbatim::joined(passages(&calls));
        EgressReport {
            calls: Some(calls.iter().map(|call| self.call(call)).collect()),
            bytes: bytes(&calls),
            other_bytes: other_bytes(&calls),
            context_chars: self.chars(&left),
            of_context_chars: self.all_chars(),
            passages: Some(self.in_characters(&left)),
        }
    }

    fn call(&self, call: &Call) -> EgressCall {
        let OutboundRequest { endpoint, bytes, sha256, .. } = &call.request;
        let cut_off = || Some("cut off before its end".to_owned());
        let usage = call.usage();
        EgressCall {
            side: call.side,
            endpoint: endpoint.clone(),
            bytes: if call.is_sent() { *bytes } else { 0 },
            other_bytes: if call.is_sent() { call.request.other_bytes() } else { 0 },
            sha256: call.is_sent().then(|| sha256.clone()),
            context_chars: self.chars(&verbatim::joined(call.passages.clone())),
            prompt_tokens: usage.prompt_tokens,
            completion_tokens: usage.completion_tokens,
            error: call.outcome.as_ref().map_or_else(cut_off, |outcome| outcome.error.clone()),
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

    /// The passages of the documents that `texts` carry. Long texts are searched in a blocking task, as that takes time.
    async fn carried(&self, texts: &[OutboundText<'_>]) -> Result<Vec<Passage>, JoinError> {
        let (documents, recogniser) = (Arc::clone(&self.documents), Arc::clone(&self.recogniser));
        let (text, others) = joined(texts);
        let bytes = documents.iter().map(|document| document.text.len()).sum::<usize>() + text.len();
        let search = move || recogniser.get_or_init(|| Recogniser::new(documents)).passages(&text, &others);
        if bytes > QUICK { spawn_blocking(search).await } else { Ok(search()) }
    }

    /// `passages`, which are sorted, in characters instead of bytes.
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
        lock(&self.calls)
    }
}

/// The texts as one, and the ranges of it that are not the job's own words.
fn joined(texts: &[OutboundText<'_>]) -> (String, Vec<Range<usize>>) {
    let (mut all, mut others) = (String::new(), Vec::new());
    for OutboundText { text, own } in texts {
        let from = all.len();
        let starts = iter::once(0).chain(own.iter().map(|own| own.end));
        let ends = own.iter().map(|own| own.start).chain([text.len()]);
        let between = starts.zip(ends).filter(|(start, end)| start < end);
        others.extend(between.map(|(start, end)| from + start..from + end));
        all.push_str(text);
        all.push_str(BETWEEN);
    }
    (all, others)
}

/// The bytes of all bodies that left.
fn bytes(calls: &[Call]) -> usize {
    calls.iter().filter(|call| call.is_sent()).map(|call| call.request.bytes).sum()
}

/// The bytes of all bodies that left and are not the job's own words.
fn other_bytes(calls: &[Call]) -> usize {
    calls.iter().filter(|call| call.is_sent()).map(|call| call.request.other_bytes()).sum()
}

/// The passages of all calls that left.
fn passages(calls: &[Call]) -> Vec<Passage> {
    calls.iter().filter(|call| call.is_sent()).flat_map(|call| call.passages.iter().cloned()).collect()
}

/// The gate that notes the calls of one side.
struct Watch {
    ledger: Arc<Ledger>,
    side: JobRole,
}

#[async_trait]
impl EgressGate for Watch {
    async fn leave(&self, texts: &[OutboundText<'_>], request: OutboundRequest) -> Result<usize, ChatError> {
        let Self { ledger, side } = self;
        let carried = ledger.carried(texts).await.map_err(|error| {
            let why = format!("what it carries of the documents could not be searched for: {error}");
            ledger.refuse(&request.endpoint, &why, "this is a defect of minions; please report it")
        })?;
        let tokens = count(texts.iter().map(|text| text.text)).tokens;
        let mut calls = ledger.calls();
        if let Some(limit) = ledger.limits.bytes {
            let bytes = (other_bytes(&calls) + request.other_bytes()) as u64;
            if bytes > limit {
                let why = format!(
                    "{bytes} bytes besides the job's own words would have left this machine, and the budget is {limit}"
                );
                let hint = "raise budget.egress_bytes or --max-egress-bytes";
                return Err(ledger.refuse(&request.endpoint, &why, hint));
            }
        }
        if let Some(limit) = ledger.limits.chars {
            let mut all = passages(&calls);
            all.extend(carried.iter().cloned());
            let chars = ledger.chars(&verbatim::joined(all)) as u64;
            if chars > limit {
                let why = format!(
                    "{chars} characters of the documents would have left this machine, and the budget is {limit}"
                );
                let hint = "raise budget.egress_chars or --max-egress-chars";
                return Err(ledger.refuse(&request.endpoint, &why, hint));
            }
        }
        calls.push(Call { side: *side, request, passages: carried, tokens, outcome: None });
        ledger.events.emit_detail(|| EventKind::Egress {
            bytes: bytes(&calls),
            other_bytes: other_bytes(&calls),
            context_chars: ledger.chars(&verbatim::joined(passages(&calls))),
            of_context_chars: ledger.all_chars(),
        });
        Ok(calls.len() - 1)
    }

    fn ended(&self, call: usize, outcome: CallOutcome) {
        if let Some(call) = self.ledger.calls().get_mut(call) {
            call.outcome = Some(outcome);
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
        let ledger =
            Ledger::new([document].into(), EgressLimits { chars: Some(40), bytes: None }, Events::off());
        let gate = ledger.watch(JobRole::Supervisor);
        let request = || OutboundRequest {
            endpoint: "E".to_owned(),
            bytes: 1,
            sha256: String::new(),
            other_bytes: None,
        };
        let text = |text| OutboundText { text, own: &[] };
        assert_eq!(gate.leave(&[text("It says:"), text(line)], request()).await.unwrap(), 0);
        let (start, end) = (before.len(), before.len() + line.len());
        let source = Some("log.txt".to_owned());
        let passages = vec![EgressPassage { document: 0, start, end, source }];
        assert_eq!(ledger.report().passages, Some(passages));
        assert!(ledger.refusal().is_none());
        let error = gate.leave(&[text(fog)], request()).await.unwrap_err();
        assert!(error.message.contains("call was for E") && ledger.refusal().is_some(), "{error:?}");
    }
}
