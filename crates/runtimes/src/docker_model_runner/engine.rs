//! Speaks to a Docker Engine on this machine over its socket.
//!
//! Only a socket is used, since an engine that is reached over a network starts its containers on another machine.

use std::io;

use bollard::errors::Error as EngineError;
use bollard::models::{ContainerInspectResponse, SystemInfo};
use bollard::query_parameters::{
    InspectContainerOptions, InspectNetworkOptions, LogsOptionsBuilder, RemoveContainerOptionsBuilder,
    StartContainerOptions,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::StreamExt;
use tokio::net::UnixStream;

use crate::words::short;
use crate::{RuntimeError, RuntimeErrorKind};

/// The longest wait for an answer of the engine, in seconds.
const PATIENCE: u64 = 60;
const SCHEME: &str = "unix://";

/// A Docker Engine that has answered.
pub(super) struct Engine {
    pub(super) docker: Docker,
    place: String,
}

impl Engine {
    /// Connects to the first of `hosts` that answers. They are written like `DOCKER_HOST`. A host whose socket does not
    /// exist is skipped.
    pub(super) async fn connect(hosts: &[String]) -> Result<Self, RuntimeError> {
        let (mut absent, mut failure) = (None, None);
        for host in hosts {
            let Some(path) = host.strip_prefix(SCHEME) else {
                let why =
                    format!("DOCKER_HOST is {host}, and only an engine at a unix:// socket starts it here");
                return Err(none(&why).hint(
                    "start it on that machine, and give its address in MODEL_RUNNER_HOST or `base_url`",
                ));
            };
            match UnixStream::connect(path).await {
                Ok(_) => return Self::greet(path).await,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    absent.get_or_insert(path);
                }
                Err(error) => {
                    failure.get_or_insert(unusable(path, &error));
                }
            }
        }
        let path = absent.unwrap_or("/var/run/docker.sock");
        Err(failure.unwrap_or_else(|| {
            none(&format!("there is no Docker Engine: no socket at {path}")).hint(format!(
                "start it by hand and give its address in MODEL_RUNNER_HOST; or install Docker; from inside a \
                 container mount the socket with `-v {path}:/var/run/docker.sock`; or use the client type \"ollama\""
            ))
        }))
    }

    async fn greet(path: &str) -> Result<Self, RuntimeError> {
        let place = format!("the Docker Engine at {path}");
        let connected = Docker::connect_with_unix(path, PATIENCE, API_DEFAULT_VERSION);
        let docker = match connected {
            // An engine refuses a client whose version of the API is newer than its own.
            Ok(docker) => docker.negotiate_version().await,
            Err(error) => Err(error),
        };
        let docker = docker.map_err(|error| failed(&place, "does not say its version", &error))?;
        Ok(Self { docker, place })
    }

    /// Where it is, for messages.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) async fn info(&self) -> Result<SystemInfo, RuntimeError> {
        self.docker.info().await.map_err(|error| self.failed("does not describe itself", &error))
    }

    pub(super) async fn inspect(&self, container: &str) -> Result<ContainerInspectResponse, EngineError> {
        self.docker.inspect_container(container, None::<InspectContainerOptions>).await
    }

    /// Starts a container that exists. A container that runs already is no error.
    pub(super) async fn start(&self, container: &str) -> Result<(), EngineError> {
        self.docker.start_container(container, None::<StartContainerOptions>).await
    }

    /// Removes a container of ours that never ran. A failure is only logged: it shows again when the container is made
    /// anew.
    pub(super) async fn remove(&self, container: &str) {
        let options = RemoveContainerOptionsBuilder::new().force(true).build();
        if let Err(error) = self.docker.remove_container(container, Some(options)).await {
            tracing::warn!("{} did not remove {container}: {error}", self.place);
        }
    }

    /// What the last lines tell that a container has written.
    pub(super) async fn last_words(&self, container: &str) -> String {
        let options = LogsOptionsBuilder::new().stdout(true).stderr(true).tail("100").build();
        let mut logs = self.docker.logs(container, Some(options));
        let mut words = String::new();
        while let Some(Ok(line)) = logs.next().await {
            words += &String::from_utf8_lossy(&line.into_bytes());
        }
        short(&words)
    }

    /// The address of this machine in the default network of its containers.
    pub(super) async fn gateway(&self) -> Option<String> {
        let network = self.docker.inspect_network("bridge", None::<InspectNetworkOptions>).await.ok()?;
        let config = network.ipam?.config?.into_iter().next()?;
        // Older engines give only the subnet; its first address is this machine's.
        config.gateway.filter(|gateway| !gateway.is_empty()).or_else(|| first_address(&config.subnet?))
    }

    pub(super) fn failed(&self, what: &str, error: &EngineError) -> RuntimeError {
        failed(&self.place, what, error)
    }
}

/// The engine's own message, shortened, without the client's words around it.
pub(super) fn words(error: &EngineError) -> String {
    short(&all_words(error))
}

/// The engine's own message at full length. The OCI runtime's part of it comes last.
pub(super) fn all_words(error: &EngineError) -> String {
    match error {
        EngineError::DockerResponseServerError { message, .. } => message.clone(),
        EngineError::DockerStreamError { error } => error.clone(),
        error => error.to_string(),
    }
}

/// The HTTP status of an error that the engine answered with.
pub(super) fn status(error: &EngineError) -> Option<u16> {
    match error {
        EngineError::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

fn failed(place: &str, what: &str, error: &EngineError) -> RuntimeError {
    none(&format!("{place} {what}: {}", words(error)))
}

fn none(message: &str) -> RuntimeError {
    RuntimeError::new(RuntimeErrorKind::Unreachable, message)
}

fn unusable(path: &str, error: &io::Error) -> RuntimeError {
    let hint = match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "let this user into the socket's group: `sudo usermod -aG docker $USER` and a new login, or \
             `docker run --group-add $(stat -c %g /var/run/docker.sock)`"
        }
        io::ErrorKind::ConnectionRefused => "the socket is there and nobody listens: start Docker",
        _ => "check DOCKER_HOST",
    };
    let words = error.to_string();
    let words = words.split(" (os error").next().unwrap_or_default();
    none(&format!("the Docker socket {path} can't be used: {words}")).hint(hint)
}

/// The first address of an IPv4 subnet: `172.17.0.1` for `172.17.0.0/16`.
fn first_address(subnet: &str) -> Option<String> {
    let network: std::net::Ipv4Addr = subnet.split('/').next()?.parse().ok()?;
    Some(std::net::Ipv4Addr::from_bits(network.to_bits() + 1).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_the_first_in_its_network() {
        assert_eq!(first_address("172.17.0.0/16").as_deref(), Some("172.17.0.1"));
        assert_eq!(first_address("fd00::/80"), None);
    }

    #[tokio::test]
    async fn what_keeps_from_the_engine_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| format!("{SCHEME}{}", folder.path().join(name).display());
        // A listener that is gone leaves its socket behind.
        drop(std::os::unix::net::UnixListener::bind(folder.path().join("stale")).unwrap());
        for (hosts, part) in [
            (vec![path("absent"), path("nor-this")], "no socket at"),
            (vec![path("absent"), path("stale")], "stale can't be used"),
            (vec!["tcp://docker:2375".to_owned()], "DOCKER_HOST is tcp://docker:2375"),
        ] {
            let error = Engine::connect(&hosts).await.err().unwrap();
            assert!(error.message.contains(part), "{error}");
            assert!(error.hint.is_some());
        }
    }
}
