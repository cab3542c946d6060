//! What an observer of a call is told while the reply comes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use minions::chat::{CallObserver, ChatError, ChatRequest};

use crate::support::chat::{client, question, settings};
use crate::support::server::{Reply, Server};
use crate::support::wire;

/// One call of an observer.
#[derive(Clone, Debug, PartialEq)]
enum Told {
    Begin(String),
    Delta(String),
    Failed(Option<Duration>),
}

#[derive(Default)]
struct Notes(Mutex<Vec<Told>>);

impl CallObserver for Notes {
    fn begin(&self, endpoint: &str) {
        self.0.lock().unwrap().push(Told::Begin(endpoint.to_owned()));
    }

    fn delta(&self, text: &str) {
        self.0.lock().unwrap().push(Told::Delta(text.to_owned()));
    }

    fn failed(&self, _: &ChatError, next_try_in: Option<Duration>) {
        self.0.lock().unwrap().push(Told::Failed(next_try_in));
    }
}

impl Notes {
    /// The tries, each with its text as it was streamed, and whether a failure ended it.
    fn tries(&self) -> Vec<(String, bool)> {
        let mut tries = Vec::new();
        for told in self.0.lock().unwrap().iter() {
            match (told, tries.last_mut()) {
                (Told::Begin(_), _) => tries.push((String::new(), false)),
                (Told::Delta(text), Some((whole, _))) => *whole += text,
                (Told::Failed(_), Some((_, failed))) => *failed = true,
                (told, None) => panic!("{told:?} before the first try"),
            }
        }
        tries
    }
}

fn watched() -> (Arc<Notes>, ChatRequest) {
    let notes = Arc::new(Notes::default());
    (Arc::clone(&notes), ChatRequest { observer: Some(Arc::clone(&notes) as _), ..question("Who speaks?") })
}

/// A client type, and the reply of its server that says a text.
type Vendor = (&'static str, fn(&str) -> Reply);

const VENDORS: [Vendor; 4] = [
    ("openai", wire::openai_sse),
    ("anthropic", wire::anthropic_sse),
    ("ollama", wire::ollama_ndjson),
    ("ollama", wire::ollama_text),
];

#[tokio::test]
async fn the_deltas_of_the_last_try_are_the_reply() {
    for (name, reply) in VENDORS {
        for raw in ["Ünser Vogel 🦜 spricht", " <think>hm</think>\n\n Yes,\n no. \n", "hm\n</think>\n\nYes."]
        {
            let busy = Reply::text(503, "").header("retry-after", "0");
            let server = Server::replies([busy, reply(raw).rechunk(7)]);
            let (notes, request) = watched();
            let text = client(name, settings(name, &server.url())).chat(&request).await.unwrap().text;
            let tries = notes.tries();
            assert_eq!(tries.first(), Some(&(String::new(), true)), "{name}: {raw:?}");
            assert_eq!(tries.last(), Some(&(text, false)), "{name}: {raw:?}");
            let endpoint = format!("{name} at {}", server.url());
            let first = [Told::Begin(endpoint), Told::Failed(Some(Duration::ZERO))];
            assert_eq!(notes.0.lock().unwrap()[..2], first);
        }
    }
}

#[tokio::test]
async fn a_reply_that_breaks_off_is_told_anew() {
    let server =
        Server::replies([wire::openai_sse("one two three").cut_after(3), wire::openai_sse("four five")]);
    let (notes, request) = watched();
    client("openai", settings("openai", &server.url())).chat(&request).await.unwrap();
    let [(broken, true), (whole, false)] = &notes.tries()[..] else { panic!("{:?}", notes.tries()) };
    assert!("one two three".starts_with(broken.as_str()), "{broken}");
    assert_eq!(whole, "four five");
}

/// Says that a piece of text has come.
#[derive(Default)]
struct FirstDelta(tokio::sync::Notify);

impl CallObserver for FirstDelta {
    fn begin(&self, _: &str) {}

    fn delta(&self, text: &str) {
        assert_eq!(text, "one");
        self.0.notify_one();
    }

    fn failed(&self, _: &ChatError, _: Option<Duration>) {}
}

#[tokio::test]
async fn text_is_told_before_the_reply_has_ended() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await.unwrap();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";
        let event = json!({"choices": [{"index": 0, "delta": {"content": "one "}, "finish_reason": null}]});
        stream.write_all(format!("{head}data: {event}\n\n").as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
        drop(stream);
    };
    let first = Arc::new(FirstDelta::default());
    let request = ChatRequest { observer: Some(Arc::clone(&first) as _), ..question("?") };
    let client = client("openai", settings("openai", &url));
    tokio::select! {
        outcome = client.chat(&request) => panic!("{outcome:?}"),
        () = server => {}
        () = first.0.notified() => {}
    }
}
