//! The model that embeds a job's texts, on the local side.

use std::sync::Arc;

use super::super::models::Ready;
use super::super::servers::Servers;
use super::super::shared::SharedResources;
use super::super::tape::{Embedding, Missing, Recording};
use super::{SideConfig, unusable};
use crate::chat::{self, ChatSettings, EgressGate, Embedder};
use crate::config::Environment;
use crate::error::Failure;
use crate::job::Job;
use crate::runtimes::{Need, Purpose};
use crate::sandbox::Search;

impl SideConfig<'_> {
    /// The model that embeds the job's texts, if it wants that: found or fetched where Ollama has it, elsewhere
    /// taken as it is named. It is the first server's that is up. With it comes whether the texts leave.
    pub(super) async fn embedder(
        &self,
        job: &Job,
        shared: &SharedResources,
        servers: &Servers,
    ) -> Result<Option<(bool, Arc<dyn Embedder>)>, Failure> {
        if job.protocol.retrieval() != Search::Embedding {
            return Ok(None);
        }
        let provider = self.spec.provider;
        let up = servers.iter().find_map(|(base_url, ready)| Some((base_url, ready?)));
        let Some((base_url, ready)) = up else { return Ok(None) };
        let environment = &shared.config.environment;
        let mut settings =
            self.embedding_settings(environment, base_url, ready, job.protocol.retrieval_model());
        if settings.model.is_empty() {
            let text =
                format!("`call_params.retrieval_model` is missing: {} has no default one", provider.name);
            return Err(Failure::input(text));
        }
        let mut is_remote = self.is_remote(base_url);
        if let (Ready::Server(_, Some(runtime)), "ollama") = (ready, provider.name) {
            let model = settings.model.clone();
            let need = Need { model, purpose: Purpose::Embed, pull: true, ..Need::default() };
            let endpoint = runtime.ensure_model(&need).await?;
            settings.model = endpoint.model;
            is_remote |= endpoint.leaves;
        }
        let embedder = chat::connect_embedder(provider, settings).map_err(unusable)?;
        Ok(Some((is_remote, embedder)))
    }

    /// Those of `model`, or the provider's own one, where the server was found.
    pub(super) fn embedding_settings(
        &self,
        environment: &Environment,
        base_url: &str,
        ready: &Ready,
        model: Option<&str>,
    ) -> ChatSettings {
        let endpoint = match ready {
            Ready::Server(endpoint, Some(_)) => Some(endpoint),
            _ => None,
        };
        ChatSettings {
            model: model.unwrap_or(self.spec.provider.embedding_model).to_owned(),
            retries: self.retries(),
            deployment: None,
            ..self.settings(environment, base_url, endpoint)
        }
    }

    /// The same for the model that embeds.
    pub(super) fn taped_embedder(
        &self,
        job: &Job,
        embedder: Option<Arc<dyn Embedder>>,
        gate: Option<Arc<dyn EgressGate>>,
        recording: &Arc<Recording>,
        missing: &Missing,
    ) -> Arc<dyn Embedder> {
        let model = job.protocol.retrieval_model().unwrap_or(self.spec.provider.embedding_model).to_owned();
        Arc::new(Embedding {
            model,
            embedder,
            gate,
            recording: Arc::clone(recording),
            missing: missing.clone(),
        })
    }
}
