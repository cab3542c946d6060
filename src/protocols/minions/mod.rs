//! `minions`: the supervisor writes a program that cuts the documents into jobs, copies of the worker do them
//! side by side, and the supervisor draws the answer from what the program makes of their replies.

mod aggregate;
mod agreement;
mod answers;
mod call;
mod citations;
mod decompose;
mod fan_out;
mod give_up;
mod job_events;
mod lane;
mod overview;
mod reply_code;
mod scheduler;
mod shown;
mod synthesise;
mod worker;

use std::collections::HashSet;
use std::sync::Arc;

use super::round::{Round, RoundJob, RoundJobs, RoundVerdict};
use super::{Answer, Assignment, Entry, ProtocolError, Transcript};
use crate::chat::Message;
use crate::documents::Held;
use crate::documents::evidence::Sources;
use crate::job::MinionsParams;
use crate::memo::Memo;
use crate::prompts::{self, Filled, Slot};
use crate::sandbox::{JobManifest, JobOutput, JobRecord, Sandbox};
use crate::words::count;

use agreement::Vote;
pub(super) use decompose::listed;
pub(crate) use decompose::names;
pub(crate) use worker::up_to_the_task;

/// One run of the protocol.
pub(crate) struct Minions<'a> {
    /// The question, the documents and the two sides.
    pub assignment: Assignment<'a>,
    /// Where the supervisor's programs run.
    pub sandbox: Sandbox,
    /// The protocol's own limits.
    pub params: &'a MinionsParams,
    /// The longest chunk that the worker can read, in bytes, if that is known.
    pub max_chunk_bytes: Option<usize>,
    /// What keeps the worker's answers.
    pub memo: Option<Arc<Memo>>,
}

/// What a round hands to the next.
#[derive(Default)]
struct Memory {
    manifests: Vec<JobManifest>,
    outputs: Vec<JobOutput>,
    /// What the program showed.
    shown: String,
    scratchpad: Option<String>,
    feedback: Option<String>,
    /// The program that the verdict asks to go on with.
    program: Option<String>,
}

impl Minions<'_> {
    /// Runs the rounds to their answer.
    pub(crate) async fn run(&self, transcript: &Transcript) -> Result<Answer, ProtocolError> {
        let Assignment { context, max_rounds, .. } = self.assignment;
        transcript.worker_instructions(self.assignment.prompts.fill(&prompts::MINIONS_WORKER, &[]).text);
        let sources = Sources::new(context);
        let mut memory = Memory::default();
        let mut held = Held::default();
        let mut lost_any = false;
        for round in 1..=max_rounds {
            transcript.begin_round(round, max_rounds);
            if memory.program.is_none() {
                tracing::info!("round {round}/{max_rounds}: the supervisor writes a program");
            }
            let mut program = self.decompose(round, &memory, transcript).await?;
            tracing::info!("round {round}/{max_rounds}: {}", count(program.manifests.len(), "worker job"));
            let replies = self.fan_out(round, &program.manifests, transcript).await?;
            let votes = agreement::of_samples(replies);
            let lost = votes.iter().filter(|vote| vote.samples == 0).count();
            lost_any |= lost > 0;
            let mut jobs = paired(&program.manifests, votes);
            let logged: Vec<_> = jobs.iter().map(|job| without_chunk(&job.manifest)).collect();
            transcript.entry(entry_of(&jobs, &logged));
            if lost > 0 {
                // Why a call failed was told when it did.
                let unread = jobs.iter().find(|job| job.samples == 0 && !job.raw_reply.is_empty());
                let why = unread.map_or(String::new(), |job| format!("; {}", job.output.explanation));
                let of = count(jobs.len(), "worker job");
                transcript.warn(format!("{lost} of {of} without a usable reply{why}"));
            }
            let mut cited = citations::checked(round, &mut jobs, &sources, context, &transcript.events);
            let seen = held.add(context, distinct_chunks(&jobs));
            let overview = overview::of(&jobs, seen);
            let aggregate = self.aggregate(round, &mut program, &mut jobs, &memory, transcript).await?;
            lost_any |= aggregate.is_cut;
            if aggregate.shows_more {
                cited.extend(shown::cited(round, &aggregate.text, &sources, context, &cited));
            }
            transcript.cited(cited);
            // A text of the documents does not end what is told as material.
            let answers = format!("{overview}\n{}", aggregate.text).replace("</answers>", "</ answers>");
            let verdict = self.synthesise(round, &answers, !jobs.is_empty(), &memory, transcript).await?;
            transcript.round(Round {
                round,
                program: program.code,
                failed_programs: program.failed,
                local: RoundJobs {
                    jobs: jobs.iter().zip(&logged).map(|(job, logged)| RoundJob::new(job, logged)).collect(),
                },
                remote: RoundVerdict {
                    answers,
                    aggregate_error: aggregate.error,
                    explanation: verdict.explanation,
                    feedback: verdict.feedback.clone(),
                    scratchpad: verdict.scratchpad.clone(),
                },
            });
            if let Some(text) = verdict.answer {
                let is_proved = transcript.has_proof();
                if !is_proved {
                    transcript.warn("the documents have none of the words that the worker cites".to_owned());
                }
                return Ok(Answer::given(text, lost_any || !is_proved, transcript));
            }
            let (manifests, outputs) = jobs.into_iter().map(|job| (job.manifest, job.output)).unzip();
            memory = Memory {
                manifests,
                outputs,
                shown: program.session.shown().text.clone(),
                scratchpad: verdict.scratchpad.or(memory.scratchpad),
                feedback: verdict.feedback,
                program: verdict.program,
            };
        }
        Ok(Answer::none())
    }

    /// What the worker reads in every job, whatever the supervisor's program makes of the documents.
    pub(crate) fn worker_prompt(&self) -> Message {
        worker::bare_prompt(self.assignment.prompts)
    }

    fn metadata(&self) -> Filled {
        let given = self.assignment.doc_metadata;
        self.assignment.about(given.map_or(Slot::Own("nothing is known"), Slot::Other))
    }
}

/// Pairs each vote with the manifest of its job.
fn paired(manifests: &[JobManifest], votes: Vec<Vote>) -> Vec<JobRecord> {
    let job = |Vote { reply, agreed, samples }: Vote| JobRecord {
        manifest: manifests[reply.job].clone(),
        output: reply.output,
        raw_reply: reply.text,
        include: None,
        agreed,
        samples,
        confirmed: false,
        nearest: None,
        place: None,
    };
    votes.into_iter().map(job).collect()
}

/// The texts of the chunks, each once.
fn distinct_chunks(jobs: &[JobRecord]) -> impl Iterator<Item = &str> {
    let mut seen = HashSet::new();
    jobs.iter().map(|job| &job.manifest).filter(move |job| seen.insert(job.chunk_id)).map(|job| &*job.chunk)
}

/// The jobs of a round for the conversation log, with their manifests as the log shows them.
fn entry_of(jobs: &[JobRecord], logged: &[JobManifest]) -> Entry {
    Entry {
        user: "local",
        prompt: format!("{} jobs", jobs.len()),
        output: None,
        job_manifests: Some(logged.to_vec()),
        job_outputs: Some(jobs.iter().map(|job| job.output.clone()).collect()),
    }
}

/// A manifest for a log: the length of the chunk stands in place of its text.
fn without_chunk(manifest: &JobManifest) -> JobManifest {
    let chunk = format!("[{} characters]", manifest.chunk.chars().count()).into();
    JobManifest { chunk, ..manifest.clone() }
}
