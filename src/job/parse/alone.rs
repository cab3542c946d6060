//! The parameters of the protocols that ask one side alone: `remote_only` and `local_only`.

use super::{AssignmentFields, Parser, refuse_schema, refuse_use};
use crate::job::error::JobError;
use crate::job::schema::{ClientSpec, Protocol};

/// What both have. `max_rounds` is the most: one call is no more.
const PARAMS: &[&str] = &[
    "task",
    "context",
    "context_files",
    "use_gitingest",
    "read_scans",
    "max_rounds",
    "doc_metadata",
    "logging_id",
    "log_path",
    "images",
    "history",
];
const KWARGS: &[&str] = &["prompts", "prices", "is_multi_turn", "max_history_turns", "rewrite"];
const UNUSED: &[&str] = &["is_privacy", "is_follow_up"];

pub(super) const REMOTE_ONLY: Parser =
    Parser { params: PARAMS, unused_params: UNUSED, kwargs: KWARGS, parse: remote_only };
pub(super) const LOCAL_ONLY: Parser =
    Parser { params: PARAMS, unused_params: UNUSED, kwargs: KWARGS, parse: local_only };

fn remote_only(
    AssignmentFields { params, .. }: &mut AssignmentFields,
    _local: &ClientSpec,
    remote: &ClientSpec,
) -> Result<Protocol, JobError> {
    refuse_use(
        params,
        "is_privacy",
        "take local_only or minions: remote_only sends the documents themselves",
    )?;
    super::warn_of_follow_up(params)?;
    refuse_schema(remote)?;
    Ok(Protocol::RemoteOnly)
}

fn local_only(
    AssignmentFields { params, .. }: &mut AssignmentFields,
    local: &ClientSpec,
    _remote: &ClientSpec,
) -> Result<Protocol, JobError> {
    refuse_use(
        params,
        "is_privacy",
        "leave it out; the documents are read by the local model alone in any case",
    )?;
    super::warn_of_follow_up(params)?;
    refuse_schema(local)?;
    Ok(Protocol::LocalOnly { samples: 1 })
}
