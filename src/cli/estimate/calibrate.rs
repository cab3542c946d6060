//! `--calibrate`: the model reads a page and writes 32 tokens, and the time that it takes is kept.

use std::path::Path;
use std::sync::Arc;

use minions::chat::secrets::Secret;
use minions::chat::{self, ChatClient, ChatRequest, ChatSettings, Generation, Message, base_url};
use minions::config::{Environment, REPLY_TOKENS, RETRIES};
use minions::engine;
use minions::error::Failure;
use minions::forecast::Forecaster;
use minions::llama::{CacheType, Engine, EngineSettings, Keeping, Sampling};

use super::subject::Named;
use crate::cli::waiting::wait_for;

/// Tokens that it writes, as with the original.
const TOKENS: u32 = 32;
/// Words that it reads. They differ, so that no cache has them.
const WORDS: u32 = 400;
/// The window of a model that this process loads for it.
const WINDOW: u32 = 4 * REPLY_TOKENS;

/// Asks the model.
///
/// # Errors
/// It can't be asked; its server tells no times.
pub(super) fn ask(
    named: &Named,
    environment: &Environment,
    forecaster: &mut Forecaster,
) -> Result<(), Failure> {
    let reply = wait_for(async {
        let client = client(named, environment).await?;
        let words: String =
            (0..WORDS).map(|word| format!("w{} ", word.wrapping_mul(seed()) % 9973)).collect();
        let request = ChatRequest {
            messages: vec![Message::user(format!("{words}\nTell a long story about these words.")).own()],
            ..ChatRequest::default()
        };
        // What is loaded first does not count.
        client.chat(&ChatRequest::ping()).await?;
        client.chat(&request).await.map_err(Failure::from)
    });
    let reply = reply.unwrap_or_else(|| Err(Failure::system("the asynchronous runtime can't be started")))?;
    match forecaster.keep_reply(&named.subject, &reply) {
        true => Ok(()),
        false => Err(Failure::input("--calibrate: the server tells no times of its calls")
            .hint("Ollama, llama.cpp's server, Docker Model Runner and the embedded engine do")),
    }
}

/// Another number at each run.
fn seed() -> u32 {
    std::process::id().wrapping_mul(2).wrapping_add(1)
}

async fn client(named: &Named, environment: &Environment) -> Result<Arc<dyn ChatClient>, Failure> {
    if let Some(file) = &named.file {
        return embedded(file).await;
    }
    let (Some(provider), Some(address)) = (named.provider, &named.subject.base_url) else {
        return Err(Failure::input("--calibrate needs a model that can be asked"));
    };
    if !base_url::is_private(address) && !base_url::is_this_machine(address) {
        return Err(Failure::input("--calibrate asks models of your own machines alone")
            .hint("run a job: the times of its calls are kept where the server tells them"));
    }
    let headers = engine::usual_headers(provider, environment, address)?;
    let headers = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), Secret::new(value.to_str().ok()?))));
    let settings = ChatSettings {
        headers: headers.collect(),
        generation: Generation { max_tokens: Some(TOKENS), temperature: Some(0.0), ..Generation::default() },
        // A server may close a connection just as the next call goes out by it.
        retries: RETRIES,
        ..ChatSettings::new(&named.subject.name, address)
    };
    Ok(chat::connect(provider, settings)?)
}

async fn embedded(file: &Path) -> Result<Arc<dyn ChatClient>, Failure> {
    let settings = EngineSettings {
        model_path: file.to_path_buf(),
        n_ctx: WINDOW,
        lanes: 1,
        n_gpu_layers: None,
        chat_format: None,
        threads: None,
        kv_type: CacheType::F16,
        keeping: Keeping::default(),
    };
    let engine = Engine::load(settings).await?;
    let sampling = Sampling { max_tokens: Some(TOKENS), temperature: Some(0.0), seed: None };
    Ok(Arc::new(engine.client(sampling)))
}
