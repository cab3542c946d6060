//! The configuration of one side of a job, from the job, the defaults and the environment. No server is asked here.

use std::time::Duration;

use super::address::{Addresses, addresses};
use super::credentials::Credentials;
use super::file_report::warn;
use super::location::Location;
use super::models::{ModelKey, chosen};
use super::window::Demand;
use crate::chat::providers::RuntimeKind;
use crate::chat::{
    ChatSettings, Generation, LOADING_TIMEOUT, PromptPace, RetryPolicy, VendorOptions, base_url,
};
use crate::config::{self, Environment};
use crate::error::Failure;
use crate::events::Events;
use crate::job::{ClientSpec, Job, JobRole, Protocol};
use crate::runtimes::{Endpoint, ollama};

/// The configuration of one side.
pub(super) struct SideConfig<'a> {
    pub role: JobRole,
    pub spec: &'a ClientSpec,
    pub model: String,
    /// The base URLs of its servers, at least one.
    pub base_urls: Vec<String>,
    pub credentials: Credentials,
    /// The vendor's options, from the job and the environment.
    pub vendor: VendorOptions,
    /// What is to be said of variables that do not count.
    pub warnings: Vec<String>,
    pub demand: Demand,
    pub lanes: Option<usize>,
    /// Whether the user gave the lanes.
    pub has_set_lanes: bool,
    /// Whether both sides use one model in memory. Set on the worker alone.
    pub has_same_model: bool,
    /// Whether its calls count for the budgets of the job and of the run, each try by itself.
    pub is_metered: bool,
    /// How its replies are generated, with the side's defaults.
    pub generation: Generation,
}

/// The worker and the supervisor of `job`, which may be one of many.
///
/// # Errors
/// An address or a credential in the environment that cannot be used.
pub(super) fn sides<'a>(
    job: &'a Job,
    environment: &Environment,
    is_for_many: bool,
) -> Result<(SideConfig<'a>, SideConfig<'a>), Failure> {
    let mut worker = SideConfig::worker(job, environment, is_for_many)?;
    let mut supervisor = SideConfig::supervisor(job, environment)?;
    let asks_both = [JobRole::Worker, JobRole::Supervisor].iter().all(|role| job.protocol.asks(*role));
    if asks_both && worker.same_model(&supervisor) {
        // One model in memory has one window: with two windows it would be loaded anew at every change of sides.
        let demand = worker.demand.max(supervisor.demand);
        (worker.demand, supervisor.demand) = (demand, demand);
        worker.has_same_model = true;
    }
    Ok((worker, supervisor))
}

impl<'a> SideConfig<'a> {
    pub(super) fn worker(job: &'a Job, environment: &Environment, among_many: bool) -> Result<Self, Failure> {
        let spec = &job.local;
        let (samples, batch) = match &job.protocol {
            // The job makes one call at a time, but the slots are for all jobs.
            Protocol::Minion(_) | Protocol::RemoteOnly => (1, (!among_many).then_some(1)),
            // Where `minions` may follow, one model in memory serves both.
            Protocol::LocalOnly { samples } => (*samples, (!among_many && *samples == 1).then_some(1)),
            Protocol::Minions(params) => (params.num_samples_per_task, params.worker_batch_size),
            Protocol::Auto(params) => (params.minions.num_samples_per_task, params.minions.worker_batch_size),
        };
        // A single reply is to give facts, so it is sampled as coldly as the provider allows.
        let temperature =
            if samples > 1 { config::SAMPLES_TEMPERATURE } else { spec.provider.min_temperature };
        let Addresses { base_urls, vendor, warnings } = addresses(spec, environment)?;
        let credentials = Credentials::of(spec, environment, &base_urls)?;
        let is_ours = spec.provider.local || base_urls.iter().all(|url| base_url::is_private(url));
        let given = spec.kwargs.generation;
        let bounded = is_ours && !given.thinks() && !spec.kwargs.is_unlimited;
        Ok(Self {
            role: JobRole::Worker,
            spec,
            model: model(spec, environment),
            base_urls,
            credentials,
            vendor,
            warnings,
            demand: Demand::of_worker(job),
            lanes: spec.kwargs.max_concurrency.or(batch),
            has_set_lanes: spec.kwargs.max_concurrency.is_some()
                || matches!(job.protocol, Protocol::Minions(_)) && batch.is_some(),
            has_same_model: false,
            is_metered: false,
            generation: Generation {
                temperature: given.temperature.or(Some(temperature)),
                max_tokens: given.max_tokens.or(bounded.then_some(config::REPLY_TOKENS)),
                ..given
            },
        })
    }

