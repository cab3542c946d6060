//! From the JSON of a request to a job that may run here.
//!
//! In: a job as `docs/job.md` has it, with `call_params.file_ids`. Out: a checked job that names nothing beyond what the
//! operator allows, or a refusal that names the key. Paths, folders, addresses, keys, sessions and pictures of other hosts
//! are the operator's business: a job that came over HTTP reads and writes no file of this machine by its name.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::config::TokenLimits;
use super::error::ApiError;
use super::files::{Files, MOST_FILES};
use super::owner::Owner;
use super::stored::StoredFile;
use crate::error::Failure;
use crate::job::{
    self, Budget, ClientKwargs, ClientSpec, Conversation, Job, ModelId, NamedFile, Protocol, ProtocolKind,
};

/// The ids of uploads that a job names, taken out of it, with their files.
///
/// # Errors
/// An id that is no text, or no upload of `owner`.
pub(crate) fn take_files(
    value: &mut Value,
    owner: &Owner,
    files: &Files,
) -> Result<Vec<Arc<StoredFile>>, ApiError> {
    let Some(params) = value.get_mut("call_params").and_then(Value::as_object_mut) else {
        return Ok(Vec::new());
    };
    let place = "call_params.file_ids";
    let ids = match params.remove("file_ids") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(ids)) if ids.len() <= MOST_FILES => ids,
        Some(Value::Array(_)) => {
            return Err(ApiError::bad(format!("`{place}` has more than {MOST_FILES} ids")).param(place));
        }
        Some(_) => {
            return Err(ApiError::bad(format!(
                "`{place}` must be a list of the ids that POST /v1/files gave"
            ))
            .param(place));
        }
    };
    let one = |(at, id): (usize, &Value)| {
        let param = format!("{place}[{at}]");
        let Some(id) = id.as_str() else {
            return Err(ApiError::bad(format!("`{param}` must be a string")).param(param));
        };
        files.find(owner, id).map_err(|error| error.param(param))
    };
    ids.iter().enumerate().map(one).collect()
}

/// The uploads as files of a job.
pub(crate) fn named(files: &[Arc<StoredFile>], after: usize) -> impl Iterator<Item = NamedFile> {
    files.iter().enumerate().map(move |(at, file)| NamedFile {
        place: format!("call_params.file_ids[{at}]"),
        given: file.path().display().to_string(),
        name: Some(file.name.clone()),
        after,
        folder: None,
    })
}

/// What jobs that come over HTTP may name.
pub(crate) struct Rules {
    /// Whether they may name everything that a job on stdin may.
    pub trust: bool,
    /// Whether runs are replayed, so that no address that they name is called.
    pub is_replay: bool,
    /// The sides of the operator's own pairs: client type and model.
    pub pairs: Vec<(Value, Value)>,
    /// The sides of jobs that name none, if jobs may name those of the pairs alone.
    pub usual: Option<[Value; 2]>,
    /// GGUF files that they may name.
    pub model_files: Vec<std::path::PathBuf>,
    /// The longest time of a run.
    pub longest: Duration,
}

impl Rules {
    /// Gives a job the service's own models where it names none.
    pub(crate) fn fill(&self, job: &mut Value) {
        let Some(usual) = &self.usual else { return };
        for (side, usual) in ["local_client", "remote_client"].into_iter().zip(usual) {
            if job[side].is_null() {
                job[side] = usual.clone();
            } else if job[side].is_object() && job[side]["type"].is_null() {
                for (key, value) in usual.as_object().into_iter().flatten() {
                    if job[side][key].is_null() {
                        job[side][key] = value.clone();
                    }
                }
            }
        }
    }

    /// Whether `owner` may have models of its choice fetched, which fill this machine's disk: its own user may.
    pub(crate) fn may_fetch(&self, owner: &Owner) -> bool {
        (owner.is_local() || self.trust) && self.usual.is_none() && !self.is_replay
    }

    /// Has each side fetch the operator's own models alone, unless `owner` may have others.
    pub(crate) fn hold_fetches(&self, job: &mut Job, owner: &Owner) {
        if self.trust || self.may_fetch(owner) {
            return;
        }
        // A model that the job names for its search is nobody's but its own.
        let names_another = job.protocol.retrieval_model().is_some();
        let is_own = |own: &Value| self.pairs.iter().any(|(local, remote)| [local, remote].contains(&own));
        for spec in [&mut job.local, &mut job.remote] {
            spec.fetches = !names_another && is_own(&side_of(spec));
        }
    }

