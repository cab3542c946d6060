//! What can be said of the sides of a job without a call: whether they can be used, and which keys are missing.

use serde::Serialize;

use super::unusable;
use crate::chat::secrets::Secret;
use crate::chat::{self, ChatSettings};
use crate::config::Environment;
use crate::engine::shared::SharedResources;
use crate::engine::side_config::{SideConfig, sides};
use crate::error::Failure;
use crate::job::Job;

/// A key without which a job would fail. An estimate needs none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MissingKey {
    /// The side, and what is missing: with these words the job would fail.
    pub problem: String,
    /// How to give the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl From<Failure> for MissingKey {
    fn from(Failure { message, hint, .. }: Failure) -> Self {
        Self { problem: message, hint }
    }
}

/// Checks the sides of `job`, as far as that needs no call and no key, and tells which keys are missing.
///
/// # Errors
/// [`Input`](crate::error::FailureKind::Input) for an unusable address, option or credential.
pub(in crate::engine) fn check(job: &Job, shared: &SharedResources) -> Result<Vec<MissingKey>, Failure> {
    let environment = &shared.config.environment;
    let (worker, supervisor) = sides(job, environment, shared.is_for_many())?;
    let mut missing = Vec::new();
    for side in [&supervisor, &worker] {
        missing.extend(side.check_but_for_key(shared, environment)?.map(MissingKey::from));
    }
    worker.check_embedder(job)?;
    Ok(missing)
}

impl SideConfig<'_> {
    /// Checks that the side has a client for each of its servers. Makes no call.
    ///
    /// # Errors
    /// An unusable address, option or credential; a missing key.
    pub(super) fn check(&self, shared: &SharedResources) -> Result<(), Failure> {
        if self.spec.is_embedded() {
            return Ok(());
        }
        let each = |base_url| self.connect(shared, self.settings(base_url, None)).map(drop);
        self.base_urls.iter().try_for_each(|base_url| each(base_url))
    }

    /// The same, but a missing key is the failure that is given back.
    fn check_but_for_key(
        &self,
        shared: &SharedResources,
        environment: &Environment,
    ) -> Result<Option<Failure>, Failure> {
        let provider = self.spec.provider;
        if !self.base_urls.iter().any(|base_url| self.lacks_key(&self.settings(base_url, None))) {
            return self.check(shared).map(|()| None);
        }
        if !self.spec.is_embedded() {
            for base_url in &self.base_urls {
                let settings = self.as_with_key(self.settings(base_url, None));
                chat::connect(provider, settings).map_err(|error| unusable(self.spec.side, error))?;
            }
        }
        let named = environment.key_name(provider).map(|name| name.missing(provider));
        Ok(named.or_else(|| self.check(shared).err()))
    }

    fn lacks_key(&self, settings: &ChatSettings) -> bool {
        !settings.has_credential() && self.spec.provider.needs_key(&settings.base_url)
    }

    /// `settings` with a key in any case, so that all else can be checked. No call is made with them.
    pub(super) fn as_with_key(&self, settings: ChatSettings) -> ChatSettings {
        match self.lacks_key(&settings) {
            true => ChatSettings { api_key: Some(Secret::new("none".to_owned())), ..settings },
            false => settings,
        }
    }
}
