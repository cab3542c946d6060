//! The scripted server does what it is told: the other tests rest on it.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use serde_json::json;

use crate::support::server::{Reply, Server};
use crate::support::wait::Barrier;

fn client(server: &Server) -> reqwest::Client {
    minions::chat::http::client(&server.url()).unwrap()
}

#[tokio::test]
async fn it_records_requests_and_gives_the_scripted_replies() {
    let server =
        Server::replies([Reply::json(&json!({"n": 1})).header("x-id", "7"), Reply::text(503, "busy")]);
    let send = || {
        client(&server)
            .post(server.url() + "/v1?a=b")
            .header("Some-Key", "k")
            .body(r#"{"messages":[{"content":"é"},{"content":"?"}]}"#)
            .send()
    };
    let first = send().await.unwrap();
    assert_eq!(first.headers()["x-id"], "7");
    assert_eq!(first.text().await.unwrap(), r#"{"n":1}"#);
    for _ in 0..2 {
        assert_eq!(send().await.unwrap().status(), 503);
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!((&*requests[2].method, &*requests[2].path), ("POST", "/v1?a=b"));
    assert_eq!(requests[0].header("some-key"), Some("k"));
    assert_eq!(requests[0].json()["messages"][0], json!({"content": "é"}));
    assert_eq!(requests[0].prompt(), "é\n?");
    assert!(requests[0].at < requests[1].at);
    assert!(server.url().ends_with(&format!(":{}", server.port())));
}

#[tokio::test]
async fn it_counts_requests_in_flight_by_the_hundred() {
    let all = Barrier::new(200);
    let server = Server::start(move |_| {
        all.wait();
        Reply::text(200, "ok")
    });
    let client = client(&server);
    let replies = join_all((0..200).map(|_| client.get(server.url()).send())).await;
    assert!(replies.iter().all(Result::is_ok));
    assert_eq!(server.max_in_flight(), 200);
}

#[tokio::test]
async fn it_misbehaves_on_demand() {
    let whole = || Reply::stream("text/plain", ["one ", "two ", "three"]);
    let server = Server::replies([
        whole().rechunk(2),
        whole().end_after(2),
        whole().cut_after(1),
        Reply::garbage(),
        Reply::close(),
    ]);
    let client = client(&server);
    let get = || async { client.get(server.url()).send().await?.text().await };
    let cause = |error: reqwest::Error| minions::chat::http::cause(&error);
    assert_eq!(get().await.unwrap(), "one two three");
    assert_eq!(get().await.unwrap(), "one two ");
    assert_eq!(cause(get().await.unwrap_err()), "the connection was cut in the middle of the reply");
    assert_eq!(cause(get().await.unwrap_err()), "the answer is not HTTP");
    assert_eq!(cause(get().await.unwrap_err()), "the server closed the connection");
}

#[tokio::test]
async fn it_takes_its_time_on_demand() {
    let server = Server::replies([Reply::text(200, "late").delay(Duration::from_millis(50))]);
    let before = Instant::now();
    client(&server).get(server.url()).send().await.unwrap();
    assert!(before.elapsed() >= Duration::from_millis(50));
}
