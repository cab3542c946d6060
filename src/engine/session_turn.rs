//! The session that a job is a turn of: opened before anything is paid, written when the job has ended.

use std::sync::{Arc, Mutex};

use ring::digest::{SHA256, digest};

use crate::config::Environment;
use crate::documents::Document;
use crate::error::Failure;
use crate::history::History;
use crate::job::{Job, SessionRef};
use crate::protocols::Transcript;
use crate::sessions::{Contents, DocumentRecord, Line, OpenSession, Sessions, TurnRecord};
use crate::sync::{beside_runtime, lock};
use crate::words::count;

/// A session that a job is a turn of.
#[derive(Debug)]
pub(super) struct SessionTurn {
    session: OpenSession,
    /// The job's documents.
    documents: Vec<DocumentRecord>,
}

/// A job's session, while it is open.
pub(super) type SharedSession = Arc<Mutex<Option<SessionTurn>>>;

/// The sessions among which a job's is.
///
/// # Errors
/// There is no place for them.
pub(super) fn sessions(session: &SessionRef, environment: &Environment) -> Result<Sessions, Failure> {
    match &session.dir {
        Some(dir) => Ok(Sessions::in_folder(dir)),
        None => Sessions::of(environment),
    }
}

/// Opens the session of `job`, and waits as long as somebody else has it.
///
/// # Errors
/// It can't be used, or the documents that it is about are missing.
pub(super) async fn open(
    job: &Job,
    session: &SessionRef,
    environment: &Environment,
    transcript: &Transcript,
) -> Result<SessionTurn, Failure> {
    let name = &session.name;
    let waits = || {
        transcript.warn(format!("the session {name} is in use by another minions: this turn waits for it"))
    };
    let session = sessions(session, environment)?.open(name, waits).await?;
    session.warning().into_iter().for_each(|warning| transcript.warn(warning));
    let context = job.context.clone();
    let documents = beside_runtime(move || context.iter().map(recorded).collect::<Vec<_>>()).await;
    let contents = session.contents();
    if documents.is_empty() && !contents.documents.is_empty() {
        return Err(without_documents(job, contents));
    }
    for document in documents.iter().filter(|document| contents.has_changed(document)) {
        let source = document.name.as_deref().unwrap_or("a document");
        transcript.warn(format!(
            "{source} has changed since the last turn: earlier answers rest on what it said then, so they are not taken as known"
        ));
    }
    Ok(SessionTurn { session, documents })
}

fn recorded(document: &Document) -> DocumentRecord {
    let hash = digest(&SHA256, document.text.as_bytes());
    DocumentRecord {
        name: document.name.clone(),
        sha256: hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
        chars: document.chars(),
        path: None,
    }
}

fn without_documents(job: &Job, contents: &Contents) -> Failure {
    let names: Vec<_> = contents.documents.iter().filter_map(|document| document.name.as_deref()).collect();
    let of_them = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    let what = count(contents.documents.len(), "document");
    let session = job.conversation.as_ref().and_then(|conversation| conversation.session.as_ref());
    let name = session.map_or(String::new(), |session| format!(" {}", session.name));
    Failure::input(format!("the session{name} is about {what}{of_them}, and this job has none"))
        .hint("give them again in call_params.context; a session keeps what was said about documents, not their text")
}

/// What was said in the session, and how many of its turns rest on what documents said before they changed; `None`
/// without a session.
///
/// # Errors
/// A turn of it can't be read.
pub(super) fn history(session: &SharedSession) -> Result<Option<(History, usize)>, Failure> {
    let session = lock(session);
    let Some(SessionTurn { session, documents }) = &*session else { return Ok(None) };
    let contents = session.contents();
    let history = contents.history().map_err(|problem| session.unusable(&problem))?;
    let has_changed = documents.iter().any(|document| contents.has_changed(document));
    Ok(Some((history, if has_changed { contents.len() } else { contents.outdated })))
}

/// Adds `lines` to the session, if there is one.
///
/// # Errors
/// They can't be written.
pub(super) async fn append(session: &SharedSession, lines: Vec<Line>) -> Result<(), Failure> {
    let session = session.clone();
    beside_runtime(move || match &mut *lock(&session) {
        Some(turn) => turn.session.append(&lines),
        None => Ok(()),
    })
    .await
}

/// Adds the turn to the session, if there is one, and lets others in. Gives the number of the turn.
///
/// # Errors
/// It can't be written, with that number.
pub(super) async fn end(session: &SharedSession, turn: TurnRecord) -> Option<(usize, Result<(), Failure>)> {
    let session = session.clone();
    beside_runtime(move || {
        let SessionTurn { mut session, documents } = lock(&session).take()?;
        let contents = session.contents();
        let number = contents.len() + 1;
        let documents = (contents.documents != documents).then_some(Line::Documents { documents });
        let lines: Vec<_> = documents.into_iter().chain([Line::Turn(Box::new(turn))]).collect();
        Some((number, session.append(&lines)))
    })
    .await
}
