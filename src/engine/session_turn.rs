//! The session that a job is a turn of: opened before anything is paid, written when the job has ended.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::config::Environment;
use crate::error::Failure;
use crate::history::History;
use crate::job::{Job, NamedFile, SessionRef};
use crate::protocols::Transcript;
use crate::sessions::{Contents, DocumentRecord, FileRecord, Line, OpenSession, Sessions, TurnRecord};
use crate::sync::{beside_runtime, lock};
use crate::words::count;

/// A session that a job is a turn of.
#[derive(Debug)]
pub(super) struct SessionTurn {
    session: OpenSession,
    /// The job's documents.
    documents: Vec<DocumentRecord>,
    /// The files that it names, and how many documents it held itself.
    files: Vec<FileRecord>,
    texts: usize,
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

/// `job` with the files that its session is about, if it says nothing of documents itself.
///
/// # Errors
/// The session can't be used, or is about documents that can't be read again.
pub(super) async fn with_files(job: Arc<Job>, environment: &Environment) -> Result<Arc<Job>, Failure> {
    let Some(session) = job.session() else { return Ok(job) };
    if !job.context.is_empty() || !job.files.is_empty() || job.is_without_files {
        return Ok(job);
    }
    let (sessions, name) = (sessions(session, environment)?, session.name.clone());
    let Some(contents) = beside_runtime(move || sessions.find(&name)).await? else { return Ok(job) };
    if contents.documents.is_empty() {
        return Ok(job);
    }
    if contents.texts > 0 || contents.files.is_empty() {
        return Err(without_documents(session, &contents));
    }
    let named = |file: &FileRecord| NamedFile {
        place: format!("session {}", session.name),
        given: file.given.clone(),
        name: file.name.clone(),
        after: 0,
        folder: Some(PathBuf::from(&file.folder)),
    };
    let files = contents.files.iter().map(named).collect();
    Ok(Arc::new(Job { files, ..Job::clone(&job) }))
}

fn without_documents(SessionRef { name, .. }: &SessionRef, contents: &Contents) -> Failure {
    let names: Vec<_> = contents.documents.iter().filter_map(|document| document.name.as_deref()).collect();
    let of_them = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
    let what = count(contents.documents.len(), "document");
    Failure::input(format!("the session {name} is about {what}{of_them}, and this job has none")).hint(
        "give them again in call_params.context; a session keeps what was said about documents, and where files are, but \
         not their text",
    )
}

/// Opens the session of `job`, and waits as long as somebody else has it. `texts`: how many of the job's documents it
/// held itself.
///
/// # Errors
/// It can't be used.
pub(super) async fn open(
    job: &Job,
    session: &SessionRef,
    texts: usize,
    environment: &Environment,
    transcript: &Transcript,
) -> Result<SessionTurn, Failure> {
    let name = &session.name;
    let waits = || {
        transcript.warn(format!("the session {name} is in use by another minions: this turn waits for it"))
    };
    let session = sessions(session, environment)?.open(name, waits).await?;
    session.warning().into_iter().for_each(|warning| transcript.warn(warning));
    let (context, named) = (job.context.clone(), job.files.clone());
    let (documents, files) =
        beside_runtime(move || (context.iter().map(DocumentRecord::of).collect::<Vec<_>>(), found(&named)))
            .await;
    let contents = session.contents();
    for document in documents.iter().filter(|document| contents.has_changed(document)) {
        let source = document.name.as_deref().unwrap_or("a document");
        transcript.warn(format!(
            "{source} has changed since the last turn: earlier answers rest on what it said then, so they are not taken as known"
        ));
    }
    Ok(SessionTurn { session, documents, files, texts })
}

/// Where the files of a job are, whatever folder the next turn begins in.
fn found(named: &[NamedFile]) -> Vec<FileRecord> {
    let here = std::env::current_dir().unwrap_or_default();
    let found = |file: &NamedFile| FileRecord {
        given: file.given.clone(),
        folder: file
            .folder
            .as_ref()
            .map_or_else(|| here.clone(), |folder| here.join(folder))
            .display()
            .to_string(),
        name: file.name.clone(),
    };
    named.iter().map(found).collect()
}

/// What was said in the session, and how many of its turns rest on what documents said before they changed; `None`
/// without a session.
///
/// # Errors
/// A turn of it can't be read.
pub(super) fn history(session: &SharedSession) -> Result<Option<(History, usize)>, Failure> {
    let session = lock(session);
    let Some(SessionTurn { session, documents, .. }) = &*session else { return Ok(None) };
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
        let SessionTurn { mut session, documents, files, texts } = lock(&session).take()?;
        let contents = session.contents();
        let number = contents.len() + 1;
        let is_new = contents.documents != documents || contents.files != files || contents.texts != texts;
        let documents = is_new.then_some(Line::Documents { documents, files, texts });
        let lines: Vec<_> = documents.into_iter().chain([Line::Turn(Box::new(turn))]).collect();
        Some((number, session.append(&lines)))
    })
    .await
}
