//! A job under way: what it has cost and said so far, and what becomes of that at its end.

use std::io::{self, IsTerminal};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use super::egress::Ledger;
use super::options::JobOptions;
use super::retrieval::Embeddings;
use super::savings::Savings;
use super::shared::SharedResources;
use super::{clients, conversation_log, images};
use crate::chat::{Format, Usage};
use crate::documents::Document;
use crate::documents::tokens::{self, Count};
use crate::error::Failure;
use crate::job::{Job, Protocol};
use crate::prompts::Prompts;
use crate::protocols::minion::Minion;
use crate::protocols::minions::Minions;
use crate::protocols::{Answer, Side, SpendingLimits, Transcript};
use crate::sandbox::{HostCalls, Sandbox, SandboxLimits, SearchByMeaning};

/// Bytes of documents for which the supervisor's code gets a millisecond more.
const BYTES_PER_MILLISECOND: usize = 20_000;

/// How a job ended and what it has cost.
pub(super) struct Done {
    /// The result for the envelope, or why there is none.
    pub outcome: Result<Value, Failure>,
    pub remote: Usage,
    pub local: Usage,
    /// Dollars for `remote`, if the job has prices.
    pub dollars: Option<f64>,
    /// None if there is no answer.
    pub savings: Option<Savings>,
}

impl Done {
    /// A job for which no call was made.
    pub(super) fn at_no_cost(outcome: Result<Value, Failure>) -> Self {
        Self { outcome, remote: Usage::default(), local: Usage::default(), dollars: None, savings: None }
    }
}

/// A job under way.
pub(super) struct Running {
    job: Job,
    started: Instant,
    transcript: Transcript,
    supervisor: OnceLock<Side>,
    worker: OnceLock<Side>,
    embeddings: OnceLock<Arc<Embeddings>>,
    ledger: Arc<Ledger>,
    /// Tokens of the job's texts, once it is answered.
    texts: OnceLock<Count>,
}

impl Running {
    pub(super) fn new(job: Job, options: &JobOptions) -> Self {
        let limits = [job.budget.egress_chars, options.max_egress_chars];
        Self {
            ledger: Ledger::new(Arc::clone(&job.context), limits.into_iter().flatten().min()),
            job,
            started: Instant::now(),
            transcript: Transcript::default(),
            supervisor: OnceLock::new(),
            worker: OnceLock::new(),
            embeddings: OnceLock::new(),
            texts: OnceLock::new(),
        }
    }

