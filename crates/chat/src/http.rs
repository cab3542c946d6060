//! The HTTP clients of the program, and plain words for their errors.
//!
//! In: a base URL. Out: a `reqwest::Client` for it; URLs and errors as short plain text without credentials. This file
//! does not know the server: its callers read status codes and bodies.

use std::error::Error;
use std::io;
use std::net::IpAddr;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use reqwest::Url;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;

use crate::proxy::{self, Proxy};

/// How long it may take to connect. A reply may take as long as its caller allows.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client for `base_url`: no redirects (a key must not follow one), no overall timeout, and no proxy for
/// this machine and its private networks. The platform's root certificates are read for https alone, as that takes many
/// milliseconds.
///
/// # Errors
/// The problem as text: an unusable URL, a variable that names no usable proxy, or no root certificates for https.
pub fn client(base_url: &str) -> Result<reqwest::Client, String> {
    // This fails only if a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = Url::parse(base_url).map_err(|error| format!("unusable URL {}: {error}", shown(base_url)))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!("unusable URL {}: it must start with http:// or https://", shown(base_url)));
    }
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("minions/", env!("CARGO_PKG_VERSION")))
        // Compressed replies are not asked for, as proxies hold streams back to compress them; some send them all the same.
        .default_headers(HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]))
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(Policy::none());
    let proxy = proxy_of(&url)?;
    let schemes = [Some(&url), proxy.as_ref().map(|proxy| &proxy.url)].into_iter().flatten().map(Url::scheme);
    if !schemes.into_iter().any(|scheme| scheme == "https") {
        builder = builder.tls_certs_only([]);
    }
    // The client would pass over in silence what it cannot use.
    builder = builder.no_proxy();
    if let Some(proxy) = proxy {
        let unusable = |_| format!("{} in the environment is no usable proxy", proxy.variable);
        builder = builder.proxy(reqwest::Proxy::all(proxy.url.clone()).map_err(unusable)?);
    }
    builder.build().map_err(|error| format!("no HTTP client for {}: {}", shown(base_url), cause(&error)))
}

/// The proxy for calls of `url`.
fn proxy_of(url: &Url) -> Result<Option<Proxy>, String> {
    if has_private_host(url) { Ok(None) } else { proxy::of_process(url) }
}

/// Whether the host of `url` is this machine or one that only a private network knows.
pub fn is_private(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| has_private_host(&url))
}

/// Whether the host of `url` is this machine, also by a name that a container on it uses.
pub fn is_this_machine(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback() || ip.is_unspecified(),
        Err(_) => {
            host == "localhost" || [".localhost", ".docker.internal"].iter().any(|end| host.ends_with(end))
        }
    }
}

