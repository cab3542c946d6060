//! The model of the local side that embeds a job's texts.

use std::sync::Arc;

use super::super::location::Location;
use super::super::models::Ready;
use super::super::servers::Servers;
use super::super::side_config::SideConfig;
use super::super::tape::{Embedding, Missing, Recording};
use super::unusable;
use crate::chat::providers::RuntimeKind;
use crate::chat::{self, ChatSettings, Embedder};
use crate::error::Failure;
use crate::job::{Job, JobRole};
use crate::runtimes::window::DEFAULT;
use crate::runtimes::{ModelUse, Need, Ollama, RuntimeError, Timeouts};
use crate::sandbox::Search;

/// An embedding model of the local side.
pub(super) struct LocalEmbedder {
    pub embedder: Arc<dyn Embedder>,
    /// Whether the texts that it embeds leave this machine.
    pub is_remote: bool,
}

impl SideConfig<'_> {
    /// Checks that the side has embeddings, if the job asks for them. Makes no call.
    ///
    /// # Errors
    /// [`FailureKind::Input`](crate::error::FailureKind::Input) for a provider without embeddings or a missing model.
    pub(super) fn check_embedder(&self, job: &Job) -> Result<(), Failure> {
        if job.protocol.retrieval() != Search::Embedding {
            return Ok(());
        }
        let provider = self.spec.provider;
        let settings = self.as_with_key(self.settings(&self.base_urls[0], None));
        let model = job.protocol.retrieval_model().unwrap_or(provider.embedding_model).to_owned();
        let settings = ChatSettings { model, ..settings };
        let has_embeddings = chat::connect_embedder(provider, settings.clone());
        if settings.model.is_empty() {
            let text =
                format!("`call_params.retrieval_model` is missing: {} has no default one", provider.name);
            return Err(Failure::input(text));
        }
        has_embeddings.map(drop).map_err(|error| unusable(self.spec.side, error))
    }

    /// Has an Ollama that answers already say whether its model embeds, before a model is fetched or loaded.
    ///
    /// # Errors
    /// The model does not embed.
    pub(super) async fn look_at_embedding_model(&self, job: &Job) -> Result<(), Failure> {
        let provider = self.spec.provider;
        if job.protocol.retrieval() != Search::Embedding || provider.runtime != RuntimeKind::Ollama {
            return Ok(());
        }
        let model = job.protocol.retrieval_model().unwrap_or(provider.embedding_model);
        let base_url = &self.base_urls[0];
        let headers = self.credentials.at(base_url, provider).header_map(provider)?;
        let ollama = Ollama::new(base_url, None, Timeouts::default())?.with_headers(headers);
        ollama.check(model, ModelUse::Embed).await.map_err(|error| self.of_embedding_model(error))
    }

    /// The model that embeds the job's texts, if the job asks for embeddings, at the first server that is up. Ollama
    /// fetches it if need be, where the side may; other servers are looked at.
    pub(super) async fn embedder(
        &self,
        job: &Job,
        servers: &Servers,
    ) -> Result<Option<LocalEmbedder>, Failure> {
        if job.protocol.retrieval() != Search::Embedding {
            return Ok(None);
        }
        let provider = self.spec.provider;
        let up = servers.iter().find_map(|(base_url, ready)| Some((base_url, ready?)));
        let Some((base_url, ready)) = up else { return Ok(None) };
        let mut settings = self.embedding_settings(base_url, ready, job.protocol.retrieval_model());
        let mut location = Location::of(provider, base_url);
        if let (Ready::Managed(_, runtime), RuntimeKind::Ollama) = (ready, provider.runtime) {
            let (model, tokens) = (settings.model.clone(), DEFAULT);
            let pull = self.spec.fetches;
            let need = Need { model, model_use: ModelUse::Embed, pull, tokens, ..Need::default() };
            let ensured = runtime.ensure_model(&need).await;
            let endpoint = ensured.map_err(|error| self.of_embedding_model(error))?;
            settings.model = endpoint.model;
            settings.generation.num_ctx = endpoint.context_window;
            if endpoint.forwards {
                location = Location::Forwarded;
            }
        }
        if let Some(ollama) = ready.ollama() {
            let checked = ollama.check_embedding(&settings.model).await;
            checked.map_err(|error| self.of_embedding_model(error))?;
        }
        let embedder =
            chat::connect_embedder(provider, settings).map_err(|error| unusable(self.spec.side, error))?;
        if matches!(ready, Ready::Foreign { .. }) {
            embedder.look().await.map_err(|error| {
                let message = format!("local_client: the embedding model cannot be used: {error}");
                Failure { message, ..Failure::from(error) }
            })?;
        }
        Ok(Some(LocalEmbedder { embedder, is_remote: location.is_remote(JobRole::Embedding) }))
    }

    /// The failure of the side's embedding model.
    fn of_embedding_model(&self, error: RuntimeError) -> Failure {
        let message = format!("{}: the embedding model cannot be used: {error}", self.spec.side);
        Failure { message, ..Failure::from(error) }
    }

    /// The settings of the embedding `model`, or else of the provider's default one, at the address of the `ready`
    /// server.
    pub(super) fn embedding_settings(
        &self,
        base_url: &str,
        ready: &Ready,
        model: Option<&str>,
    ) -> ChatSettings {
        let endpoint = match ready {
            Ready::Managed(endpoint, _) => Some(endpoint),
            Ready::Embedded(_) | Ready::Foreign { .. } => None,
        };
        ChatSettings {
            model: model.unwrap_or(self.spec.provider.embedding_model).to_owned(),
            retries: self.retries(),
            vendor: self.vendor.clone().without_deployment(),
            ..self.settings(base_url, endpoint)
        }
    }

    /// An embedder that records the exchanges of `embedder`, or replays recorded ones if there is none.
    pub(super) fn taped_embedder(
        &self,
        job: &Job,
        embedder: Option<Arc<dyn Embedder>>,
        recording: &Arc<Recording>,
        missing: &Missing,
    ) -> Arc<dyn Embedder> {
        let model = job.protocol.retrieval_model().unwrap_or(self.spec.provider.embedding_model).to_owned();
        Arc::new(Embedding {
            model,
            embedder,
            gate: None,
            recording: Arc::clone(recording),
            missing: missing.clone(),
        })
    }
}