    pub(super) fn supervisor(job: &'a Job, environment: &Environment) -> Result<Self, Failure> {
        let spec = &job.remote;
        let Addresses { base_urls, vendor, warnings } = addresses(spec, environment)?;
        Ok(Self {
            role: JobRole::Supervisor,
            spec,
            model: model(spec, environment),
            credentials: Credentials::of(spec, environment, &base_urls)?,
            base_urls,
            vendor,
            warnings,
            demand: Demand::of_supervisor(job),
            lanes: Some(1),
            has_set_lanes: false,
            has_same_model: false,
            is_metered: true,
            generation: Generation { is_paid: !spec.provider.local, ..spec.kwargs.generation },
        })
    }

    pub(super) fn same_model(&self, other: &Self) -> bool {
        let has_server = || self.base_urls.iter().any(|base_url| other.base_urls.contains(base_url));
        self.spec.provider.name == other.spec.provider.name
            && self.spec.model_path == other.spec.model_path
            && (self.spec.is_embedded() || (has_server() && self.model == other.model))
    }

    /// Whether texts sent to `base_url` leave this machine. `forwards`: whether the server passes them on to other
    /// hosts.
    pub(super) fn is_remote(&self, base_url: &str, forwards: bool) -> bool {
        let location =
            if forwards { Location::Forwarded } else { Location::of(self.spec.provider, base_url) };
        location.is_remote(self.role)
    }

    /// Whether the name of its model says that its server passes texts on.
    pub(super) fn is_cloud(&self) -> bool {
        self.spec.provider.runtime == RuntimeKind::Ollama && ollama::is_cloud(&self.model)
    }

    /// The key of its model at one of its servers. The worker's server is looked at before the supervisor is asked, if
    /// no runtime looks for itself.
    pub(super) fn key(&self, base_url: &str) -> ModelKey {
        let kwargs = &self.spec.kwargs;
        let is_looked_at = self.role == JobRole::Worker && self.spec.provider.runtime == RuntimeKind::Foreign;
        ModelKey {
            provider: self.spec.provider,
            base_url: base_url.to_owned(),
            model: self.model.clone(),
            model_path: self.spec.model_path.clone(),
            lanes: self.lanes,
            has_set_lanes: self.has_set_lanes,
            serves_both_sides: self.has_same_model,
            num_ctx: kwargs.generation.num_ctx,
            fetches: self.spec.fetches,
            vendor: self.vendor.clone(),
            credentials: self.credentials.at(base_url, self.spec.provider),
            look: is_looked_at.then(|| self.settings(base_url, None)),
        }
    }

    /// Warns of each option that has no effect: of the environment; and, also as an event, of the job, as the model takes
    /// none.
    pub(super) fn warn(&self, events: &Events) {
        let Self { spec: ClientSpec { side, provider, kwargs, .. }, base_urls, .. } = self;
        self.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        if let Some(base_url) = base_urls.iter().find(|url| self.credentials.replace_user(url, provider)) {
            tracing::warn!(
                "{side}: the user and the password of the address {} have no effect: a key of the job goes in their place",
                base_url::shown(base_url)
            );
        }
        let model = &self.model;
        let unsent = base_urls.iter().flat_map(|base_url| provider.unsent(base_url, model));
        for name in unsent.collect::<std::collections::BTreeSet<_>>() {
            if kwargs.generation.temperature.is_some() && name == "temperature"
                || kwargs.generation.seed.is_some() && name == "seed"
            {
                let text =
                    format!("{side}.kwargs.{name} has no effect: {model} of {} takes none", provider.name);
                warn(text, events);
            }
        }
        let is_anthropic = provider.dialect.is_some_and(|dialect| dialect.name() == "anthropic");
        if is_anthropic && kwargs.generation.thinks() && kwargs.generation.temperature.is_some() {
            let text = format!(
                "{side}.kwargs.temperature has no effect: {} takes none with thinking",
                provider.name
            );
            warn(text, events);
        }
    }

