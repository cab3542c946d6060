//! OpenAI's dialect: a protocol as a model.
//!
//! In: what OpenAI's clients send. Out: what they read. A chat becomes a job (`request`), a run's events and result become
//! chunks or a completion (`stream`, `response`); what a client asks for and can't have is refused by its name.

mod chat;
mod messages;
mod models;
mod parameters;
mod pasted;
mod progress;
mod request;
mod response;
mod sources;
mod stream;

use std::sync::{Arc, LazyLock};
use std::time::SystemTime;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};

use super::error::{ApiError, json_response};
use super::service::Service;
use super::setup;
pub(crate) use chat::{Begun, begin, whole};

/// When the service began, in seconds since 1970.
static BEGAN: LazyLock<u64> =
    LazyLock::new(|| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs());

/// The routes.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/models", get(list))
        .route("/v1/models/{*id}", get(show))
}

fn names(service: &Service) -> Result<Vec<String>, ApiError> {
    let pairs = setup::pairs(&service.file, &service.settings)?;
    Ok(models::names(&pairs.into_iter().map(|pair| pair.id).collect::<Vec<_>>()))
}

async fn list(State(service): State<Arc<Service>>) -> Result<Response, ApiError> {
    let models: Vec<Value> = names(&service)?.iter().map(|name| models::object(name, *BEGAN)).collect();
    Ok(json_response(StatusCode::OK, &json!({"object": "list", "data": models})))
}

async fn show(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Result<Response, ApiError> {
    match names(&service)?.contains(&id) {
        true => Ok(json_response(StatusCode::OK, &models::object(&id, *BEGAN))),
        false => Err(request::no_model(&id)),
    }
}
