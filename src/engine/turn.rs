//! A job as a turn of a conversation: what models are shown of what was said before, and what the next turn is given.

use serde::Serialize;

use super::session_turn::{self, SharedSession};
use crate::error::{Failure, Spent};
use crate::history::{History, HistoryReport, Quote, Turn, TurnStatus, known_so_far};
use crate::job::{Conversation, JobRole, Rewrite};
use crate::prompts::Filled;
use crate::protocols::{Answer, Cited, FollowUp, Notes, Status, Understood};
use crate::sessions::{Line, TurnRecord, TurnUsage};
use crate::words::count;

/// Calls for summaries in one turn: a long history that was never summed up is caught up with over several turns.
const MOST_SUMMARIES: usize = 8;
/// The most bytes of what the worker said last that the next turn is given.
const LOCAL_OUTPUT: usize = 20_000;

/// What a turn has of the conversation.
#[derive(Clone, Debug)]
pub(super) struct TurnState {
    /// What was said before it, as it was folded.
    pub history: History,
    pub report: HistoryReport,
    /// The message in words that stand alone; `None` if nobody was asked for them.
    pub standalone_task: Option<String>,
}

/// What the protocol runs on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Posed {
    /// The question.
    pub task: String,
    /// Whether the user or the supervisor has put it into words.
    pub is_own: bool,
    /// What earlier answers say.
    pub known: Filled,
}

/// The session as the result shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SessionReport {
    /// Its name.
    pub name: String,
    /// The number of this turn in it, from 1.
    pub turn: usize,
    /// Whether the turn is in its file.
    pub stored: bool,
}

/// Folds the oldest turns of the conversation, and has its newest message put into words that stand alone.
///
/// # Errors
/// The call for these words fails, or the session can't be read.
pub(super) async fn pose(
    conversation: &Conversation,
    session: &SharedSession,
    follow_up: &FollowUp<'_>,
) -> Result<(TurnState, Posed), Failure> {
    let mut history = conversation.history.clone();
    let mut outdated = 0;
    if let Some((of_session, old)) = session_turn::history(session)? {
        history = History { max_turns: history.max_turns, ..of_session };
        outdated = old;
    }
    fold(&mut history, session, follow_up).await?;
    let shown = history.shown();
    let mut report = HistoryReport {
        turns: history.turns_so_far(),
        verbatim: shown.verbatim,
        summarised: history.summarized_turns,
        tokens: 0,
    };
    let task = follow_up.assignment.task;
    let as_it_is = || Understood { task: task.to_owned(), rests_on_history: true };
    let role = match conversation.rewrite {
        Rewrite::Remote => Some(JobRole::Supervisor),
        Rewrite::Local => Some(JobRole::Worker),
        Rewrite::Off => None,
    };
    let (understood, standalone_task) = match role.filter(|_| !history.is_empty()) {
        None => (as_it_is(), None),
        Some(role) => {
            if shown.left_out > 0 {
                let what = count(shown.left_out, "earlier turn");
                let why = match history.summarize_older_turns {
                    true => "they are not summed up yet, and there is no room".to_owned(),
                    false => format!(
                        "summarize_older_turns is false, and max_history_turns ({}) or the room in a prompt ends before them",
                        history.max_turns
                    ),
                };
                follow_up.transcript.warn(format!("no model is shown {what}: {why}"));
            }
            report.tokens = shown.tokens;
            let understood = follow_up.understand(role, &shown.text).await?;
            let task = understood.task.clone();
            (understood, Some(task))
        }
    };
    let known = match understood.rests_on_history {
        true => known_so_far(&history, outdated),
        false => Filled::default(),
    };
    report.tokens = report.tokens.max(crate::documents::tokens::estimate(&known.text));
    Ok((
        TurnState { history, report, standalone_task },
        Posed {
            is_own: role != Some(JobRole::Worker) || understood.task == task,
            task: understood.task,
            known,
        },
    ))
}

/// Folds the oldest turns into the summary, each once. Turns that could not be folded stay as they are.
async fn fold(
    history: &mut History,
    session: &SharedSession,
    follow_up: &FollowUp<'_>,
) -> Result<(), Failure> {
    if !history.summarize_older_turns {
        return Ok(());
    }
    for _ in 0..MOST_SUMMARIES {
        let Some(batch) = history.next_batch() else { return Ok(()) };
        let is_silent = !history.turns[..batch.turns].iter().any(Turn::is_shown);
        // Turns that failed are nothing to sum up.
        let summary = match is_silent {
            true => Ok(history.summary.clone()),
            false => follow_up.summarise(&batch.text).await,
        };
        match summary {
            Ok(summary) => history.fold(batch.turns, summary),
            Err(problem) => {
                let what = count(history.to_fold(), "older turn");
                let stay = format!("{what} could not be summed up and stay as they are: {problem}");
                follow_up.transcript.warn(stay);
                return Ok(());
            }
        }
        let line = Line::Summary { turns: history.summarized_turns, text: history.summary.clone() };
        if let Err(failure) = session_turn::append(session, vec![line]).await {
            follow_up.transcript.warn(failure.to_string());
        }
    }
    let left = history.to_fold();
    if left > 0 {
        let what = count(left, "older turn");
        follow_up.transcript.warn(format!("{what} stay as they are for now: the next turns sum them up"));
    }
    Ok(())
}

/// The turn that a job was, with what it cost.
pub(super) fn record(
    task: &str,
    state: Option<&TurnState>,
    outcome: &Result<Answer, Failure>,
    notes: &Notes,
    spent: Spent,
) -> TurnRecord {
    let worker = notes.rounds.last().map(|round| round.remote.answers.as_str());
    let worker = worker.or_else(|| notes.worker.last().map(|message| message.content.as_str()));
    let turn = Turn {
        query: task.to_owned(),
        local_output: begin(worker.unwrap_or_default(), LOCAL_OUTPUT),
        remote_output: outcome.as_ref().map_or_else(|_| String::new(), |answer| answer.text.clone()),
        timestamp: Some(jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()),
        standalone_task: state.and_then(|state| state.standalone_task.clone()).filter(|words| words != task),
        status: Some(outcome.as_ref().map_or(TurnStatus::Failed, |answer| answer.status.into())),
        evidence: quotes(&notes.evidence),
    };
    TurnRecord {
        turn,
        error: outcome.as_ref().err().map(ToString::to_string),
        usage: TurnUsage::from(spent),
        notes: notes.warnings.clone(),
    }
}

impl From<Status> for TurnStatus {
    fn from(status: Status) -> Self {
        match status {
            Status::Answered => Self::Answered,
            Status::NoAnswer => Self::NoAnswer,
            Status::Partial => Self::Partial,
        }
    }
}

/// Citations that stand in the documents, each once.
fn quotes(evidence: &[Cited]) -> Vec<Quote> {
    let mut quotes: Vec<Quote> = Vec::new();
    for cited in evidence.iter().filter(|cited| cited.evidence.verified) {
        let quote = Quote {
            citation: cited.citation.clone(),
            source: cited.source.clone(),
            told_as: cited.told_as.clone(),
            place: cited.place.as_ref().map(ToString::to_string),
        };
        if !quotes.contains(&quote) {
            quotes.push(quote);
        }
    }
    quotes
}

/// The beginning of `text`, at most `most` bytes of it, with a mark where it is cut.
fn begin(text: &str, most: usize) -> String {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    if end == text.len() { text.to_owned() } else { format!("{}...", &text[..end]) }
}
