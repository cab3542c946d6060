//! All routes, behind the guard.

use std::sync::Arc;

use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};

use super::error::ApiError;
use super::guard::guard;
use super::original::Original;
use super::service::Service;
use super::{batches, health, history, native, openai, openapi, original, parts, pull, setup, site, uploads};

/// All routes of `service`; those of the original's run jobs with `original`.
pub(crate) fn router(service: Arc<Service>, original: Original) -> Router {
    Router::new()
        .merge(native::routes())
        .merge(parts::routes())
        .merge(uploads::routes())
        .merge(setup::routes())
        .merge(pull::routes())
        .merge(history::routes())
        .merge(openai::routes())
        .merge(batches::routes())
        .merge(original::routes(Arc::new(original)))
        .merge(openapi::routes())
        .merge(health::routes())
        .merge(site::routes())
        .fallback(nothing)
        .method_not_allowed_fallback(other_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&service), guard))
        .with_state(service)
}

async fn nothing(uri: Uri) -> ApiError {
    ApiError::not_found("route", uri.path()).hint("GET /openapi.json lists the routes")
}

/// axum adds which methods there are.
async fn other_method(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, format!("the method {method} is not taken here"))
        .hint("the header Allow lists those that are")
        .into_response()
}
