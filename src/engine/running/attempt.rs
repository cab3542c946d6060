//! One attempt at a job: its clients are opened, a follow-up is made to stand alone, its protocol runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::{JobRun, Sides};
use crate::chat::{Format, Image};
use crate::documents::Document;
use crate::engine::clients::{self, Clients};
use crate::engine::read_ahead::ReadAhead;
use crate::engine::retrieval::Embeddings;
use crate::engine::shared::SharedResources;
use crate::engine::turn::{self, Posed};
use crate::engine::worker_memo;
use crate::error::Failure;
use crate::job::{Job, JobRole, MinionParams, MinionsParams, Protocol};
use crate::prompts::{Filled, Prompts};
use crate::protocols::local_only::LocalOnly;
use crate::protocols::minion::Minion;
use crate::protocols::minions::{self, Minions};
use crate::protocols::remote_only::RemoteOnly;
use crate::protocols::{Answer, Assignment, FollowUp, ProtocolError, Side};
use crate::sandbox::{HostCalls, Sandbox, SandboxLimits, SearchByMeaning};
use crate::sync::lock;

/// For this many bytes of documents the supervisor's code gets one millisecond more.
const BYTES_PER_MILLISECOND: usize = 20_000;

impl JobRun {
    /// Runs the protocol of `job`, which is this one.
    pub(super) async fn attempt(
        &self,
        job: &Job,
        shared: &SharedResources,
        prompts: &Prompts,
    ) -> Result<Answer, Failure> {
        let sees = if job.protocol.asks(JobRole::Worker) { &job.local } else { &job.remote };
        let fetches = sees.provider.dialect.is_some_and(|dialect| dialect.fetches_images());
        let images = self.pictures.for_server(fetches).await?;
        let waiting = shared.pulls.wait_with(&self.events);
        let clients = clients::open(job, shared, &self.ledger);
        let clients = match &job.protocol {
            Protocol::Minion(_) | Protocol::RemoteOnly | Protocol::LocalOnly { .. } => clients.await?,
            Protocol::Minions(_) => tokio::try_join!(clients, shared.sandbox_works())?.0,
            Protocol::Auto(_) => return Err(Failure::defect("the protocol was not chosen")),
        };
        drop(waiting);
        let sides = Arc::new(Sides {
            supervisor: Side::new(Arc::clone(&clients.supervisor)),
            worker: Side::new(Arc::clone(&clients.worker)),
        });
        lock(&self.sides).push(Arc::clone(&sides));
        let nothing = Filled::default();
        let as_asked = Assignment {
            supervisor: &sides.supervisor,
            worker: &sides.worker,
            prompts,
            task: &job.task,
            is_task_own: true,
            context: &job.context,
            doc_metadata: job.doc_metadata.as_deref(),
            known: &nothing,
            max_rounds: job.max_rounds,
        };
        let posed = self.posed(job, &as_asked).await;
        // A request that a replay does not have is the reason that is told.
        let posed = posed.map_err(|failure| clients.missing.failure().unwrap_or(failure))?;
        let assignment = match posed {
            None => as_asked,
            Some(Posed { task, is_own, known }) => {
                Assignment { task, is_task_own: *is_own, known, ..as_asked }
            }
        };
        if let Some(note) = shared.config.idle_kv_cache(&[job.local.provider, job.remote.provider]) {
            self.transcript.warn(note.to_owned());
        }
        let answer = match &job.protocol {
            Protocol::Minion(params) => {
                if shared.config.jobs.memo.is_some() {
                    self.transcript.warn(worker_memo::NOT_OF_MINION.to_owned());
                }
                self.chat(job, *params, assignment, images, &clients).await?
            }
            Protocol::Minions(params) => self.fan_out(job, params, assignment, shared, &clients).await?,
            Protocol::RemoteOnly => RemoteOnly { assignment, images }.run(&self.transcript).await,
            Protocol::LocalOnly { samples } => self.alone(*samples, assignment, images, &clients).await?,
            Protocol::Auto(_) => return Err(Failure::defect("the protocol was not chosen")),
        };
        // A request that a replay does not have, or that may not leave, fails the job, even where the protocol could
        // do without it.
        match clients.missing.failure() {
            Some(failure) => Err(failure),
            None => Ok(answer?),
        }
    }

