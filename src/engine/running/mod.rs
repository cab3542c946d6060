//! A job under way, from its documents to its answer: what it has so far, whatever ends it.

mod attempt;
mod cost;
mod efforts;
mod end;
mod escalation;
mod log;

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use super::clients;
use super::counting::Counting;
use super::egress::{EgressLimits, Ledger};
use super::energy::EnergyReport;
use super::file_report::{FileReport, FolderReport};
use super::files::JobFiles;
use super::images::Pictures;
use super::retrieval::Embeddings;
use super::routing::Routing;
use super::session_turn::{self, SharedSession};
use super::shared::SharedResources;
use super::turn::{Posed, TurnState};
use crate::chat::Usage;
use crate::documents::tokens::Count;
use crate::error::Failure;
use crate::events::{DocumentInfo, EventKind, Events, ModelInfo};
use crate::job::{Job, Protocol};
use crate::memo::Memo;
use crate::prompts::Prompts;
use crate::protocols::local_only::Checked;
use crate::protocols::{Answer, Side, Transcript};
use crate::sync::{beside_runtime, lock};

/// The version that results name.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The two sides of a job, ready for calls.
struct Sides {
    supervisor: Side,
    worker: Side,
}

/// What a job has been given, read.
pub(super) struct Inputs {
    pub files: JobFiles,
    pub pictures: Pictures,
}

/// A job under way.
pub(super) struct JobRun {
    job: Job,
    /// What its files gave.
    files: Vec<FileReport>,
    /// What was left out of its folders.
    folders: Vec<FolderReport>,
    /// Tokens of the calls that read pictures.
    of_files: Usage,
    pictures: Pictures,
    /// How many of its documents it held itself.
    texts_given: usize,
    started: Instant,
    events: Events,
    transcript: Transcript,
    /// The two sides, of each attempt.
    sides: Mutex<Vec<Arc<Sides>>>,
    embeddings: OnceLock<Arc<Embeddings>>,
    ledger: Arc<Ledger>,
    /// The tokens of the job's texts, once the job is answered.
    texts: OnceLock<Count>,
    local_client: ModelInfo,
    remote_client: ModelInfo,
    /// Set once it was told that the log cannot be written.
    lost_log: OnceLock<()>,
    /// What it has of the conversation, once it is known.
    turn: OnceLock<TurnState>,
    session: SharedSession,
    memo: OnceLock<Arc<Memo>>,
    /// How its protocol was chosen, if `auto` did; told anew when an escalation is decided.
    routing: Mutex<Option<Routing>>,
    /// The protocol that followed the worker's own answer, if one did.
    followed: OnceLock<Protocol>,
    /// What it runs on, if it is a turn of a conversation.
    posed: OnceLock<Posed>,
    /// What there is to say for the worker's own answer, if it was checked.
    checked: OnceLock<Checked>,
    /// The energy that its protocol took, if that was measured.
    energy: OnceLock<EnergyReport>,
}

/// Tells that a job begins.
pub(super) fn tell_start(job: &Job, shared: &SharedResources, events: &Events) {
    let [local, remote] = clients::models(job, &shared.config.environment);
    events.emit(|| EventKind::Started {
        protocol: job.protocol.name(),
        documents: job.context.iter().map(DocumentInfo::from).collect(),
        local,
        remote,
        minions_version: VERSION,
    });
    for text in &job.warnings {
        events.emit(|| EventKind::Warning { text: text.clone() });
    }
}

impl JobRun {
    /// A job whose files are read; it began at `started`.
    pub(super) fn new(
        job: Job,
        Inputs { files: read, pictures }: Inputs,
        routing: Option<Routing>,
        started: Instant,
        shared: &SharedResources,
        events: Events,
    ) -> Self {
        let texts_given = job.context.len();
        let job = Job { context: read.documents, ..job };
        let limits = EgressLimits::of(&job, &shared.config.jobs);
        let [local_client, remote_client] = clients::models(&job, &shared.config.environment);
        Self {
            ledger: Ledger::new(Arc::clone(&job.context), limits, events.clone()),
            job,
            files: read.reports,
            folders: read.folders,
            of_files: read.usage,
            pictures,
            texts_given,
            started,
            transcript: Transcript::new(events.clone()),
            events,
            sides: Mutex::default(),
            embeddings: OnceLock::new(),
            texts: OnceLock::new(),
            local_client,
            remote_client,
            lost_log: OnceLock::new(),
            turn: OnceLock::new(),
            session: SharedSession::default(),
            memo: OnceLock::new(),
            routing: Mutex::new(routing),
            followed: OnceLock::new(),
            posed: OnceLock::new(),
            checked: OnceLock::new(),
            energy: OnceLock::new(),
        }
    }

    /// The job's own prompts.
    async fn prompts(&self) -> Result<Prompts, Failure> {
        let files = self.job.prompts.clone();
        beside_runtime(move || Prompts::load(&files)).await.map_err(|problem| {
            Failure::input(problem).hint(
                "a prompt's file is looked for from the folder in which minions was started; docs/job.md says what it \
                 may hold",
            )
        })
    }

    /// Runs the job's protocol.
    pub(super) async fn solve(&self, shared: &SharedResources) -> Result<Answer, Failure> {
        let job = &self.job;
        self.check_log().await;
        if let Some(session) = job.session() {
            let environment = &shared.config.environment;
            let opened = session_turn::open(job, session, self.texts_given, environment, &self.transcript);
            let opened = opened.await?;
            *lock(&self.session) = Some(opened);
        }
        // The texts are counted while the models are made ready, which takes longer.
        let counting = Counting::begin(job);
        let prompts = match job.prompts.is_empty() {
            true => Prompts::default(),
            false => self.prompts().await?,
        };
        self.check_deadline(shared).await;
        let watch = self.watch(shared).await?;
        let answer = self.escalated(self.attempt(job, shared, &prompts).await, shared, &prompts).await?;
        self.end_watch(watch, shared).await?;
        if let Ok(texts) = counting.texts().await {
            let _ = self.texts.set(texts);
        }
        match self.ledger.refusal() {
            Some(refusal) => Err(refusal.clone().into()),
            None => Ok(answer),
        }
    }
}
