//! A PDF in, its text out.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::shapes::refusal;
use crate::serve::body;
use crate::serve::config::Limits;
use crate::serve::error::{ApiError, json_response};
use crate::serve::owner::Owner;
use crate::serve::service::Service;
use crate::serve::uploads::received;
use crate::sync::beside_runtime;

/// Bytes of a PDF at most, as in the original.
const LARGEST: usize = 10 << 20;
/// Bytes of a form around it.
const FORM: usize = 64 << 10;

pub(super) async fn upload(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match text(&service, &owner, &headers, body).await {
        Ok(answer) => json_response(StatusCode::OK, &answer),
        Err(error) => refusal(&error, "No PDF could be read"),
    }
}

async fn text(
    service: &Arc<Service>,
    owner: &Owner,
    headers: &HeaderMap,
    body: Body,
) -> Result<Value, ApiError> {
    let limits = Limits { body_bytes: LARGEST + FORM, ..*service.limits() };
    let form = body::whole(body, &limits).await.map_err(|error| match error.status {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        _ => error,
    })?;
    let files = received(service, owner, headers, Body::from(form), "pdf").await?;
    let [file] = files.all() else {
        return Err(ApiError::bad("one PDF is required in the field 'pdf'").param("pdf"));
    };
    if file.bytes > LARGEST as u64 {
        return Err(too_large());
    }
    let (path, texts) = (file.path().to_owned(), file.texts().to_owned());
    let (head, texts) = beside_runtime(move || {
        use std::io::Read;
        let mut head = [0; 1024];
        let read = std::fs::File::open(path)?.read(&mut head)?;
        std::io::Result::Ok((head[..read].to_vec(), std::fs::read(texts)?))
    })
    .await
    .map_err(|error| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the upload is gone: {error}"))
    })?;
    if !head.windows(5).any(|bytes| bytes == b"%PDF-") {
        return Err(ApiError::bad("the file is no PDF")
            .param("pdf")
            .hint("POST /v1/files takes other kinds"));
    }
    let texts: Value = serde_json::from_slice(&texts).unwrap_or_default();
    let texts: Vec<&str> =
        texts["documents"].as_array().into_iter().flatten().filter_map(|one| one["text"].as_str()).collect();
    let text = texts.join("\n\n");
    let object = file.object();
    let documents = object["minions"]["documents"].as_array();
    let pages: u64 = documents.into_iter().flatten().filter_map(|one| one["pages"].as_u64()).sum();
    Ok(json!({
        "success": true,
        "filename": file.name,
        "pages": pages,
        "characters": text.chars().count(),
        "text": text,
    }))
}

fn too_large() -> ApiError {
    ApiError::bad("a PDF must be smaller than 10 MB").param("pdf").hint("POST /v1/files takes larger files")
}
