//! A job under way: its cost and messages so far, and at its end its log and result.

use std::io;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::counting::Counting;
use super::egress::{EgressLimits, Ledger};
use super::file_report::{FileReport, FolderReport};
use super::files::JobFiles;
use super::read_ahead::ReadAhead;
use super::result::{ConversationLog, EvidenceSummary, FailedLog, JobResult, LoggedUsage, Timing};
use super::retrieval::Embeddings;
use super::savings::SavingsReport;
use super::session_turn::SharedSession;
use super::shared::SharedResources;
use super::turn::{Posed, SessionReport, TurnState};
use super::{clients, conversation_log, images, session_turn, turn, worker_memo};
use crate::chat::secrets::Redactor;
use crate::chat::{Format, Usage};
use crate::documents::Document;
use crate::documents::tokens::Count;
use crate::error::{Failure, FailureKind, Spent};
use crate::events::{DocumentInfo, EventKind, Events, ModelInfo};
use crate::job::{Job, JobRole, Protocol};
use crate::memo::Memo;
use crate::prompts::{Filled, Prompts};
use crate::protocols::minion::Minion;
use crate::protocols::minions::Minions;
use crate::protocols::{Answer, Assignment, FollowUp, Notes, Side, Transcript};
use crate::sandbox::{HostCalls, Sandbox, SandboxLimits, SearchByMeaning};
use crate::sessions::TurnRecord;
use crate::sync::{beside_runtime, lock};

/// The version that results name.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// For this many bytes of documents the supervisor's code gets one millisecond more.
const BYTES_PER_MILLISECOND: usize = 20_000;
/// How long the folder of a log may take to answer, which may be on a network mount.
const LOG_WAIT: Duration = Duration::from_secs(30);
/// The same when the job is to end at once.
const LAST_LOG_WAIT: Duration = Duration::from_secs(2);

/// A job under way.
pub(super) struct JobRun {
    job: Job,
    /// What its files gave.
    files: Vec<FileReport>,
    /// What was left out of its folders.
    folders: Vec<FolderReport>,
    /// Tokens of the calls that read pictures.
    of_files: Usage,
    /// How many of its documents it held itself.
    texts_given: usize,
    started: Instant,
    events: Events,
    transcript: Transcript,
    supervisor: OnceLock<Side>,
    worker: OnceLock<Side>,
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
}

/// A job that has ended.
pub(super) struct ClosedJob {
    outcome: Result<Answer, Failure>,
    notes: Notes,
    spent: Spent,
    timing: Timing,
    log: ConversationLog,
    /// `None` if the log can't be written.
    log_file: Option<String>,
    /// What the next turn of the conversation is given; `None` of a job that stands for itself.
    turn: Option<TurnRecord>,
    session: Option<SessionReport>,
}

