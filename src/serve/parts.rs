//! What belongs to a run: its documents, its conversation log, its recording.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::{Value, json};

use super::error::{ApiError, json_bytes, json_response};
use super::owner::Owner;
use super::reading::with_places;
use super::run::Run;
use super::service::Service;
use crate::documents::Document;
use crate::error::Failure;
use crate::sync::beside_runtime;

type Answer = Result<Response, ApiError>;

/// The routes.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/v1/runs/{id}/documents", get(names))
        .route("/v1/runs/{id}/documents/{n}", get(document))
        .route("/v1/runs/{id}/log", get(log))
        .route("/v1/runs/{id}/recording", get(recording))
}

/// The documents of a run, in which the offsets of its evidence count.
async fn documents<'r>(service: &Service, run: &'r Run) -> Result<&'r Arc<[Document]>, ApiError> {
    let job = &run.admitted.job;
    let read = || async {
        if job.files.is_empty() {
            return Ok::<_, Failure>(Arc::clone(&job.context));
        }
        let documents = service.engine.documents(job.clone()).await?;
        run.grow(documents.iter().map(|document| document.text.len()).sum());
        Ok(documents)
    };
    run.documents.get_or_try_init(read).await.map_err(ApiError::from)
}

async fn names(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Path(id): Path<String>,
) -> Answer {
    let run = service.runs.find(&owner, &id)?;
    let documents = documents(&service, &run).await?;
    let one =
        |(n, document): (usize, &Document)| json!({"n": n, "name": document.name, "chars": document.chars()});
    let all: Vec<Value> = documents.iter().enumerate().map(one).collect();
    Ok(json_response(StatusCode::OK, &json!({"object": "list", "data": all})))
}

async fn document(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Path((id, n)): Path<(String, String)>,
) -> Answer {
    let run = service.runs.find(&owner, &id)?;
    let documents = documents(&service, &run).await?;
    let at = n.parse::<usize>().ok().filter(|at| *at < documents.len());
    let at = at.ok_or_else(|| ApiError::not_found("document", &n))?;
    let documents = Arc::clone(documents);
    let json = beside_runtime(move || with_places(&documents[at]).to_string().into_bytes()).await;
    Ok(json_bytes(StatusCode::OK, json))
}

async fn log(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Path(id): Path<String>,
) -> Answer {
    let run = service.runs.find(&owner, &id)?;
    let job = &run.admitted.job;
    let path = job.log_name.as_ref().map(|name| job.log_dir.join(name));
    let ended = run.state().is_ended();
    let read = beside_runtime(move || path.filter(|_| ended).and_then(|path| std::fs::read(path).ok())).await;
    let bytes = read.ok_or_else(|| ApiError::not_found("conversation log of the run", &id))?;
    Ok(attached(json_bytes(StatusCode::OK, bytes), &format!("{id}.json")))
}

/// The recording as a tar file, which `minions --replay` takes once it is unpacked.
async fn recording(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Path(id): Path<String>,
) -> Answer {
    let run = service.runs.find(&owner, &id)?;
    let folder = run.recording.get().filter(|_| run.state().is_ended());
    let folder = folder.map(|folder| folder.path().to_owned()).ok_or_else(|| {
        ApiError::not_found("recording of the run", &id).hint("POST /v1/runs?record=true makes one")
    })?;
    let name = id.clone();
    let bytes = beside_runtime(move || tar(&folder, &name)).await.map_err(|error| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the recording can't be read: {error}"))
    })?;
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    Ok(attached(response, &format!("{id}.tar")))
}

fn attached(mut response: Response, name: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{name}\"")) {
        response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// Bytes of a block of a tar file.
const BLOCK: usize = 512;

/// The files of `folder` as a tar file (ustar), in a folder called `name`.
fn tar(folder: &FilePath, name: &str) -> std::io::Result<Vec<u8>> {
    let mut tar = Vec::new();
    let mut files: Vec<_> = std::fs::read_dir(folder)?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    for path in files.into_iter().filter(|path| path.is_file()) {
        let content = std::fs::read(&path)?;
        let own = path.file_name().unwrap_or_default().to_string_lossy();
        let mut head = [0_u8; BLOCK];
        let mut put = |at: usize, text: &str| head[at..at + text.len()].copy_from_slice(text.as_bytes());
        put(0, &own.chars().take(99).collect::<String>());
        put(100, "0000600\0");
        put(108, "0000000\0");
        put(116, "0000000\0");
        put(124, &format!("{:011o}\0", content.len()));
        put(136, "00000000000\0");
        put(148, "        ");
        put(156, "0");
        put(257, "ustar\x0000");
        put(345, name);
        let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
        head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        tar.extend_from_slice(&head);
        tar.extend_from_slice(&content);
        tar.resize(tar.len().next_multiple_of(BLOCK), 0);
    }
    tar.resize(tar.len() + 2 * BLOCK, 0);
    Ok(tar)
}
