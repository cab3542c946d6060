//! The last question of a conversation.

use minions::Cited;
use minions::engine::JobResult;
use minions::error::Left;
use minions::sessions::{Contents, DocumentRecord, TurnMark};
use serde_json::Value;

/// The last question.
pub(super) struct Last {
    pub question: String,
    pub job: Value,
    /// Which turn of the session it is, if it is one.
    pub turn: Option<TurnMark>,
    pub result: Option<JobResult>,
    pub sources: Vec<Cited>,
    /// The documents, as they were then.
    pub documents: Vec<DocumentRecord>,
    /// What left this machine for it.
    pub left: Left,
}

/// The last question of a session that was begun before; its answer is not in memory.
pub(super) fn last_question(contents: &Contents) -> Option<Last> {
    let turn = contents.mark(contents.len())?;
    let left = contents.turns(turn.number - 1..turn.number).ok()?.pop()?.usage.egress_bytes;
    Some(Last {
        question: turn.query.clone(),
        job: Value::Null,
        turn: Some(turn),
        result: None,
        sources: Vec::new(),
        documents: Vec::new(),
        left: Left { bytes: left, ..Left::default() },
    })
}
