//! What ran here before: the conversation logs of the owner.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{ApiError, json_bytes, json_response};
use super::owner::Owner;
use super::query::query;
use super::service::Service;
use crate::sync::beside_runtime;

/// Logs that a list has, unless it is asked for fewer.
const LISTED: usize = 50;
/// The most bytes of a log that is looked at.
const LONGEST: u64 = 256 << 20;

/// The routes.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/v1/history", get(list)).route("/v1/history/{id}", get(show))
}

/// What a list shows of a log. Its documents are passed over.
#[derive(Deserialize)]
struct Head {
    task: String,
    generated_final_answer: String,
    protocol: String,
    usage: Value,
    #[serde(default)]
    timing: Value,
    #[serde(default)]
    local_client: Value,
    #[serde(default)]
    remote_client: Value,
    #[serde(default)]
    error: Option<String>,
}

async fn list(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let most = match query(&uri, "limit") {
        None => LISTED,
        Some(text) => text
            .parse::<usize>()
            .ok()
            .filter(|limit| (1..=LISTED).contains(limit))
            .ok_or_else(|| ApiError::bad(format!("`limit` must be from 1 to {LISTED}")).param("limit"))?,
    };
    let dir = service.log_dir(&owner);
    let (logs, has_more) = beside_runtime(move || heads(&dir, most)).await;
    Ok(json_response(StatusCode::OK, &json!({"object": "list", "data": logs, "has_more": has_more})))
}

/// The newest logs in `dir`, and whether there are more. Blocks.
fn heads(dir: &FilePath, most: usize) -> (Vec<Value>, bool) {
    let mut files: Vec<(SystemTime, PathBuf)> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let (about, path) = (entry.metadata().ok()?, entry.path());
            let is_log = about.is_file()
                && about.len() <= LONGEST
                && path.extension().is_some_and(|end| end == "json");
            is_log.then_some((about.modified().ok()?, path))
        })
        .collect();
    files.sort_by(|a, b| b.cmp(a));
    let mut heads = files.into_iter().filter_map(|(written, path)| head(written, &path));
    (heads.by_ref().take(most).collect(), heads.next().is_some())
}

fn head(written: SystemTime, path: &FilePath) -> Option<Value> {
    let file = std::io::BufReader::new(std::fs::File::open(path).ok()?);
    let head: Head = serde_json::from_reader(file).ok()?;
    let created_at = written.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Some(json!({
        "id": path.file_stem()?.to_string_lossy(),
        "created_at": created_at,
        "task": head.task,
        "final_answer": head.generated_final_answer,
        "protocol": head.protocol,
        "usage": head.usage,
        "timing": head.timing,
        "local_client": head.local_client,
        "remote_client": head.remote_client,
        "error": head.error,
    }))
}

async fn show(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let gone = || ApiError::not_found("conversation log", &id);
    // The id is the name of a file, and nothing else.
    if id.is_empty() || id.starts_with('.') || id.contains(['/', '\\', '\0']) {
        return Err(gone());
    }
    let path = service.log_dir(&owner).join(format!("{id}.json"));
    let read = beside_runtime(move || {
        let about = path.symlink_metadata().ok()?;
        (about.is_file() && about.len() <= LONGEST).then(|| std::fs::read(&path).ok()).flatten()
    });
    Ok(json_bytes(StatusCode::OK, read.await.ok_or_else(gone)?))
}
