//! What the original's routes run jobs with, and what of it a request may change.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Map, Value, json};

use crate::serve::error::ApiError;
use crate::serve::owner::Owner;
use crate::sync::lock;

/// Call parameters that the original's configuration has, by its names for them.
const PARAMS: [(&str, &str); 6] = [
    ("max_rounds", "max_rounds"),
    ("max_jobs_per_round", "max_jobs_per_round"),
    ("num_tasks_per_round", "num_tasks_per_round"),
    ("num_samples_per_task", "num_samples_per_task"),
    ("chunking_function", "chunk_fn"),
    ("use_retrieval", "use_retrieval"),
];

/// What these routes run jobs with.
#[derive(Default)]
pub(crate) struct Original {
    /// As the environment has it.
    usual: OriginalConfig,
    /// As owners have changed it, each for itself.
    changed: Mutex<HashMap<Owner, OriginalConfig>>,
}

impl Original {
    /// The configuration of the environment.
    pub(crate) fn new(usual: OriginalConfig) -> Self {
        Self { usual, changed: Mutex::default() }
    }

    /// That of `owner`.
    pub(super) fn of(&self, owner: &Owner) -> OriginalConfig {
        lock(&self.changed).get(owner).unwrap_or(&self.usual).clone()
    }

    /// Has `owner` have this one from now on.
    pub(super) fn change(&self, owner: &Owner, config: OriginalConfig) {
        lock(&self.changed).insert(owner.clone(), config);
    }
}

/// The configuration of one owner.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OriginalConfig {
    /// The worker's side of a job; that of the service if there is none.
    pub local: Option<Value>,
    /// The supervisor's.
    pub remote: Option<Value>,
    /// Seconds of silence after which a call to the worker fails.
    pub timeout: Option<u64>,
    /// Call parameters.
    pub params: Map<String, Value>,
}

/// `use_retrieval` as jobs have it, from the original's `"false"`, `"bm25"` and others.
pub(super) fn retrieval(value: &Value) -> Value {
    match value {
        Value::Bool(false) | Value::Null => Value::Null,
        Value::String(text) if ["false", "none", ""].contains(&text.to_lowercase().as_str()) => Value::Null,
        Value::Bool(true) => json!("bm25"),
        Value::String(text) if text.eq_ignore_ascii_case("true") => json!("bm25"),
        other => other.clone(),
    }
}

/// A value of a side.
fn shown(side: Option<&Value>, key: &str) -> Value {
    side.map(|side| side[key].clone()).unwrap_or_default()
}

impl OriginalConfig {
    /// As the original shows it, without keys.
    pub(super) fn object(&self) -> Value {
        let mut object = json!({
            "remote_provider": shown(self.remote.as_ref(), "type"),
            "remote_model_name": shown(self.remote.as_ref(), "model_name"),
            "local_provider": shown(self.local.as_ref(), "type"),
            "local_model_name": shown(self.local.as_ref(), "model_name"),
            "timeout": self.timeout,
        });
        for (name, key) in PARAMS {
            object[name] = self.params.get(key).cloned().unwrap_or_default();
        }
        object
    }

