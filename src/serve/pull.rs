//! Fetches a model, and tells how far it is.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::post;
use axum::{Extension, Router};
use bytes::Bytes;
use futures_util::stream;
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;

use super::body;
use super::error::ApiError;
use super::owner::Owner;
use super::service::Service;
use super::sse;
use crate::chat::providers::{Provider, RuntimeKind, find};
use crate::engine::{usual_address, usual_headers};
use crate::error::Failure;
use crate::runtimes::{DockerModelRunner, Need, Ollama, PullProgress, Runtime, Timeouts};

/// Reports that wait for a client that reads slowly; more are left out.
const WAITING: usize = 64;

/// The routes.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/v1/pull", post(pull))
}

async fn pull(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let (value, _) = body::json(&headers, body, service.limits()).await?;
    let text = |key: &str| {
        let text = value[key].as_str().map(str::trim).filter(|text| !text.is_empty());
        text.ok_or_else(|| ApiError::bad(format!("`{key}` must be a string")).param(key))
    };
    let (kind, model) = (text("type")?, text("model")?.to_owned());
    if !service.rules.may_fetch(&owner) {
        return Err(ApiError::new(StatusCode::FORBIDDEN, "models are not fetched over HTTP here")
            .code("not_allowed")
            .hint("the operator fetches it: `ollama pull MODEL`"));
    }
    let fetches = |provider: &&Provider| {
        matches!(provider.runtime, RuntimeKind::Ollama | RuntimeKind::DockerModelRunner)
    };
    let provider = find(kind).filter(fetches).ok_or_else(|| {
        ApiError::bad(format!("{kind:?} fetches no models"))
            .param("type")
            .hint("take ollama or docker_model_runner")
    })?;
    let (sender, reports) = channel(WAITING);
    let environment = service.settings.environment();
    let work = async move {
        let address = usual_address(provider, &environment)?;
        let headers = usual_headers(provider, &environment, &address)?;
        let progress = Arc::new(Progress(sender));
        let runtime: Box<dyn Runtime> = match provider.runtime {
            RuntimeKind::Ollama => Box::new(
                Ollama::new(&address, None, Timeouts::default())?.with_headers(headers).reporting(progress),
            ),
            _ => Box::new(
                DockerModelRunner::new(&address, Timeouts::default())?
                    .with_headers(headers)
                    .reporting(progress),
            ),
        };
        runtime.ensure_ready().await?;
        let need = Need { model, pull: true, ..Need::default() };
        runtime.ensure_model(&need).await?;
        Ok(())
    };
    let pulling = Pulling { reports, work: Some(tokio::spawn(work)) };
    Ok(sse::response(stream::unfold(
        pulling,
        |mut pulling| async move { Some((pulling.next().await?, pulling)) },
    )))
}

/// A pull under way, which ends with its client.
struct Pulling {
    reports: Receiver<Value>,
    work: Option<JoinHandle<Result<(), Failure>>>,
}

impl Pulling {
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(report) = self.reports.recv().await {
            return Some(sse::named("progress", &report));
        }
        let ended = self.work.take()?.await.unwrap_or_else(|error| Err(error.into()));
        Some(match ended {
            Ok(()) => sse::named("done", &json!({})),
            Err(failure) => sse::named("error", &ApiError::from(failure).body()),
        })
    }
}

impl Drop for Pulling {
    fn drop(&mut self) {
        if let Some(work) = &self.work {
            work.abort();
        }
    }
}

struct Progress(Sender<Value>);

impl PullProgress for Progress {
    fn progress(&self, model: &str, status: &str, completed: u64, total: u64) {
        let report = json!({"model": model, "status": status, "completed": completed, "total": total});
        // A client that reads slowly misses some.
        let _ = self.0.try_send(report);
    }

    fn done(&self, _model: &str) {}
}
