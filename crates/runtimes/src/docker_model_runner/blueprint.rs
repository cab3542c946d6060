//! Describes the container of a runner as the vendor's own installer makes it (docker/model-runner, `standalone`), so
//! that either of the two finds what the other has made. Pure.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, HostConfig, Mount, MountType, PortBinding,
    RestartPolicy, RestartPolicyNameEnum,
};

/// The container's name.
pub(super) const NAME: &str = "docker-model-runner";
/// The name of a new volume for models, made where no volume has the label [`STORAGE`].
pub(super) const VOLUME: &str = "docker-model-runner-models";
/// The labels by which installers find what they have made.
pub(super) const SERVICE: (&str, &str) = ("com.docker.desktop.service", "model-runner");
pub(super) const ROLE: &str = "com.docker.model-runner.role";
pub(super) const CONTROLLER: &str = "controller";
pub(super) const STORAGE: &str = "model-storage";
/// The port on which the runner listens inside its container.
pub(super) const INSIDE: &str = "12434/tcp";

const IMAGE: &str = "docker/model-runner";

/// The hardware that a runner computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gpu {
    Cuda,
    Rocm,
    /// The processor, or a GPU through Vulkan if its device files are there.
    Generic,
}

impl Gpu {
    /// The hardware that the names of the engine's OCI runtimes imply.
    pub(super) fn of<'a>(mut runtimes: impl Iterator<Item = &'a str> + Clone) -> Self {
        if runtimes.clone().any(|name| name == "nvidia") {
            Self::Cuda
        } else if runtimes.any(|name| name == "rocm") {
            Self::Rocm
        } else {
            Self::Generic
        }
    }

    /// The name of the image for this hardware, with `version` in its tag.
    pub(super) fn image(self, version: &str) -> String {
        let variant = match self {
            Self::Cuda => "-cuda",
            Self::Rocm => "-rocm",
            Self::Generic => "",
        };
        format!("{IMAGE}:{version}{variant}")
    }
}

/// What differs between the containers of two runners.
pub(super) struct Plan {
    pub(super) image: String,
    pub(super) gpu: Gpu,
    /// The port of this machine at which the runner is to answer.
    pub(super) port: u16,
    /// This machine's address in the containers' network; `None` if the engine can't listen there.
    pub(super) gateway: Option<String>,
    pub(super) volume: String,
    /// The device files of this machine that the container gets.
    pub(super) devices: Vec<String>,
    /// The ids of the groups that may use these devices.
    pub(super) groups: Vec<u32>,
}

/// The labels of a container or volume with this role.
pub(super) fn labels(role: &str) -> HashMap<String, String> {
    HashMap::from([(SERVICE.0.to_owned(), SERVICE.1.to_owned()), (ROLE.to_owned(), role.to_owned())])
}

impl Plan {
    pub(super) fn container(&self) -> ContainerCreateBody {
        ContainerCreateBody {
            image: Some(self.image.clone()),
            labels: Some(labels(CONTROLLER)),
            env: Some(["MODEL_RUNNER_PORT=12434", "MODEL_RUNNER_ENVIRONMENT=moby"].map(str::to_owned).into()),
            exposed_ports: Some(vec![INSIDE.to_owned()]),
            host_config: Some(self.host_config()),
            ..ContainerCreateBody::default()
        }
    }

    fn host_config(&self) -> HostConfig {
        let binding =
            |ip: &str| PortBinding { host_ip: Some(ip.to_owned()), host_port: Some(self.port.to_string()) };
        let bindings = ["127.0.0.1"].into_iter().chain(self.gateway.as_deref()).map(binding).collect();
        let device = |path: &String| DeviceMapping {
            path_on_host: Some(path.clone()),
            path_in_container: Some(path.clone()),
            cgroup_permissions: Some("rwm".to_owned()),
        };
        let all_gpus = DeviceRequest {
            count: Some(-1),
            capabilities: Some(vec![vec!["gpu".to_owned()]]),
            ..DeviceRequest::default()
        };
        HostConfig {
            port_bindings: Some(HashMap::from([(INSIDE.to_owned(), Some(bindings))])),
            mounts: Some(vec![Mount {
                target: Some("/models".to_owned()),
                source: Some(self.volume.clone()),
                typ: Some(MountType::VOLUME),
                ..Mount::default()
            }]),
            restart_policy: Some(RestartPolicy {
                name: Some(RestartPolicyNameEnum::ALWAYS),
                maximum_retry_count: None,
            }),
            runtime: (self.gpu == Gpu::Cuda).then(|| "nvidia".to_owned()),
            device_requests: (self.gpu == Gpu::Cuda).then(|| vec![all_gpus]),
            devices: Some(self.devices.iter().map(device).collect()),
            group_add: Some(self.groups.iter().map(u32::to_string).collect()),
            ..HostConfig::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_engines_runtimes_choose_the_image() {
        for (runtimes, image) in [
            (vec!["runc", "nvidia", "rocm"], "docker/model-runner:latest-cuda"),
            (vec!["runc", "rocm"], "docker/model-runner:latest-rocm"),
            (vec!["runc"], "docker/model-runner:latest"),
        ] {
            assert_eq!(Gpu::of(runtimes.into_iter()).image("latest"), image);
        }
    }

    #[test]
    fn a_container_is_the_vendors() {
        let plan = Plan {
            image: "docker/model-runner:latest-cuda".to_owned(),
            gpu: Gpu::Cuda,
            port: 12500,
            gateway: Some("172.17.0.1".to_owned()),
            volume: VOLUME.to_owned(),
            devices: vec!["/dev/dri".to_owned()],
            groups: vec![105],
        };
        let body = serde_json::to_value(plan.container()).unwrap();
        let expected = json!({
            "Image": "docker/model-runner:latest-cuda",
            "Env": ["MODEL_RUNNER_PORT=12434", "MODEL_RUNNER_ENVIRONMENT=moby"],
            "Labels": {"com.docker.desktop.service": "model-runner", "com.docker.model-runner.role": "controller"},
            "ExposedPorts": {"12434/tcp": {}},
            "HostConfig": {
                "PortBindings": {"12434/tcp": [
                    {"HostIp": "127.0.0.1", "HostPort": "12500"}, {"HostIp": "172.17.0.1", "HostPort": "12500"},
                ]},
                "Mounts": [{"Target": "/models", "Source": "docker-model-runner-models", "Type": "volume"}],
                "RestartPolicy": {"Name": "always"},
                "Runtime": "nvidia",
                "DeviceRequests": [{"Count": -1, "Capabilities": [["gpu"]]}],
                "Devices": [
                    {"PathOnHost": "/dev/dri", "PathInContainer": "/dev/dri", "CgroupPermissions": "rwm"},
                ],
                "GroupAdd": ["105"],
            },
        });
        assert_eq!(body, expected);
    }
}
