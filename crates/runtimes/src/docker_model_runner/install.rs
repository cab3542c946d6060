//! Finds the container of a runner by its labels, or makes it, and starts it.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use bollard::errors::Error as EngineError;
use bollard::models::{ContainerInspectResponse, SystemInfo, VolumeCreateRequest};
use bollard::query_parameters::{
    CreateContainerOptionsBuilder, ListContainersOptionsBuilder, ListVolumesOptionsBuilder,
};
use tokio::time::sleep;

use super::blueprint::{self, CONTROLLER, Gpu, INSIDE, NAME, Plan, ROLE, SERVICE, STORAGE, VOLUME};
use super::engine::{Engine, all_words, status, words};
use super::image;
use crate::progress::PullProgress;
use crate::{RuntimeError, RuntimeErrorKind, Timeouts};

/// The most tries to find or make a container: another installer may be between two of its steps.
const TURNS: usize = 10;
/// The pause between two tries.
const BETWEEN_TURNS: Duration = Duration::from_millis(500);

/// How a runner is installed where there is none.
pub(super) struct Install<'a> {
    pub(super) engine: &'a Engine,
    pub(super) timeouts: &'a Timeouts,
    /// The port of this machine at which the runner is to listen.
    pub(super) port: u16,
    /// The tag of the runner's image.
    pub(super) version: &'a str,
    /// Whether this process runs in a container. Such a process does not see the devices that the engine sees.
    pub(super) in_container: bool,
    /// Hears of the pull of the image.
    pub(super) progress: &'a dyn PullProgress,
}

/// Why a container did not start.
enum Start {
    /// The container does not exist any more.
    Gone,
    /// The GPU that the container asks for is missing; the engine's words say why.
    NoGpu(String),
    /// The start failed for another reason.
    Failed(RuntimeError),
}

impl From<RuntimeError> for Start {
    fn from(error: RuntimeError) -> Self {
        Self::Failed(error)
    }
}