    /// What the protocol runs on, if the job is a turn of a conversation.
    async fn posed(&self, job: &Job, as_asked: &Assignment<'_>) -> Result<Option<&Posed>, Failure> {
        let Some(conversation) = &job.conversation else { return Ok(None) };
        if let Some(posed) = self.posed.get() {
            return Ok(Some(posed));
        }
        let follow_up = FollowUp {
            assignment: as_asked,
            transcript: &self.transcript,
            summarises: if job.protocol.asks(JobRole::Worker) {
                JobRole::Worker
            } else {
                JobRole::Supervisor
            },
        };
        let (state, posed) = turn::pose(conversation, &self.session, &follow_up).await?;
        let _ = self.turn.set(state);
        Ok(Some(self.posed.get_or_init(|| posed)))
    }

    /// `minion`.
    async fn chat(
        &self,
        job: &Job,
        params: MinionParams,
        assignment: Assignment<'_>,
        images: &[Arc<Image>],
        clients: &Clients,
    ) -> Result<Result<Answer, ProtocolError>, Failure> {
        let schema = job.local.kwargs.structured_output_schema.clone();
        let worker = assignment.worker;
        let minion = Minion {
            assignment,
            images,
            worker_format: schema.map_or(Format::Text, |schema| Format::Schema {
                name: "reply",
                schema,
                shares: false,
            }),
            max_reply_chars: params.max_reply_chars,
            is_told_of_cost: self.job.protocol == job.protocol && !job.remote.provider.local,
        };
        let run = async |has_read| minion.run(&self.transcript, has_read).await;
        let Some(reader) = &clients.reader else {
            let (nobody, has_read) = oneshot::channel();
            drop(nobody);
            return Ok(run(has_read).await);
        };
        let is_wanted = params.read_ahead && !clients.sides_share_model;
        let ahead = ReadAhead { reader, worker, events: &self.events, is_wanted };
        ahead.beside(minion.worker_prompt(), run).await
    }

    /// `minions`.
    async fn fan_out(
        &self,
        job: &Job,
        params: &MinionsParams,
        assignment: Assignment<'_>,
        shared: &SharedResources,
        clients: &Clients,
    ) -> Result<Result<Answer, ProtocolError>, Failure> {
        let host = clients.embedder.clone().map(|model| -> Arc<dyn HostCalls> {
            let embeddings = self.embeddings.get_or_init(|| Arc::new(Embeddings::new(model)));
            Arc::new(SearchByMeaning(Arc::clone(embeddings) as _))
        });
        if let Some(memo) = worker_memo::open(job, shared, &self.transcript)? {
            let _ = self.memo.set(memo);
        }
        let worker = assignment.worker;
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
                names: minions::names(&job.context),
            },
            params,
            max_chunk_bytes: clients.max_chunk_bytes,
        };
        if let Some(reader) = &clients.reader {
            worker.count(reader.check(&minions.worker_prompt()).await?);
        }
        Ok(minions.run(&self.transcript).await)
    }

    /// `local_only`.
    async fn alone(
        &self,
        samples: u32,
        assignment: Assignment<'_>,
        images: &[Arc<Image>],
        clients: &Clients,
    ) -> Result<Result<Answer, ProtocolError>, Failure> {
        let worker = assignment.worker;
        let local_only = LocalOnly { assignment, images, samples };
        if let Some(reader) = &clients.reader {
            worker.count(reader.check(&local_only.worker_prompt()).await?);
        }
        Ok(local_only.run(&self.transcript).await.map(|(answer, checked)| {
            let _ = self.checked.set(checked);
            answer
        }))
    }
}

/// How long one call of the supervisor's code may take: cutting long documents takes longer.
fn time_for(context: &[Document]) -> Duration {
    let bytes: usize = context.iter().map(|document| document.text.len()).sum();
    SandboxLimits::default().time + Duration::from_millis((bytes / BYTES_PER_MILLISECOND) as u64)
}
