//! The routes of the original's HTTP servers, for its clients: their bodies, their answers, their variables.
//!
//! What their documentation promises works here: overrides in a request hold, changes of the configuration hold for the
//! next run of whoever made them, and no answer shows a key.

mod config;
mod environment;
mod shapes;
mod upload;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde_json::{Value, json};

use super::error::{ApiError, json_response};
use super::outcome::{Held, outcome, with_run};
use super::owner::Owner;
use super::service::Service;
use super::{body, setup};
use crate::servers;
pub(crate) use config::Original;
use config::OriginalConfig;
pub use environment::{OriginalEnvironment, read as read_environment};
use shapes::refusal;

/// The routes, which run jobs with `original`.
pub(crate) fn routes(original: Arc<Original>) -> Router<Arc<Service>> {
    Router::new()
        .route("/run", post(run))
        .route("/minions", post(minions))
        .route("/remote-only", post(remote_only))
        .route("/upload-pdf", post(upload::upload))
        .route("/health", get(health))
        .route("/models", get(models))
        .route("/config", get(show).post(change))
        .route("/start_protocol", post(start))
        .layer(Extension(original))
}

/// A route that runs a job.
#[derive(Clone, Copy)]
struct Route {
    protocol: &'static str,
    /// The key of a body that holds the question.
    question: &'static str,
    needs_context: bool,
}

const RUN: Route = Route { protocol: "minion", question: "query", needs_context: false };
const MINIONS: Route = Route { protocol: "minions", question: "task", needs_context: true };
const REMOTE_ONLY: Route = Route { protocol: "remote_only", ..MINIONS };

async fn run(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Extension(original): Extension<Arc<Original>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    solve((&service, &original), &owner, &headers, body, RUN).await
}

async fn minions(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Extension(original): Extension<Arc<Original>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    solve((&service, &original), &owner, &headers, body, MINIONS).await
}

async fn remote_only(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Extension(original): Extension<Arc<Original>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    solve((&service, &original), &owner, &headers, body, REMOTE_ONLY).await
}

/// Runs the job of a body. The client holds it: when it goes away, the job ends.
async fn solve(
    (service, original): (&Arc<Service>, &Original),
    owner: &Owner,
    headers: &HeaderMap,
    body: Body,
    route: Route,
) -> Response {
    let Route { protocol, question, needs_context } = route;
    let begun = async {
        let (value, _) = body::json(headers, body, service.limits()).await?;
        let mut job = shapes::job(value, protocol, question, needs_context, &original.of(owner))?;
        fill(service, &mut job)?;
        let admitted = service.checked(owner, job.clone(), false).await?;
        Ok((service.submit(owner, admitted, None)?, job))
    };
    let (run, job) = match begun.await {
        Ok(begun) => begun,
        Err(error) => return refusal(&error, "Invalid request"),
    };
    let held = Held::new(service, &run);
    let outcome = outcome(&run).await;
    drop(held);
    match outcome {
        Ok(result) if protocol == RUN.protocol => {
            with_run(json_response(StatusCode::OK, &shapes::answer(&result)), &run, false)
        }
        Ok(result) => {
            with_run(json_response(StatusCode::OK, &shapes::long_answer(&result, &job)), &run, false)
        }
        Err(error) => {
            let what = format!("Failed to run the protocol {protocol}");
            with_run(refusal(&error, &what), &run, true)
        }
    }
}

/// Gives a job the service's own models where it has none.
fn fill(service: &Service, job: &mut Value) -> Result<(), ApiError> {
    let pairs = setup::pairs(&service.file, &service.settings)?;
    let Some(usual) = pairs.first() else { return Ok(()) };
    for (side, model) in [("local_client", &usual.local), ("remote_client", &usual.remote)] {
        if job[side]["type"].is_null() {
            let Value::Object(usual) = model.client() else { continue };
            let own = std::mem::take(&mut job[side]);
            let mut filled = usual;
            filled.extend(own.as_object().cloned().unwrap_or_default());
            job[side] = filled.into();
        }
    }
    Ok(())
}

/// The configuration as it is shown, with the service's own models where it names none.
fn shown(service: &Service, config: &OriginalConfig) -> Result<Value, ApiError> {
    let mut filled = json!({});
    config.fill(&mut filled);
    fill(service, &mut filled)?;
    let side = |side: &str| Some(filled[side].clone());
    Ok(OriginalConfig { local: side("local_client"), remote: side("remote_client"), ..config.clone() }
        .object())
}

