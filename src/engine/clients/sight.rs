//! Whether a side sees pictures.

use crate::chat::base_url;
use crate::engine::servers::Servers;
use crate::engine::shared::SharedResources;
use crate::engine::side_config::{SideConfig, sides};
use crate::error::Failure;
use crate::job::{Job, JobRole};
use crate::protocols::Side;
use crate::runtimes::probe;

/// A worker that sees.
pub(in crate::engine) struct Seeing {
    pub worker: Side,
    /// Its address and model.
    pub name: String,
    /// Its servers. Runtimes that were started for them stay up as long as they are held.
    pub servers: Servers,
}

/// The worker, if it sees pictures as its server tells or the job says, and if they stay on this machine or in its private
/// network. Else why it is shown none, if that is not for the job to say.
///
/// # Errors
/// As [`super::open`].
pub(in crate::engine) async fn seeing(
    job: &Job,
    shared: &SharedResources,
) -> Result<Result<Seeing, Option<&'static str>>, Failure> {
    let (worker, _) = sides(job, &shared.config.environment, shared.is_for_many())?;
    // A job that does not ask the worker must say so to have it read pages.
    if !job.read_scans.unwrap_or(job.protocol.asks(JobRole::Worker)) {
        return Ok(Err(None));
    }
    if job.local.is_embedded() {
        return Ok(Err(Some("the embedded engine does not see: take a model server for the local side")));
    }
    worker.check(shared)?;
    let servers = Servers::open(&worker, shared, None).await?;
    let workers = worker.servers(shared, &servers)?;
    if workers.iter().any(|server| server.is_remote) {
        return Ok(Err(Some("pages are shown to a worker on this machine or in its private network alone")));
    }
    let Some(server) = workers.iter().find(|server| server.is_up) else { return Ok(Err(None)) };
    let base_url = &server.settings.base_url;
    let sees = match job.read_scans {
        Some(sees) => sees,
        None => worker.sees(base_url).await.unwrap_or(false),
    };
    if !sees {
        return Ok(Err(None));
    }
    let name = format!("{base_url} {}", worker.model);
    let worker = Side::new(shared.pool(workers, worker.retries(), false));
    Ok(Ok(Seeing { worker, name, servers }))
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
