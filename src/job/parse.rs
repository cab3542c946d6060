//! From a bare job as JSON to a checked one.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::client::client;
use super::context::context;
use super::fields::{Fields, LONGEST, narrow, nearest, wide};
use super::{Budget, ClientSpec, Job, JobError, MinionsParams, Prices, Protocol};
use crate::sandbox::Search;
use crate::{config, prompts};

/// The highest price and budget that make sense.
const MOST_DOLLARS: f64 = 1e9;
/// The chunkers that the supervisor's code can call.
const CHUNKERS: [&str; 5] = [
    "chunk_by_section",
    "chunk_by_page",
    "chunk_by_paragraph",
    "chunk_by_code",
    "chunk_by_function_and_class",
];

/// Checks one bare job. `log_dir` is where logs go when the job does not say.
pub fn parse(job: Value, log_dir: &Path) -> Result<Job, JobError> {
    let mut root = Fields::strict(
        "",
        job,
        &["local_client", "remote_client", "protocol", "call_params", "custom_id", "metadata", "budget"],
    )?;
    root.name("custom_id")?;
    let metadata = root.object("metadata")?;
    let local = client(&mut root, "local_client", "docker_model_runner")?;
    let remote = client(&mut root, "remote_client", "openai")?;
    let budget = budget(&mut root)?;
    let protocol = root.value("protocol").unwrap_or_default();
    let params = root.value("call_params").unwrap_or_default();
    Ok(Job { metadata, ..call(protocol, params, log_dir, local, remote, budget)? })
}

fn budget(root: &mut Fields) -> Result<Budget, JobError> {
    let value = root.value("budget").unwrap_or_default();
    let mut fields =
        Fields::strict("budget", value, &["remote_tokens", "egress_chars", "usd", "deadline_s"])?;
    Ok(Budget {
        remote_tokens: fields.count("remote_tokens", 1, u64::MAX)?,
        usd: fields.number("usd", 0.0, MOST_DOLLARS)?,
        egress_chars: fields.count("egress_chars", 0, u64::MAX)?,
        deadline: fields.number("deadline_s", 0.001, LONGEST)?.map(Duration::from_secs_f64),
    })
}

const MINION_PARAMS: [&str; 8] =
    ["task", "context", "max_rounds", "doc_metadata", "logging_id", "is_privacy", "images", "is_follow_up"];
const MINIONS_PARAMS: [&str; 13] = [
    "task",
    "doc_metadata",
    "context",
    "max_rounds",
    "max_jobs_per_round",
    "num_tasks_per_round",
    "num_samples_per_task",
    "mcp_tools_info",
    "use_retrieval",
    "log_path",
    "logging_id",
    "retrieval_model",
    "chunk_fn",
];

