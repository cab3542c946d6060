//! Whether a side sees pictures.

use std::sync::Arc;

use crate::chat::{ChatClient, base_url};
use crate::engine::servers::Servers;
use crate::engine::shared::SharedResources;
use crate::engine::side_config::{SideConfig, sides};
use crate::error::Failure;
use crate::job::{Job, JobRole};
use crate::runtimes::probe;

/// A client of the worker, if it sees pictures as its server tells or the job says, and if they stay on this machine or in
/// its private network.
///
/// # Errors
/// As [`super::open`].
pub(in crate::engine) async fn seeing(
    job: &Job,
    shared: &SharedResources,
) -> Result<Option<Arc<dyn ChatClient>>, Failure> {
    let (worker, _) = sides(job, &shared.config.environment, shared.is_for_many())?;
    // A job that does not ask the worker must say so to have it read pages.
    let is_wanted = job.read_scans.unwrap_or(job.protocol.asks(JobRole::Worker));
    if !is_wanted || job.local.is_embedded() {
        return Ok(None);
    }
    worker.check(shared)?;
    let servers = Servers::open(&worker, shared, None).await?;
    let first = worker.servers(shared, &servers)?.into_iter().find(|server| server.is_up);
    let Some(server) = first.filter(|server| !server.is_remote) else { return Ok(None) };
    let sees = match job.read_scans {
        Some(sees) => sees,
        None => worker.sees(&server.settings.base_url).await.unwrap_or(false),
    };
    Ok(sees.then_some(server.client))
}

/// Whether the model of `side` sees pictures; `None` if its server does not tell. A vendor's is not asked.
pub(in crate::engine) async fn sees(side: &SideConfig<'_>) -> Option<bool> {
    let own =
        side.base_urls.iter().find(|url| base_url::is_private(url)).filter(|_| !side.spec.is_embedded())?;
    side.sees(own).await
}

impl SideConfig<'_> {
    /// Whether its model at `base_url` sees pictures, if the server tells.
    async fn sees(&self, base_url: &str) -> Option<bool> {
        let headers =
            self.credentials.at(base_url, self.spec.provider).header_map(self.spec.provider).ok()?;
        probe::sees(base_url, &headers, &self.model).await
    }
}