impl Install<'_> {
    /// Finds, starts or makes a runner. Gives its container, which has been started.
    pub(super) async fn ensure_running(&self) -> Result<ContainerInspectResponse, RuntimeError> {
        let info = self.engine.info().await?;
        if is_desktop(&info, self.in_container) {
            return Err(error("Docker Desktop does not offer its model runner at this address").hint(
                "run `docker desktop enable model-runner --tcp 12434`, or turn on \"host-side TCP support\" in its settings",
            ));
        }
        let runtimes = info.runtimes.iter().flatten().map(|(name, _)| name.as_str());
        let mut gpu = Gpu::of(runtimes);
        for _ in 0..TURNS {
            match self.turn(gpu, &info).await {
                Ok(container) => return self.look_at(&container).await,
                Err(Start::Gone) => sleep(BETWEEN_TURNS).await,
                Err(Start::NoGpu(why)) if gpu != Gpu::Generic => {
                    tracing::warn!("no GPU for {}, the processor has to do: {why}", super::NAME);
                    gpu = Gpu::Generic;
                }
                Err(Start::NoGpu(why)) => {
                    return Err(error(format!("{} does not start: {why}", super::NAME)));
                }
                Err(Start::Failed(error)) => return Err(error),
            }
        }
        Err(error(format!("the container {NAME} comes and goes"))
            .hint("somebody else may be installing it: try again"))
    }

    /// Finds or makes a container, and starts it. Gives its id or its name.
    async fn turn(&self, gpu: Gpu, info: &SystemInfo) -> Result<String, Start> {
        let container = match self.find().await? {
            Some(container) => container,
            None => match self.create(gpu, info).await? {
                Some(container) => container,
                // A container without the labels has the name.
                None => self.namesake().await?,
            },
        };
        self.start(&container).await.map(|()| container)
    }

    pub(super) async fn look_at(&self, container: &str) -> Result<ContainerInspectResponse, RuntimeError> {
        let seen = self.engine.inspect(container).await;
        seen.map_err(|error| self.engine.failed(&format!("does not describe {container}"), &error))
    }

    async fn find(&self) -> Result<Option<String>, RuntimeError> {
        let role = format!("{ROLE}={CONTROLLER}");
        let filters = HashMap::from([("label", vec![SERVICE.0, &role])]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let found = self.engine.docker.list_containers(Some(options)).await;
        let mut found = found.map_err(|error| self.engine.failed("does not list its containers", &error))?;
        // A container that runs is preferred.
        found.sort_by_key(|container| container.state.is_none_or(|state| state.to_string() != "running"));
        Ok(found.into_iter().find_map(|container| container.id))
    }

    /// Makes a container; `None` if another container has its name.
    async fn create(&self, gpu: Gpu, info: &SystemInfo) -> Result<Option<String>, Start> {
        let image = gpu.image(self.version);
        image::ensure(self.engine, &image, self.timeouts, self.progress).await?;
        let is_rootless = info.security_options.iter().flatten().any(|option| option.contains("rootless"));
        let gateway = if is_rootless { None } else { self.engine.gateway().await };
        let (devices, groups) = if self.in_container { Default::default() } else { hardware() };
        let plan =
            Plan { image, gpu, port: self.port, gateway, volume: self.volume().await?, devices, groups };
        let options = CreateContainerOptionsBuilder::new().name(NAME).build();
        match self.engine.docker.create_container(Some(options), plan.container()).await {
            Ok(created) => {
                tracing::info!("made the container {NAME} of {}", plan.image);
                Ok(Some(created.id))
            }
            Err(error) if status(&error) == Some(409) => Ok(None),
            Err(error) if gpu == Gpu::Cuda && words(&error).contains("runtime") => {
                Err(Start::NoGpu(words(&error)))
            }
            Err(error) => {
                let what = format!("does not make a container of {}", plan.image);
                Err(Start::Failed(self.engine.failed(&what, &error)))
            }
        }
    }

    /// The container that has the runner's name, if another installer made it. A container of anything else is left
    /// alone, which is an error.
    async fn namesake(&self) -> Result<String, RuntimeError> {
        let Ok(container) = self.engine.inspect(NAME).await else { return Ok(NAME.to_owned()) };
        let config = container.config.unwrap_or_default();
        let image = config.image.unwrap_or_default();
        let has_role = config.labels.is_some_and(|labels| labels.contains_key(ROLE));
        if has_role || image.contains("model-runner") {
            return Ok(NAME.to_owned());
        }
        Err(error(format!("a container of {image} has the name {NAME}")).hint(format!(
            "rename it with `docker rename {NAME} ANOTHER_NAME`, or give the address of a runner in MODEL_RUNNER_HOST"
        )))
    }

    async fn volume(&self) -> Result<String, RuntimeError> {
        let role = format!("{ROLE}={STORAGE}");
        let options =
            ListVolumesOptionsBuilder::new().filters(&HashMap::from([("label", vec![&*role])])).build();
        let listed = self.engine.docker.list_volumes(Some(options)).await;
        let known = listed.ok().and_then(|list| list.volumes?.into_iter().next());
        if let Some(volume) = known {
            return Ok(volume.name);
        }
        let request = VolumeCreateRequest {
            name: Some(VOLUME.to_owned()),
            labels: Some(blueprint::labels(STORAGE)),
            ..VolumeCreateRequest::default()
        };
        let created = self.engine.docker.create_volume(request).await;
        created
            .map(|volume| volume.name)
            .map_err(|error| self.engine.failed("does not make a volume for models", &error))
    }

    async fn start(&self, container: &str) -> Result<(), Start> {
        let Err(failure) = self.engine.start(container).await else { return Ok(()) };
        let said = words(&failure);
        if status(&failure) == Some(404) || matches!(failure, EngineError::HyperLegacyError { .. }) {
            return Err(Start::Gone);
        }
        // A container that has never run is of no use to anybody, and would be in the way of the next try.
        let is_new = self.engine.inspect(container).await.is_ok_and(|seen| has_never_run(&seen));
        if is_new {
            self.engine.remove(container).await;
        }
        if ["address already in use", "port is already allocated", "ports are not available"]
            .iter()
            .any(|sign| said.contains(sign))
        {
            let message = format!("another program has port {}: {said}", self.port);
            return Err(Start::Failed(error(message).hint(
                "stop it, or choose a port with `\"port\"` in `local_client`; if it is a Docker Model Runner give its \
                 address in MODEL_RUNNER_HOST",
            )));
        }
        let failed = || self.engine.failed(&format!("does not start {NAME}"), &failure);
        let in_full = all_words(&failure).to_lowercase();
        let lacks_gpu = ["nvidia", "gpu"].iter().any(|sign| in_full.contains(sign));
        Err(if lacks_gpu && is_new {
            Start::NoGpu(said)
        } else if lacks_gpu {
            // Somebody made the container with a GPU on purpose, so it is not replaced without asking.
            Start::Failed(failed().hint(format!(
                "it was made with a GPU that is not there now: bring that back, or `docker rm {NAME}` to have it made \
                 anew; its models stay in their volume"
            )))
        } else {
            Start::Failed(failed())
        })
    }
}

