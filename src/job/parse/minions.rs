//! The parameters of the protocol `minions`.

use std::path::PathBuf;

use serde_json::Value;

use super::{AssignmentFields, Parser, refuse_schema, refuse_use};
use crate::config;
use crate::job::error::JobError;
use crate::job::fields::{Fields, Given, either, narrow, nearest, wide};
use crate::job::protocol::{MinionsParams, Protocol};
use crate::job::schema::ClientSpec;
use crate::sandbox::Search;

/// The chunkers that the supervisor's code can call; the first one is the default.
const CHUNKERS: [&str; 5] = [
    "chunk_by_section",
    "chunk_by_page",
    "chunk_by_paragraph",
    "chunk_by_code",
    "chunk_by_function_and_class",
];

pub(super) const PARSER: Parser = Parser {
    params: &[
        "task",
        "doc_metadata",
        "context",
        "context_files",
        "use_gitingest",
        "read_scans",
        "max_rounds",
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
    unused_params: &["mcp_tools_info"],
    kwargs: &[
        "max_code_attempts",
        "num_samples",
        "worker_batch_size",
        "prompts",
        "prices",
        "is_multi_turn",
        "max_history_turns",
        "rewrite",
        "memo",
        "renew_memo",
    ],
    parse,
};

fn parse(
    AssignmentFields { params, kwargs, .. }: &mut AssignmentFields,
    local: &ClientSpec,
    remote: &ClientSpec,
) -> Result<Protocol, JobError> {
    refuse_use(params, "mcp_tools_info", "leave it out")?;
    refuse_schema(local)?;
    refuse_schema(remote)?;
    limits(params, kwargs, local).map(Protocol::Minions)
}

/// The protocol's own parameters.
pub(super) fn limits(
    params: &mut Fields,
    kwargs: &mut Fields,
    local: &ClientSpec,
) -> Result<MinionsParams, JobError> {
    let (retrieval, retrieval_model) = retrieval(params)?;
    if retrieval == Search::Embedding && local.is_embedded() {
        return Err(JobError::Unsupported {
            place: params.place("use_retrieval"),
            instead: "llama_cpp makes no embeddings here: use \"bm25\", or a model server as local_client, such as ollama",
        });
    }
    let samples = either([
        Given {
            place: params.place("num_samples_per_task"),
            value: params.count("num_samples_per_task", 1, 100)?,
        },
        Given { place: kwargs.place("num_samples"), value: kwargs.count("num_samples", 1, 100)? },
    ])?;
    Ok(MinionsParams {
        max_jobs_per_round: params
            .count("max_jobs_per_round", 1, 1_000_000)?
            .map_or(config::MAX_JOBS_PER_ROUND, wide),
        anytime: params.flag("anytime")?.unwrap_or(false),
        num_tasks_per_round: params.count("num_tasks_per_round", 1, 1000)?.map(narrow),
        num_samples_per_task: samples.map_or(config::NUM_SAMPLES_PER_TASK, narrow),
        max_code_attempts: kwargs
            .count("max_code_attempts", 1, 100)?
            .map_or(config::MAX_CODE_ATTEMPTS, narrow),
        memo: kwargs.name("memo")?.map(PathBuf::from),
        renew_memo: kwargs.flag("renew_memo")?.unwrap_or(false),
        worker_batch_size: kwargs.count("worker_batch_size", 1, 4096)?.map(wide),
        chunk_fn: chunker(params)?,
        retrieval,
        retrieval_model,
    })
}

/// `chunk_fn`: the chunker that the supervisor is advised to use.
fn chunker(params: &mut Fields) -> Result<String, JobError> {
    let chunk_fn = params.name("chunk_fn")?.unwrap_or_else(|| CHUNKERS[0].to_owned());
    if !CHUNKERS.contains(&chunk_fn.as_str()) {
        return Err(JobError::UnknownName {
            place: "call_params.chunk_fn".into(),
            what: "chunker",
            nearest: nearest(&chunk_fn, CHUNKERS.into_iter()),
            known: CHUNKERS.join(", "),
            name: chunk_fn,
        });
    }
    Ok(chunk_fn)
}

/// `use_retrieval` and `retrieval_model`: the search that the supervisor's code can call, and the model for it.
fn retrieval(params: &mut Fields) -> Result<(Search, Option<String>), JobError> {
    let name = params.value("use_retrieval").filter(|value| *value != Value::Bool(false));
    let search = match name.as_ref().map(|value| value.as_str().unwrap_or_default()) {
        None => Search::Off,
        Some("bm25") => Search::Bm25,
        Some("embedding") => Search::Embedding,
        Some(_) => {
            return Err(JobError::BadValue {
                place: params.place("use_retrieval"),
                problem: "must be \"bm25\", \"embedding\" or null".into(),
            });
        }
    };
    let model = params.name("retrieval_model")?;
    match (search, &model) {
        (Search::Off | Search::Bm25, Some(_)) => Err(JobError::BadValue {
            place: params.place("retrieval_model"),
            problem: "belongs to use_retrieval \"embedding\"".into(),
        }),
        _ => Ok((search, model)),
    }
}
