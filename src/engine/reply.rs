//! One reply of a job's supervisor, without a protocol: a model is asked for its opinion.

use std::sync::Arc;

use super::clients;
use super::egress::{EgressLimits, Ledger};
use super::shared::SharedResources;
use crate::chat::{ChatRequest, Message, Usage};
use crate::error::Failure;
use crate::events::Events;
use crate::job::Job;
use crate::protocols::Side;

/// A reply and its cost.
#[derive(Clone, Debug)]
pub struct BareReply {
    /// What the model said.
    pub text: String,
    /// Tokens of the call.
    pub usage: Usage,
    /// Dollars of the call, if the job has prices.
    pub usd: Option<f64>,
}

/// Asks the supervisor of `job` for one reply to `prompt`.
pub(super) async fn reply(
    job: &Job,
    shared: &SharedResources,
    prompt: Message,
) -> Result<BareReply, Failure> {
    let limits = EgressLimits::of(job, &shared.config.jobs);
    let ledger = Ledger::new(Arc::clone(&job.context), limits, Events::off());
    let clients = clients::open(job, shared, &ledger).await?;
    let supervisor = Side::new(Arc::clone(&clients.supervisor));
    let request = ChatRequest { messages: vec![prompt], ..ChatRequest::default() };
    let mut permit = supervisor.permit(None).await;
    let outcome = supervisor.chat(&mut permit, &request).await;
    if let Some(failure) = clients.missing.failure() {
        return Err(failure);
    }
    let reply = outcome?;
    let usage = supervisor.usage();
    Ok(BareReply { text: reply.text, usage, usd: job.prices.map(|prices| prices.cost(usage)) })
}
