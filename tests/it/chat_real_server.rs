//! The OpenAI-shaped clients against llama.cpp's own server and a real model.

use futures_util::future::join_all;
use minions::chat::{ChatErrorKind, ChatRequest, ChatSettings, Finish, Format, Generation};
use serde_json::{Value, json};

use crate::support::chat::{client, question, settings};
use crate::support::llama_server::llama_server;

const OPENAI_SHAPED: [&str; 2] = ["openai", "docker_model_runner"];

fn real(provider: &str) -> ChatSettings {
    let url = format!("{}/v1", llama_server());
    ChatSettings {
        generation: Generation {
            temperature: Some(0.0),
            seed: Some(7),
            max_tokens: Some(24),
            ..Generation::default()
        },
        ..settings(provider, &url)
    }
}

#[tokio::test]
async fn a_real_server_answers_with_text_and_usage() {
    for provider in OPENAI_SHAPED {
        let reply = client(provider, real(provider)).chat(&question("Say hello.")).await.unwrap();
        assert!(!reply.text.is_empty());
        assert!(reply.usage.prompt_tokens > 3 && reply.usage.completion_tokens > 0, "{reply:?}");
        let cut = ChatSettings {
            generation: Generation { max_tokens: Some(2), ..real(provider).generation },
            ..real(provider)
        };
        let reply = client(provider, cut).chat(&question("Count from 1 to 100.")).await.unwrap();
        assert_eq!((reply.finish, reply.usage.completion_tokens), (Finish::Length, 2));
    }
}

#[tokio::test]
async fn a_real_server_holds_the_reply_to_the_schema() {
    // Without the schema this model would answer with a sentence.
    let schema = json!({
        "type": "object", "properties": {"answer": {"type": "string", "enum": ["warm", "cold"]}},
        "required": ["answer"], "additionalProperties": false,
    });
    for provider in OPENAI_SHAPED {
        let client = client(provider, real(provider));
        let requests = ["ice", "fire", "snow", "tea", "steam"].map(|thing| ChatRequest {
            format: Format::Schema { name: "answer", schema: schema.clone(), shares: false },
            ..question(&format!("Describe {thing}."))
        });
        for reply in join_all(requests.iter().map(|request| client.chat(request))).await {
            let reply = reply.unwrap();
            let value: Value = serde_json::from_str(&reply.text).unwrap();
            assert!(value["answer"] == "warm" || value["answer"] == "cold", "{value}");
        }
    }
}

#[tokio::test]
async fn a_real_server_refuses_a_prompt_that_does_not_fit() {
    for provider in OPENAI_SHAPED {
        let long = question(&"word ".repeat(9000));
        let error = client(provider, real(provider)).chat(&long).await.unwrap_err();
        assert_eq!(error.kind, ChatErrorKind::ContextTooLong, "{error}");
        assert!(error.message.contains("context size"), "{error}");
    }
}
