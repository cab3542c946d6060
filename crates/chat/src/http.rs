//! The HTTP clients of the program, and plain words for their errors.
//!
//! In: a base URL. Out: a `reqwest::Client` for it; errors as short plain text without credentials. This file does not
//! know the server: its callers read status codes and bodies.

use std::error::Error;
use std::io;
use std::time::Duration;

use reqwest::Url;
use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;

use crate::base_url::{has_private_host, shown};
use crate::proxy::{self, Proxy};

/// How long it may take to connect. A reply may take as long as its caller allows.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A client for `base_url`: no redirects (a key must not follow one), no overall timeout, and no proxy for
/// this machine and its private networks. The platform's root certificates are read for https alone, as that takes many
/// milliseconds.
///
/// # Errors
/// An unusable URL, a variable that names no usable proxy, or no root certificates for https.
pub fn client(base_url: &str) -> Result<reqwest::Client, NoClient> {
    // This fails only if a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let url = Url::parse(base_url).map_err(|error| format!("unusable URL {}: {error}", shown(base_url)))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(
            format!("unusable URL {}: it must start with http:// or https://", shown(base_url)).into()
        );
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
    builder.build().map_err(|error| NoClient {
        problem: format!("no HTTP client for {}: {}", shown(base_url), cause(&error)),
        remedy: remedy(&error),
    })
}

/// The proxy through which calls to `base_url` go, without its credentials, and the variable that names it.
///
/// # Errors
/// The problem with that variable.
pub fn proxy(base_url: &str) -> Result<Option<(String, &'static str)>, String> {
    let url = Url::parse(base_url).map_err(|error| format!("unusable URL {}: {error}", shown(base_url)))?;
    Ok(proxy_of(&url)?.map(|proxy| (proxy.to_string(), proxy.variable)))
}

/// Why there is no client for a URL, and what to do about it where that is not the URL.
#[derive(Debug)]
pub struct NoClient {
    /// One line, without credentials.
    pub problem: String,
    /// A sentence.
    pub remedy: Option<String>,
}

impl From<String> for NoClient {
    fn from(problem: String) -> Self {
        Self { problem, remedy: None }
    }
}

/// The proxy for calls of `url`.
fn proxy_of(url: &Url) -> Result<Option<Proxy>, String> {
    if has_private_host(url) { Ok(None) } else { proxy::of_process(url) }
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
const REMEDIES: [(&str, &str, &str); 7] = [
    (
        "No CA certificates were loaded",
        "this machine has no certificates of CAs by which to know a server",
        "Install the package ca-certificates, or name a file of CA certificates in SSL_CERT_FILE.",
    ),
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
    fn unusable_urls_are_named_without_their_password() {
        for url in ["", "localhost:11434", "ftp://u:secret@h", "http://", "unix:///var/run/x.sock"] {
            let error = client(url).unwrap_err().problem;
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
