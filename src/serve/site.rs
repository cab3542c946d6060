//! The routes of the page: its files, which a browser asks for again only where they have changed.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::assets::{self, Asset};
use super::error::ApiError;
use super::service::Service;

/// The routes.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/", get(index)).route("/assets/{name}", get(file))
}

async fn index(headers: HeaderMap) -> Response {
    served(assets::INDEX, &headers)
}

async fn file(Path(name): Path<String>, headers: HeaderMap) -> Response {
    served(&name, &headers)
}

fn served(name: &str, asked: &HeaderMap) -> Response {
    let Some(Asset { content_type, bytes, etag, .. }) = assets::find(name) else {
        return ApiError::not_found("file of the page", name).into_response();
    };
    let known = asked.get(header::IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == etag.as_bytes());
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { (*bytes).into_response() };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}
