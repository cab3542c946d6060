//! One reply of a side of a job, without a protocol: a model is asked for its opinion.

use std::sync::Arc;

use serde::Serialize;

use super::clients;
use super::egress::{EgressLimits, Ledger};
use super::egress_report::EgressReport;
use super::shared::SharedResources;
use crate::chat::{ChatRequest, Finish, Usage};
use crate::error::Failure;
use crate::events::{Events, ModelInfo};
use crate::job::{Job, JobRole};
use crate::protocols::Side;

/// A reply and its cost, in the envelope's field names.
#[derive(Clone, Debug, Serialize)]
pub struct BareReply {
    /// What the model said.
    pub text: String,
    /// How the reply ended.
    pub finish: Finish,
    /// The model.
    pub client: ModelInfo,
    /// Tokens of the call.
    pub usage: Usage,
    /// Dollars of the call, if the job has prices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
    /// What left this machine.
    pub egress: EgressReport,
}

/// Asks the side `role` of `job` for one reply to `request`.
pub(super) async fn reply(
    job: &Job,
    shared: &SharedResources,
    role: JobRole,
    request: &ChatRequest,
) -> Result<BareReply, Failure> {
    let limits = EgressLimits::of(job, &shared.config.jobs);
    let ledger = Ledger::new(Arc::clone(&job.context), limits, Events::off());
    let clients = clients::open(job, shared, &ledger).await?;
    let [worker, supervisor] = clients::models(job, &shared.config.environment);
    let (servers, client) = match role {
        JobRole::Supervisor => (&clients.supervisor, supervisor),
        JobRole::Worker | JobRole::Embedding => (&clients.worker, worker),
    };
    let side = Side::new(Arc::clone(servers));
    let mut permit = side.permit(None).await;
    let outcome = side.chat(&mut permit, request).await;
    if let Some(failure) = clients.missing.failure() {
        return Err(failure);
    }
    let reply = outcome?;
    let usage = side.usage();
    Ok(BareReply {
        text: reply.text,
        finish: reply.finish,
        client,
        usage,
        usd: job.prices.map(|prices| prices.cost(usage)),
        egress: ledger.report(),
    })
}
