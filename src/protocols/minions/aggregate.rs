//! The supervisor's program turns the replies into the text that the supervisor reads.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use super::decompose::Program;
use crate::documents::evidence::holds;
use crate::protocols::{ProtocolError, excerpt};
use crate::sandbox::{Job, SandboxError};

/// Characters of an aggregate at most; what the supervisor reads is what costs.
const LONGEST: usize = 200_000;
/// Characters of a citation at most in the plain list.
const CITATION: usize = 300;
/// Bytes of a head line at most.
const LONGEST_HEAD: usize = 100;

/// What the supervisor reads.
pub(super) struct Aggregate {
    pub text: String,
    /// Why the program's own aggregate could not serve.
    pub error: Option<String>,
}

/// Runs `transform_outputs`. If the program has none, or it fails or drops every answer, the answers are listed
/// plainly.
pub(super) async fn run(
    program: &mut Program,
    jobs: &mut [Job],
    lost: usize,
) -> Result<Aggregate, ProtocolError> {
    let answered = jobs.iter().filter(|job| job.output.answer.is_some()).count();
    let (text, error) = match program.session.transform_outputs(jobs).await {
        Ok(transformed) => {
            for (job, include) in jobs.iter_mut().zip(transformed.include) {
                job.include = include;
            }
            match transformed.text.trim() {
                "" if answered > 0 => {
                    (plain(jobs), Some("transform_outputs returned an empty text".to_owned()))
                }
                text => (text.to_owned(), None),
            }
        }
        Err(_) if !program.code.contains("transform_outputs") => (plain(jobs), None),
        Err(SandboxError::Code(error)) => (plain(jobs), Some(error.to_string())),
        Err(error) => return Err(ProtocolError::Sandbox(error)),
    };
    if let Some(error) = &error {
        tracing::warn!("the answers are listed plainly: {error}");
    }
    let mut head = format!("({} jobs, {answered} with an answer", jobs.len());
    if lost > 0 {
        let _ = write!(head, ", {lost} lost");
    }
    Ok(Aggregate { text: format!("{head})\n{}", excerpt(&text, LONGEST)), error })
}

/// The answers by task and then by chunk, each once per document that the program names.
fn plain(jobs: &[Job]) -> String {
    let mut tasks: BTreeMap<_, Vec<&Job>> = BTreeMap::new();
    for job in jobs {
        tasks.entry((job.manifest.task_id, job.manifest.task.as_str())).or_default().push(job);
    }
    let mut text = String::new();
    for ((_, task), mut jobs) in tasks {
        jobs.sort_by_key(|job| job.manifest.chunk_id);
        let answered = jobs.iter().filter(|job| job.output.answer.is_some()).count();
        let _ = writeln!(text, "Task ({answered} of {} jobs answered): {task}", jobs.len());
        let mut told = HashSet::new();
        for job in jobs {
            let source = head_line(&job.manifest.chunk).map_or_else(String::new, |head| format!(", {head}"));
            if let Some(answer) =
                with_proof(job).filter(|answer| told.insert((source.clone(), answer.clone())))
            {
                let _ =
                    writeln!(text, "[chunk {}{source}] {answer}", job.manifest.chunk_id.unwrap_or_default());
            }
        }
    }
    text
}

/// The answer with its citation, as far as the documents bear them out.
fn with_proof(job: &Job) -> Option<String> {
    let chunk = &job.manifest.chunk;
    let answer = job.output.answer.as_deref()?;
    let proof = match job.output.citation.as_deref() {
        Some(citation) if job.confirmed => format!("\"{}\"", excerpt(citation, CITATION)),
        _ if holds(chunk, answer) => "in the chunk".to_owned(),
        _ => "unconfirmed".to_owned(),
    };
    let agreement = match job.samples {
        0 | 1 => String::new(),
        samples => format!(" | {} of {samples} samples", job.agreed),
    };
    Some(format!("{answer} | {proof}{agreement}"))
}

/// What the program put before the chunk to tell where it is from: a first line in brackets.
fn head_line(chunk: &str) -> Option<&str> {
    let (head, _) = chunk.strip_prefix('[')?.split_once('\n')?;
    head.trim_end().strip_suffix(']').filter(|head| head.len() <= LONGEST_HEAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{JobManifest, JobOutput};

    fn job(task: u64, chunk: u64, answer: Option<&str>, citation: Option<&str>) -> Job {
        let text = "So \"it\"\n  says. And it\nsays so.";
        Job {
            confirmed: citation.is_some_and(|citation| holds(text, citation)),
            manifest: JobManifest {
                chunk: text.to_owned(),
                task: format!("T{task}"),
                task_id: Some(task),
                chunk_id: Some(chunk),
                ..JobManifest::default()
            },
            output: JobOutput {
                answer: answer.map(str::to_owned),
                citation: citation.map(str::to_owned),
                ..JobOutput::default()
            },
            ..Job::default()
        }
    }

    #[test]
    fn plain_lists_answers_by_task_and_chunk() {
        let said = Some("so \"it\" says");
        let jobs = [
            job(1, 1, Some("b"), said),
            job(0, 1, None, None),
            job(1, 0, Some("a"), None),
            job(0, 0, Some("c"), said),
        ];
        let want = "Task (1 of 2 jobs answered): T0\n[chunk 0] c | \"so \"it\" says\"\nTask (2 of 2 jobs answered): T1\n[chunk 0] a | unconfirmed\n\
                    [chunk 1] b | \"so \"it\" says\"\n";
        assert_eq!(plain(&jobs), want);
    }

    #[test]
    fn plain_checks_citations_and_leaves_repetitions_out() {
        let mut titled = job(0, 3, Some("d"), Some("it  SAYS"));
        titled.manifest.chunk.insert_str(0, "[Report 2]\n");
        let jobs = [
            job(0, 0, Some("a"), Some("\"So \"it\" says...\"")),
            job(0, 1, Some("b"), Some("it denies")),
            job(0, 2, Some("b"), Some("it denies")),
            job(0, 2, Some("so \"IT\""), Some("it denies")),
            job(0, 2, Some("c"), Some("it")),
            titled,
        ];
        let want = "Task (6 of 6 jobs answered): T0\n[chunk 0] a | \"\"So \"it\" says...\"\"\n[chunk 1] b | unconfirmed\n\
                    [chunk 2] so \"IT\" | in the chunk\n[chunk 2] c | unconfirmed\n\
                    [chunk 3, Report 2] d | \"it  SAYS\"\n";
        assert_eq!(plain(&jobs), want);
    }
}
