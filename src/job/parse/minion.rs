//! The parameters of the protocol `minion`.

use super::{AssignmentFields, Parser, refuse_schema, refuse_use, warn_of_follow_up};
use crate::config;
use crate::job::error::JobError;
use crate::job::fields::Fields;
use crate::job::protocol::{MinionParams, Protocol};
use crate::job::schema::ClientSpec;

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
        "max_reply_chars",
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
    Ok(Protocol::Minion(own(params)?))
}

/// The parameters that no other protocol has.
pub(super) fn own(params: &mut Fields) -> Result<MinionParams, JobError> {
    let max_reply_chars = params.count("max_reply_chars", 100, 1_000_000)?;
    Ok(MinionParams {
        read_ahead: params.flag("read_ahead")?.unwrap_or(true),
        max_reply_chars: max_reply_chars.map_or(config::MAX_REPLY_CHARS, |chars| chars as usize),
    })
}
