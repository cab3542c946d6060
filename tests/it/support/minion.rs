//! Models that play a `minion` job with one worker call.

use super::server::{Reply, Request, Server};
use super::wire::openai;

/// What the supervisor of `minion` says first, and then.
pub(crate) const ASK: &str = r#"{"reasoning": "r", "message": "Who?"}"#;
pub(crate) const ANSWER: &str =
    r#"{"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"}"#;

/// A server whose supervisor asks once and then answers, and whose worker is `worker`.
pub(crate) fn minion_server(worker: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |request| match request.json()["model"].as_str() {
        Some("worker") => worker(request),
        Some(_) if request.json()["messages"].as_array().unwrap().len() > 1 => openai(request, ANSWER),
        Some(_) => openai(request, ASK),
        None => Reply::text(404, "not found"),
    })
}
