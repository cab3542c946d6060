//! One worker job: one chat of its own, and its reply read with tolerance.

use serde_json::json;

use super::call::{Call, WorkerReply};
use crate::chat::{ChatRequest, Finish, Format, Message};
use crate::prompts::{self as texts, Prompts};
use crate::protocols::ask::schema;
use crate::protocols::{Permit, Side, reply};
use crate::sandbox::{JobManifest, JobOutput};

/// Does a job. A reply that is cut off or unreadable is asked for once more; after that, and when the
/// call fails, the job stays without an answer and says why.
pub(super) async fn answer(
    worker: &Side,
    seat: &mut Permit,
    prompts: &Prompts,
    manifest: &JobManifest,
    Call { job, sample }: Call,
) -> WorkerReply {
    let mut request = request(prompts, manifest, sample);
    let mut problem = String::new();
    let mut text = String::new();
    for attempt in 0..2 {
        if attempt > 0 {
            let again = prompts.fill(
                &texts::JSON_AGAIN,
                &[("problem", &problem), ("keys", "\"explanation\", \"citation\", \"answer\"")],
            );
            // Appended, so that the chunk stays a prefix that the server has cached.
            if let Some(last) = request.messages.last_mut() {
                last.content.push_str("\n\n");
                last.content.push_str(&again);
            }
        }
        match worker.chat(seat, &request).await {
            Ok(reply) => {
                problem = match (reply.finish, output(&reply.text, &reply.cut)) {
                    (Finish::Stop, Ok(output)) => {
                        return WorkerReply { job, output, text: reply.text, lost: None };
                    }
                    // Whole all the same: what was cut off came after it.
                    (Finish::Length, Ok(output)) if output.answer.is_some() => {
                        return WorkerReply { job, output, text: reply.text, lost: None };
                    }
                    (Finish::Length, _) => "it was cut off by the token limit, so keep it short".to_owned(),
                    (Finish::Filtered, _) => "the provider filtered it".to_owned(),
                    (Finish::Stop, Err(problem)) => problem,
                };
                text = reply.text;
            }
            Err(error) => {
                tracing::warn!(job, "a worker call failed: {error}");
                return WorkerReply::failed(job, error);
            }
        }
        tracing::debug!(job, "the worker's reply is unusable: {problem}");
    }
    WorkerReply::unreadable(job, text, &problem)
}

fn request(prompts: &Prompts, manifest: &JobManifest, sample: u32) -> ChatRequest {
    let advice = match manifest.advice.trim() {
        "" => String::new(),
        advice => format!("Advice: {advice}\n"),
    };
    let question = prompts.fill(
        &texts::MINIONS_JOB,
        &[("chunk", &manifest.chunk), ("task", &manifest.task), ("advice", &advice)],
    );
    ChatRequest {
        messages: vec![Message::system(prompts.fill(&texts::MINIONS_WORKER, &[])), Message::user(question)],
        format: format(),
        sample,
    }
}

fn format() -> Format {
    schema(
        "job_output",
        json!({
            "explanation": {"type": "string"},
            "citation": {"type": ["string", "null"]},
            "answer": {"type": ["string", "null"]},
        }),
    )
}

fn output(text: &str, cut: &[String]) -> Result<JobOutput, String> {
    let mut object = reply::last_object(text)?;
    // A citation is the document's words, of which the beginning serves as well.
    reply::mark_cut(&mut object, cut.iter().filter(|key| *key != "citation"));
    let answer = reply::field(&mut object, "answer").ok_or("its JSON has no key \"answer\"")?;
    Ok(JobOutput {
        explanation: reply::text(reply::field(&mut object, "explanation")).unwrap_or_default(),
        citation: reply::text_or_nothing(reply::field(&mut object, "citation")),
        answer: reply::text_or_nothing(Some(answer)),
    })
}
