//! What to do about a model server that is not there: hints that fit the machine.

use super::side_config::SideConfig;
use crate::chat::providers::{Provider, RuntimeKind};
use crate::chat::{ChatError, ChatErrorKind, base_url};
use crate::config::Environment;
use crate::error::Failure;
use crate::llama;
use crate::runtimes::ollama::find_program;
use crate::runtimes::{RuntimeError, RuntimeErrorKind};

/// `failure` with a hint that fits this machine, if it says that no server is at `base_url`.
pub(super) fn explained(
    failure: Failure,
    side_config: &SideConfig<'_>,
    base_url: &str,
    environment: &Environment,
) -> Failure {
    let provider = side_config.spec.provider;
    // The search for a Docker Model Runner says itself what it has found.
    let knows_more =
        provider.runtime == RuntimeKind::DockerModelRunner && base_url::is_this_machine(base_url);
    if !is_absence(&failure) || knows_more {
        return failure;
    }
    let machine = Machine {
        has_program: find_program(provider.program, environment.get("PATH").unwrap_or_default()).is_some(),
        has_engine: llama::check_built().is_ok(),
    };
    Failure { hint: hint(provider, base_url, machine).or(failure.hint), ..failure }
}

/// Whether nothing answers at the server's address.
fn is_absence(failure: &Failure) -> bool {
    let Some(source) = failure.source.as_deref() else { return false };
    let chat = source.downcast_ref::<ChatError>().map(|error| error.kind == ChatErrorKind::Unreachable);
    let runtime =
        || source.downcast_ref::<RuntimeError>().map(|error| error.kind == RuntimeErrorKind::Unreachable);
    chat.or_else(runtime).unwrap_or_default()
}

/// What this machine has.
#[derive(Clone, Copy)]
struct Machine {
    /// The program of the server is on the PATH.
    has_program: bool,
    /// This build has the embedded engine.
    has_engine: bool,
}

/// What to do about a server of `provider` that is not at `base_url`, if more is known than for any server.
fn hint(provider: &Provider, base_url: &str, machine: Machine) -> Option<String> {
    if !provider.local {
        return None;
    }
    let names: Vec<_> =
        provider.base_url_env.first().copied().into_iter().chain(["kwargs.base_url"]).collect();
    let names = names.join(" or ");
    if !base_url::is_this_machine(base_url) {
        return Some(format!(
            "is {} running there, at an address that other machines reach? This address comes from {names}",
            provider.name
        ));
    }
    let Provider { program, install, .. } = *provider;
    if machine.has_program || program.is_empty() {
        return Some(format!("{}, or name its address in {names}", provider.start_hint));
    }
    let embedded = if machine.has_engine { ", or use the client type llama_cpp" } else { "" };
    Some(format!(
        "{program} is not installed (not on the PATH): {install}{embedded}, or name the address of a server \
         elsewhere in {names} (seen from a container, its machine is host.docker.internal)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::providers::find;

    #[test]
    fn a_hint_fits_the_machine() {
        let machine = Machine { has_program: false, has_engine: false };
        let installed = Machine { has_program: true, ..machine };
        let embedded = Machine { has_engine: true, ..machine };
        for (name, base_url, machine, parts) in [
            ("ollama", "http://localhost:11434", machine, ["ollama is not installed", "ollama.com/download"]),
            ("ollama", "http://localhost:11434", embedded, ["ollama is not installed", "llama_cpp"]),
            ("ollama", "http://localhost:11434", installed, ["`ollama serve`", "OLLAMA_HOST"]),
            ("ollama", "http://10.0.0.7:11434", machine, ["running there", "OLLAMA_HOST"]),
            ("vllm", "http://127.0.0.1:8000", machine, ["vllm is not installed", "VLLM_BASE_URL"]),
            ("lm_studio", "http://[::1]:1234", machine, ["lms is not installed", "lmstudio.ai"]),
            (
                "llama_server",
                "http://localhost:8080",
                installed,
                ["`llama-server -m", "LLAMA_SERVER_BASE_URL"],
            ),
            (
                "docker_model_runner",
                "http://10.0.0.7:12434",
                installed,
                ["running there", "MODEL_RUNNER_HOST"],
            ),
        ] {
            let hint = hint(find(name).unwrap(), base_url, machine).unwrap();
            assert!(parts.iter().all(|part| hint.contains(part)), "{name} {base_url}: {hint}");
            assert_eq!(hint.contains("llama_cpp"), machine.has_engine, "{hint}");
        }
        assert_eq!(hint(find("openai").unwrap(), "http://localhost:1/v1", machine), None);
    }
}
