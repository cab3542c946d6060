//! Chat completions: a question in, a run, its answer whole or as it comes.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};

use super::messages::FilePart;
use super::request::{ChatRequest, in_words_of_chat, request};
use super::response::Completion;
use super::sources;
use super::stream::Chunks;
use crate::events::Event;
use crate::job::ProtocolKind;
use crate::serve::error::{ApiError, json_response};
use crate::serve::outcome::{self, Held, failed, outcome, with_run};
use crate::serve::owner::Owner;
use crate::serve::passing::Passing;
use crate::serve::run::{Admitted, Run};
use crate::serve::service::Service;
use crate::serve::{body, setup, sse};

/// A chat completion under way.
pub(crate) struct Begun {
    pub run: Arc<Run>,
    completion: Completion,
    protocol: ProtocolKind,
    is_streamed: bool,
    includes_usage: bool,
}

pub(super) async fn completions(
    State(service): State<Arc<Service>>,
    Extension(owner): Extension<Owner>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let (value, _) = body::json(&headers, body, service.limits()).await?;
    let begun = begin(&service, &owner, value, false).await?;
    let held = Held::new(&service, &begun.run);
    if begun.is_streamed {
        let run = Arc::clone(&begun.run);
        return Ok(with_run(streamed(begun, held), &run, false));
    }
    let answer = whole(&begun).await;
    drop(held);
    Ok(match answer {
        Ok(answer) => with_run(json_response(StatusCode::OK, &answer), &begun.run, false),
        Err(error) => failed(error, &begun.run),
    })
}

/// Begins what a request, or a line of a batch, asks for.
///
/// # Errors
/// What is wrong with the request, named as it has it; a full queue.
pub(crate) async fn begin(
    service: &Arc<Service>,
    owner: &Owner,
    value: Value,
    is_of_batch: bool,
) -> Result<Begun, ApiError> {
    let pairs = setup::pairs(&service.file, &service.settings)?;
    let names: Vec<String> = pairs.iter().map(|pair| pair.id.clone()).collect();
    let ChatRequest { model, chosen, mut job, files, parameters, question } = request(value, &names)?;
    let Some(pair) = pairs.iter().find(|pair| pair.id == chosen.pair) else {
        return Err(super::request::no_model(&model));
    };
    job["local_client"] = pair.local.client();
    job["remote_client"] = pair.remote.client();
    if !parameters.kwargs.is_empty() {
        let side = if chosen.protocol == ProtocolKind::LocalOnly { "local_client" } else { "remote_client" };
        job[side]["kwargs"] = Value::Object(parameters.kwargs);
    }
    let params = &job["call_params"];
    let has_documents =
        !files.is_empty() || ["context", "file_ids"].iter().any(|key| !params[*key].is_null());
    let protocol = match chosen.protocol {
        // There is nothing that a program could cut: titles of chats, and questions about nothing.
        ProtocolKind::Minions if !has_documents => ProtocolKind::Minion,
        protocol => protocol,
    };
    job["protocol"]["type"] = protocol.name().into();
    let admitted = Admitted { is_of_batch, ..with_files(service, owner, files, job).await? };
    let run = service.submit(owner, admitted, None)?;
    let completion = Completion {
        run: run.id.clone(),
        model,
        created: run.created_at,
        protocol: protocol.name(),
        most_tokens: parameters.most_tokens,
        without_effect: parameters.without_effect,
        question,
    };
    let (is_streamed, includes_usage) = (parameters.is_streamed, parameters.includes_usage);
    Ok(Begun { run, completion, protocol, is_streamed, includes_usage })
}

/// The checked job with the files that came with it. Those that a message holds go with the run that reads them.
async fn with_files(
    service: &Arc<Service>,
    owner: &Owner,
    files: Vec<FilePart>,
    mut job: Value,
) -> Result<Admitted, ApiError> {
    let mut sent = Passing::new(&service.files, owner);
    for file in files {
        let id = match file {
            FilePart::Stored { place, id } => {
                service.files.find(owner, &id).map_err(|error| error.param(place))?;
                id
            }
            FilePart::Sent { place, name, bytes } => {
                let mut incoming = service.files.begin(owner).await?;
                incoming.write(bytes.into()).await?;
                let stored = incoming.end(&name)?.read().await.map_err(|error| error.param(place))?;
                stored.is_for("user_data");
                sent.push(Arc::clone(&stored));
                stored.id.clone()
            }
        };
        let ids = &mut job["call_params"]["file_ids"];
        match ids.as_array_mut() {
            Some(ids) => ids.push(id.into()),
            None => *ids = json!([id]),
        }
    }
    service.checked(owner, job, false).await.map_err(in_words_of_chat)
}

/// The whole completion, once the run has ended.
///
/// # Errors
/// Why the run failed.
pub(crate) async fn whole(begun: &Begun) -> Result<Value, ApiError> {
    let result = outcome(&begun.run).await.map_err(in_words_of_chat)?;
    let (answer, finish) = begun.completion.cut(result["final_answer"].as_str().unwrap_or_default());
    let content = answer.to_owned() + &sources::lines(&result, begun.protocol);
    Ok(begun.completion.whole(&result, &content, finish))
}

fn streamed(begun: Begun, held: Held) -> Response {
    let Begun { run, completion, protocol, includes_usage, .. } = begun;
    let mut chunks = Chunks::new(completion, protocol, includes_usage);
    let first = frame(&chunks.first());
    let write = move |text: &mut String, event: &Event| {
        // It ends the run if the client goes away, and this with it, before the run has ended.
        let _held = &held;
        let chunks = match outcome::of(&event.kind) {
            None => chunks.take(&event.kind),
            Some(Ok(result)) => chunks.end(&result),
            Some(Err(error)) => vec![in_words_of_chat(error).body()],
        };
        text.extend(chunks.iter().map(frame));
    };
    sse::written(run.log.read_from(0), first, write, DONE)
}

/// The last frame.
const DONE: &str = "data: [DONE]\n\n";

fn frame(value: &Value) -> String {
    format!("data: {value}\n\n")
}
