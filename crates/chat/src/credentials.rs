//! The credentials of a server's calls as headers: the key, in the header that the provider has for it, and further ones.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::pasted;
use crate::providers::{Key, Provider};
use crate::secrets::Secret;

/// The headers of `api_key`, which travels as `key` says, and of the further `headers`, whose names are in lower case.
/// They replace a user and a password of the address, where they are the same header. `Debug` hides their values.
///
/// # Errors
/// The place of a value that cannot be a header's, and the problem, in words that follow the place.
pub fn headers(
    key: Key,
    api_key: Option<&Secret>,
    headers: &BTreeMap<String, Secret>,
) -> Result<HeaderMap, (String, String)> {
    let mut map = HeaderMap::new();
    let mut add = |place: &str, name: &str, value: &str| {
        let (name, value) = (name.parse::<HeaderName>().ok(), HeaderValue::from_str(value).ok());
        let (name, mut value) = name
            .zip(value)
            .ok_or_else(|| (place.to_owned(), "has a character in it that no header can carry".to_owned()))?;
        value.set_sensitive(true);
        map.insert(name, value);
        Ok::<(), (String, String)>(())
    };
    if let Some(api_key) = api_key {
        let place = "the API key";
        let text = pasted::key(api_key.expose()).map_err(|problem| (place.to_owned(), problem))?;
        match key {
            Key::Header(name) => add(place, name, text)?,
            Key::Bearer | Key::Optional => add(place, key.header(), &format!("Bearer {text}"))?,
        }
    }
    for (name, value) in headers {
        add(&format!("the header {name}"), name, value.expose())?;
    }
    Ok(map)
}

/// The remedy of a call that was refused with status 401 and asks for a user and a password by `challenge`, its header
/// `WWW-Authenticate`; `None` if it asks for a key. `has_user`: whether the address has a user, `has_key`: whether there
/// is a key, or a header in the place of one.
pub fn remedy(challenge: &str, has_user: bool, has_key: bool) -> Option<String> {
    let wants_user = challenge.trim_start().to_ascii_lowercase().starts_with("basic");
    let remedy = match (has_user, has_key) {
        (true, true) => {
            "It asks for a user and a password, and a key went in their place: leave the key out."
        }
        (true, false) => "It does not take the user and the password of its address: correct them.",
        (false, _) => {
            "It asks for a user and a password: write them into its address, http://user:password@host:port."
        }
    };
    wants_user.then(|| remedy.to_owned())
}

/// How to give `provider` a key.
pub fn key_hint(provider: &Provider) -> String {
    let tokens = provider.header_env.iter().filter(|header| header.is_token).flat_map(|header| header.env);
    match provider.key_env.iter().chain(tokens).next() {
        Some(name) => format!("Set {name} in the environment, or kwargs.api_key in the job, to a valid key."),
        None => "If the server wants a key, set kwargs.api_key in the job.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_for_a_user_is_told_from_who_asks_for_a_key() {
        let basic = "Basic realm=\"ollama\"";
        assert!(remedy(basic, false, true).unwrap().contains("http://user:password@host"));
        assert!(remedy(basic, true, false).unwrap().contains("does not take the user"));
        assert!(remedy("basic", true, true).unwrap().contains("leave the key out"));
        assert_eq!(remedy("Bearer", false, false), None);
        let hint = |name| key_hint(crate::providers::find(name).unwrap());
        assert!(hint("ollama").starts_with("Set OLLAMA_API_KEY"));
        assert!(hint("anthropic").starts_with("Set ANTHROPIC_API_KEY"));
        assert!(hint("docker_model_runner").starts_with("If the server wants a key"));
    }
}
