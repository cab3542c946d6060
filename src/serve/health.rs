//! Probes: whether the process lives, whether it takes runs, and what it has done.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use super::error::json_response;
use super::service::Service;

/// The routes.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
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

async fn metrics(State(service): State<Arc<Service>>) -> Response {
    let (running, queued) = service.runs.counts();
    let mut response = service.metrics.text(running, queued).into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
