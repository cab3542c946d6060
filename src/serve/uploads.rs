//! The routes of files: uploads, their texts, their removal.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use futures_util::stream;
use multer::{Field, Multipart, parse_boundary};
use serde_json::{Value, json};

use super::body::{TimedBody, check_length, media_type};
use super::error::{ApiError, json_bytes, json_response};
use super::files::{MOST_FILES, Whole};
use super::owner::Owner;
use super::passing::Passing;
use super::query::query;
use super::service::Service;
use super::stored::StoredFile;
use crate::sync::beside_runtime;

/// Bytes of a field of a form that is no file.
const LONGEST_FIELD: usize = 4096;
/// The purpose of files of lines, which are no document.
const BATCH: &str = "batch";
/// Bytes of a piece of a file that goes out.
const PIECE: usize = 64 << 10;

type Answer = Result<Response, ApiError>;

/// The routes.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/v1/files", get(list).post(upload))
        .route("/v1/files/{id}", get(show).delete(remove))
        .route("/v1/files/{id}/content", get(content))
        .route("/v1/files/{id}/text", get(text))
}

async fn upload(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let files = received(&service, &owner, &headers, body, "file").await?.keep();
    // OpenAI's clients send one file, and take one object.
    match &files[..] {
        [] => Err(ApiError::bad("the form has no field `file`").param("file")),
        [file] => Ok(json_response(StatusCode::OK, &file.object())),
        files => {
            let objects: Vec<Value> = files.iter().map(|file| file.object()).collect();
            Ok(json_response(StatusCode::OK, &json!({"object": "list", "data": objects})))
        }
    }
}

/// The files that a form brings in its fields of this `name`. If one of them can't be read, none is kept.
pub(crate) async fn received<'s>(
    service: &'s Service,
    owner: &Owner,
    headers: &HeaderMap,
    body: Body,
    name: &str,
) -> Result<Passing<'s>, ApiError> {
    if media_type(headers) != "multipart/form-data" {
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "files are taken as a form")
            .param("Content-Type")
            .hint("send multipart/form-data, as `curl -F file=@report.pdf` does"));
    }
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = parse_boundary(given).map_err(|_| {
        ApiError::bad("the content type multipart/form-data has no boundary").param("Content-Type")
    })?;
    // An owner can't have more, in however many files.
    check_length(&body, service.limits().owner_bytes)?;
    // The body's own error is told, not what the parser makes of it.
    let mut slow = None;
    let timed = TimedBody::new(body, service.limits());
    let pieces = stream::unfold((timed, &mut slow), |(mut body, slow)| async move {
        match body.next().await? {
            Ok(bytes) => Some((Ok(bytes), (body, slow))),
            Err(error) => {
                let told = std::io::Error::other(error.message.clone());
                *slow = Some(error);
                Some((Err(told), (body, slow)))
            }
        }
    });
    let taken = take(service, owner, Multipart::new(Box::pin(pieces), boundary), name).await;
    taken.map_err(|error| slow.unwrap_or(error))
}

async fn take<'s>(
    service: &'s Service,
    owner: &Owner,
    mut form: Multipart<'_>,
    name: &str,
) -> Result<Passing<'s>, ApiError> {
    let (mut came, mut purpose) = (Vec::<Whole<'_>>::new(), None);
    while let Some(field) = form.next_field().await.map_err(|error| damaged(&error))? {
        match field.name() {
            Some("purpose") => purpose = Some(word(field).await?),
            Some(given) if given == name || given.strip_suffix("[]") == Some(name) => {
                if came.len() == MOST_FILES {
                    return Err(ApiError::bad("these are too many files at once").param("file"));
                }
                came.push(one(service, owner, field).await?);
            }
            other => {
                let message = format!("the form has a field {other:?}, which is not known here");
                return Err(ApiError::bad(message).param("file"));
            }
        }
    }
    let mut files = Passing::new(&service.files, owner);
    // What a file is for may stand behind it.
    for whole in came {
        let stored =
            if purpose.as_deref() == Some(BATCH) { whole.keep().await? } else { whole.read().await? };
        if let Some(purpose) = &purpose {
            stored.is_for(purpose);
        }
        files.push(stored);
    }
    Ok(files)
}