impl JobRun {
    /// A job whose files are read; it began at `started`.
    pub(super) fn new(
        job: Job,
        read: JobFiles,
        started: Instant,
        shared: &SharedResources,
        events: Events,
    ) -> Self {
        let texts_given = job.context.len();
        let job = Job { context: read.documents, ..job };
        let (budget, options) = (job.budget, &shared.config.jobs);
        let limits = EgressLimits { chars: budget.egress_chars, bytes: budget.egress_bytes }
            .and(EgressLimits { chars: options.max_egress_chars, bytes: options.max_egress_bytes });
        let [local_client, remote_client] = clients::models(&job, &shared.config.environment);
        Self {
            ledger: Ledger::new(Arc::clone(&job.context), limits, events.clone()),
            job,
            files: read.reports,
            folders: read.folders,
            of_files: read.usage,
            texts_given,
            started,
            transcript: Transcript::new(events.clone()),
            events,
            supervisor: OnceLock::new(),
            worker: OnceLock::new(),
            embeddings: OnceLock::new(),
            texts: OnceLock::new(),
            local_client,
            remote_client,
            lost_log: OnceLock::new(),
            turn: OnceLock::new(),
            session: SharedSession::default(),
            memo: OnceLock::new(),
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
        let (dir, name) = (job.log_dir.clone(), job.log_name.clone());
        let check = beside_runtime(move || conversation_log::check(&dir, name.as_deref()));
        let check = timeout(LAST_LOG_WAIT, check).await;
        if let Err(error) = check.unwrap_or_else(|_| Err(no_answer(LAST_LOG_WAIT))) {
            self.warn_of_log(&error);
        }
        let conversation = job.conversation.as_ref();
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
        let fetches = job.local.provider.dialect.is_some_and(|dialect| dialect.fetches_images());
        let images = images::load(&job.images, fetches).await?;
        let waiting = shared.pulls.wait_with(&self.events);
        let clients = clients::open(job, shared, &self.ledger);
        let clients = match &job.protocol {
            Protocol::Minion(_) => clients.await?,
            Protocol::Minions(_) => tokio::try_join!(clients, shared.sandbox_works())?.0,
        };
        drop(waiting);
        let missing = clients.missing;
        let supervisor = self.supervisor.get_or_init(|| Side::new(clients.supervisor));
        let worker = self.worker.get_or_init(|| Side::new(clients.worker));
        let nothing = Filled::default();
        let as_asked = Assignment {
            supervisor,
            worker,
            prompts: &prompts,
            task: &job.task,
            is_task_own: true,
            context: &job.context,
            doc_metadata: job.doc_metadata.as_deref(),
            known: &nothing,
            max_rounds: job.max_rounds,
        };
        let posed = match conversation {
            None => None,
            Some(conversation) => {
                let follow_up = FollowUp { assignment: &as_asked, transcript: &self.transcript };
                let posed = turn::pose(conversation, &self.session, &follow_up).await;
                // A request that a replay does not have is the reason that is told.
                let (state, posed) = posed.map_err(|failure| missing.failure().unwrap_or(failure))?;
                let _ = self.turn.set(state);
                Some(posed)
            }
        };
        let assignment = match &posed {
            None => as_asked,
            Some(Posed { task, is_own, known }) => {
                Assignment { task, is_task_own: *is_own, known, ..as_asked }
            }
        };
        let answer = match &job.protocol {
            Protocol::Minion(params) => {
                let schema = job.local.kwargs.structured_output_schema.clone();
                let minion = Minion {
                    assignment,
                    images: &images,
                    worker_format: schema.map_or(Format::Text, |schema| Format::Schema {
                        name: "reply",
                        schema,
                        shares: false,
                    }),
                    max_reply_chars: params.max_reply_chars,
                    is_supervisor_hosted: !job.remote.provider.local,
                };
                let run = async |has_read| minion.run(&self.transcript, has_read).await;
                match &clients.reader {
                    Some(reader) => {
                        let is_wanted = params.read_ahead && !clients.sides_share_model;
                        let ahead = ReadAhead { reader, worker, events: &self.events, is_wanted };
                        ahead.beside(minion.worker_prompt(), run).await?
                    }
                    None => {
                        let (nobody, has_read) = oneshot::channel();
                        drop(nobody);
                        run(has_read).await
                    }
                }
            }
            Protocol::Minions(params) => {
                let host = clients.embedder.map(|model| -> Arc<dyn HostCalls> {
                    let embeddings = self.embeddings.get_or_init(|| Arc::new(Embeddings::new(model)));
                    Arc::new(SearchByMeaning(Arc::clone(embeddings) as _))
                });
                if let Some(memo) = worker_memo::open(job, shared, &self.transcript)? {
                    let _ = self.memo.set(memo);
                }
                let minions = Minions {
                    assignment,
                    memo: self.memo.get().cloned(),
                    sandbox: Sandbox {
                        executable: shared.config.sandbox.clone(),
                        limits: SandboxLimits {
                            jobs: params.max_jobs_per_round,
                            time: time_for(&job.context),
                            ..SandboxLimits::default()
                        },
                        search: params.retrieval,
                        host,
                    },
                    params,
                    max_chunk_bytes: clients.max_chunk_bytes,
                };
                if let Some(reader) = &clients.reader {
                    worker.count(reader.check(&minions.worker_prompt()).await?);
                }
                minions.run(&self.transcript).await
            }
        };
        if let Ok(texts) = counting.texts().await {
            let _ = self.texts.set(texts);
        }
        // A request that a replay does not have, or that may not leave, fails the job, even where the protocol could
        // do without it.
        if let Some(failure) = missing.failure() {
            return Err(failure);
        }
        let answer = answer?;
        match self.ledger.refusal() {
            Some(refusal) => Err(refusal.clone().into()),
            None => Ok(answer),
        }
    }

    /// Writes the conversation log. What takes long is done beside the runtime, with one thread at a time: there may be
    /// no other.
    pub(super) async fn close(
        self: &Arc<Self>,
        outcome: Result<Answer, Failure>,
        redactor: &Redactor,
    ) -> Result<ClosedJob, Failure> {
        let (run, cleaner) = (Arc::clone(self), redactor.clone());
        let ended = spawn_blocking(move || {
            let notes = run.transcript.take();
            let (spent, timing) = (run.spent(), run.timing());
            let log = run.log(&outcome, &notes, spent, timing);
            let text = cleaner.clean_json_pretty(&log).map_err(io::Error::from);
            let turn = run
                .job
                .conversation
                .is_some()
                .then(|| turn::record(&run.job.task, run.turn.get(), &outcome, &notes, spent));
            (ClosedJob { outcome, notes, spent, timing, log, log_file: None, turn, session: None }, text)
        });
        let (mut closed, text) = ended.await?;
        closed.session = self.store_turn(&closed, redactor).await;
        closed.log_file = self.write_log(text, redactor, self.log_wait(&closed.outcome)).await;
        Ok(closed)
    }

    /// Adds the turn to the session, if the job has one. If that fails, a warning is given and the job keeps its answer.
    /// A job that was refused before it began is no turn.
    async fn store_turn(&self, closed: &ClosedJob, redactor: &Redactor) -> Option<SessionReport> {
        let session = self.job.session()?;
        if closed.outcome.as_ref().is_err_and(|failure| failure.kind == FailureKind::Input) {
            drop(lock(&self.session).take());
            return None;
        }
        let turn = closed.turn.as_ref()?;
        let clean = redactor.clean_json(turn).and_then(|json| serde_json::from_slice(&json));
        let (turn, stored) = session_turn::end(&self.session, clean.unwrap_or_else(|_| turn.clone())).await?;
        if let Err(failure) = &stored {
            self.transcript.warn(format!("this turn is not in the session: {failure}"));
        }
        Some(SessionReport { name: session.name.to_string(), turn, stored: stored.is_ok() })
    }

    /// The result of a job whose log is written.
    pub(super) fn result(&self, closed: ClosedJob) -> Result<JobResult, Failure> {
        let ClosedJob { outcome, notes, spent, timing, log, log_file, turn, session } = closed;
        let savings = outcome
            .as_ref()
            .ok()
            .zip(self.texts.get())
            .map(|(answer, texts)| SavingsReport::new(&self.job, texts, &answer.text, spent.remote));
        self.events.emit(|| EventKind::Usage {
            remote: spent.remote,
            local: spent.local,
            usd: spent.usd,
            remote_only_usd: savings.as_ref().and_then(|savings| savings.usd).map(|usd| usd.remote_only),
        });
        let answer = outcome.map_err(|failure| Failure { spent: Box::new(spent), ..failure })?;
        let has_unread = self.files.iter().any(|file| !file.scans.is_empty());
        let has_rounds = match self.job.protocol {
            Protocol::Minion(_) => false,
            Protocol::Minions(_) => true,
        };
        let state = self.turn.get();
        let conversation_history = state.zip(turn).map(|(state, record)| {
            let mut history = state.history.clone();
            history.push(record.turn);
            history
        });
        let result = JobResult {
            final_answer: answer.text,
            status: if has_unread { answer.status.without_a_part() } else { answer.status },
            standalone_task: state.and_then(|state| state.standalone_task.clone()),
            history: state.map(|state| state.report),
            conversation_history,
            memo: self.memo.get().map(|memo| memo.report()),
            session,
            supervisor_messages: Some(notes.supervisor),
            worker_messages: Some(notes.worker),
            remote_usage: spent.remote,
            local_usage: spent.local,
            log_file,
            conversation_log: Some(log),
            timing,
            egress: self.ledger.report(),
            savings,
            evidence_summary: has_rounds.then(|| EvidenceSummary {
                citations: notes.evidence.len(),
                verified: notes.evidence.iter().filter(|cited| cited.evidence.verified).count(),
            }),
            meta: has_rounds.then_some(notes.rounds),
            evidence: has_rounds.then_some(notes.evidence),
            files: (!self.files.is_empty()).then(|| self.files.clone()),
            folders: self.folders.clone(),
            metadata: self.job.metadata.clone(),
            job_hash: self.job.hash.clone(),
            rounds: notes.begun,
            local_client: self.local_client.clone(),
            remote_client: self.remote_client.clone(),
            minions_version: VERSION,
            spent,
        };
        Ok(if self.job.is_slim { result.slim() } else { result })
    }

    fn log(
        &self,
        outcome: &Result<Answer, Failure>,
        notes: &Notes,
        spent: Spent,
        timing: Timing,
    ) -> ConversationLog {
        let (context, doc_metadata) = match &self.job.protocol {
            Protocol::Minion(_) => (Some(Arc::clone(&self.job.context)), None),
            Protocol::Minions(_) => (None, Some(self.job.doc_metadata.clone())),
        };
        ConversationLog {
            task: self.job.task.clone(),
            standalone_task: self.turn.get().and_then(|turn| turn.standalone_task.clone()),
            context,
            doc_metadata,
            conversation: notes.conversation.clone(),
            generated_final_answer: outcome
                .as_ref()
                .map_or_else(|_| String::new(), |answer| answer.text.clone()),
            usage: LoggedUsage { remote: spent.remote, local: spent.local },
            timing,
            protocol: self.job.protocol.name(),
            local_client: self.local_client.clone(),
            remote_client: self.remote_client.clone(),
            minions_version: VERSION,
            // A failed job has no result to hold these.
            failed: outcome.as_ref().err().map(|failure| FailedLog {
                error: failure.to_string(),
                worker_messages: notes.worker.clone(),
                meta: notes.rounds.clone(),
                egress: self.ledger.report(),
            }),
        }
    }

    /// The cost of the calls so far.
    fn spent(&self) -> Spent {
        let remote = self.usage(&self.supervisor, JobRole::Supervisor);
        let mut local = self.usage(&self.worker, JobRole::Worker);
        local += self.of_files;
        local += self.embeddings.get().map_or(Usage::default(), |embeddings| embeddings.cost().0);
        Spent { remote, local, usd: self.job.prices.map(|prices| prices.cost(remote)) }
    }

    /// Tokens of a side's calls. The side counts a turn when the turn ends. The tries of a turn that was cut off are
    /// only in the ledger, if they left.
    fn usage(&self, side: &OnceLock<Side>, role: JobRole) -> Usage {
        let (ended, left) = (side.get().map_or(Usage::default(), Side::usage), self.ledger.usage(role));
        if left.total_tokens > ended.total_tokens { left } else { ended }
    }

    /// How long each side's calls took, the whole job, and the time without calls.
    fn timing(&self) -> Timing {
        let busy = |side: &OnceLock<Side>| side.get().map_or(0.0, |side| side.busy().as_secs_f64());
        let embedding = self.embeddings.get().map_or(0.0, |embeddings| embeddings.cost().1.as_secs_f64());
        let (remote, local) = (busy(&self.supervisor), busy(&self.worker) + embedding);
        let total = self.started.elapsed().as_secs_f64();
        Timing {
            local_call_time: local,
            remote_call_time: remote,
            total_time: total,
            overhead_time: (total - local - remote).max(0.0),
        }
    }

    /// Writes the log and gives its path. If that fails, or its folder does not answer for `wait`, a warning is given and
    /// the job keeps its answer.
    async fn write_log(
        &self,
        text: io::Result<Vec<u8>>,
        redactor: &Redactor,
        wait: Duration,
    ) -> Option<String> {
        let Job { log_dir, log_name, task, .. } = &self.job;
        let (dir, name, task) = (log_dir.clone(), log_name.clone(), task.clone());
        let cleaner = redactor.clone();
        let write = move || conversation_log::write(&dir, name.as_deref(), &task, text?, &cleaner);
        match timeout(wait, beside_runtime(write)).await.unwrap_or_else(|_| Err(no_answer(wait))) {
            Ok(path) => Some(path.to_string_lossy().into_owned()),
            Err(error) => {
                self.warn_of_log(&error);
                None
            }
        }
    }

    /// How long the log may take: less where the job has no time left.
    fn log_wait(&self, outcome: &Result<Answer, Failure>) -> Duration {
        let left = self.job.budget.deadline.map(|limit| limit.saturating_sub(self.started.elapsed()));
        let is_ended = outcome.as_ref().is_err_and(|failure| failure.kind.is_from_outside());
        LAST_LOG_WAIT + if is_ended { Duration::ZERO } else { left.unwrap_or(LOG_WAIT).min(LOG_WAIT) }
    }

    /// Tells once that the job's log cannot be written.
    fn warn_of_log(&self, error: &io::Error) {
        let (dir, words) = (self.job.log_dir.display(), crate::words::of_io(error));
        let what = format!("no conversation log: {dir} can't be written: {words}");
        if self.lost_log.set(()).is_ok() {
            tracing::warn!("{what}");
            self.events.emit(|| EventKind::Warning { text: what });
        }
    }
}

/// The folder of a log, which may be on a network mount, is not there for us.
fn no_answer(wait: Duration) -> io::Error {
    io::Error::other(format!("it did not answer within {} s", wait.as_secs()))
}

/// How long one call of the supervisor's code may take: cutting long documents takes longer.
fn time_for(context: &[Document]) -> Duration {
    let bytes: usize = context.iter().map(|document| document.text.len()).sum();
    SandboxLimits::default().time + Duration::from_millis((bytes / BYTES_PER_MILLISECOND) as u64)
}
