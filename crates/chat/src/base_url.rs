//! What a base URL says: where its server stands, which credentials it holds, and how it is shown.

use std::net::IpAddr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use percent_encoding::percent_decode_str;
use reqwest::Url;

/// Whether the host of `url` is this machine or one that only a private network knows.
pub fn is_private(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| has_private_host(&url))
}

/// Whether the host of `url` is this machine, also by a name that a container on it uses.
pub fn is_this_machine(url: &str) -> bool {
    match Url::parse(url).map(|url| Host::of(&url)) {
        Ok(Host::Ip(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Ok(Host::Name(name)) => {
            name == "localhost" || [".localhost", ".docker.internal"].iter().any(|end| name.ends_with(end))
        }
        Err(_) => false,
    }
}

/// Whether the address is of this machine's loopback.
pub fn is_loopback(url: &str) -> bool {
    match Url::parse(url).map(|url| Host::of(&url)) {
        Ok(Host::Ip(ip)) => ip.is_loopback(),
        Ok(Host::Name(name)) => name == "localhost",
        Err(_) => false,
    }
}

/// Whether both URLs lead to the same port of the same host.
pub fn is_same_server(one: &str, other: &str) -> bool {
    let place = |url| Url::parse(url).ok().map(|url| (Host::of(&url), url.port_or_known_default()));
    place(one).is_some() && place(one) == place(other)
}

/// The host of a URL, in its one form.
#[derive(Debug, PartialEq, Eq)]
enum Host {
    /// An address; one of IPv4 that is written as one of IPv6 is of IPv4.
    Ip(IpAddr),
    /// A name, without the dot of the root behind it.
    Name(String),
}

impl Host {
    fn of(url: &Url) -> Self {
        let host = url.host_str().unwrap_or_default();
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(ip) => Self::Ip(ip.to_canonical()),
            Err(_) => Self::Name(host.strip_suffix('.').unwrap_or(host).to_owned()),
        }
    }
}

pub(crate) fn has_private_host(url: &Url) -> bool {
    match Host::of(url) {
        Host::Ip(IpAddr::V4(ip)) => {
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
        }
        Host::Ip(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified()
        }
        Host::Name(host) => {
            // Only a private network knows a bare name, such as that of a compose service.
            !host.is_empty() && !host.contains('.')
                || [".localhost", ".internal", ".local"].iter().any(|end| host.ends_with(end))
        }
    }
}

/// A URL for messages: without user, password, query and fragment, and without a trailing slash.
pub fn shown(url: &str) -> String {
    let bare = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    match bare.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", without_userinfo(rest)),
        None => without_userinfo(bare),
    }
}

/// The credentials that `url` holds: its password, or a user that stands alone, as it is written and as it is meant, and
/// user and password together, of which a header is made. Without a scheme a user that stands alone is none: many a text
/// has an `@`.
pub fn credentials(url: &str) -> Vec<String> {
    if !url.contains('@') {
        return Vec::new();
    }
    let has_scheme = url.contains("://");
    let parsed = if has_scheme { Url::parse(url) } else { Url::parse(&format!("http://{url}")) };
    let Ok(url) = parsed else { return Vec::new() };
    let secret = url.password().or_else(|| Some(url.username()).filter(|_| has_scheme));
    let Some(secret) = secret.filter(|secret| !secret.is_empty()) else { return Vec::new() };
    let plain = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pair = format!("{}:{}", plain(url.username()), plain(url.password().unwrap_or_default()));
    vec![secret.to_owned(), plain(secret), pair]
}

/// What a server, or a proxy before it, may say again of the credentials of a call to `url`: [`credentials`], and what the
/// header `Authorization` has of them.
pub fn sent_credentials(url: &str) -> Vec<String> {
    let mut sent = credentials(url);
    sent.extend(sent.last().map(|pair| BASE64_STANDARD.encode(pair)));
    sent
}

/// Whether `url` has a user, with a password or without.
pub fn has_user(url: &str) -> bool {
    url.contains('@')
        && Url::parse(url).is_ok_and(|url| !url.username().is_empty() || url.password().is_some())
}