    /// Checks that `job` names nothing beyond these rules. `value` is the job as it came.
    ///
    /// # Errors
    /// 403, naming the key and the remedy.
    pub(crate) fn check(&self, job: &Job, value: &Value) -> Result<(), ApiError> {
        if self.trust {
            return Ok(());
        }
        // Each field is named, so that nobody adds one without asking whether it is safe here.
        let Job {
            line: _,
            hash: _,
            is_slim: _,
            local,
            remote,
            protocol,
            task: _,
            context: _,
            files,
            is_without_files: _,
            use_gitingest: _,
            read_scans: _,
            images,
            doc_metadata: _,
            prompts,
            max_rounds: _,
            log_dir: _,
            log_name: _,
            budget: _,
            prices: _,
            metadata: _,
            conversation,
            warnings: _,
        } = job;
        if let Some(file) = files.first() {
            return Err(refused(&file.place, "names a file of this machine")
                .hint("send it with POST /v1/files, and name its id in call_params.file_ids"));
        }
        let is_data = |image: &&String| image.trim_start().starts_with("data:");
        if let Some(at) = images.iter().position(|image| !is_data(&image)) {
            return Err(refused(&format!("call_params.images[{at}]"), "is a path or an address")
                .hint("send the picture itself as a data URL: data:image/png;base64,..."));
        }
        for (place, is_given, what) in [
            ("call_params.log_path", !value["call_params"]["log_path"].is_null(), "names a file"),
            ("protocol.log_dir", !value["protocol"]["log_dir"].is_null(), "names a folder"),
            ("protocol.session_dir", !value["protocol"]["session_dir"].is_null(), "names a folder"),
            ("protocol.kwargs.prompts", !prompts.is_empty(), "names files"),
        ] {
            if is_given {
                return Err(refused(place, what).hint("leave it out: the service decides on it"));
            }
        }
        let memo = match protocol {
            Protocol::Minions(params) => params.memo.is_some(),
            Protocol::Auto(params) => params.minions.memo.is_some(),
            Protocol::Minion(_) | Protocol::RemoteOnly | Protocol::LocalOnly { .. } => false,
        };
        if memo {
            return Err(refused("protocol.kwargs.memo", "names a folder").hint("leave it out"));
        }
        if let Some(Conversation { history: _, rewrite: _, session: Some(_) }) = conversation {
            return Err(refused("session", "is kept in files of this machine")
                .hint("send what was said before as call_params.history"));
        }
        if self.is_replay {
            return Ok(());
        }
        for side in [local, remote] {
            self.check_side(side)?;
        }
        self.check_pairs(job)
    }

    /// Checks that a side goes nowhere that the operator has not configured.
    fn check_side(&self, side: &ClientSpec) -> Result<(), ApiError> {
        let ClientSpec {
            side: place,
            provider: _,
            model: _,
            model_path,
            port,
            timeout: _,
            fetches: _,
            kwargs,
        } = side;
        let ClientKwargs {
            generation: _,
            vendor: _,
            is_unlimited: _,
            api_key,
            headers,
            base_urls,
            max_concurrency: _,
            retries: _,
            structured_output_schema: _,
            address,
        } = kwargs;
        let beyond = [
            ("kwargs.base_url", !base_urls.is_empty(), "is an address"),
            ("kwargs", !address.is_empty(), "holds a part of an address"),
            ("port", port.is_some(), "is a part of an address"),
            ("kwargs.api_key", api_key.is_some(), "is a key"),
            ("kwargs.headers", !headers.is_empty(), "may hold a key"),
        ];
        for (key, is_given, what) in beyond {
            if is_given {
                return Err(refused(&format!("{place}.{key}"), what)
                    .hint("leave it out: addresses and keys are those of the service's environment"));
            }
        }
        if let Some(path) = model_path
            && !self.model_files.contains(path)
        {
            return Err(refused(&format!("{place}.model_path"), "is no model that this service offers")
                .hint("GET /v1/setup lists them"));
        }
        Ok(())
    }

    /// Checks that the sides are those of configured pairs.
    fn check_pairs(&self, job: &Job) -> Result<(), ApiError> {
        if self.usual.is_none() {
            return Ok(());
        }
        let asks = |role| job.protocol.asks(role) || job.protocol.kind() == ProtocolKind::Auto;
        for (role, spec, nth) in
            [(job::JobRole::Worker, &job.local, 0), (job::JobRole::Supervisor, &job.remote, 1)]
        {
            let own = side_of(spec);
            let is_known = self.pairs.iter().any(|pair| if nth == 0 { pair.0 == own } else { pair.1 == own });
            if asks(role) && !is_known {
                let model = own["model_name"].as_str().unwrap_or_default();
                let what = format!("is {}/{model}, which this service does not offer", spec.provider.name);
                return Err(refused(spec.side, &what).hint("GET /v1/setup lists the pairs"));
            }
        }
        Ok(())
    }

