//! The native routes of runs: send a job, watch it, end it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use ring::digest::{Context, SHA256};
use serde_json::{Value, json};

use super::body;
use super::error::{ApiError, json_bytes, json_response};
use super::guard::IDEMPOTENCY_KEY;
use super::outcome::{Held, with_run};
use super::owner::Owner;
use super::query::query;
use super::run::Run;
use super::runs::Again;
use super::service::Service;
use super::sse;
use super::stored::StoredFile;
use crate::envelope::Envelope;

/// The longest `Idempotency-Key`.
const LONGEST_KEY: usize = 255;
/// Runs that a list has.
const LISTED: usize = 1000;

type Answer = Result<Response, ApiError>;

/// The routes.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/v1/runs", post(send).get(list))
        .route("/v1/runs/{id}", get(show).delete(cancel))
        .route("/v1/runs/{id}/events", get(events))
        .route("/v1/minions", post(minions))
        .route("/v1/estimate", post(estimate))
}

/// Whether a query asks for a recording.
fn is_recorded(uri: &Uri, service: &Service) -> Result<bool, ApiError> {
    match query(uri, "record").as_deref() {
        None | Some("false" | "0") => Ok(false),
        Some("true" | "1" | "") if service.is_replay() => {
            Err(ApiError::bad("a replay is not recorded").param("record"))
        }
        Some("true" | "1" | "") => Ok(true),
        Some(_) => Err(ApiError::bad("`record` must be true or false").param("record")),
    }
}

async fn send(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let key = idempotency_key(&headers)?;
    let is_recorded = is_recorded(&uri, &service)?;
    let (value, bytes) = body::json(&headers, body, service.limits()).await?;
    let mut hash = [0; 32];
    let mut digest = Context::new(&SHA256);
    digest.update(&bytes);
    digest.update(&[is_recorded.into()]);
    hash.copy_from_slice(digest.finish().as_ref());
    drop(bytes);
    if let Some(key) = &key
        && let Again::Known(run) = service.runs.again(&owner, key, &hash)?
    {
        return Ok(accepted(&service, &run));
    }
    let admitted = service.checked(&owner, value, is_recorded).await?;
    let run = service.submit(&owner, admitted, key.map(|key| (key, hash)))?;
    Ok(accepted(&service, &run))
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let bad = |message: &str| Err(ApiError::bad(message).param("Idempotency-Key"));
    let mut given = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(key) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return bad("the header Idempotency-Key is given twice");
    }
    match key.to_str() {
        Ok(key) if !key.trim().is_empty() && key.len() <= LONGEST_KEY => Ok(Some(key.trim().to_owned())),
        _ => bad("the header Idempotency-Key must have from 1 to 255 characters of ASCII"),
    }
}

fn accepted(service: &Service, run: &Run) -> Response {
    let summary = run.summary(service.runs.position(run));
    let mut response = json_response(StatusCode::ACCEPTED, &summary);
    if let Ok(url) = HeaderValue::from_str(&format!("/v1/runs/{}", run.id)) {
        response.headers_mut().insert(header::LOCATION, url);
    }
    response
}

async fn list(State(service): State<Arc<Service>>, Extension(owner): Extension<Owner>) -> Answer {
    let runs = service.runs.of(&owner);
    let listed: Vec<Value> =
        runs.iter().take(LISTED).map(|run| run.summary(service.runs.position(run))).collect();
    Ok(json_response(
        StatusCode::OK,
        &json!({"object": "list", "data": listed, "has_more": runs.len() > LISTED}),
    ))
}

async fn show(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Path(id): Path<String>,
) -> Answer {
    let run = service.runs.find(&owner, &id)?;
    let mut shown = run.summary(service.runs.position(&run));
    shown["job"] = run.admitted.shown.clone();
    let file =
        |file: &Arc<StoredFile>| json!({"id": file.id, "filename": file.name, "documents": file.documents()});
    shown["files"] = run.admitted.files.iter().map(file).collect();
    // The envelope is put in as it is.
    let mut text = shown.to_string();
    if let Some(envelope) = run.envelope() {
        text.pop();
        text += ",\"envelope\":";
        text += envelope.get();
        text.push('}');
    }
    Ok(json_bytes(StatusCode::OK, text.into_bytes()))
}

async fn cancel(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Path(id): Path<String>,
) -> Answer {
    let run = service.runs.find(&owner, &id)?;
    service.cancel(&run);
    Ok(json_response(StatusCode::OK, &run.summary(service.runs.position(&run))))
}

async fn events(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Answer {
    let run = service.runs.find(&owner, &id)?;
    let given = match headers.get("last-event-id") {
        Some(id) => Some((id.to_str().unwrap_or("?").to_owned(), "Last-Event-ID")),
        None => query(&uri, "after").map(|after| (after, "after")),
    };
    let from = match given {
        None => 0,
        Some((text, _)) if text.is_empty() => 0,
        Some((text, param)) => match text.parse::<u64>() {
            Ok(last) => last.saturating_add(1),
            Err(_) => {
                return Err(ApiError::bad(format!("{param} must be the number of an event")).param(param));
            }
        },
    };
    Ok(sse::events(&run, from))
}

/// A job in, its envelope out. The client holds it: when it goes away, the job ends.
async fn minions(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let is_recorded = is_recorded(&uri, &service)?;
    let (value, _) = body::json(&headers, body, service.limits()).await?;
    let admitted = service.checked(&owner, value, is_recorded).await?;
    let run = service.submit(&owner, admitted, None)?;
    let held = Held::new(&service, &run);
    let envelope = finished(&run).await;
    drop(held);
    Ok(with_run(json_bytes(StatusCode::OK, envelope.into_bytes()), &run, false))
}

/// The envelope of a run, once it has ended.
pub(crate) async fn finished(run: &Run) -> String {
    let mut reader = run.log.read_from(0);
    while reader.next().await.is_some() {}
    let envelope = run.envelope();
    envelope.map_or_else(
        || json!({"success": false, "result": null, "error": "the job ended without a result"}).to_string(),
        |envelope| envelope.get().to_owned(),
    )
}

/// What a job would cost, from its texts alone.
async fn estimate(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let (value, _) = body::json(&headers, body, service.limits()).await?;
    let admitted = service.checked(&owner, value, false).await?;
    let envelope = Envelope::from(service.engine.estimate(&admitted.job).await);
    let json = service.engine_config.redactor.clean_json(&envelope);
    let json = json.map_err(|error| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the estimate can't be written: {error}"))
    })?;
    Ok(json_bytes(StatusCode::OK, json))
}