/// `rest` behind its last `@`, also behind one in the path, as a password may hold a slash.
fn without_userinfo(rest: &str) -> String {
    rest.rsplit_once('@').map_or(rest, |(_, host)| host).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_url_has_no_credentials() {
        for (url, expected) in [
            ("https://api.openai.com/v1/", "https://api.openai.com/v1"),
            ("http://user:pa@ss@host:80/v1?key=k#f", "http://host:80/v1"),
            ("http://user:p/a@host/v1", "http://host/v1"),
            ("user:secret@host:11434", "host:11434"),
            ("http://h?api_key=k", "http://h"),
            ("", ""),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
    }

    #[test]
    fn a_credential_is_found_in_an_address() {
        for (url, expected) in [
            ("http://u:p%40ss@h/v1", &["p%40ss", "p@ss", "u:p@ss"][..]),
            ("u:secret@h:11434", &["secret", "secret", "u:secret"]),
            ("https://token@h", &["token", "token", "token:"]),
            ("http://:secret@h", &["secret", "secret", ":secret"]),
            ("somebody@example.com", &[]),
            ("http://h/@x", &[]),
            ("git@github.com:org/repo", &[]),
        ] {
            assert_eq!(credentials(url), expected, "{url}");
        }
        assert_eq!(sent_credentials("http://u:pw@h").last().unwrap(), "dTpwdw==");
        assert!(sent_credentials("http://h").is_empty());
        assert!(has_user("http://u@h") && has_user("http://:p@h"));
        assert!(!has_user("http://h/u@") && !has_user("http://h"));
    }

    #[test]
    fn private_hosts_take_no_proxy() {
        for url in [
            "http://vllm:8000/v1",
            "http://localhost:1",
            "http://127.9.9.9",
            "http://[::1]:11434",
            "http://172.17.0.1:12434",
            "http://model-runner.docker.internal",
            "http://localhost.:1",
            "http://gpu-1.lan.internal.",
            "http://[::ffff:127.0.0.1]:1",
            "http://[::ffff:10.0.0.7]",
        ] {
            assert!(is_private(url), "{url}");
        }
        for url in [
            "https://api.openai.com",
            "https://api.openai.com.",
            "http://8.8.8.8",
            "http://[::ffff:8.8.8.8]",
            "http://notlocalhost.com",
        ] {
            assert!(!is_private(url), "{url}");
        }
    }

    #[test]
    fn this_machine_is_not_the_network_around_it() {
        for url in [
            "http://localhost:1",
            "http://127.9.9.9",
            "http://[::1]:1",
            "http://0.0.0.0:1",
            "http://model-runner.docker.internal",
            "http://LOCALHOST.:1",
            "http://[::ffff:127.0.0.1]:1",
            "http://[::ffff:0.0.0.0]:1",
        ] {
            assert!(is_this_machine(url), "{url}");
        }
        for url in [
            "http://192.168.1.2",
            "http://[::ffff:192.168.1.2]",
            "http://localhost.evil.com.",
            "http://vllm:8000/v1",
            "https://api.openai.com",
            "http://localhost.evil.com",
            "",
        ] {
            assert!(!is_this_machine(url), "{url}");
        }
    }

    #[test]
    fn the_loopback_is_not_every_address_of_this_machine() {
        for url in [
            "http://localhost:8080/v1",
            "http://127.0.0.2",
            "http://[::1]:8080",
            "http://localhost./v1",
            "http://[::ffff:127.0.0.1]:1",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in
            ["https://api.openai.com/v1", "http://192.168.0.1", "http://localhost.evil.com", "localhost", ""]
        {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn a_server_is_known_by_host_and_port() {
        for (one, other, is_same) in [
            ("http://h:1", "http://h:1/engines/v1", true),
            ("http://u:p@h:1/v1", "http://H.:1", true),
            ("https://h", "https://h:443/v1", true),
            ("http://[::ffff:127.0.0.1]:1", "http://127.0.0.1:1", true),
            ("http://h:1", "http://h:2", false),
            ("http://localhost:12434", "http://172.17.0.1:12434", false),
            ("http://h:1@evil:2", "http://h:1", false),
            ("https://h", "http://h", false),
            ("", "", false),
        ] {
            assert_eq!(is_same_server(one, other), is_same, "{one} {other}");
        }
    }
}
