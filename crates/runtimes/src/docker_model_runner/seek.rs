//! Looks for a runner in other places, and starts one, if nothing answers at the address that was given.

use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep};

use super::engine::Engine;
use super::install::{Install, addresses};
use super::{NAME, look};
use crate::api::Api;
use crate::progress::PullProgress;
use crate::{RuntimeError, RuntimeErrorKind, Timeouts};

/// The longest wait for an answer at an address that may not exist.
const GLANCE: Duration = Duration::from_secs(2);
/// The pause between two looks at a runner that is starting.
const LOOK: Duration = Duration::from_millis(50);
/// The longest wait for a runner's answer once its container runs.
const START: Duration = Duration::from_secs(60);

/// Looks for a runner and starts one.
#[derive(Clone, Debug)]
pub struct Seek {
    /// The addresses of Docker Engines in the order of preference, written like `DOCKER_HOST`.
    pub engines: Vec<String>,
    /// The tag of the runner's image.
    pub version: String,
}

impl Seek {
    /// Finds or starts a runner that answers. `failure` is why none answers at the address `given`.
    pub(super) async fn find(
        &self,
        given: &str,
        timeouts: &Timeouts,
        progress: &dyn PullProgress,
        failure: RuntimeError,
    ) -> Result<Api, RuntimeError> {
        let port = reqwest::Url::parse(given)
            .ok()
            .and_then(|url| url.port_or_known_default())
            .unwrap_or(super::PORT);
        let in_container = is_in_container();
        if in_container && let Some(api) = first_that_answers(&neighbours(port, gateway())).await {
            return Ok(api);
        }
        self.start(port, in_container, timeouts, progress).await.map_err(|error| RuntimeError {
            message: format!("{failure}; and it was not started: {}", error.message),
            ..error
        })
    }

    async fn start(
        &self,
        port: u16,
        in_container: bool,
        timeouts: &Timeouts,
        progress: &dyn PullProgress,
    ) -> Result<Api, RuntimeError> {
        let engine = Engine::connect(&self.engines).await?;
        let version = &self.version;
        let install = Install { engine: &engine, timeouts, port, version, in_container, progress };
        let container = install.ensure_running().await?;
        let id = container.id.clone().unwrap_or_default();
        let restarts = container.restart_count;
        let addresses = addresses(&container);
        tracing::info!("waiting for Docker Model Runner at {}", addresses.join(" or "));
        let deadline = Instant::now() + START;
        loop {
            if let Some(api) = first_that_answers(&addresses).await {
                return Ok(api);
            }
            let seen = install.look_at(&id).await?;
            let runs =
                seen.state.is_some_and(|state| state.running == Some(true) && state.restarting != Some(true));
            let what = if !runs || seen.restart_count != restarts {
                "ended".to_owned()
            } else if Instant::now() >= deadline {
                format!("does not answer at {} within {} s", addresses.join(" or "), START.as_secs())
            } else {
                sleep(LOOK).await;
                continue;
            };
            let message =
                format!("the container of Docker Model Runner {what}: {}", engine.last_words(&id).await);
            return Err(RuntimeError::new(RuntimeErrorKind::Unreachable, message).hint(
                "`docker logs docker-model-runner` says more; `docker rm -f` it to have it made anew",
            ));
        }
    }
}

/// The first of these addresses at which a runner answers.
async fn first_that_answers(addresses: &[String]) -> Option<Api> {
    let mut looks: FuturesUnordered<_> = addresses
        .iter()
        .map(|address| async move {
            let api = Api::new(NAME, address).ok()?;
            look(&api, GLANCE).await.ok().map(|()| api)
        })
        .collect();
    while let Some(looked) = looks.next().await {
        if looked.is_some() {
            return looked;
        }
    }
    None
}

/// The addresses at which a process in a container may reach a runner outside it: Docker Desktop's, one that Compose
/// names, and one on the machine's Docker Engine.
fn neighbours(port: u16, gateway: Option<Ipv4Addr>) -> Vec<String> {
    let desktop = "http://model-runner.docker.internal";
    let mut all = vec![desktop.to_owned(), format!("{desktop}:{port}")];
    all.extend(gateway.map(|gateway| format!("http://{gateway}:{port}")));
    all
}

fn is_in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|path| Path::new(path).exists())
}

/// The gateway of this container's network, which is the machine that it runs on.
fn gateway() -> Option<Ipv4Addr> {
    parse_gateway(&std::fs::read_to_string("/proc/net/route").ok()?)
}

/// The gateway of the default route in the text of `/proc/net/route`. Its addresses are hexadecimal, in the machine's own
/// order of bytes.
fn parse_gateway(routes: &str) -> Option<Ipv4Addr> {
    let mut lines = routes.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let default = lines.find(|fields| fields.get(1) == Some(&"00000000"))?;
    Some(Ipv4Addr::from(u32::from_str_radix(default.get(2)?, 16).ok()?.to_ne_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_knows_the_machine_that_it_runs_on() {
        let routes = "Iface\tDestination\tGateway \tFlags\neth0\t000011AC\t00000000\t0001\neth0\t00000000\t010011AC\t0003\n";
        let gateway = parse_gateway(routes);
        if cfg!(target_endian = "little") {
            assert_eq!(gateway, Some(Ipv4Addr::new(172, 17, 0, 1)));
        }
        assert_eq!(parse_gateway("Iface\tDestination\tGateway\n"), None);
        assert_eq!(neighbours(12434, gateway).len(), 3);
    }
}