    /// Holds `job` to what its owner may spend.
    ///
    /// # Errors
    /// 403 where dollars are limited, and nobody says what the supervisor costs, or the worker costs some.
    pub(crate) fn hold(
        &self,
        job: &mut Job,
        limits: &TokenLimits,
        [worker, prices]: [Option<job::Prices>; 2],
    ) -> Result<(), ApiError> {
        let Budget { egress_chars, deadline, .. } = &mut job.budget;
        *deadline = Some(deadline.map_or(self.longest, |given| given.min(self.longest)));
        if let Some(most) = limits.egress_chars {
            *egress_chars = Some(egress_chars.map_or(most, |given| given.min(most)));
        }
        if limits.usd_per_day.is_none() && limits.usd_per_run.is_none() {
            if job.prices.is_none() {
                job.prices = prices;
            }
            return Ok(());
        }
        // Prices of the sender's own would be a way around the limit.
        if prices.is_none() {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "dollars are limited here, and nobody says what this supervisor costs",
            )
            .param("remote_client.model_name")
            .hint("the operator adds its prices to minions.toml, or offers another model"));
        }
        // A run counts the dollars of its supervisor alone.
        let asks_worker = job.protocol.asks(job::JobRole::Worker);
        if asks_worker && worker.is_none_or(|prices| prices != FREE) {
            return Err(ApiError::new(
                StatusCode::FORBIDDEN,
                "dollars are limited here, and those of a worker are counted by nobody",
            )
            .code("not_allowed")
            .param("local_client")
            .hint("take a worker that costs nothing: a model of a server of your own"));
        }
        job.prices = prices;
        Ok(())
    }
}

/// What a server of one's own costs.
const FREE: job::Prices = job::Prices { input: 0.0, cached_input: 0.0, output: 0.0 };

/// The model of a side.
pub(crate) fn model_of(spec: &ClientSpec) -> ModelId {
    let path = || spec.model_path.as_ref().map(|path| path.display().to_string());
    ModelId { provider: spec.provider, model: spec.model.clone().or_else(path) }
}

/// The same as rules compare it.
fn side_of(spec: &ClientSpec) -> Value {
    side(&model_of(spec))
}

/// A model as rules compare it.
pub(crate) fn side(model: &ModelId) -> Value {
    let name = model.model.clone().unwrap_or_else(|| model.provider.model.to_owned());
    json!({"type": model.provider.name, "model_name": name})
}

fn refused(place: &str, what: &str) -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, format!("`{place}` {what}, which a job over HTTP may not name"))
        .code("not_allowed")
        .param(place)
}

/// The bare job of a request's JSON.
///
/// # Errors
/// 400 for what is no job.
pub(crate) fn bare(value: Value) -> Result<Value, ApiError> {
    if !value.is_object() {
        return Err(ApiError::bad("the body must be one job, an object"));
    }
    job::bare(value).map_err(|error| Failure::from(error).into())
}

/// The job as it came, without the texts of its documents and without credentials.
pub(crate) fn shown(value: &mut Value) -> Value {
    let context = value.pointer_mut("/call_params/context").map(Value::take);
    let images = value.pointer_mut("/call_params/images").map(Value::take);
    let mut shown = value.clone();
    if let Some(context) = context {
        shown["call_params"]["context"] = match &context {
            Value::Array(items) => items.iter().map(short).collect(),
            other => short(other),
        };
        value["call_params"]["context"] = context;
    }
    if let Some(images) = images {
        let count = images.as_array().map_or(1, Vec::len);
        shown["call_params"]["images"] = vec!["..."; count].into();
        value["call_params"]["images"] = images;
    }
    for side in ["local_client", "remote_client"] {
        if let Some(kwargs) = shown.pointer_mut(&format!("/{side}/kwargs")).and_then(Value::as_object_mut) {
            for key in ["api_key", "headers", "extra_headers", "default_headers"] {
                kwargs.remove(key);
            }
        }
    }
    shown
}

/// A document without its text.
fn short(item: &Value) -> Value {
    match item {
        Value::String(text) => json!({"chars": text.chars().count()}),
        Value::Object(object) => {
            let chars = object.get("text").and_then(Value::as_str).map(|text| text.chars().count());
            json!({"name": object.get("name"), "chars": chars})
        }
        other => other.clone(),
    }
}
