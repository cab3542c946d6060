//! How long a client bears with a server that reads: the time for a prompt, and the wait for a server that may still
//! read one which was given up.
//!
//! A closed connection ends a call in llama.cpp's server, which also runs within Ollama and Docker Model Runner, but only
//! after the batch under way. A next try that begins before would compete with what is left, or queue behind it.

use std::time::Duration;

use reqwest::Url;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::http_client::HttpClient;
use super::llama_server;
use super::pace::PromptPace;
use crate::http;

/// The longest wait for a server that tells of its slots.
const LONGEST: Duration = Duration::from_secs(120);
/// The longest wait for a server that does not.
const LONGEST_GUESS: Duration = Duration::from_secs(30);
/// The time between two looks at the slots.
const EVERY: Duration = Duration::from_secs(1);
/// Tokens of the largest batch that llama.cpp's server reads at once (its `--batch-size`).
const BATCH: u64 = 2048;

impl HttpClient {
    /// What the model has shown of the time that prompts take.
    pub(super) fn pace(&self) -> &PromptPace {
        &self.endpoint.settings.pace
    }

    /// Whether the server is the user's own, on this machine, in a private network or elsewhere.
    pub(super) fn is_users_own(&self) -> bool {
        self.endpoint.provider.local || http::is_private(&self.endpoint.settings.base_url)
    }

    /// Whether the limit of silence grows with the prompt.
    pub(super) fn has_patience(&self) -> bool {
        self.is_users_own() && !self.endpoint.settings.is_timeout_set
    }

    /// The time that the server is given for a prompt of `tokens`, beside the limit of silence.
    pub(super) fn patience(&self, tokens: u64) -> Duration {
        if self.has_patience() { self.pace().patience(tokens) } else { Duration::ZERO }
    }

    /// The server is one that tells how far it is with a prompt if it is asked to.
    pub(super) fn ask_for_progress(&self) {
        self.pace().note_that_it_tells();
        self.known().progress = true;
    }

    /// Whether it is asked so.
    pub(super) fn takes_progress(&self) -> bool {
        self.known().progress
    }

    /// The URL of a route of the server itself, which stands beside the API.
    pub(super) fn route_of_the_root(&self, route: &str) -> Url {
        let mut url = self.endpoint.url.clone();
        let root = url.path().trim_end_matches(self.dialect.path()).trim_end_matches("/v1").to_owned();
        url.set_path(&(root + route));
        url
    }

    /// Waits until a prompt that was given up is out of the server, once for each: until its slots work on our other calls
    /// alone, or, if it does not tell, for the time of a batch.
    pub(super) async fn until_free(&self) {
        if !self.is_users_own() {
            return;
        }
        let Some(tokens) = self.pace().take_abandoned() else { return };
        tracing::info!(
            "waiting until {} is done with what was given up, which it may be at work on still",
            self.endpoint.name()
        );
        let is_free = async {
            while let Some(busy) = self.busy_slots().await {
                if busy as u64 <= self.pace().calls() {
                    return true;
                }
                sleep(EVERY).await;
            }
            false
        };
        match timeout(LONGEST, is_free).await {
            Ok(true) => {}
            Ok(false) => sleep(self.pace().patience(tokens.min(BATCH)).min(LONGEST_GUESS)).await,
            Err(_) => tracing::warn!(
                "{} is still at work after {} s on what was given up; it is asked all the same",
                self.endpoint.name(),
                LONGEST.as_secs()
            ),
        }
    }

    /// How many calls the server works on, if it tells. The route answers between two batches.
    async fn busy_slots(&self) -> Option<usize> {
        if !self.takes_progress() {
            return None;
        }
        let call = self.http.get(self.route_of_the_root("/slots")).headers(self.headers.clone()).send();
        let answer = call.await.ok().filter(|answer| answer.status().is_success())?;
        let slots: Value = serde_json::from_slice(&answer.bytes().await.ok()?).ok()?;
        llama_server::busy_slots(&slots)
    }
}
