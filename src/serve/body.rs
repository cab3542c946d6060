//! The bodies of requests, within limits of size and time.

use std::time::{Duration, Instant};

use axum::body::{Body, BodyDataStream, HttpBody};
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::Value;

use super::config::Limits;
use super::error::ApiError;
use crate::job;
use crate::memory;

/// Bytes in a second that a body has to come with, on the average.
const SLOWEST: u64 = 16 << 10;

/// A body as it comes, which ends with an error where it comes too slowly.
pub(crate) struct TimedBody {
    stream: BodyDataStream,
    began: Instant,
    stall: Duration,
    read: u64,
}

impl TimedBody {
    /// `body`, which may be silent for as long as `limits` say.
    pub(crate) fn new(body: Body, limits: &Limits) -> Self {
        Self { stream: body.into_data_stream(), began: Instant::now(), stall: limits.stall(), read: 0 }
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// 408 for a client that is too slow, 400 for one that breaks off.
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, ApiError>> {
        let late = || ApiError::new(StatusCode::REQUEST_TIMEOUT, "the body came too slowly");
        let due = self.began + self.stall + Duration::from_secs(self.read / SLOWEST);
        let wait = self.stall.min(due.saturating_duration_since(Instant::now()));
        match tokio::time::timeout(wait, self.stream.next()).await {
            Err(_) => Some(Err(late())),
            Ok(None) => None,
            Ok(Some(Err(_))) => Some(Err(ApiError::bad("the body broke off, or its chunks are damaged"))),
            Ok(Some(Ok(bytes))) => {
                self.read += bytes.len() as u64;
                Some(Ok(bytes))
            }
        }
    }
}

/// Refuses a body that says by itself that it is longer than `limit`, before any of it is read.
///
/// # Errors
/// 413.
pub(crate) fn check_length(body: &Body, limit: u64) -> Result<(), ApiError> {
    if body.size_hint().lower() > limit { Err(too_large(limit)) } else { Ok(()) }
}

/// The whole of a body.
///
/// # Errors
/// 413 for one that is too long, whether it tells its length or not.
pub(crate) async fn whole(body: Body, limits: &Limits) -> Result<Vec<u8>, ApiError> {
    check_length(&body, limits.body_bytes as u64)?;
    let mut body = TimedBody::new(body, limits);
    let mut all = Vec::new();
    while let Some(bytes) = body.next().await {
        let bytes = bytes?;
        if all.len() + bytes.len() > limits.body_bytes {
            return Err(too_large(limits.body_bytes as u64));
        }
        all.extend_from_slice(&bytes);
    }
    Ok(all)
}

/// A body or an upload that is longer than `limit`.
pub(crate) fn too_large(limit: u64) -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than {limit} bytes"))
        .code("too_large")
        .hint("give the documents as files, POST /v1/files, or raise the limit in serve.toml")
}

/// The JSON of a body, and its bytes.
///
/// # Errors
/// 415 for a body that does not say that it is JSON, which no form of another page can; 400 for one that is not.
pub(crate) async fn json(
    headers: &HeaderMap,
    body: Body,
    limits: &Limits,
) -> Result<(Value, Vec<u8>), ApiError> {
    check_json(headers)?;
    let bytes = whole(body, limits).await?;
    memory::check(bytes.len(), memory::OF_JSON)
        .map_err(|failure| ApiError { status: StatusCode::SERVICE_UNAVAILABLE, ..failure.into() })?;
    let value = job::value(&bytes, 1).map_err(crate::error::Failure::from)?;
    Ok((value, bytes))
}

/// Whether a request says that its body is JSON.
///
/// # Errors
/// 415 if it does not.
pub(crate) fn check_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let given = media_type(headers);
    if given == "application/json" {
        return Ok(());
    }
    let message = match &*given {
        "" => "the body has no content type".to_owned(),
        other => format!("the content type {other:?} is not taken here"),
    };
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
        .param("Content-Type")
        .hint("send JSON, with `Content-Type: application/json`"))
}

/// The media type of a body, without its parameters and in lower case; empty if there is none, or several.
pub(crate) fn media_type(headers: &HeaderMap) -> String {
    let mut given = headers.get_all(header::CONTENT_TYPE).iter();
    match (given.next().and_then(|value| value.to_str().ok()), given.next()) {
        (Some(value), None) => value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase(),
        _ => String::new(),
    }
}
