//! What a request is refused with: OpenAI's error object, with our hint.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::error::{Failure, FailureKind};

/// Why a request is not done.
#[derive(Clone, Debug)]
pub(crate) struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// OpenAI's `type`.
    pub kind: &'static str,
    /// OpenAI's `code`.
    pub code: Option<&'static str>,
    /// What is wrong, and where.
    pub message: String,
    /// The key or the header that is to blame.
    pub param: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
    /// Seconds after which it may be tried again.
    pub retry_after: Option<u64>,
}

impl ApiError {
    /// An error with this status and OpenAI's name for it.
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        let kind = match status {
            StatusCode::UNAUTHORIZED => "authentication_error",
            StatusCode::FORBIDDEN => "permission_error",
            StatusCode::NOT_FOUND => "not_found_error",
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_error",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        Self { status, kind, code: None, message: message.into(), param: None, hint: None, retry_after: None }
    }

    /// The request is unusable as it is.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// There is no such thing, or it is somebody else's.
    pub(crate) fn not_found(what: &str, id: &str) -> Self {
        let id: String = id.chars().take(80).collect();
        Self::new(StatusCode::NOT_FOUND, format!("there is no {what} {id:?}"))
    }

    /// Too much at once, or in a day; it may be tried again after so many seconds.
    pub(crate) fn too_many(message: impl Into<String>, retry_after: u64) -> Self {
        let error = Self::new(StatusCode::TOO_MANY_REQUESTS, message);
        Self { retry_after: Some(retry_after), ..error }
    }

    /// The service ends.
    pub(crate) fn draining() -> Self {
        let error = Self::new(StatusCode::SERVICE_UNAVAILABLE, "the service is ending and takes no new work");
        Self { retry_after: Some(5), code: Some("draining"), ..error }
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds which key or header is to blame.
    pub(crate) fn param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// Adds OpenAI's code.
    pub(crate) fn code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The body of the response.
    pub(crate) fn body(&self) -> Value {
        json!({"error": {
            "message": self.message,
            "type": self.kind,
            "code": self.code,
            "param": self.param,
            "hint": self.hint,
        }})
    }
}

impl From<Failure> for ApiError {
    fn from(failure: Failure) -> Self {
        let status = match failure.kind {
            FailureKind::Input => StatusCode::BAD_REQUEST,
            FailureKind::Model(_) | FailureKind::Runtime => StatusCode::BAD_GATEWAY,
            FailureKind::Budget => StatusCode::FORBIDDEN,
            FailureKind::Replay => StatusCode::CONFLICT,
            FailureKind::Deadline => StatusCode::GATEWAY_TIMEOUT,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let param = place(&failure.message).filter(|_| failure.kind == FailureKind::Input);
        Self { hint: failure.hint.clone(), param, ..Self::new(status, failure.message) }
    }
}

/// The key that the message of a bad job names first, in backquotes.
fn place(message: &str) -> Option<String> {
    let named = message.split('`').nth(1)?;
    let is_key = |c: char| c.is_ascii_alphanumeric() || "_.[]".contains(c);
    (!named.is_empty() && named.chars().all(is_key)).then(|| named.to_owned())
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = json_response(self.status, &self.body());
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// A response of JSON.
pub(crate) fn json_response(status: StatusCode, value: &Value) -> Response {
    json_bytes(status, format!("{value}\n").into_bytes())
}

/// A response of bytes that are JSON.
pub(crate) fn json_bytes(status: StatusCode, bytes: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