    /// The same with what a request changes.
    ///
    /// # Errors
    /// A key that is not there, or that a request can't change.
    pub(super) fn changed(&self, changes: Value) -> Result<Self, ApiError> {
        let Value::Object(changes) = changes else {
            return Err(ApiError::bad("the body must be an object with the values to change"));
        };
        let mut changed = self.clone();
        // Another provider has none of the last one's values, so it comes before them.
        let (providers, others): (Vec<_>, Vec<_>) =
            changes.into_iter().partition(|(name, _)| name.ends_with("_provider"));
        for (name, value) in providers.into_iter().chain(others) {
            if name.ends_with("api_key") {
                return Err(refused(&name, "keys are those of the service's environment"));
            }
            if ["local_base_url", "remote_base_url", "log_dir"].contains(&&*name) {
                return Err(refused(
                    &name,
                    "addresses and folders are the operator's: set them where the service starts",
                ));
            }
            if let Some((_, key)) = PARAMS.iter().find(|(known, _)| *known == name) {
                let value = if *key == "use_retrieval" { retrieval(&value) } else { value };
                changed.params.insert((*key).to_owned(), value);
                continue;
            }
            let side = match name.split('_').next() {
                Some("remote") => &mut changed.remote,
                _ => &mut changed.local,
            };
            match name.as_str() {
                // Without a value it is as the service has it.
                "remote_provider" | "local_provider" if value.is_null() => *side = None,
                "remote_model_name" | "local_model_name" if value.is_null() => {
                    if let Some(Value::Object(side)) = side {
                        side.remove("model_name");
                    }
                }
                "remote_model_name" | "local_model_name" => {
                    side.get_or_insert_default()["model_name"] = value
                }
                "remote_provider" | "local_provider" => {
                    let value = if value == "docker" { json!("docker_model_runner") } else { value };
                    *side = Some(json!({"type": value}));
                }
                "timeout" if value.is_null() => changed.timeout = None,
                "timeout" => {
                    let seconds = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
                    changed.timeout = Some(seconds.ok_or_else(|| {
                        ApiError::bad("`timeout` must be a number of seconds").param("timeout")
                    })?);
                }
                _ => {
                    return Err(ApiError::bad(format!("there is no setting `{name}`"))
                        .param(name)
                        .hint("GET /config shows those there are"));
                }
            }
        }
        Ok(changed)
    }

    /// Puts the two sides into a job.
    pub(super) fn fill(&self, job: &mut Value) {
        if let Some(remote) = &self.remote {
            job["remote_client"] = remote.clone();
        }
        if let Some(local) = &self.local {
            job["local_client"] = local.clone();
        }
        if let Some(seconds) = self.timeout {
            job["local_client"]["timeout"] = json!(seconds);
        }
    }
}

fn refused(name: &str, hint: &str) -> ApiError {
    ApiError::new(axum::http::StatusCode::FORBIDDEN, format!("`{name}` can't be changed by a request"))
        .param(name)
        .hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_hold_and_keys_do_not_show() {
        let config = OriginalConfig::default();
        let changed = config.changed(json!({
            "remote_model_name": "b", "local_provider": "docker", "local_model_name": "a", "timeout": "60", "max_rounds": 2,
            "use_retrieval": "BM25", "chunking_function": "chunk_by_page",
        }));
        let changed = changed.unwrap();
        let mut job = json!({"remote_client": {"type": "openai"}});
        changed.fill(&mut job);
        let sides = json!({
            "remote_client": {"model_name": "b"},
            "local_client": {"type": "docker_model_runner", "model_name": "a", "timeout": 60},
        });
        assert_eq!(job, sides);
        let back = changed
            .changed(json!({"local_model_name": "c", "local_provider": "vllm", "remote_model_name": null}));
        let mut job = json!({"remote_client": {"type": "openai"}});
        back.unwrap().fill(&mut job);
        assert_eq!(job["local_client"], json!({"type": "vllm", "model_name": "c", "timeout": 60}));
        assert_eq!(job["remote_client"], json!({}));
        assert_eq!(changed.changed(json!({"local_provider": null})).unwrap().local, None);
        let object = changed.object();
        assert_eq!(
            (&object["max_rounds"], &object["chunking_function"]),
            (&json!(2), &json!("chunk_by_page"))
        );
        assert!(!object.to_string().contains("key"), "{object}");
        for (changes, param) in [
            (json!({"openai_api_key": "sk"}), Some("openai_api_key")),
            (json!({"local_base_url": "http://x"}), Some("local_base_url")),
            (json!({"colour": 1}), Some("colour")),
            (json!({"timeout": "soon"}), Some("timeout")),
            (json!([]), None),
        ] {
            assert_eq!(config.changed(changes).unwrap_err().param.as_deref(), param);
        }
    }

    #[test]
    fn retrieval_has_several_spellings() {
        for (given, read) in [
            (json!("false"), Value::Null),
            (json!(null), Value::Null),
            (json!(true), json!("bm25")),
            (json!("true"), json!("bm25")),
            (json!("embedding"), json!("embedding")),
        ] {
            assert_eq!(retrieval(&given), read);
        }
    }
}
