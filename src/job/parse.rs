//! From a bare job as JSON to a checked one.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::fields::{Fields, nearest};
use super::{Budget, ClientKwargs, ClientSpec, Job, JobError, MinionsParams, Protocol};
use crate::chat::providers::{self, Provider};
use crate::config;
use crate::secrets::Secret;

/// Longest timeout or deadline that makes sense, in seconds: a year.
const LONGEST: f64 = 365.0 * 24.0 * 3600.0;
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

fn client(root: &mut Fields, side: &'static str, default: &str) -> Result<ClientSpec, JobError> {
    let value = root.value(side).unwrap_or_default();
    let known = ["type", "model_name", "model_path", "port", "timeout", "kwargs"];
    let mut fields = Fields::strict(side, value, &known)?;
    let name = fields.name("type")?.unwrap_or_else(|| default.to_owned());
    let provider = providers::find(&name).ok_or_else(|| JobError::UnknownName {
        place: format!("{side}.type"),
        what: "client type",
        nearest: nearest(&name, providers::names()),
        known: providers::names().collect::<Vec<_>>().join(", "),
        name,
    })?;
    let kwargs = client_kwargs(side, provider, fields.value("kwargs").unwrap_or_default())?;
    // The original takes it beside `kwargs` or within.
    let timeout = match kwargs.timeout {
        Some(inner) => Some(inner),
        None => timeout(&mut fields)?,
    };
    let spec = ClientSpec {
        side,
        provider,
        model: fields.name("model_name")?,
        model_path: fields.name("model_path")?.map(PathBuf::from),
        port: fields.count("port", 1, u64::from(u16::MAX))?.and_then(|port| u16::try_from(port).ok()),
        timeout: timeout.unwrap_or(provider.timeout),
        kwargs,
    };
    match (spec.is_embedded(), &spec.model_path) {
        (true, None) => Err(JobError::Missing {
            place: if side == "local_client" {
                "local_client.model_path"
            } else {
                "remote_client.model_path"
            },
            remedy: "a llama_cpp client needs the path of a GGUF file",
        }),
        (false, Some(_)) => Err(JobError::BadValue {
            place: format!("{side}.model_path"),
            problem: format!(
                "belongs to the client type llama_cpp, not {}; name the model in model_name",
                provider.name
            ),
        }),
        _ => Ok(spec),
    }
}

fn client_kwargs(side: &str, provider: &Provider, value: Value) -> Result<ClientKwargs, JobError> {
    let mut known = vec![
        "temperature",
        "max_tokens",
        "api_key",
        "base_url",
        "timeout",
        "verbose",
        "local",
        "use_async",
        "tool_calling",
        "max_concurrency",
        "seed",
        "retries",
        "structured_output_schema",
    ];
    known.extend(provider.kwargs);
    let mut fields = Fields::tolerant(&format!("{side}.kwargs"), value, &known)?;
    for accepted_without_effect in ["verbose", "local", "use_async"] {
        fields.flag(accepted_without_effect)?;
    }
    if fields.flag("tool_calling")? == Some(true) {
        return Err(JobError::Unsupported {
            place: fields.place("tool_calling"),
            instead: "leave it out: worker and supervisor talk without tools",
        });
    }
    let most = u64::from(u32::MAX);
    Ok(ClientKwargs {
        temperature: fields.number("temperature", 0.0, 2.0)?,
        max_tokens: fields.count("max_tokens", 1, most)?.map(narrow),
        api_key: fields
            .string("api_key")?
            .filter(|key| !key.trim().is_empty())
            .map(|key| Secret::new(key.trim())),
        base_url: base_url(&mut fields)?,
        timeout: timeout(&mut fields)?,
        num_ctx: match fields.count("num_ctx", 256, most)? {
            Some(tokens) => Some(narrow(tokens)),
            None => fields.count("n_ctx", 256, most)?.map(narrow),
        },
        max_concurrency: fields.count("max_concurrency", 1, 4096)?.map(wide),
        seed: fields.count("seed", 0, most)?,
        retries: fields.count("retries", 0, 100)?.map(narrow),
        thinking: fields.flag("thinking")?.unwrap_or(false),
        keep_alive: keep_alive(&mut fields)?,
        structured_output_schema: fields.object("structured_output_schema")?,
        n_gpu_layers: fields.count("n_gpu_layers", 0, most)?.map(narrow),
        chat_format: fields.name("chat_format")?,
        n_threads: fields.count("n_threads", 1, 4096)?.map(narrow),
    })
}

