//! How long a client bears with a server that reads: the time for a prompt, and the wait for a server that may still
//! read one which was given up.
//!
//! A closed connection ends a call in llama.cpp's server, which also runs within Ollama and Docker Model Runner, but only
//! after the batch under way. A next try that begins before would compete with what is left, or queue behind it.

use std::time::Duration;

use reqwest::Url;
use serde_json::Value;
use tokio::time::{Instant, sleep, timeout};

use super::http_client::HttpClient;
use super::llama_server;
use super::pace::PromptPace;
use super::providers::Provider;
use super::settings::ChatSettings;
use crate::base_url;

/// The longest wait for a server that tells of its slots.
const LONGEST: Duration = Duration::from_secs(120);
/// The longest wait for a server that does not.
const LONGEST_GUESS: Duration = Duration::from_secs(30);
/// The longest wait for the answer of one look at the slots. It comes between two batches.
const LONGEST_LOOK: Duration = Duration::from_secs(30);
/// The time between two looks at the slots.
const EVERY: Duration = Duration::from_secs(1);
/// Tokens of the largest batch that llama.cpp's server reads at once (its `--batch-size`).
const BATCH: u64 = 2048;

impl Provider {
    /// Whether the server of a client with these settings is the user's own, on this machine, in a private network or
    /// elsewhere.
    pub fn is_users_own(&self, settings: &ChatSettings) -> bool {
        self.local || base_url::is_private(&settings.base_url)
    }

    /// Whether its limit of silence grows with the prompt.
    pub fn has_patience(&self, settings: &ChatSettings) -> bool {
        self.is_users_own(settings) && !settings.is_timeout_set
    }

    /// How long so many tries could take if limits did not grow: then no time-out is repeated any more. `None`: limits
    /// do not grow, so the number of tries is limit enough.
    pub fn silence(&self, settings: &ChatSettings, tries: u32) -> Option<Duration> {
        self.has_patience(settings).then(|| settings.timeout.saturating_mul(tries))
    }
}

impl HttpClient {
    /// What the model has shown of the time that prompts take.
    pub(super) fn pace(&self) -> &PromptPace {
        &self.endpoint.settings.pace
    }

    /// Whether the server is the user's own, on this machine, in a private network or elsewhere.
    pub(super) fn is_users_own(&self) -> bool {
        self.endpoint.provider.is_users_own(&self.endpoint.settings)
    }

    /// Whether the limit of silence grows with the prompt.
    pub(super) fn has_patience(&self) -> bool {
        self.endpoint.provider.has_patience(&self.endpoint.settings)
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

    /// Waits until a prompt that was given up is out of the server, once for each, however many calls wait: until its slots
    /// work on our other calls alone, or, if it does not tell, for the time of a batch. A limit of silence that the user has
    /// set is the limit of this wait as well.
    pub(super) async fn until_free(&self) {
        if !self.is_users_own() {
            return;
        }
        let settings = &self.endpoint.settings;
        let longest = if settings.is_timeout_set { settings.timeout.min(LONGEST) } else { LONGEST };
        let begun = Instant::now();
        let Ok(Some(abandoned)) = timeout(longest, self.pace().abandoned()).await else { return };
        tracing::info!(
            "waiting until {} is done with what was given up, which it may be at work on still",
            self.endpoint.name()
        );
        let left = longest.saturating_sub(begun.elapsed());
        if timeout(left, self.until_done(abandoned.tokens)).await.is_err() {
            tracing::warn!(
                "{} may be at work after {} s still on what was given up; it is asked all the same",
                self.endpoint.name(),
                longest.as_secs_f64()
            );
        }
        abandoned.settle();
    }

    /// Waits until the server is done with a prompt of `tokens` that was given up.
    async fn until_done(&self, tokens: u64) {
        while let Ok(Some(busy)) = timeout(LONGEST_LOOK, self.busy_slots()).await {
            if busy as u64 <= self.pace().calls() {
                return;
            }
            sleep(EVERY).await;
        }
        sleep(self.pace().patience(tokens.min(BATCH)).min(LONGEST_GUESS)).await;
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
