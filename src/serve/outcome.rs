//! What came of a run, for routes that answer with it.

use std::sync::Arc;

use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::error::ApiError;
use super::run::Run;
use super::service::Service;
use crate::error::Failure;
use crate::events::EventKind;

/// Ends the run of a client that goes away.
pub(crate) struct Held {
    service: Arc<Service>,
    run: Arc<Run>,
}

impl Held {
    /// Holds `run` until this is dropped.
    pub(crate) fn new(service: &Arc<Service>, run: &Arc<Run>) -> Self {
        Self { service: Arc::clone(service), run: Arc::clone(run) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.run.state().is_ended() {
            self.service.cancel(&self.run);
        }
    }
}

/// The result of a run that has ended with this event, or why it has none; `None` of any other event.
pub(crate) fn of(event: &EventKind) -> Option<Result<Value, ApiError>> {
    let EventKind::Finished { envelope, failure, .. } = event else { return None };
    if let Some(failure) = failure {
        return Some(Err(Failure::clone(failure).into()));
    }
    let mut envelope: Value =
        envelope.as_ref().map_or(Value::Null, |json| serde_json::from_str(json.get()).unwrap_or_default());
    Some(Ok(envelope["result"].take()))
}

/// Waits for the end of a run.
pub(crate) async fn outcome(run: &Run) -> Result<Value, ApiError> {
    let mut reader = run.log.read_from(0);
    while let Some(event) = reader.next().await {
        if let Some(outcome) = of(&event.kind) {
            return outcome;
        }
    }
    Err(Failure::defect("a run without an end").into())
}

/// The response of a run that failed. What it has cost must not be spent again by a client that tries again by itself.
pub(crate) fn failed(error: ApiError, run: &Run) -> Response {
    with_run(error.into_response(), run, true)
}

/// `response` with the run's id.
pub(crate) fn with_run(mut response: Response, run: &Run, has_failed: bool) -> Response {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&run.id) {
        headers.insert("x-minions-run", id.clone());
        headers.insert("x-request-id", id);
    }
    if has_failed {
        headers.insert("x-should-retry", HeaderValue::from_static("false"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FailureKind;
    use axum::http::StatusCode;
    use serde_json::json;
    use serde_json::value::RawValue;

    fn finished(envelope: Value, failure: Option<Failure>) -> EventKind {
        let envelope = RawValue::from_string(envelope.to_string()).ok();
        let (success, kind) = (failure.is_none(), failure.as_ref().map(|failure| failure.kind));
        EventKind::Finished { success, kind, envelope, failure: failure.map(Box::new) }
    }

    #[test]
    fn an_end_is_a_result_or_an_error_with_its_hint() {
        assert!(of(&EventKind::Round { round: 1, of: 1 }).is_none());
        let done = finished(json!({"success": true, "result": {"final_answer": "Ada"}, "error": null}), None);
        assert_eq!(of(&done).unwrap().unwrap()["final_answer"], "Ada");
        // A server's own words may have a hint in them.
        let failure =
            Failure::new(FailureKind::Deadline, "it said: no. Hint: ask; it took too long").hint("wait");
        let envelope = json!({"success": false, "result": null, "error": failure.to_string()});
        let late = of(&finished(envelope, Some(failure))).unwrap().unwrap_err();
        assert_eq!(
            (late.status, &*late.message),
            (StatusCode::GATEWAY_TIMEOUT, "it said: no. Hint: ask; it took too long")
        );
        assert_eq!(late.hint.as_deref(), Some("wait"));
    }
}