    /// Runs the job's protocol.
    pub(super) async fn solve(&self, shared: &SharedResources) -> Result<Answer, Failure> {
        let job = &self.job;
        // Beside the models, which take longer.
        let counting = Counting::begin(job);
        let prompts = Prompts::load(&job.prompts).map_err(Failure::input)?;
        let fetches = job.local.provider.dialect.is_some_and(|dialect| dialect.fetches_images());
        let images = images::load(&job.images, fetches).await?;
        let clients = clients::open(job, shared, &self.ledger).await?;
        let missing = clients.missing;
        let spending =
            SpendingLimits { tokens: job.budget.remote_tokens, dollars: job.budget.usd.zip(job.prices) };
        let supervisor = self.supervisor.get_or_init(|| Side::new(clients.supervisor, spending));
        let worker = self.worker.get_or_init(|| Side::new(clients.worker, SpendingLimits::default()));
        let answer = match &job.protocol {
            Protocol::Minion => {
                let schema = job.local.kwargs.structured_output_schema.clone();
                Minion {
                    supervisor,
                    worker,
                    task: &job.task,
                    context: &job.context,
                    images: &images,
                    prompts: &prompts,
                    doc_metadata: job.doc_metadata.as_deref(),
                    max_rounds: job.max_rounds,
                    worker_format: schema.map_or(Format::Text, |schema| Format::Schema {
                        name: "reply",
                        schema,
                        shares: false,
                    }),
                }
                .run(&self.transcript)
                .await
            }
            Protocol::Minions(params) => {
                let host = clients.embedder.map(|model| -> Arc<dyn HostCalls> {
                    let embeddings = self.embeddings.get_or_init(|| Arc::new(Embeddings::new(model)));
                    Arc::new(SearchByMeaning(Arc::clone(embeddings) as _))
                });
                Minions {
                    supervisor,
                    worker,
                    sandbox: Sandbox {
                        program: shared.surroundings.sandbox.clone(),
                        limits: SandboxLimits {
                            jobs: params.max_jobs_per_round,
                            time: time_for(&job.context),
                            ..SandboxLimits::default()
                        },
                        search: params.retrieval,
                        host,
                    },
                    prompts: &prompts,
                    task: &job.task,
                    context: &job.context,
                    doc_metadata: job.doc_metadata.as_deref(),
                    max_rounds: job.max_rounds,
                    params,
                    bar: io::stderr().is_terminal() && !shared.is_for_many(),
                    max_chunk_bytes: clients.max_chunk_bytes,
                }
                .run(&self.transcript)
                .await
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
            Some(refusal) => Err(Failure { hint: refusal.hint.clone(), ..Failure::job(refusal.to_string()) }),
            None => Ok(answer),
        }
    }

    /// Writes the conversation log and makes the result.
    pub(super) fn close(
        &self,
        outcome: Result<Answer, Failure>,
        redactor: &crate::chat::secrets::Redactor,
    ) -> Done {
        let notes = self.transcript.take();
        let (remote, mut local) =
            (self.usage(&self.supervisor, "supervisor"), self.usage(&self.worker, "worker"));
        local += self.embeddings.get().map_or(Usage::default(), |embeddings| embeddings.cost().0);
        let dollars = self.job.prices.map(|prices| prices.cost(remote));
        let timing = self.timing();
        let mut log = json!({ "task": self.job.task });
        match &self.job.protocol {
            Protocol::Minion => log["context"] = json!(self.job.context[..]),
            Protocol::Minions(_) => log["doc_metadata"] = json!(self.job.doc_metadata),
        }
        log["conversation"] = json!(notes.conversation);
        log["generated_final_answer"] = json!(outcome.as_ref().map_or("", |answer| &answer.text));
        log["usage"] = json!({ "remote": remote, "local": local });
        log["timing"] = timing.clone();
        if let Err(failure) = &outcome {
            log["error"] = json!(failure.to_string());
            // The result that would hold them does not come.
            log["worker_messages"] = json!(notes.worker);
            log["meta"] = json!(notes.rounds);
            log["egress"] = self.ledger.shown();
        }
        redactor.clean_value(&mut log);
        let log_file = self.write_log(&log);
        let answer = match outcome {
            Ok(answer) => answer,
            Err(failure) => {
                return Done { outcome: Err(failure), remote, local, dollars, savings: None };
            }
        };
        let savings =
            self.texts.get().map(|texts| Savings::new(&self.job, texts.clone(), &answer.text, remote));
        let mut result = json!({
            "final_answer": answer.text,
            "status": answer.status,
            "supervisor_messages": notes.supervisor,
            "worker_messages": notes.worker,
            "remote_usage": remote,
            "local_usage": local,
            "log_file": log_file,
            "conversation_log": log,
            "timing": timing,
            "egress": self.ledger.shown(),
            "savings": savings.as_ref().map(Savings::shown),
        });
        if let Protocol::Minions(_) = self.job.protocol {
            result["meta"] = Value::Array(notes.rounds);
            result["evidence"] = json!(notes.evidence);
        }
        if let Some(metadata) = &self.job.metadata {
            result["metadata"] = metadata.clone();
        }
        Done { outcome: Ok(result), remote, local, dollars, savings }
    }

    /// Tokens of a side's calls. It knows of a turn when that ends; of the tries of one that was cut off only the
    /// ledger does, if they left.
    fn usage(&self, side: &OnceLock<Side>, name: &str) -> Usage {
        let (ended, left) = (side.get().map_or(Usage::default(), Side::usage), self.ledger.usage(name));
        if left.total_tokens > ended.total_tokens { left } else { ended }
    }

    /// Seconds: calls of either side, all of it, and what neither side's calls account for.
    fn timing(&self) -> Value {
        let busy = |side: &OnceLock<Side>| side.get().map_or(0.0, |side| side.busy().as_secs_f64());
        let embedding = self.embeddings.get().map_or(0.0, |embeddings| embeddings.cost().1.as_secs_f64());
        let (remote, local) = (busy(&self.supervisor), busy(&self.worker) + embedding);
        let total = self.started.elapsed().as_secs_f64();
        json!({
            "local_call_time": local,
            "remote_call_time": remote,
            "total_time": total,
            "overhead_time": (total - local - remote).max(0.0),
        })
    }

    /// A log that can't be written is no reason to lose an answer.
    fn write_log(&self, log: &Value) -> Option<String> {
        let Job { log_dir, log_name, task, .. } = &self.job;
        match conversation_log::write(log_dir, log_name.as_deref(), task, log) {
            Ok(path) => Some(path.to_string_lossy().into_owned()),
            Err(error) => {
                tracing::warn!("no conversation log: {} can't be written: {error}", log_dir.display());
                None
            }
        }
    }
}

/// How long one call of the supervisor's code may take: long documents take longer to cut.
fn time_for(context: &[Document]) -> Duration {
    let bytes: usize = context.iter().map(|document| document.text.len()).sum();
    SandboxLimits::default().time + Duration::from_millis((bytes / BYTES_PER_MILLISECOND) as u64)
}

/// The tokens of a job's texts: those of long ones are counted in a thread of its own, beside the models; for short ones,
/// which are not counted but estimated, that would cost more.
enum Counting<'a> {
    Short(&'a Job),
    Long(JoinHandle<Count>),
}

impl<'a> Counting<'a> {
    fn begin(job: &'a Job) -> Self {
        if texts(job).map(str::len).sum::<usize>() < tokens::COUNTED_FROM {
            return Self::Short(job);
        }
        let context = Arc::clone(&job.context);
        let others: Vec<String> = job.doc_metadata.iter().chain([&job.task]).cloned().collect();
        Self::Long(spawn_blocking(move || tokens::count(chained(&context, &others))))
    }

    async fn texts(self) -> Result<Count, JoinError> {
        match self {
            Self::Short(job) => Ok(tokens::count(texts(job))),
            Self::Long(counting) => counting.await,
        }
    }
}

fn texts(job: &Job) -> impl Iterator<Item = &str> + Clone {
    chained(&job.context, job.doc_metadata.iter().chain([&job.task]))
}

fn chained<'a>(
    context: &'a [Document],
    others: impl IntoIterator<Item = &'a String, IntoIter: Clone>,
) -> impl Iterator<Item = &'a str> + Clone {
    context.iter().map(Document::as_ref).chain(others.into_iter().map(String::as_str))
}
