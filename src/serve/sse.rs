//! Events of a run as Server-Sent Events, from any number on.

use std::convert::Infallible;
use std::fmt::Write;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{FutureExt, Stream, StreamExt, stream};

use super::run::Run;
use crate::events::{Event, EventReader};

/// A comment goes out after so long without a frame, so that nobody between takes the connection for dead.
const COMMENT: Duration = Duration::from_secs(10);
/// Bytes after which what is written is sent, though more events are there.
const TOGETHER: usize = 64 << 10;

/// The events of `run` from number `from` on, until `finished`.
pub(crate) fn events(run: &Run, from: u64) -> Response {
    written(run.log.read_from(from), "retry: 1000\n: events\n\n".to_owned(), frame, "")
}

/// What `write` makes of the events of `reader`, as they come, between a `first` and a `last` frame.
pub(crate) fn written(
    reader: EventReader,
    first: String,
    write: impl FnMut(&mut String, &Event) + Send + 'static,
    last: &'static str,
) -> Response {
    let rest = stream::unfold(Some((reader, write)), move |state| async move {
        let (mut reader, mut write) = state?;
        let comment = tokio::time::sleep(COMMENT);
        tokio::pin!(comment);
        let mut text = String::new();
        while text.len() < TOGETHER {
            let event = match reader.next().now_or_never() {
                Some(event) => event,
                None if !text.is_empty() => break,
                None => tokio::select! {
                    event = reader.next() => event,
                    () = &mut comment => return Some((": waiting\n\n".into(), Some((reader, write)))),
                },
            };
            let Some(event) = event else { return Some(((text + last).into(), None)) };
            write(&mut text, &event);
        }
        Some((Bytes::from(text), Some((reader, write))))
    });
    response(stream::iter([Bytes::from(first)]).chain(rest))
}

/// A response of frames that are made one by one.
pub(crate) fn response(frames: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let frames = frames.map(Ok::<_, Infallible>);
    let mut response = Response::new(Body::from_stream(frames));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// The frame of an event.
fn frame(text: &mut String, event: &Event) {
    let Ok(json) = serde_json::to_string(event) else { return };
    let _ = writeln!(text, "id: {}\nevent: {}", event.seq, event.kind.name());
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
