//! Answers that a model marks, which the user has named.

use minions::chat::{ChatRequest, Message};
use minions::engine::Engine;
use minions::error::Failure;
use minions::evaluation::{JudgeCase, Opinion, Score};
use minions::job::{self, Job, JobRole, ModelId};
use minions::settings::Settings;
use serde_json::{Value, json};

use super::configurations::set_prices;
use super::results::{Known, Results};
use crate::cli::program::Program;

/// Replies of a judge that can't be read, before it is given up.
const TRIES: u32 = 3;

/// A judge's mark and its cost.
#[derive(Clone, Debug)]
pub(super) struct Marked {
    pub score: Score,
    pub tokens: u64,
    pub usd: Option<f64>,
}

/// The judge as a job without a question: both sides are the model, as nothing is asked of a worker.
pub(super) fn of(model: &str, settings: &Settings) -> Result<Value, Failure> {
    let model = ModelId::parse("--judge", model)?;
    let client = model.client();
    let mut job = json!({
        "local_client": client, "remote_client": client,
        "protocol": {"type": "minion"}, "call_params": {"task": "mark an answer"},
    });
    set_prices(&mut job, settings.prices(&model).map(|priced| priced.prices));
    Ok(job)
}

/// What a judge has to say.
pub(super) struct Judging<'a> {
    pub program: &'a Program,
    pub engine: Engine,
    pub judge: &'a Value,
    pub results: &'a mut Results,
}

impl Judging<'_> {
    /// Marks the answer of the run `id`, unless an earlier run has its mark.
    ///
    /// # Errors
    /// The judge can't be asked, or does not give a verdict.
    pub(super) async fn mark(
        &mut self,
        id: &str,
        case: JudgeCase<'_>,
        known: &Known,
    ) -> Result<Marked, Failure> {
        let id = format!("judge/{id}");
        let (prompt, own) = case.prompt();
        let hash = job::digest(&json!([self.judge["remote_client"], prompt]));
        if let Some(mark) = known.answer(&id, &hash)
            && let Some(Opinion(score)) = Opinion::parse(&mark.final_answer)
        {
            let usd = mark.savings.as_ref().and_then(|savings| savings.usd).map(|usd| usd.remote);
            return Ok(Marked { score, tokens: mark.remote_usage.total_tokens, usd });
        }
        let job = Job { line: Some(id.clone()), ..self.engine.job(self.judge.clone())? };
        let (mut tokens, mut usd) = (0, None::<f64>);
        for _ in 0..TRIES {
            let message = Message::user(prompt.clone()).owning(own.clone());
            let request = ChatRequest { messages: vec![message], ..ChatRequest::default() };
            let mut interrupt = self.program.interrupt.clone();
            let reply = tokio::select! {
                reply = self.engine.reply(&job, JobRole::Supervisor, &request) => reply?,
                stopped = interrupt.heard() => return Err(stopped),
            };
            tokens += reply.usage.total_tokens;
            usd = reply.usd.map(|more| usd.unwrap_or_default() + more).or(usd);
            if let Some(Opinion(score)) = Opinion::parse(&reply.text) {
                let savings = usd.map(|usd| json!({"usd": {"remote": usd}}));
                let result = json!({
                    "final_answer": reply.text, "job_hash": hash,
                    "remote_usage": {"total_tokens": tokens}, "savings": savings,
                });
                self.results.add(&id, &result, &self.program.redactor)?;
                return Ok(Marked { score, tokens, usd });
            }
        }
        Err(Failure::new(
            minions::error::FailureKind::Protocol,
            format!("the judge gave no verdict in {TRIES} replies"),
        )
        .hint("take a stronger model with --judge"))
    }
}
