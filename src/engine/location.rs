//! The location of a model as seen from this machine, and the roles for which texts sent there leave this machine.

use crate::chat::base_url;
use crate::chat::providers::{Provider, RuntimeKind};
use crate::job::JobRole;

/// The location of a model, as far as its client type, its address and its server tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Location {
    /// In this process.
    Process,
    /// Behind a local client type at an address of this machine.
    Machine,
    /// Behind a hosted vendor's client type at an address of this machine: perhaps a proxy to the vendor.
    Proxy,
    /// At another address of this machine's private network.
    Network,
    /// Anywhere else.
    Elsewhere,
    /// Behind a server that forwards prompts to other hosts, wherever the server is.
    Forwarded,
}

impl Location {
    /// The location of a model of `provider` at `base_url`, if its server does not forward prompts.
    pub(super) fn of(provider: &Provider, base_url: &str) -> Self {
        if provider.runtime == RuntimeKind::Embedded {
            Self::Process
        } else if base_url::is_this_machine(base_url) {
            if provider.local { Self::Machine } else { Self::Proxy }
        } else if base_url::is_private(base_url) {
            Self::Network
        } else {
            Self::Elsewhere
        }
    }

    /// Whether texts that are sent to a model in `role` leave this machine. Worker and embedding model get the
    /// documents, and the private network is trusted with them. The supervisor must not get them, so for the supervisor
    /// only this machine is trusted.
    pub(super) fn is_remote(self, role: JobRole) -> bool {
        match (role, self) {
            (JobRole::Supervisor, Self::Process | Self::Machine) => false,
            (JobRole::Supervisor, Self::Proxy | Self::Network | Self::Elsewhere | Self::Forwarded) => true,
            (
                JobRole::Worker | JobRole::Embedding,
                Self::Process | Self::Machine | Self::Proxy | Self::Network,
            ) => false,
            (JobRole::Worker | JobRole::Embedding, Self::Elsewhere | Self::Forwarded) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::providers::find;

    #[test]
    fn a_model_is_remote_by_its_role_and_its_location() {
        use Location::{Elsewhere, Forwarded, Machine, Network, Process, Proxy};
        for (kind, base_url, location, supervisor, worker) in [
            ("llama_cpp", "", Process, false, false),
            ("ollama", "http://localhost:11434", Machine, false, false),
            ("ollama", "http://10.1.2.3:11434", Network, true, false),
            ("ollama", "http://gpu-1:11434", Network, true, false),
            ("ollama", "https://ollama.example.com", Elsewhere, true, true),
            ("openai", "http://127.0.0.1:8080/v1", Proxy, true, false),
            ("openai", "http://10.1.2.3/v1", Network, true, false),
            ("openai", "https://api.openai.com/v1", Elsewhere, true, true),
        ] {
            assert_eq!(Location::of(find(kind).unwrap(), base_url), location, "{kind} {base_url}");
            assert_eq!(location.is_remote(JobRole::Supervisor), supervisor, "{kind} {base_url}");
            assert_eq!(location.is_remote(JobRole::Worker), worker, "{kind} {base_url}");
            assert_eq!(location.is_remote(JobRole::Embedding), worker, "{kind} {base_url}");
        }
        for role in [JobRole::Supervisor, JobRole::Worker, JobRole::Embedding] {
            assert!(Forwarded.is_remote(role), "{role}");
        }
    }
}