/// Whether the address is of this machine's loopback.
pub fn is_loopback(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn has_private_host(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => {
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified()
        }
        Ok(IpAddr::V6(ip)) => {
            ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_unspecified()
        }
        Err(_) => {
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

/// Whether `url` has a user, with a password or without.
pub fn has_user(url: &str) -> bool {
    url.contains('@')
        && Url::parse(url).is_ok_and(|url| !url.username().is_empty() || url.password().is_some())
}

/// `rest` behind its last `@`, also behind one in the path, as a password may hold a slash.
fn without_userinfo(rest: &str) -> String {
    rest.rsplit_once('@').map_or(rest, |(_, host)| host).to_owned()
}

/// One short plain sentence for an error of reqwest, found anywhere in its chain of sources. It names the proxy, if the
/// connection was to go through one.
pub fn cause(error: &(dyn Error + 'static)) -> String {
    let words = innermost_cause(error);
    let plain =
        REMEDIES.iter().find(|(sign, ..)| words.contains(sign)).map(|(_, plain, _)| (*plain).to_owned());
    let words = plain.unwrap_or(words);
    let Some(proxy) = proxy_at_fault(error) else { return words };
    match &*words {
        "connection refused" => format!("the proxy {proxy} refused the connection"),
        NO_CONNECTION => format!("the proxy {proxy} cannot be reached"),
        NO_TUNNEL => format!("the proxy {proxy} did not let the call pass"),
        words => format!("the proxy {proxy}: {words}"),
    }
}

/// What to do about an error of reqwest, where the remedy is not the server's address.
pub fn remedy(error: &(dyn Error + 'static)) -> Option<String> {
    let text = innermost_cause(error);
    let known = REMEDIES.iter().find(|(sign, ..)| text.contains(sign));
    let known = known.map(|(.., remedy)| (*remedy).to_owned());
    known.or_else(|| {
        let variable = proxy_at_fault(error)?.variable;
        Some(format!("Correct the proxy in {variable}, or name the host in NO_PROXY."))
    })
}

/// Connections that TLS refuses, by the words of rustls, or that this machine has no room for: what is wrong, and what
/// to do.
const REMEDIES: [(&str, &str, &str); 6] = [
    (
        "UnknownIssuer",
        "its certificate is signed by nobody whom this machine trusts",
        "If the certificate is one of your own CA, name the file of that CA's certificate in SSL_CERT_FILE.",
    ),
    (
        "CaUsedAsEndEntity",
        "its certificate is that of a CA, not that of a server",
        "Name the file of that certificate's own CA in SSL_CERT_FILE, or give the server a certificate of a CA.",
    ),
    (
        "NotValidForName",
        "its certificate is not one for this name",
        "The certificate is for another name: correct the base URL.",
    ),
    (
        "Expired",
        "its certificate has expired",
        "The certificate has expired: renew it, or set this machine's clock right.",
    ),
    ("InvalidContentType", "it does not answer in TLS", "That server speaks plain http: use http://."),
    (
        OUT_OF_FILES,
        OUT_OF_FILES,
        "Raise the limit of open files (ulimit -n), or run fewer jobs and calls at once (--max-jobs, \
         kwargs.max_concurrency).",
    ),
];

/// The proxy through which the connection of `error` was to go.
fn proxy_at_fault(error: &(dyn Error + 'static)) -> Option<Proxy> {
    let error = error.downcast_ref::<reqwest::Error>().filter(|error| error.is_connect())?;
    proxy_of(error.url()?).ok()?
}

fn innermost_cause(error: &(dyn Error + 'static)) -> String {
    let mut innermost = error;
    let mut words = plain(error);
    while let Some(source) = innermost.source() {
        innermost = source;
        words = plain(source).or(words);
    }
    // Without plain words the innermost error says most: reqwest's own text would repeat the URL.
    words.unwrap_or_else(|| innermost.to_string())
}

/// This process, or the machine, has as many open files as it may have.
const OUT_OF_FILES: &str = "too many open files";
/// A proxy of the kind SOCKS that does not answer.
const NO_CONNECTION: &str = "no connection";
/// A proxy that answers, but makes no tunnel.
const NO_TUNNEL: &str = "no tunnel";

/// Whether the process, or the machine, has as many open files as it may have.
fn is_out_of_files(error: &io::Error) -> bool {
    // EMFILE and ENFILE of Linux and the BSDs.
    matches!(error.raw_os_error(), Some(23 | 24))
}

fn plain(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return plain_io(error);
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(format!("the TLS connection failed: {error}"));
    }
    if let Some(error) = error.downcast_ref::<reqwest::Error>() {
        return (error.is_timeout() && error.is_connect())
            .then(|| format!("no connection within {} s", CONNECT_TIMEOUT.as_secs()));
    }
    let text = error.to_string();
    let known = [
        ("dns error", "name not found"),
        ("proxy authorization required", "it wants a user and a password"),
        ("credentials not accepted", "it does not accept the user and the password"),
        ("tunnel error", NO_TUNNEL),
        ("failed to create underlying connection", NO_CONNECTION),
        ("connection closed before message completed", "the server closed the connection"),
        ("error reading a body from connection", "the connection was cut in the middle of the reply"),
        ("invalid HTTP", "the answer is not HTTP"),
        ("invalid header", "the answer is not HTTP"),
        ("unexpected EOF during chunk", "the connection was cut in the middle of the reply"),
    ];
    known.iter().find(|(sign, _)| text.contains(sign)).map(|(_, words)| (*words).to_owned())
}

fn plain_io(error: &io::Error) -> Option<String> {
    use io::ErrorKind as Kind;
    if is_out_of_files(error) {
        return Some(OUT_OF_FILES.to_owned());
    }
    let words = match error.kind() {
        Kind::ConnectionRefused => "connection refused",
        Kind::ConnectionReset | Kind::ConnectionAborted | Kind::BrokenPipe => "the connection was reset",
        Kind::UnexpectedEof => "the connection was cut in the middle of the reply",
        Kind::TimedOut => "the connection timed out",
        Kind::HostUnreachable => "host unreachable",
        Kind::NetworkUnreachable => "network unreachable",
        _ if error.to_string().contains("lookup address") => "name not found",
        _ => return None,
    };
    Some(words.to_owned())
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
        ] {
            assert!(is_private(url), "{url}");
        }
        for url in ["https://api.openai.com", "http://8.8.8.8", "http://notlocalhost.com"] {
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
        ] {
            assert!(is_this_machine(url), "{url}");
        }
        for url in [
            "http://192.168.1.2",
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
        for url in ["http://localhost:8080/v1", "http://127.0.0.2", "http://[::1]:8080"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in
            ["https://api.openai.com/v1", "http://192.168.0.1", "http://localhost.evil.com", "localhost", ""]
        {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn unusable_urls_are_named_without_their_password() {
        for url in ["", "localhost:11434", "ftp://u:secret@h", "http://", "unix:///var/run/x.sock"] {
            let error = client(url).unwrap_err();
            assert!(error.starts_with("unusable URL"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_refused_connection_is_said_in_two_words() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let url = format!("http://{free}/v1");
        let sent = client(&url).unwrap().get(&url).send();
        let error = runtime.block_on(sent).unwrap_err();
        assert_eq!(cause(&error), "connection refused");
    }

    #[test]
    fn too_many_open_files_are_no_fault_of_the_network() {
        #[derive(Debug, thiserror::Error)]
        #[error("tcp open error")]
        struct Outer(#[source] io::Error);
        for (code, is) in [(24, true), (23, true), (111, false)] {
            let error = Outer(io::Error::from_raw_os_error(code));
            assert_eq!(cause(&error) == "too many open files", is);
            assert_eq!(remedy(&error).is_some_and(|remedy| remedy.contains("ulimit -n")), is, "{code}");
        }
    }

    #[test]
    fn a_name_that_does_not_exist_is_said_so() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // An `.internal` name is private, so no proxy of this machine is asked.
        let url = "http://no-such-host.invalid.internal/";
        let error = runtime.block_on(client(url).unwrap().get(url).send()).unwrap_err();
        assert_eq!(cause(&error), "name not found");
    }
}