    /// Checks that a fixed window, which was not chosen for this job, is long enough for it.
    ///
    /// # Errors
    /// The window is too short for the job.
    pub(super) fn check_window(&self, window: Option<u32>) -> Result<(), Failure> {
        chosen(self.demand, self.shown_model(), window)?;
        Ok(())
    }

    /// The model's file, or else its name.
    pub(super) fn shown_model(&self) -> String {
        let path = self.spec.model_path.as_deref().map(|path| path.display().to_string());
        path.unwrap_or_else(|| self.model.clone())
    }

    /// The number of retries: a single server's client makes them, several servers are all tried again.
    pub(super) fn retries(&self) -> u32 {
        self.spec.kwargs.retries.unwrap_or(config::RETRIES)
    }

    /// The number of retries at one server: none if a failed call goes to another server at once.
    pub(super) fn turn_retries(&self) -> u32 {
        if self.base_urls.len() > 1 { 0 } else { self.retries() }
    }

    /// How long one server that loads its model is waited for.
    fn turn_loading(&self) -> Duration {
        if self.base_urls.len() > 1 { Duration::ZERO } else { LOADING_TIMEOUT }
    }

    /// How calls to a server with these `settings` are repeated where the caller does that.
    pub(super) fn retry_policy(&self, settings: &ChatSettings) -> RetryPolicy {
        let retries = self.turn_retries();
        let silence = self.spec.provider.silence(settings, retries.saturating_add(1));
        RetryPolicy::new(retries, settings.outage, self.turn_loading()).silent_for(silence)
    }

    pub(super) fn settings(&self, base_url: &str, endpoint: Option<&Endpoint>) -> ChatSettings {
        let revival = endpoint.and_then(|endpoint| endpoint.revival.clone());
        // Whoever answers elsewhere was not told the key by the user.
        let is_there = endpoint.is_none_or(|endpoint| base_url::is_same_server(base_url, &endpoint.base_url));
        let credentials = is_there.then(|| self.credentials.at(base_url, self.spec.provider));
        let Credentials { api_key, headers, .. } = credentials.unwrap_or_default();
        ChatSettings {
            model: endpoint.map_or_else(|| self.model.clone(), |endpoint| endpoint.model.clone()),
            base_url: endpoint.map_or(base_url, |endpoint| &endpoint.base_url).to_owned(),
            api_key,
            headers,
            timeout: self.spec.timeout.unwrap_or(self.spec.provider.timeout),
            is_timeout_set: self.spec.timeout.is_some(),
            // The engine knows what the model has shown, see `SharedResources::client`.
            pace: PromptPace::default(),
            retries: if self.is_metered { 0 } else { self.turn_retries() },
            outage: revival.as_ref().map_or(Duration::ZERO, |_| config::OUTAGE),
            revival,
            // Another server, or the meter that counts each try, waits in the client's place.
            loading: if self.is_metered { Duration::ZERO } else { self.turn_loading() },
            // The server may have another window than the job asked for.
            generation: Generation {
                num_ctx: endpoint.and_then(|endpoint| endpoint.context_window),
                ..self.generation
            },
            vendor: self.vendor.clone(),
        }
    }
}

/// The name of the model: that of the job, else of the environment, else the default one.
pub(super) fn model(spec: &ClientSpec, environment: &Environment) -> String {
    let provider = spec.provider;
    let told = || provider.model_env.iter().find_map(|name| environment.get(name));
    spec.model.as_deref().or_else(told).unwrap_or(provider.model).to_owned()
}
