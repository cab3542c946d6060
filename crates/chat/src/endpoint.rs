//! A model at an address, which every call and every error message names.

use reqwest::Url;

use super::ChatSettings;
use super::base_url;
use super::providers::Provider;

/// A model of a provider behind a URL.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) provider: &'static Provider,
    pub(crate) settings: ChatSettings,
    /// The URL to which conversation turns are posted.
    pub(crate) url: Url,
}

impl Endpoint {
    /// The endpoint's name in messages: `ollama at http://localhost:11434`.
    pub(crate) fn name(&self) -> String {
        name(self.provider, &self.settings)
    }
}

/// The name of an endpoint whose URL may be unusable.
pub(crate) fn name(provider: &Provider, settings: &ChatSettings) -> String {
    format!("{} at {}", provider.name, base_url::shown(&settings.base_url))
}
