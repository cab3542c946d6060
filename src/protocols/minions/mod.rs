//! `minions`: the supervisor writes a program that cuts the documents into jobs, copies of the worker do them
//! side by side, and the supervisor draws the answer from what the program makes of their replies.

mod aggregate;
mod agreement;
mod citations;
mod decompose;
mod fan_out;
mod give_up;
mod progress;
mod scheduler;
mod synthesise;
mod worker;

use serde_json::json;

use super::{Answer, Entry, ProtocolError, Side, Status, Transcript};
use crate::documents::Document;
use crate::documents::evidence::Sources;
use crate::job::MinionsParams;
use crate::prompts::{self, Prompts};
use crate::sandbox::{JobManifest, JobOutput, JobRecord, Sandbox};

use agreement::Vote;
pub use fan_out::Reply;

/// What the protocol needs of a job.
pub struct Minions<'a> {
    /// The side that writes the programs.
    pub supervisor: &'a Side,
    /// The side that reads the chunks.
    pub worker: &'a Side,
    /// Where the programs run.
    pub sandbox: Sandbox,
    /// What the two sides are told.
    pub prompts: &'a Prompts,
    /// The question.
    pub task: &'a str,
    /// The documents.
    pub context: &'a [Document],
    /// What the supervisor is told about them.
    pub doc_metadata: Option<&'a str>,
    /// Rounds at most.
    pub max_rounds: u32,
    /// The protocol's own limits.
    pub params: &'a MinionsParams,
    /// Progress is a bar on stderr, not lines.
    pub bar: bool,
    /// The longest chunk that the worker can read, in bytes, if that is known.
    pub max_chunk_bytes: Option<usize>,
}

/// What a round hands to the next.
#[derive(Default)]
struct Memory {
    manifests: Vec<JobManifest>,
    outputs: Vec<JobOutput>,
    scratchpad: Option<String>,
    feedback: Option<String>,
}

impl Minions<'_> {
    /// Runs the rounds to their answer.
    pub async fn run(&self, transcript: &Transcript) -> Result<Answer, ProtocolError> {
        transcript.worker_instructions(self.prompts.fill(&prompts::MINIONS_WORKER, &[]));
        let sources = Sources::new(self.context);
        let mut memory = Memory::default();
        let mut lost_any = false;
        for round in 1..=self.max_rounds {
            tracing::info!("round {round}/{}: the supervisor writes a program", self.max_rounds);
            let mut program = self.decompose(round, &memory, transcript).await?;
            tracing::info!("round {round}/{}: {} worker jobs", self.max_rounds, program.manifests.len());
            let replies = self.fan_out(&program.manifests, transcript).await?;
            let votes = agreement::of_samples(replies);
            let lost = votes.iter().filter(|vote| vote.samples == 0).count();
            lost_any |= lost > 0;
            let mut jobs = self.note_jobs(&program.manifests, votes, transcript);
            transcript.cited(citations::checked(round, &mut jobs, &sources, self.context));
            let aggregate = aggregate::run(&mut program, &mut jobs, lost).await?;
            lost_any |= aggregate.is_cut;
            let verdict = self.synthesise(round, &aggregate.text, &memory, transcript).await?;
            transcript.round(json!({
                "round": round,
                "program": program.code,
                "failed_programs": program.failed,
                "local": {"jobs": jobs.iter().map(shown).collect::<Vec<_>>()},
                "remote": {
                    "answers": aggregate.text,
                    "aggregate_error": aggregate.error,
                    "explanation": verdict.explanation,
                    "feedback": verdict.feedback,
                    "scratchpad": verdict.scratchpad,
                },
            }));
            if let Some(text) = verdict.answer {
                let status = if lost_any { Status::Partial } else { Status::Answered };
                return Ok(Answer { text, status });
            }
            let (manifests, outputs) = jobs.into_iter().map(|job| (job.manifest, job.output)).unzip();
            memory = Memory {
                manifests,
                outputs,
                scratchpad: verdict.scratchpad.or(memory.scratchpad),
                feedback: verdict.feedback,
            };
        }
        Ok(Answer::none())
    }

    fn metadata(&self) -> &str {
        self.doc_metadata.unwrap_or("nothing is known")
    }

    /// Pairs each manifest with its reply, and notes them.
    fn note_jobs(
        &self,
        manifests: &[JobManifest],
        votes: Vec<Vote>,
        transcript: &Transcript,
    ) -> Vec<JobRecord> {
        let jobs: Vec<JobRecord> = votes
            .into_iter()
            .map(|Vote { reply, agreed, samples }| JobRecord {
                manifest: manifests[reply.job].clone(),
                output: reply.output,
                sample: reply.text,
                include: None,
                agreed,
                samples,
                confirmed: false,
            })
            .collect();
        transcript.entry(Entry {
            user: "local",
            prompt: format!("{} jobs", jobs.len()),
            output: None,
            job_manifests: Some(jobs.iter().map(|job| without_chunk(&job.manifest)).collect()),
            job_outputs: Some(jobs.iter().map(|job| job.output.clone()).collect()),
        });
        jobs
    }
}

/// The task of a job in words, for logs.
fn question_of(manifest: &JobManifest) -> String {
    format!("[chunk {}] {}", manifest.chunk_id.unwrap_or_default(), manifest.task)
}

/// A manifest for a log: the chunk stays where it is, only its length is told.
fn without_chunk(manifest: &JobManifest) -> JobManifest {
    JobManifest { chunk: format!("[{} characters]", manifest.chunk.chars().count()), ..manifest.clone() }
}

/// A job for the result.
fn shown(job: &JobRecord) -> serde_json::Value {
    json!({
        "manifest": without_chunk(&job.manifest),
        "output": job.output,
        "include": job.include,
        "agreed": job.agreed,
        "samples": job.samples,
    })
}