/// The addresses at which a container may be reached: the ports of this machine, and, for a process in a container, those
/// of the gateway and the container's own address.
pub(super) fn addresses(container: &ContainerInspectResponse) -> Vec<String> {
    let Some(settings) = &container.network_settings else { return Vec::new() };
    let networks = || settings.networks.iter().flat_map(HashMap::values);
    let filled = |ip: &Option<String>| ip.clone().filter(|ip| !ip.is_empty());
    let ports = settings.ports.iter().filter_map(|ports| ports.get(INSIDE)?.as_ref()).flatten();
    let mut all = Vec::new();
    for binding in ports {
        let Some(port) = &binding.host_port else { continue };
        match binding.host_ip.as_deref() {
            None | Some("" | "0.0.0.0" | "::") => {
                let gateways = networks().filter_map(|network| filled(&network.gateway));
                all.extend(
                    ["127.0.0.1".to_owned()]
                        .into_iter()
                        .chain(gateways)
                        .map(|ip| format!("http://{ip}:{port}")),
                );
            }
            Some(ip) => all.push(format!("http://{ip}:{port}")),
        }
    }
    all.extend(
        networks().filter_map(|network| filled(&network.ip_address)).map(|ip| format!("http://{ip}:12434")),
    );
    all
}

/// Whether the engine is a Docker Desktop with a model runner of its own. Docker Desktop for Linux has none that is used
/// here: it is treated as any other engine.
fn is_desktop(info: &SystemInfo, in_container: bool) -> bool {
    let kernel = info.kernel_version.as_deref().unwrap_or_default();
    let has_its_own = in_container || !cfg!(target_os = "linux") || kernel.contains("WSL2");
    info.operating_system.as_deref() == Some("Docker Desktop") && has_its_own
}

fn has_never_run(container: &ContainerInspectResponse) -> bool {
    let status = container.state.as_ref().and_then(|state| state.status);
    status.is_some_and(|status| status.to_string() == "created")
}

/// The device files for Vulkan and ROCm, and the ids of the groups that may use them.
fn hardware() -> (Vec<String>, Vec<u32>) {
    let devices: Vec<_> =
        ["/dev/dri", "/dev/kfd", "/dev/accel"].into_iter().filter(|path| Path::new(path).exists()).collect();
    let nodes = fs::read_dir("/dev/dri").into_iter().flatten().flatten().map(|entry| entry.path());
    let nodes = nodes.filter(|path| path.to_string_lossy().contains("render")).chain(["/dev/kfd".into()]);
    let mut groups: Vec<_> =
        nodes.filter_map(|node| Some(fs::metadata(node).ok()?.gid())).filter(|&group| group != 0).collect();
    groups.sort_unstable();
    groups.dedup();
    (devices.into_iter().map(str::to_owned).collect(), groups)
}

fn error(message: impl Into<String>) -> RuntimeError {
    RuntimeError::new(RuntimeErrorKind::Unreachable, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_container_is_reached_at_its_ports_and_at_its_own_address() {
        let container = |bindings: serde_json::Value| {
            let networks = json!({"bridge": {"Gateway": "172.17.0.1", "IPAddress": "172.17.0.2"}});
            let settings = json!({"Ports": {"12434/tcp": bindings}, "Networks": networks});
            serde_json::from_value(json!({"NetworkSettings": settings})).unwrap()
        };
        let vendors = json!([
            {"HostIp": "127.0.0.1", "HostPort": "12434"}, {"HostIp": "172.17.0.1", "HostPort": "12434"},
        ]);
        let expected = ["http://127.0.0.1:12434", "http://172.17.0.1:12434", "http://172.17.0.2:12434"];
        assert_eq!(addresses(&container(vendors)), expected);
        let everywhere = json!([{"HostIp": "0.0.0.0", "HostPort": "1"}]);
        let expected = ["http://127.0.0.1:1", "http://172.17.0.1:1", "http://172.17.0.2:12434"];
        assert_eq!(addresses(&container(everywhere)), expected);
        assert_eq!(addresses(&container(serde_json::Value::Null)), ["http://172.17.0.2:12434"]);
    }

    #[test]
    fn only_a_desktop_with_a_runner_of_its_own_is_one() {
        for (system, kernel, in_container, expected) in [
            ("Docker Desktop", "5.15.0-microsoft-standard-WSL2", false, true),
            ("Docker Desktop", "6.6.0-linuxkit", false, false),
            ("Docker Desktop", "6.6.0-linuxkit", true, true),
            ("Debian GNU/Linux 12 (bookworm)", "6.1.0", true, false),
        ] {
            let info = json!({"OperatingSystem": system, "KernelVersion": kernel});
            let info = serde_json::from_value(info).unwrap();
            assert_eq!(is_desktop(&info, in_container), expected, "{system} {kernel}");
        }
    }
}
