//! Asks a llama.cpp server on this machine for its slots and its context window.
//!
//! Only servers on the loopback are asked: a vendor's server has no such route.

use std::net::IpAddr;
use std::time::Duration;

use super::api::Api;

/// What `/props` says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Props {
    /// Requests that it works on at the same time.
    pub slots: Option<usize>,
    /// Tokens of prompt and reply that one request may have.
    pub context_window: Option<u32>,
}

/// Asks the server at `base_url`, which may end in `/v1`. A server that does not answer is no failure.
pub async fn props(base_url: &str) -> Option<Props> {
    if !is_loopback(base_url) {
        return None;
    }
    let root = base_url.trim_end_matches('/');
    let api = Api::new("the server", root.strip_suffix("/v1").unwrap_or(root)).ok()?;
    let answer = api.get("/props", Duration::from_secs(5)).await.ok()?;
    let props = answer.json();
    let found = Props {
        slots: props["total_slots"].as_u64().and_then(|slots| usize::try_from(slots).ok()),
        context_window: props["default_generation_settings"]["n_ctx"]
            .as_u64()
            .and_then(|tokens| u32::try_from(tokens).ok()),
    };
    (answer.status.is_success() && found != Props::default()).then_some(found)
}

/// Whether the address is this machine's own.
pub(super) fn is_loopback(base_url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(base_url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked() {
        for url in ["http://localhost:8080/v1", "http://127.0.0.2", "http://[::1]:8080"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in
            ["https://api.openai.com/v1", "http://192.168.0.1", "http://localhost.evil.com", "localhost", ""]
        {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