fn timeout(fields: &mut Fields) -> Result<Option<Duration>, JobError> {
    Ok(fields.number("timeout", 0.001, LONGEST)?.map(Duration::from_secs_f64))
}

fn base_url(fields: &mut Fields) -> Result<Option<String>, JobError> {
    let Some(url) = fields.name("base_url")? else { return Ok(None) };
    let url = url.trim().trim_end_matches('/');
    let has_host = reqwest::Url::parse(url)
        .is_ok_and(|url| url.host().is_some() && url.query().is_none() && url.fragment().is_none());
    if !has_host || !(url.starts_with("http://") || url.starts_with("https://")) {
        return Err(JobError::BadValue {
            place: fields.place("base_url"),
            problem: "must be an http or https address such as http://localhost:8080/v1, without a query"
                .into(),
        });
    }
    Ok(Some(url.to_owned()))
}

fn keep_alive(fields: &mut Fields) -> Result<Option<Value>, JobError> {
    match fields.value("keep_alive") {
        Some(value) if !(value.is_number() || value.is_string()) => Err(JobError::BadValue {
            place: fields.place("keep_alive"),
            problem: "must be a number of seconds or a duration such as \"10m\"".into(),
        }),
        other => Ok(other),
    }
}

fn budget(root: &mut Fields) -> Result<Budget, JobError> {
    let value = root.value("budget").unwrap_or_default();
    let mut fields = Fields::strict("budget", value, &["remote_tokens", "usd", "deadline_s"])?;
    if fields.value("usd").is_some() {
        return Err(JobError::Unsupported {
            place: "budget.usd".into(),
            instead: "limit budget.remote_tokens: prices are not known to this version",
        });
    }
    Ok(Budget {
        remote_tokens: fields.count("remote_tokens", 1, u64::MAX)?,
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
    let known_kwargs: &[&str] =
        if is_minions { &["max_code_attempts", "num_samples", "worker_batch_size"] } else { &[] };
    let mut kwargs =
        Fields::strict("protocol.kwargs", protocol.value("kwargs").unwrap_or_default(), known_kwargs)?;
    let known: &[&str] = if is_minions { &MINIONS_PARAMS } else { &MINION_PARAMS };
    let mut params = Fields::strict("call_params", params, known)?;
    refuse_unsupported(&mut params)?;
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
    Ok(Job {
        local,
        remote,
        task,
        context: params.strings("context")?,
        doc_metadata: params.string("doc_metadata")?.filter(|text| !text.trim().is_empty()),
        max_rounds: rounds.map_or(config::MAX_ROUNDS, narrow),
        log_name: log_name(&mut params, &log_dir, &name)?,
        log_dir,
        budget,
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
    })
}

fn narrow(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn wide(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

/// Parts of the job format that come later: `false`, `null` and empty mean that the job does not use them.
fn refuse_unsupported(params: &mut Fields) -> Result<(), JobError> {
    const LATER: [(&str, &str); 6] = [
        ("is_privacy", "leave it out; the documents are read by the local model alone in any case"),
        ("images", "leave it out; describe the pictures in the context"),
        ("is_follow_up", "put what is known already into the context"),
        ("mcp_tools_info", "leave it out"),
        ("use_retrieval", "leave it out; the supervisor's code can search the chunks itself"),
        ("retrieval_model", "leave it out"),
    ];
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
