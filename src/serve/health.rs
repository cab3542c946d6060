//! Probes: whether the process lives, and whether it takes runs.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use super::error::json_response;
use super::service::Service;

/// The routes.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/healthz", get(healthz)).route("/readyz", get(readyz))
}

async fn healthz() -> Response {
    json_response(StatusCode::OK, &json!({"status": "ok"}))
}

async fn readyz(State(service): State<Arc<Service>>) -> Response {
    match service.runs.is_draining() {
        true => json_response(StatusCode::SERVICE_UNAVAILABLE, &json!({"status": "draining"})),
        false => json_response(StatusCode::OK, &json!({"status": "ready"})),
    }
}