async fn health(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Extension(original): Extension<Arc<Original>>,
) -> Response {
    match shown(&service, &original.of(&owner)) {
        Ok(config) => {
            let health = json!({
                "status": "healthy",
                "timestamp": jiff::Timestamp::now().to_string(),
                "config": config,
                "features": {"bm25_retrieval_available": true, "retrieval_available": true},
            });
            json_response(StatusCode::OK, &health)
        }
        Err(error) => refusal(&error, "Unusable configuration"),
    }
}

/// The models that may be the supervisor.
async fn models(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Extension(original): Extension<Arc<Original>>,
) -> Response {
    let listed =
        || {
            let own = shown(&service, &original.of(&owner))?;
            let mut models = vec![own["remote_model_name"].as_str().unwrap_or_default().to_owned()];
            let pairs = setup::pairs(&service.file, &service.settings)?;
            models.extend(pairs.iter().map(|pair| {
                pair.remote.model.clone().unwrap_or_else(|| pair.remote.provider.model.to_owned())
            }));
            Ok(models)
        };
    match listed() {
        Ok(mut models) => {
            let mut seen = std::collections::HashSet::new();
            models.retain(|model| !model.is_empty() && seen.insert(model.clone()));
            let model = |id: String| json!({"id": id, "object": "model", "owned_by": "remote"});
            let data: Vec<Value> = models.into_iter().map(model).collect();
            json_response(StatusCode::OK, &json!({"object": "list", "data": data}))
        }
        Err(error) => refusal(&error, "Failed to list models"),
    }
}

async fn show(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Extension(original): Extension<Arc<Original>>,
) -> Response {
    match shown(&service, &original.of(&owner)) {
        Ok(config) => json_response(StatusCode::OK, &json!({"config": config, "minion_initialized": true})),
        Err(error) => refusal(&error, "Unusable configuration"),
    }
}

/// Changes what the next runs of the same owner are run with, if a job could be run so.
async fn change(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Extension(original): Extension<Arc<Original>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let changed = async {
        let (changes, _) = body::json(&headers, body, service.limits()).await?;
        let names = ["local_provider", "remote_provider"].map(|name| (name, !changes[name].is_null()));
        let changed = original.of(&owner).changed(changes)?;
        let probe = json!({"task": "Is this configuration usable?", "context": ["Note: a text."]});
        let mut job = shapes::job(probe, MINIONS.protocol, MINIONS.question, true, &changed)?;
        fill(&service, &mut job)?;
        let job = service.checked(&owner, job, false).await?.job;
        for ((name, is_named), spec) in names.into_iter().zip([&job.local, &job.remote]) {
            if is_named && !service.is_replay() {
                let environment = service.settings.environment();
                if let Some(why) = servers::missing(spec.provider, &environment).await {
                    let hint = "start it, or name one of those that GET /v1/setup shows";
                    return Err(ApiError::bad(why).param(name).hint(hint));
                }
            }
        }
        let config = shown(&service, &changed)?;
        original.change(&owner, changed);
        Ok(config)
    };
    match changed.await {
        Ok(config) => {
            let message = "Configuration updated: it holds from the next run on";
            json_response(StatusCode::OK, &json!({"message": message, "config": config}))
        }
        Err(error) => refusal(&error, "Failed to update configuration"),
    }
}

/// What the original's documentation asks for before the first run; here everything is ready.
async fn start(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Extension(original): Extension<Arc<Original>>,
    body: Body,
) -> Response {
    let started = async {
        let bytes = body::whole(body, service.limits()).await?;
        let given =
            if bytes.is_empty() { json!({}) } else { serde_json::from_slice(&bytes).unwrap_or_default() };
        match given.as_object().map(|given| given.keys().next()) {
            Some(None) => shown(&service, &original.of(&owner)),
            Some(Some(key)) => {
                Err(ApiError::bad(format!("'{key}' can't be set here")).param(key.clone()).hint(CHANGE))
            }
            None => {
                Err(ApiError::bad("the body must be a JSON object without keys, or be left out").hint(CHANGE))
            }
        }
    };
    match started.await {
        Ok(config) => {
            let message = "The protocol is ready";
            json_response(StatusCode::OK, &json!({"success": true, "message": message, "config": config}))
        }
        Err(error) => refusal(&error, "Failed to initialize minion"),
    }
}

const CHANGE: &str = "POST /config changes what the next runs are run with";
