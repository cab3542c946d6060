//! Answers of the vendors' own programs, and what becomes of each. Those about models, embeddings and addresses are in
//! the tests of these.

use minions::chat::{ChatErrorKind as Kind, Finish, Usage};

use crate::support::chat::{client, question, settings};
use crate::support::recorded::{self, Player};
use crate::support::server::{Reply, Server};

/// A server that plays these recordings, and fails for good where none is left.
fn playing<const N: usize>(names: [&'static str; N]) -> Server {
    let player = Player::new(names);
    Server::start(move |request| player.answer(request).unwrap_or_else(|| Reply::text(400, "none is left")))
}

#[test]
fn each_recorded_answer_can_be_played() {
    recorded::names().for_each(|name| drop(recorded::reply(&name)));
}

#[tokio::test]
async fn a_recorded_answer_is_its_text() {
    for (provider, name, text, usage) in [
        ("ollama", "ollama/short answer", "The figure is 0.01. The figure is 0.01.", (197, 23)),
        ("docker_model_runner", "model-runner/short answer", "The figure is 10.", (607, 10)),
    ] {
        let server = playing([name]);
        let reply = client(provider, settings(provider, &server.url())).chat(&question("?")).await.unwrap();
        assert_eq!((&*reply.text, reply.finish), (text, Finish::Stop), "{name}");
        assert_eq!(reply.usage, Usage::of_call(usage.0, usage.1, 0), "{name}");
    }
}

#[tokio::test]
async fn a_prompt_that_is_too_long_is_refused_once() {
    for (provider, name) in
        [("ollama", "ollama/prompt too long"), ("docker_model_runner", "model-runner/prompt too long")]
    {
        let server = playing([name]);
        let error =
            client(provider, settings(provider, &server.url())).chat(&question("?")).await.unwrap_err();
        assert_eq!((error.kind, server.requests().len()), (Kind::ContextTooLong, 1), "{error}");
        let said =
            "request (10055 tokens) exceeds the available context size (8192 tokens), try increasing it";
        assert!(error.message.ends_with(said), "{error}");
    }
}