async fn word(mut field: Field<'_>) -> Result<String, ApiError> {
    let mut bytes = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(|error| damaged(&error))? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > LONGEST_FIELD {
            return Err(ApiError::bad("a field of the form is too long").param("purpose"));
        }
    }
    String::from_utf8(bytes).map_err(|_| ApiError::bad("a field of the form is not UTF-8").param("purpose"))
}

async fn one<'s>(service: &'s Service, owner: &Owner, mut field: Field<'_>) -> Result<Whole<'s>, ApiError> {
    let Some(name) = field.file_name().map(str::to_owned) else {
        return Err(ApiError::bad("the field `file` of the form has no file name").param("file"));
    };
    let mut incoming = service.files.begin(owner).await?;
    while let Some(bytes) = field.chunk().await.map_err(|error| damaged(&error))? {
        incoming.write(bytes).await?;
    }
    incoming.end(&name)
}

fn damaged(error: &multer::Error) -> ApiError {
    ApiError::bad(format!("the form is damaged: {error}"))
}

async fn list(State(service): State<Arc<Service>>, Extension(owner): Extension<Owner>) -> Answer {
    let files: Vec<Value> = service.files.of(&owner).iter().map(|file| file.object()).collect();
    Ok(json_response(StatusCode::OK, &json!({"object": "list", "data": files, "has_more": false})))
}

async fn show(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Path(id): Path<String>,
) -> Answer {
    Ok(json_response(StatusCode::OK, &service.files.find(&owner, &id)?.object()))
}

async fn remove(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Path(id): Path<String>,
) -> Answer {
    service.files.remove(&owner, &id)?;
    Ok(json_response(StatusCode::OK, &json!({"id": id, "object": "file", "deleted": true})))
}

/// The file as it came, which no browser shows as a page.
async fn content(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Path(id): Path<String>,
) -> Answer {
    let file = service.files.find(&owner, &id)?;
    let length = file.bytes;
    let mut response = Response::new(Body::from_stream(pieces(file)));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    Ok(response)
}

/// The bytes of a file, which stays for as long as somebody reads it.
fn pieces(file: Arc<StoredFile>) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    stream::try_unfold((file, None), |(file, open)| async move {
        let path: PathBuf = file.path().to_owned();
        let (open, piece) = beside_runtime(move || {
            use std::io::Read;
            let mut open = match open {
                Some(open) => open,
                None => std::fs::File::open(path)?,
            };
            let mut piece = vec![0; PIECE];
            let read = open.read(&mut piece)?;
            piece.truncate(read);
            std::io::Result::Ok((open, piece))
        })
        .await?;
        Ok((!piece.is_empty()).then(|| (Bytes::from(piece), (file, Some(open)))))
    })
}

/// The texts that were read of a file.
async fn text(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    Path(id): Path<String>,
    uri: Uri,
) -> Answer {
    let file = service.files.find(&owner, &id)?;
    let wanted = query(&uri, "document");
    let json = beside_runtime(move || {
        let json = std::fs::read(file.texts())?;
        let Some(wanted) = wanted else { return Ok(Some(json)) };
        let mut all: Value = serde_json::from_slice(&json)?;
        let documents = all["documents"].as_array_mut().map(std::mem::take).unwrap_or_default();
        let found: Vec<Value> = documents.into_iter().filter(|one| one["name"] == *wanted).collect();
        std::io::Result::Ok((!found.is_empty()).then(|| json!({"documents": found}).to_string().into_bytes()))
    });
    let json = json.await.map_err(|error| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the text can't be read: {error}"))
    })?;
    json.map(|json| json_bytes(StatusCode::OK, json)).ok_or_else(|| {
        ApiError::new(StatusCode::NOT_FOUND, "the file holds no such document").param("document")
    })
}
