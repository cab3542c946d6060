//! Replies that a real connection damages: cut at any byte, ended early, closed. None is taken for a whole one.

use futures_util::stream::{self, StreamExt};
use minions::chat::{ChatSettings, Finish};

use crate::support::chat::{client, question, settings};
use crate::support::server::{Reply, Server};
use crate::support::wire;

const TEXT: &str = "Ünser Vogel 🦜 spricht, it says.";
/// Replies for each sample, each of which breaks off elsewhere.
const CUTS: usize = 40;

type Sample = (&'static str, fn(&str) -> Reply);

fn openai_text(text: &str) -> Reply {
    wire::openai_text(text, wire::TOKENS)
}

const SAMPLES: [Sample; 6] = [
    ("openai", wire::openai_sse),
    ("openai", openai_text),
    ("anthropic", wire::anthropic_sse),
    ("anthropic", wire::anthropic_text),
    ("ollama", wire::ollama_ndjson),
    ("ollama", wire::ollama_text),
];

#[tokio::test]
async fn a_connection_that_dies_anywhere_gives_no_part_as_a_whole() {
    let mut calls = Vec::new();
    for (name, sample) in SAMPLES {
        let whole = sample(TEXT).chunked().rechunk(1);
        let length = whole.chunks();
        for cut in 0..CUTS {
            // The first bytes, the last ones, and some between them.
            let at = if cut % 2 == 0 { cut * length / CUTS } else { length - cut };
            calls.push((name, at, whole.clone().cut_after(at)));
            calls.push((name, at, whole.clone().end_after(at)));
        }
    }
    let all = calls.len();
    let outcomes = stream::iter(calls).map(|(name, at, reply)| async move {
        let server = Server::replies([reply]);
        let settings = ChatSettings { retries: 0, ..settings(name, &server.url()) };
        let outcome = client(name, settings).chat(&question("?")).await;
        let Ok(reply) = outcome else { return 0 };
        assert_eq!((&*reply.text, reply.finish), (TEXT, Finish::Stop), "{name} cut at {at}");
        1
    });
    let whole: usize = outcomes.buffer_unordered(16).fold(0, async |sum, one| sum + one).await;
    assert!(whole > 0 && whole < all / 2, "{whole} of {all}");
}
