//! `OLLAMA_HOST`, read as Ollama itself reads it (its `envconfig`, July 2026).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ollama's own port.
const PORT: u16 = 11434;

/// Where an Ollama daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    scheme: String,
    /// An address without brackets, or a name; empty for all interfaces.
    host: String,
    port: u16,
    /// Without slashes around it.
    path: String,
}

impl Default for Host {
    fn default() -> Self {
        Self::local(PORT)
    }
}

impl Host {
    /// This machine, at `port`.
    pub fn local(port: u16) -> Self {
        Self { scheme: "http".to_owned(), host: "127.0.0.1".to_owned(), port, path: String::new() }
    }

    /// Reads `host`, `host:port`, `:port`, `scheme://host[:port][/path]`, or nothing. Without a scheme the port
    /// defaults to 11434, with one to the scheme's own; a port that is none is passed over.
    pub fn parse(text: &str) -> Self {
        let text = text.trim().trim_matches(['"', '\'']).trim();
        let (scheme, rest, default) = match text.split_once("://") {
            Some(("http", rest)) => ("http", rest, 80),
            Some(("https", rest)) => ("https", rest, 443),
            Some((scheme, rest)) => (scheme, rest, PORT),
            None if text == "ollama.com" => ("https", text, 443),
            None => ("http", text, PORT),
        };
        let (place, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = split_port(place);
        let port = match port.map(str::parse) {
            Some(Ok(port)) => port,
            Some(Err(_)) => {
                tracing::warn!("OLLAMA_HOST has no usable port: {default} is taken");
                default
            }
            None => default,
        };
        let host = if port_only(place) || !host.is_empty() { host } else { "127.0.0.1" };
        let [scheme, host, path] = [scheme, host, path.trim_matches('/')].map(str::to_owned);
        Self { scheme, host, port, path }
    }

    /// The address to connect to: all interfaces become the loopback.
    pub fn client_url(&self) -> String {
        let host = match (self.host.as_str(), self.host.parse::<IpAddr>()) {
            ("", _) => "127.0.0.1",
            (_, Ok(ip)) if ip == Ipv4Addr::UNSPECIFIED => "127.0.0.1",
            (_, Ok(ip)) if ip == Ipv6Addr::UNSPECIFIED => "::1",
            (host, _) => host,
        };
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let path = if self.path.is_empty() { String::new() } else { format!("/{}", self.path) };
        format!("{}://{host}:{}{path}", self.scheme, self.port)
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether a daemon for this address would listen on all interfaces.
    pub(super) fn is_open(&self) -> bool {
        self.host.is_empty() || self.host.parse().is_ok_and(|ip: IpAddr| ip.is_unspecified())
    }

    /// Whether a daemon for this address would run on this machine, so that it can be started here.
    pub fn is_local(&self) -> bool {
        let is_here = match self.host.parse::<IpAddr>() {
            Ok(ip) => ip.is_loopback() || ip.is_unspecified(),
            Err(_) => self.host.is_empty() || self.host == "localhost",
        };
        is_here && self.scheme == "http" && self.path.is_empty()
    }
}

impl fmt::Display for Host {
    /// As `OLLAMA_HOST` of a daemon that is to listen here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Host without brackets, and the text of its port. A bare IPv6 address has no port.
fn split_port(place: &str) -> (&str, Option<&str>) {
    let bare = |host: &'_ str| host.parse::<Ipv6Addr>().is_ok();
    if bare(place) {
        return (place, None);
    }
    if let Some((host, rest)) = place.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        return (host, rest.strip_prefix(':'));
    }
    match place.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (place, None),
    }
}

fn port_only(place: &str) -> bool {
    place.starts_with(':') && place.parse::<Ipv6Addr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_as_ollama_reads_it() {
        for (text, url, is_local) in [
            ("", "http://127.0.0.1:11434", true),
            ("  \"1.2.3.4\" ", "http://1.2.3.4:11434", false),
            ("1.2.3.4:1234", "http://1.2.3.4:1234", false),
            ("localhost", "http://localhost:11434", true),
            (":1234", "http://127.0.0.1:1234", true),
            (":", "http://127.0.0.1:11434", true),
            ("0.0.0.0", "http://127.0.0.1:11434", true),
            ("0.0.0.0:11500", "http://127.0.0.1:11500", true),
            ("127.0.0.1:0", "http://127.0.0.1:0", true),
            ("::", "http://[::1]:11434", true),
            ("[::]:1234", "http://[::1]:1234", true),
            ("::1", "http://[::1]:11434", true),
            ("[::1]", "http://[::1]:11434", true),
            ("[0001:002:003:0004::1]:1337", "http://[0001:002:003:0004::1]:1337", false),
            ("http://h", "http://h:80", false),
            ("http://h:1234/", "http://h:1234", false),
            ("https://h", "https://h:443", false),
            ("https://h/ollama", "https://h:443/ollama", false),
            ("https://h:8443/a/b/", "https://h:8443/a/b", false),
            ("http://localhost/ollama", "http://localhost:80/ollama", false),
            ("https://localhost:11434", "https://localhost:11434", false),
            ("ollama.com", "https://ollama.com:443", false),
            ("h:66000", "http://h:11434", false),
            ("h:-1", "http://h:11434", false),
            ("h:port", "http://h:11434", false),
            ("https://h:port", "https://h:443", false),
        ] {
            let host = Host::parse(text);
            assert_eq!((host.client_url().as_str(), host.is_local()), (url, is_local), "{text:?}");
        }
    }

    #[test]
    fn a_daemon_is_told_to_listen_where_the_user_said() {
        for (text, expected) in [
            ("", "127.0.0.1:11434"),
            ("0.0.0.0", "0.0.0.0:11434"),
            (":1234", ":1234"),
            ("::1", "[::1]:11434"),
            ("http://localhost:1234", "localhost:1234"),
        ] {
            assert_eq!(Host::parse(text).to_string(), expected, "{text:?}");
        }
    }
}
