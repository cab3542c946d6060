//! What could run here: pairs, models of servers that answer, vendors and whether their keys are set.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::{Value, json};

use super::config::ServeFile;
use super::error::{ApiError, json_response};
use super::owner::Owner;
use super::service::Service;
use crate::chat::providers::{PROVIDERS, RuntimeKind};
use crate::config::KeyState;
use crate::error::Failure;
use crate::job::{ModelId, ProtocolKind};
use crate::llama;
use crate::runtimes::survey::Answers;
use crate::servers;
use crate::settings::Settings;

/// The name of the pair that is usual where nobody names one.
pub(crate) const USUAL: &str = "default";

/// The routes.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/v1/setup", get(setup))
}

/// A pair of models with its name.
#[derive(Clone, Debug)]
pub(crate) struct NamedPair {
    /// What it is called.
    pub id: String,
    /// The worker.
    pub local: ModelId,
    /// The supervisor.
    pub remote: ModelId,
}

/// The pairs that jobs may take: those of `serve.toml`, else the user's own.
///
/// # Errors
/// A variable that names a model and can't be read.
pub(crate) fn pairs(file: &ServeFile, settings: &Settings) -> Result<Vec<NamedPair>, Failure> {
    if !file.pairs.is_empty() {
        let pair = |(id, pair): &(String, super::config::PairTable)| {
            Ok(NamedPair {
                id: id.clone(),
                local: ModelId::parse("local", &pair.local)?,
                remote: ModelId::parse("remote", &pair.remote)?,
            })
        };
        return file.pairs.iter().map(pair).collect();
    }
    let usual = settings.pair(None)?;
    let mut all =
        vec![NamedPair { id: USUAL.to_owned(), local: usual.local.model, remote: usual.remote.model }];
    for alias in settings.aliases() {
        let pair = settings.pair(Some(alias))?;
        all.push(NamedPair { id: alias.to_owned(), local: pair.local.model, remote: pair.remote.model });
    }
    Ok(all)
}

/// A model as jobs name a side, with its key's variable and whether that is set.
pub(crate) fn side(model: &ModelId, settings: &Settings) -> Value {
    let mut side = model.client();
    side["model_name"] = model.model.clone().unwrap_or_else(|| model.provider.model.to_owned()).into();
    let environment = settings.environment();
    if let Some((variable, state)) = environment.key(model.provider) {
        side["key"] = json!({"env": variable, "is_set": matches!(state, KeyState::Set)});
    }
    if let Some(priced) = settings.prices(model) {
        let prices = priced.prices;
        side["prices"] = json!({
            "input": prices.input, "cached_input": prices.cached_input, "output": prices.output,
            "source": priced.source,
        });
    }
    side
}

async fn setup(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
) -> Result<Response, ApiError> {
    let settings = &service.settings;
    let pairs = pairs(&service.file, settings)?;
    let is_fixed = !service.file.pairs.is_empty();
    let environment = settings.environment();
    let (mut local, mut remote) = (Vec::new(), Vec::new());
    if is_fixed || service.is_replay() {
        let unlike = |all: &[Value], one: &Value| !all.contains(one);
        for pair in &pairs {
            let sides =
                [(&mut local, side(&pair.local, settings)), (&mut remote, side(&pair.remote, settings))];
            for (all, one) in sides {
                if unlike(all, &one) {
                    all.push(one);
                }
            }
        }
    } else {
        for server in servers::look(&environment).await {
            let Answers::Server(surveyed) = server.answers else { continue };
            let Some(provider) = server.types.first() else { continue };
            local.extend(
                surveyed.models.iter().map(
                    |model| json!({"type": provider.name, "model_name": model.name, "size": model.bytes}),
                ),
            );
        }
        if llama::check_built().is_ok() {
            let engine = PROVIDERS.iter().filter(|row| row.runtime == RuntimeKind::Embedded);
            for (row, path) in
                engine.flat_map(|row| servers::model_files().into_iter().map(move |path| (row, path)))
            {
                let size = path.metadata().ok().map(|file| file.len());
                let name = path.display().to_string();
                local.push(json!({"type": row.name, "model_name": name, "model_path": name, "size": size}));
            }
        }
        let hosted = PROVIDERS.iter().filter(|provider| !provider.local);
        remote.extend(hosted.map(|provider| side(&ModelId { provider, model: None }, settings)));
    }
    let problems = problems(&local, &remote, service.is_replay());
    let limits = service.limits();
    Ok(json_response(
        StatusCode::OK,
        &json!({
            "version": env!("CARGO_PKG_VERSION"),
            "replay": service.is_replay(),
            "auth": service.tokens.are_asked_for(),
            "owner": owner.name(),
            "pairs": pairs.iter().map(|pair| json!({
                "id": pair.id, "local": side(&pair.local, settings), "remote": side(&pair.remote, settings),
            })).collect::<Vec<_>>(),
            "local": local,
            "remote": remote,
            "protocols": protocols(),
            "limits": {
                "max_upload_bytes": limits.upload_bytes,
                "max_body_bytes": limits.body_bytes,
                "queue": limits.queue,
                "runs_at_once": limits.runs_at_once,
            },
            "can_pull": service.rules.may_fetch(&owner),
            "can_record": !service.is_replay(),
            "example": service.example,
            "problems": problems,
        }),
    ))
}

/// The protocols, that which chooses first.
fn protocols() -> Vec<&'static str> {
    let others = ProtocolKind::ALL.into_iter().filter(|kind| *kind != ProtocolKind::Auto);
    [ProtocolKind::Auto].into_iter().chain(others).map(ProtocolKind::name).collect()
}

/// What is missing, and what to do about it.
fn problems(local: &[Value], remote: &[Value], is_replay: bool) -> Vec<Value> {
    let mut problems = Vec::new();
    if is_replay {
        return problems;
    }
    if local.is_empty() {
        problems.push(json!({
            "what": "No model server answers on this machine.",
            "remedy": "ollama pull llama3.2, or `minions doctor` says what is missing",
        }));
    }
    let has_key = |side: &Value| side["key"].is_null() || side["key"]["is_set"] == true;
    if !remote.iter().any(has_key) {
        problems.push(json!({
            "what": "No vendor's key is set, so that there is no supervisor.",
            "remedy": "export OPENAI_API_KEY=... before `minions serve`, or take local_only",
        }));
    }
    problems
}
