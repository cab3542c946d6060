//! The supervisor's program turns the replies into the text that the supervisor reads.

use std::fmt::Write as _;

use crate::protocols::{ProtocolError, excerpt};
use crate::sandbox::{Job, SandboxError, Session};

/// Characters of an aggregate at most; what the supervisor reads is what costs.
const LONGEST: usize = 200_000;

/// What the supervisor reads.
pub(super) struct Aggregate {
    pub text: String,
    /// Why the program's own aggregate could not serve.
    pub error: Option<String>,
}

/// Runs `transform_outputs`; if that fails, or drops every answer, the answers are listed plainly.
pub(super) async fn run(
    session: &mut Session,
    jobs: &mut [Job],
    lost: usize,
) -> Result<Aggregate, ProtocolError> {
    let answered = jobs.iter().filter(|job| job.output.answer.is_some()).count();
    let (text, error) = match session.transform_outputs(jobs).await {
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

/// The answers by task and then by chunk, with their citations.
fn plain(jobs: &[Job]) -> String {
    let mut answered: Vec<&Job> = jobs.iter().filter(|job| job.output.answer.is_some()).collect();
    answered.sort_by_key(|job| (job.manifest.task_id, job.manifest.chunk_id));
    let mut text = String::new();
    let mut task = None;
    for job in answered {
        if task != Some(&job.manifest.task) {
            task = Some(&job.manifest.task);
            let _ = writeln!(text, "Task: {}", job.manifest.task);
        }
        let _ = write!(text, "[chunk {}] ", job.manifest.chunk_id.unwrap_or_default());
        text.push_str(job.output.answer.as_deref().unwrap_or_default());
        if let Some(citation) = &job.output.citation {
            let _ = write!(text, " | {citation:?}");
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{JobManifest, JobOutput};

    #[test]
    fn plain_lists_answers_by_task_and_chunk() {
        let job = |task: u64, chunk: u64, answer: Option<&str>| Job {
            manifest: JobManifest {
                task: format!("T{task}"),
                task_id: Some(task),
                chunk_id: Some(chunk),
                ..JobManifest::default()
            },
            output: JobOutput {
                answer: answer.map(str::to_owned),
                citation: answer.map(|_| "so \"it\" says".to_owned()),
                ..JobOutput::default()
            },
            ..Job::default()
        };
        let jobs = [job(1, 1, Some("b")), job(0, 1, None), job(1, 0, Some("a")), job(0, 0, Some("c"))];
        let want = "Task: T0\n[chunk 0] c | \"so \\\"it\\\" says\"\nTask: T1\n[chunk 0] a | \"so \\\"it\\\" says\"\n\
                    [chunk 1] b | \"so \\\"it\\\" says\"\n";
        assert_eq!(plain(&jobs), want);
    }
}