fn call(
    protocol: Value,
    params: Value,
    log_dir: &Path,
    local: ClientSpec,
    remote: ClientSpec,
    budget: Budget,
) -> Result<Job, JobError> {
    let mut protocol =
        Fields::strict("protocol", protocol, &["type", "max_rounds", "log_dir", "callback", "kwargs"])?;
    let name = protocol.name("type")?.unwrap_or_else(|| "minion".into());
    let is_minions = match name.as_str() {
        "minion" => false,
        "minions" => true,
        _ => {
            return Err(JobError::UnknownName {
                place: "protocol.type".into(),
                what: "protocol",
                nearest: nearest(&name, ["minion", "minions"].into_iter()),
                known: "minion, minions".into(),
                name,
            });
        }
    };
    if protocol.value("callback").is_some() {
        return Err(JobError::Unsupported { place: "protocol.callback".into(), instead: "leave it out" });
    }
    let known_kwargs: &[&str] = if is_minions {
        &["max_code_attempts", "num_samples", "worker_batch_size", "prompts", "prices", "is_multi_turn"]
    } else {
        &["prompts", "prices", "is_multi_turn"]
    };
    let mut kwargs =
        Fields::strict("protocol.kwargs", protocol.value("kwargs").unwrap_or_default(), known_kwargs)?;
    let known: &[&str] = if is_minions { &MINIONS_PARAMS } else { &MINION_PARAMS };
    let mut params = Fields::strict("call_params", params, known)?;
    refuse_unsupported(&mut params, &mut kwargs)?;
    if params.flag("is_follow_up")? == Some(true) {
        tracing::warn!(
            "call_params.is_follow_up has no effect: each job stands for itself, here as in the original"
        );
    }
    let wants_embeddings = params.has("use_retrieval", "embedding");
    if wants_embeddings && local.is_embedded() {
        return Err(JobError::Unsupported {
            place: params.place("use_retrieval"),
            instead: "llama_cpp makes no embeddings here: use \"bm25\", or a model server as local_client, such as ollama",
        });
    }
    let schema = [&local, &remote].into_iter().find(|side| side.kwargs.structured_output_schema.is_some());
    if let Some(side) = schema
        && (is_minions || side.side == "remote_client")
    {
        return Err(JobError::Unsupported {
            place: format!("{}.kwargs.structured_output_schema", side.side),
            instead: "it shapes the worker's replies in the protocol minion; elsewhere the protocol sets the schema",
        });
    }
    let Some(task) = params.string("task")?.filter(|task| !task.trim().is_empty()) else {
        return Err(JobError::Missing { place: "call_params.task", remedy: "say what is to be found out" });
    };
    let rounds = match params.count("max_rounds", 1, 1000)? {
        Some(rounds) => Some(rounds),
        None => protocol.count("max_rounds", 1, 1000)?,
    };
    let log_dir = log_dir_of(&mut protocol)?.unwrap_or_else(|| log_dir.to_owned());
    let images = params.strings("images")?;
    if !images.is_empty() && local.is_embedded() {
        return Err(JobError::Unsupported {
            place: params.place("images"),
            instead: "llama_cpp reads text alone here: take a model server as local_client, such as ollama",
        });
    }
    let prices = prices(&mut kwargs)?;
    if budget.usd.is_some() && prices.is_none() {
        return Err(JobError::Missing {
            place: "protocol.kwargs.prices",
            remedy: "budget.usd needs what the remote model costs, in dollars per million tokens: {\"input\": ..., \"output\": ...}",
        });
    }
    Ok(Job {
        line: None,
        local,
        remote,
        task,
        context: context(&mut params)?.into(),
        images,
        doc_metadata: params.string("doc_metadata")?.filter(|text| !text.trim().is_empty()),
        prompts: prompt_files(&mut kwargs)?,
        max_rounds: rounds.map_or(config::MAX_ROUNDS, narrow),
        log_name: log_name(&mut params, &log_dir, &name)?,
        log_dir,
        budget,
        prices,
        metadata: None,
        protocol: if is_minions {
            Protocol::Minions(minions_params(&mut params, &mut kwargs)?)
        } else {
            Protocol::Minion
        },
    })
}

fn minions_params(params: &mut Fields, kwargs: &mut Fields) -> Result<MinionsParams, JobError> {
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
    let (retrieval, retrieval_model) = retrieval(params)?;
    let samples = match params.count("num_samples_per_task", 1, 100)? {
        Some(samples) => Some(samples),
        None => kwargs.count("num_samples", 1, 100)?,
    };
    Ok(MinionsParams {
        max_jobs_per_round: params
            .count("max_jobs_per_round", 1, 1_000_000)?
            .map_or(config::MAX_JOBS_PER_ROUND, wide),
        num_tasks_per_round: params
            .count("num_tasks_per_round", 1, 1000)?
            .map_or(config::NUM_TASKS_PER_ROUND, narrow),
        num_samples_per_task: samples.map_or(config::NUM_SAMPLES_PER_TASK, narrow),
        max_code_attempts: kwargs
            .count("max_code_attempts", 1, 100)?
            .map_or(config::MAX_CODE_ATTEMPTS, narrow),
        worker_batch_size: kwargs.count("worker_batch_size", 1, 4096)?.map(wide),
        chunk_fn,
        retrieval,
        retrieval_model,
    })
}

/// What the supervisor's code can search with, and the model for it.
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

