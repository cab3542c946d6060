//! Where an Ollama daemon listens, by `OLLAMA_HOST` or by the address of a job.

use std::fmt;

use minions_chat::http;
use minions_chat::providers::find;
use reqwest::Url;

/// Ollama's own port.
const PORT: u16 = 11434;

/// Where an Ollama daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// The address to connect to.
    client_url: String,
    /// Whether the daemon listens on all interfaces of its machine.
    is_everywhere: bool,
}

impl Default for Host {
    fn default() -> Self {
        Self::local(PORT)
    }
}

impl Host {
    /// This machine, at `port`.
    pub fn local(port: u16) -> Self {
        Self { client_url: format!("http://127.0.0.1:{port}"), is_everywhere: false }
    }

    /// The host that `text` means: `host`, `host:port`, `:port`, `scheme://host[:port][/path]`, as every address of an
    /// Ollama is read.
    ///
    /// # Errors
    /// The problem, in words that follow the address's place.
    pub fn read(text: &str) -> Result<Self, String> {
        let provider = find("ollama").ok_or("names a client type that is not known")?;
        let address = provider.read_address(text)?;
        Ok(Self { client_url: address.base_url, is_everywhere: address.is_everywhere })
    }

    /// The address to connect to: all interfaces become the loopback.
    pub fn client_url(&self) -> &str {
        &self.client_url
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.url().and_then(|url| url.port_or_known_default()).unwrap_or(PORT)
    }

    /// Whether a daemon for this address would run on this machine, so that it can be started here. One with a path, a
    /// user or TLS is behind a proxy.
    pub fn is_local(&self) -> bool {
        let is_here = http::is_loopback(&self.client_url);
        let is_bare = self.url().is_some_and(|url| url.scheme() == "http" && url.path() == "/");
        is_here && is_bare && !http::has_user(&self.client_url)
    }

    fn url(&self) -> Option<Url> {
        Url::parse(&self.client_url).ok()
    }
}

impl fmt::Display for Host {
    /// As `OLLAMA_HOST` of a daemon that is to listen here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (url, port) = (self.url(), self.port());
        match url.as_ref().and_then(Url::host_str).unwrap_or_default() {
            "127.0.0.1" if self.is_everywhere => write!(f, "0.0.0.0:{port}"),
            "[::1]" if self.is_everywhere => write!(f, "[::]:{port}"),
            _ if self.is_everywhere => write!(f, ":{port}"),
            host => write!(f, "{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_can_be_started_at_a_bare_address_of_this_machine() {
        for (text, url, is_local) in [
            ("localhost", "http://localhost:11434", true),
            (":1234", "http://localhost:1234", true),
            ("0.0.0.0", "http://127.0.0.1:11434", true),
            ("0.0.0.0:11500", "http://127.0.0.1:11500", true),
            ("127.0.0.1:0", "http://127.0.0.1:0", true),
            ("::", "http://[::1]:11434", true),
            ("[::1]", "http://[::1]:11434", true),
            ("http://localhost/v1", "http://localhost", true),
            ("1.2.3.4", "http://1.2.3.4:11434", false),
            ("http://localhost/ollama", "http://localhost/ollama", false),
            ("https://localhost:11434", "https://localhost:11434", false),
            ("http://user:pass@localhost:11434", "http://user:pass@localhost:11434", false),
            ("ollama.com", "https://ollama.com", false),
        ] {
            let host = Host::read(text).unwrap();
            assert_eq!((host.client_url(), host.is_local()), (url, is_local), "{text:?}");
        }
    }

    #[test]
    fn a_daemon_is_told_to_listen_where_the_user_said() {
        for (text, expected) in [
            ("0.0.0.0", "0.0.0.0:11434"),
            (":1234", ":1234"),
            ("::1", "[::1]:11434"),
            ("::", "[::]:11434"),
            ("http://localhost:1234", "localhost:1234"),
            ("'127.0.0.1:11500/v1/'", "127.0.0.1:11500"),
            ("user:pass@127.0.0.1:11500", "127.0.0.1:11500"),
            ("http://localhost", "localhost:80"),
        ] {
            let host = Host::read(text).unwrap();
            assert_eq!(host.to_string(), expected, "{text:?}");
            // The watchdog reads it from its command line.
            assert_eq!(Host::read(expected).map(|host| host.to_string()).as_deref(), Ok(expected));
        }
        assert_eq!(Host::default().to_string(), "127.0.0.1:11434");
    }
}
