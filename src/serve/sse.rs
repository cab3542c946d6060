//! Events of a run as Server-Sent Events, from any number on.

use std::convert::Infallible;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{FutureExt, Stream, stream};

use super::run::Run;
use crate::events::{Event, EventReader};

/// A comment goes out after so long without an event, so that no proxy closes the stream.
const COMMENT: Duration = Duration::from_secs(10);
/// Bytes after which what is written is sent, though more events are there.
const TOGETHER: usize = 64 << 10;

/// The events of `run` from number `from` on, until `finished`.
pub(crate) fn events(run: &Run, from: u64) -> Response {
    let reader = run.log.read_from(from);
    let begin = Bytes::from_static(b"retry: 1000\n: events\n\n");
    let rest = stream::unfold(Some(reader), |reader| async move {
        let mut reader = reader?;
        let first = match tokio::time::timeout(COMMENT, reader.next()).await {
            Err(_) => return Some((Bytes::from_static(b": waiting\n\n"), Some(reader))),
            Ok(None) => return None,
            Ok(Some(event)) => event,
        };
        Some((frames(&first, &mut reader), Some(reader)))
    });
    response(futures_util::StreamExt::chain(stream::iter([begin]), rest))
}

/// A response of frames that are made one by one.
pub(crate) fn response(frames: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let frames = futures_util::StreamExt::map(frames, Ok::<_, Infallible>);
    let mut response = Response::new(Body::from_stream(frames));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// The frame of an event, and of those after it that are there already.
fn frames(first: &Arc<Event>, reader: &mut EventReader) -> Bytes {
    let mut text = String::new();
    frame(&mut text, first);
    while text.len() < TOGETHER {
        let Some(Some(event)) = reader.next().now_or_never() else { break };
        frame(&mut text, &event);
    }
    text.into()
}

fn frame(text: &mut String, event: &Event) {
    let Ok(json) = serde_json::to_string(event) else { return };
    // The type stands before anything that a job or a model wrote.
    let kind = json.split_once("\"type\":\"").and_then(|(_, rest)| rest.split_once('"'));
    let kind = kind.map_or("event", |(kind, _)| kind);
    let _ = writeln!(text, "id: {}\nevent: {kind}", event.seq);
    // An envelope may stand in several lines.
    for line in json.lines() {
        let _ = writeln!(text, "data: {line}");
    }
    text.push('\n');
}

/// One frame of a stream that is not of events: its type and its JSON.
pub(crate) fn named(kind: &str, json: &serde_json::Value) -> Bytes {
    format!("event: {kind}\ndata: {json}\n\n").into()
}
