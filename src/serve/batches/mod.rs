//! Batches of requests, as OpenAI has them: a file of lines in, a file of answers and one of failures out.
//!
//! Each line becomes a run like any other, behind the owner's own runs and within the same limits but that of the queue: a
//! batch only keeps a few of them there at a time.

mod all;
mod batch;
mod lines;
mod work;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde_json::{Value, json};

use super::body;
use super::error::{ApiError, json_response};
use super::owner::{Owner, random_hex};
use super::query::query;
use super::service::Service;
use all::Batches;
use batch::Batch;

/// Where the lines of a batch may go.
const ENDPOINTS: [&str; 2] = ["/v1/chat/completions", "/v1/minions"];
/// Batches of one owner that are under way.
const MOST: usize = 10;
/// Batches that a list has unless it says.
const LISTED: usize = 20;

type Answer = Result<Response, ApiError>;

/// The routes, which know all batches among them.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/v1/batches", get(list).post(create))
        .route("/v1/batches/{id}", get(show))
        .route("/v1/batches/{id}/cancel", post(cancel))
        .layer(Extension(Arc::new(Batches::default())))
}

/// How long batches are kept that have ended.
fn kept(service: &Service) -> Duration {
    Duration::from_secs(service.limits().keep_s)
}

async fn create(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Extension(batches): Extension<Arc<Batches>>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let (value, _) = body::json(&headers, body, service.limits()).await?;
    let Value::Object(mut fields) = value else {
        return Err(ApiError::bad("the body must be an object with `input_file_id` and `endpoint`"));
    };
    let mut text = |key: &str| match fields.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ApiError::bad(format!("`{key}` must be a string")).param(key)),
    };
    let input = text("input_file_id")?;
    let endpoint = text("endpoint")?.unwrap_or_else(|| ENDPOINTS[0].to_owned());
    let window = text("completion_window")?;
    let Some(input) = input else {
        return Err(
            ApiError::bad("`input_file_id` must be the id of an upload of JSON lines").param("input_file_id")
        );
    };
    if !ENDPOINTS.contains(&&*endpoint) {
        let message = format!("`endpoint` must be one of {}", ENDPOINTS.join(", "));
        return Err(ApiError::bad(message).param("endpoint"));
    }
    if window.is_some_and(|window| window != "24h") {
        return Err(ApiError::bad("`completion_window` can be \"24h\" alone").param("completion_window"));
    }
    let metadata = fields.remove("metadata").unwrap_or_default();
    if !metadata.is_null() && !metadata.is_object() {
        return Err(ApiError::bad("`metadata` must be an object").param("metadata"));
    }
    if let Some(key) = fields.keys().next() {
        return Err(ApiError::bad(format!("unknown key `{key}`")).param(key).code("unknown_parameter"));
    }
    let file = service.files.find(&owner, &input).map_err(|error| error.param("input_file_id"))?;
    let under_way = batches.of(&owner, kept(&service)).iter().filter(|batch| !batch.has_ended()).count();
    if under_way >= MOST {
        return Err(ApiError::too_many(format!("{MOST} batches are under way"), 60).code("too_many_batches"));
    }
    let id = format!("batch_{}", random_hex(16)?);
    let batch = Arc::new(Batch::new(id, owner, input, endpoint, metadata));
    batches.add(Arc::clone(&batch));
    let shown = shown(&service, &batch);
    tokio::spawn(work::work(service, batch, file));
    Ok(shown)
}

fn shown(service: &Service, batch: &Batch) -> Response {
    json_response(StatusCode::OK, &batch.object(service.limits().keep_s))
}

/// The batches of the owner, the newest first, a page of `limit` from behind `after` on.
async fn list(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Extension(batches): Extension<Arc<Batches>>,
    uri: Uri,
) -> Answer {
    let limit = match query(&uri, "limit") {
        None => LISTED,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=100).contains(limit))
            .ok_or_else(|| ApiError::bad("`limit` must be a number from 1 to 100").param("limit"))?,
    };
    let mut all = batches.of(&owner, kept(&service));
    all.reverse();
    let from = match query(&uri, "after") {
        None => 0,
        Some(id) => {
            let at = all.iter().position(|batch| batch.id == id);
            at.ok_or_else(|| ApiError::not_found("batch", &id).param("after"))? + 1
        }
    };
    let page: Vec<Value> =
        all.iter().skip(from).take(limit).map(|batch| batch.object(service.limits().keep_s)).collect();
    let id = |one: Option<&Value>| one.map(|one| one["id"].clone());
    let (first, last) = (id(page.first()), id(page.last()));
    let has_more = all.len() > from + page.len();
    let list =
        json!({"object": "list", "data": page, "first_id": first, "last_id": last, "has_more": has_more});
    Ok(json_response(StatusCode::OK, &list))
}

async fn show(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Extension(batches): Extension<Arc<Batches>>,
    Path(id): Path<String>,
) -> Answer {
    let batch = batches.find(&owner, &id, kept(&service))?;
    Ok(shown(&service, &batch))
}

async fn cancel(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Extension(batches): Extension<Arc<Batches>>,
    Path(id): Path<String>,
) -> Answer {
    let batch = batches.find(&owner, &id, kept(&service))?;
    if !batch.cancel() {
        let error = ApiError::new(StatusCode::CONFLICT, "the batch has ended already");
        return Err(error.param("id").code("batch_ended"));
    }
    Ok(shown(&service, &batch))
}
