//! The parameters of the protocol `minion`.

use super::{AssignmentFields, Parser, refuse_schema, refuse_use, warn_of_follow_up};
use crate::job::error::JobError;
use crate::job::schema::{ClientSpec, MinionParams, Protocol};

pub(super) const PARSER: Parser = Parser {
    params: &[
        "task",
        "context",
        "context_files",
        "use_gitingest",
        "read_scans",
        "max_rounds",
        "doc_metadata",
        "logging_id",
        "images",
        "read_ahead",
        "history",
    ],
    unused_params: &["is_privacy", "is_follow_up"],
    kwargs: &["prompts", "prices", "is_multi_turn", "max_history_turns", "rewrite"],
    parse,
};

fn parse(
    AssignmentFields { params, .. }: &mut AssignmentFields,
    _local: &ClientSpec,
    remote: &ClientSpec,
) -> Result<Protocol, JobError> {
    refuse_use(
        params,
        "is_privacy",
        "leave it out; the documents are read by the local model alone in any case",
    )?;
    warn_of_follow_up(params)?;
    refuse_schema(remote)?;
    Ok(Protocol::Minion(MinionParams { read_ahead: params.flag("read_ahead")?.unwrap_or(true) }))
}
