//! The parameters of the protocol `auto`: those of all that it chooses among, and what decides.

use super::{AssignmentFields, Parser, minion, minions, refuse_schema, refuse_use, warn_of_follow_up};
use crate::job::error::JobError;
use crate::job::fields::nearest;
use crate::job::protocol::{AutoParams, CostSensitivity, Protocol};
use crate::job::schema::ClientSpec;

pub(super) const PARSER: Parser = Parser {
    params: &[
        "task",
        "doc_metadata",
        "context",
        "context_files",
        "use_gitingest",
        "read_scans",
        "max_rounds",
        "read_ahead",
        "max_reply_chars",
        "images",
        "max_jobs_per_round",
        "anytime",
        "num_tasks_per_round",
        "num_samples_per_task",
        "use_retrieval",
        "log_path",
        "logging_id",
        "retrieval_model",
        "chunk_fn",
        "history",
    ],
    unused_params: &["is_privacy", "is_follow_up", "mcp_tools_info"],
    kwargs: &[
        "cost_sensitivity",
        "escalate",
        "max_code_attempts",
        "num_samples",
        "worker_batch_size",
        "prompts",
        "prices",
        "is_multi_turn",
        "max_history_turns",
        "rewrite",
        "memo",
    ],
    parse,
};

fn parse(
    AssignmentFields { params, kwargs, .. }: &mut AssignmentFields,
    local: &ClientSpec,
    remote: &ClientSpec,
) -> Result<Protocol, JobError> {
    refuse_use(params, "is_privacy", "take local_only or minions: auto may send the documents themselves")?;
    refuse_use(params, "mcp_tools_info", "leave it out")?;
    warn_of_follow_up(params)?;
    refuse_schema(local)?;
    refuse_schema(remote)?;
    let cost_sensitivity = match kwargs.name("cost_sensitivity")? {
        None => CostSensitivity::default(),
        Some(name) => {
            let names = || CostSensitivity::ALL.into_iter().map(CostSensitivity::name);
            let known = CostSensitivity::ALL.into_iter().find(|level| level.name() == name);
            known.ok_or_else(|| JobError::UnknownName {
                place: kwargs.place("cost_sensitivity"),
                what: "level",
                nearest: nearest(&name, names()),
                known: names().collect::<Vec<_>>().join(", "),
                name,
            })?
        }
    };
    Ok(Protocol::Auto(Box::new(AutoParams {
        minion: minion::own(params)?,
        escalates: kwargs.flag("escalate")?.unwrap_or(false),
        minions: minions::limits(params, kwargs, local)?,
        cost_sensitivity,
    })))
}