/// `prices`: dollars per million tokens.
fn prices(kwargs: &mut Fields) -> Result<Option<Prices>, JobError> {
    let Some(value) = kwargs.object("prices")? else { return Ok(None) };
    let mut prices = Fields::strict(&kwargs.place("prices"), value, &["input", "output", "cached_input"])?;
    let mut price = |key| prices.number(key, 0.0, MOST_DOLLARS);
    let (input, cached_input) = (price("input")?, price("cached_input")?);
    let Some((input, output)) = input.zip(price("output")?) else {
        return Err(JobError::Missing {
            place: "protocol.kwargs.prices",
            remedy: "both \"input\" and \"output\" have to be there, in dollars per million tokens",
        });
    };
    Ok(Some(Prices { input, output, cached_input: cached_input.unwrap_or(input) }))
}

/// `prompts`: the names of ours, each with the path of a file.
fn prompt_files(kwargs: &mut Fields) -> Result<BTreeMap<String, PathBuf>, JobError> {
    let Some(Value::Object(files)) = kwargs.object("prompts")? else { return Ok(BTreeMap::new()) };
    let path_of = |(name, path): (String, Value)| {
        let place = format!("{}.{name}", kwargs.place("prompts"));
        if !prompts::names().any(|known| known == name) {
            return Err(JobError::UnknownName {
                place,
                what: "prompt",
                nearest: nearest(&name, prompts::names()),
                known: prompts::names().collect::<Vec<_>>().join(", "),
                name,
            });
        }
        match path {
            Value::String(path) if !path.trim().is_empty() => Ok((name, PathBuf::from(path))),
            _ => Err(JobError::BadValue { place, problem: "must be the path of a file".into() }),
        }
    };
    files.into_iter().map(path_of).collect()
}

/// Parts of the job format that come later: `false`, `null` and empty mean that the job does not use them.
fn refuse_unsupported(params: &mut Fields, kwargs: &mut Fields) -> Result<(), JobError> {
    const LATER: [(&str, &str); 2] = [
        ("is_privacy", "leave it out; the documents are read by the local model alone in any case"),
        ("mcp_tools_info", "leave it out"),
    ];
    if kwargs.flag("is_multi_turn")? == Some(true) {
        let instead = "leave it out; put what is known already into the context";
        return Err(JobError::Unsupported { place: kwargs.place("is_multi_turn"), instead });
    }
    for (key, instead) in LATER {
        let used = match params.value(key) {
            None | Some(Value::Bool(false)) => false,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Number(number)) => number.as_f64() != Some(0.0),
            Some(_) => true,
        };
        if used {
            return Err(JobError::Unsupported { place: params.place(key), instead });
        }
    }
    Ok(())
}

fn log_dir_of(protocol: &mut Fields) -> Result<Option<PathBuf>, JobError> {
    let Some(dir) = protocol.name("log_dir")? else { return Ok(None) };
    if Path::new(&dir).components().any(|part| part == Component::ParentDir) || dir.contains('\0') {
        return Err(outside(protocol.place("log_dir")));
    }
    Ok(Some(PathBuf::from(dir)))
}

/// The log's path below `log_dir`: `log_path`, or made of `logging_id`.
fn log_name(params: &mut Fields, log_dir: &Path, protocol: &str) -> Result<Option<PathBuf>, JobError> {
    if let Some(path) = params.name("log_path")? {
        let inside = Path::new(&path).strip_prefix(log_dir).unwrap_or(Path::new(&path));
        return plain(inside).map(Some).ok_or_else(|| outside(params.place("log_path")));
    }
    let id = match params.value("logging_id") {
        None => return Ok(None),
        Some(Value::String(id)) => id,
        Some(Value::Number(id)) => id.to_string(),
        Some(_) => {
            return Err(JobError::BadValue {
                place: params.place("logging_id"),
                problem: "must be a string".into(),
            });
        }
    };
    let is_name = plain(Path::new(&id)).is_some() && !id.contains(['/', '\\']) && id.len() <= 200;
    match is_name {
        true => Ok(Some(PathBuf::from(format!("{id}_{protocol}.json")))),
        false => Err(outside(params.place("logging_id"))),
    }
}

/// The path, if it is a relative one that only goes down.
fn plain(path: &Path) -> Option<PathBuf> {
    let goes_down = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    (goes_down && path.file_name().is_some() && !path.to_string_lossy().contains('\0'))
        .then(|| path.to_owned())
}

fn outside(place: String) -> JobError {
    JobError::BadValue {
        place,
        problem: "must be a plain name that stays inside the log directory: no `..`, no absolute path".into(),
    }
}
