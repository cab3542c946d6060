//! What somebody can do who has no key for the supervisor.

use minions::chat::providers::PROVIDERS;
use minions::config::Environment;
use minions::error::Failure;

/// `failure`; if it is that the supervisor has no key, with the provider whose key is set.
pub(super) fn with_remedy(failure: Failure, environment: &Environment) -> Failure {
    let is_missing =
        failure.message.starts_with("remote_client") && failure.message.contains("there is no API key");
    let has_key = |names: &[&str]| names.iter().any(|name| environment.get(name).is_some());
    let other = PROVIDERS.iter().find(|provider| !provider.local && has_key(provider.key_env));
    match (other.filter(|_| is_missing), &failure.hint) {
        (Some(provider), Some(hint)) => {
            let hint = format!("{} The key of {1} is set: --remote {1} takes it.", hint, provider.name);
            failure.hint(hint)
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_whose_key_is_set_is_named() {
        let environment = [("ANTHROPIC_API_KEY".to_owned(), "sk-1".to_owned())].into_iter().collect();
        let failure = |side: &str| {
            Failure::input(format!("{side}: openai: there is no API key")).hint("Set OPENAI_API_KEY.")
        };
        let told = with_remedy(failure("remote_client"), &environment);
        assert_eq!(
            told.hint.unwrap(),
            "Set OPENAI_API_KEY. The key of anthropic is set: --remote anthropic takes it."
        );
        assert_eq!(with_remedy(failure("local_client"), &environment).hint.unwrap(), "Set OPENAI_API_KEY.");
        assert_eq!(
            with_remedy(failure("remote_client"), &Environment::default()).hint.unwrap(),
            "Set OPENAI_API_KEY."
        );
    }
}
