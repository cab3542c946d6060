//! The container of a runner as the vendor's own installer makes it (docker/model-runner, `standalone`), so that either
//! of the two finds what the other has made. Pure.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, DeviceMapping, DeviceRequest, HostConfig, Mount, MountType, PortBinding,
    RestartPolicy, RestartPolicyNameEnum,
};

/// The container's name.
pub(super) const NAME: &str = "docker-model-runner";
/// The volume's name, where there is none with [`STORAGE`].
pub(super) const VOLUME: &str = "docker-model-runner-models";
/// Labels by which installers find what they have made.
pub(super) const SERVICE: (&str, &str) = ("com.docker.desktop.service", "model-runner");
pub(super) const ROLE: &str = "com.docker.model-runner.role";
pub(super) const CONTROLLER: &str = "controller";
pub(super) const STORAGE: &str = "model-storage";
/// Where the runner listens inside its container.
pub(super) const INSIDE: &str = "12434/tcp";

const IMAGE: &str = "docker/model-runner";

/// What a runner computes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gpu {
    Cuda,
    Rocm,
    /// The processor; or a GPU by way of Vulkan, where its devices are there.
    Generic,
}

impl Gpu {
    /// By the runtimes that the engine has.
    pub(super) fn of<'a>(mut runtimes: impl Iterator<Item = &'a str> + Clone) -> Self {
        if runtimes.clone().any(|name| name == "nvidia") {
            Self::Cuda
        } else if runtimes.any(|name| name == "rocm") {
            Self::Rocm
        } else {
            Self::Generic
        }
    }

    /// The image, in the version that is asked for.
    pub(super) fn image(self, version: &str) -> String {
        let variant = match self {
            Self::Cuda => "-cuda",
            Self::Rocm => "-rocm",
            Self::Generic => "",
        };
        format!("{IMAGE}:{version}{variant}")
    }
}

/// What differs from one runner to another.
pub(super) struct Plan {
    pub(super) image: String,
    pub(super) gpu: Gpu,
    /// Of this machine.
    pub(super) port: u16,
    /// This machine's address in the containers' network; none where the engine can't listen there.
    pub(super) gateway: Option<String>,
    pub(super) volume: String,
    /// Device files of this machine, and the groups that may use them.
    pub(super) devices: Vec<String>,
    pub(super) groups: Vec<u32>,
}

/// The labels of what has `role`.
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
