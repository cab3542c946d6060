//! The proxy through which a call goes, as the variables of the environment name it.
//!
//! In: the URL of a call and the variables. Out: its proxy, if it has one, or the problem with a variable. HTTP clients
//! read these variables, too, but pass over in silence what they cannot use, and the call goes out directly.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

use crate::pasted;

/// The kinds of proxies that can be used.
const SCHEMES: [&str; 6] = ["http", "https", "socks5h", "socks5", "socks4a", "socks4"];

/// A proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// The variable that names it.
    pub variable: &'static str,
    /// Its address, perhaps with user and password.
    pub url: Url,
}

/// Without user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        write!(f, "{}://{}{port}", self.url.scheme(), self.url.host_str().unwrap_or_default())
    }
}

/// The proxy for calls of `url` by the variables of this process.
///
/// # Errors
/// The problem with the variable that names it.
pub(crate) fn of_process(url: &Url) -> Result<Option<Proxy>, String> {
    of(url, |name| std::env::var(name).ok())
}

fn of(url: &Url, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Proxy>, String> {
    let set = |name: &&'static str| {
        let value = variable(name)?;
        let value = pasted::bare(&value);
        (!value.is_empty()).then(|| (*name, value.to_owned()))
    };
    // In a CGI script this variable is a header that any caller can send.
    let is_cgi = variable("REQUEST_METHOD").is_some();
    let names: &[&'static str] = match url.scheme() {
        "https" => &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
        _ if is_cgi => &["http_proxy", "ALL_PROXY", "all_proxy"],
        _ => &["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
    };
    let Some((name, value)) = names.iter().find_map(set) else { return Ok(None) };
    let direct = ["NO_PROXY", "no_proxy"].iter().find_map(set);
    if direct.is_some_and(|(_, list)| is_listed(url, &list)) {
        return Ok(None);
    }
    let with_scheme = if value.contains("://") { value } else { format!("http://{value}") };
    let parsed =
        Url::parse(&with_scheme).ok().filter(|url| url.host_str().is_some_and(|host| !host.is_empty()));
    let Some(proxy) = parsed else {
        return Err(format!("{name} in the environment is no address of a proxy such as http://proxy:3128"));
    };
    if !SCHEMES.contains(&proxy.scheme()) {
        let scheme = proxy.scheme();
        let known = SCHEMES.map(|scheme| format!("{scheme}://")).join(", ");
        return Err(format!(
            "{name} in the environment begins with {scheme}://, which is no proxy: write one of {known}"
        ));
    }
    Ok(Some(Proxy { variable: name, url: proxy }))
}

/// Whether the list of `NO_PROXY` names the host of `url`: itself, a domain above it, its network, or all hosts. An entry
/// may have a port.
fn is_listed(url: &Url, list: &str) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_lowercase();
    let ip = host.parse::<IpAddr>().ok();
    let is_it = |entry: &str| {
        let entry = entry.trim_matches(['[', ']']).to_lowercase();
        let name = entry.trim_start_matches("*.").trim_start_matches('.');
        match ip {
            Some(ip) => name.parse() == Ok(ip) || is_in_network(ip, name),
            None => host == name || host.strip_suffix(name).is_some_and(|before| before.ends_with('.')),
        }
    };
    list.split(|c: char| c == ',' || c.is_whitespace()).filter(|entry| !entry.is_empty()).any(|entry| {
        let with_port =
            entry.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
        let has_port = |(host, port)| url.port_or_known_default() == Some(port) && is_it(host);
        entry == "*" || is_it(entry) || with_port.is_some_and(has_port)
    })
}

/// Whether `ip` is in `network`, which is written like `10.0.0.0/8`.
fn is_in_network(ip: IpAddr, network: &str) -> bool {
    let Some((start, length)) = network.split_once('/') else { return false };
    let (Ok(start), Ok(length)) = (start.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    match (ip, start) {
        (IpAddr::V4(ip), IpAddr::V4(start)) if length <= 32 => {
            (u32::from(ip) ^ u32::from(start)).leading_zeros() >= length
        }
        (IpAddr::V6(ip), IpAddr::V6(start)) if length <= 128 => {
            (u128::from(ip) ^ u128::from(start)).leading_zeros() >= length
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(url: &str, variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let get = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let found = of(&Url::parse(url).unwrap(), get)?;
        Ok(found.map(|proxy| format!("{} {proxy}", proxy.variable)))
    }

    #[test]
    fn a_proxy_is_found_by_scheme_and_order() {
        let some = |text: &str| Ok(Some(text.to_owned()));
        for (url, variables, expected) in [
            ("https://api.example.com", &[][..], Ok(None)),
            (
                "https://api.example.com",
                &[("HTTPS_PROXY", "http://p:3128")],
                some("HTTPS_PROXY http://p:3128"),
            ),
            ("http://api.example.com", &[("HTTPS_PROXY", "http://p:3128")], Ok(None)),
            ("http://api.example.com", &[("http_proxy", "p:3128")], some("http_proxy http://p:3128")),
            (
                "https://api.example.com",
                &[("HTTPS_PROXY", ""), ("https_proxy", "\"http://p:3128/\""), ("ALL_PROXY", "http://q")],
                some("https_proxy http://p:3128"),
            ),
            (
                "https://api.example.com",
                &[("ALL_PROXY", "socks5h://user:tops3cret@p:1080")],
                some("ALL_PROXY socks5h://p:1080"),
            ),
            ("http://api.example.com", &[("all_proxy", "SOCKS5://p")], some("all_proxy socks5://p")),
            ("http://api.example.com", &[("ALL_PROXY", "socks4://p:1")], some("ALL_PROXY socks4://p:1")),
            ("http://api.example.com", &[("HTTP_PROXY", "http://evil"), ("REQUEST_METHOD", "GET")], Ok(None)),
        ] {
            assert_eq!(proxy(url, variables), expected, "{url} {variables:?}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_named_by_its_variable() {
        let kinds =
            "which is no proxy: write one of http://, https://, socks5h://, socks5://, socks4a://, socks4://";
        for (value, problem) in [
            ("socks://p:1080", format!("begins with socks://, {kinds}")),
            ("sock5://u:tops3cret@p:1080", format!("begins with sock5://, {kinds}")),
            ("tcp://p:1080", format!("begins with tcp://, {kinds}")),
            ("http://", "is no address of a proxy such as http://proxy:3128".to_owned()),
            ("http://p:port", "is no address of a proxy such as http://proxy:3128".to_owned()),
        ] {
            let error = proxy("https://api.example.com", &[("ALL_PROXY", value)]).unwrap_err();
            assert_eq!(error, format!("ALL_PROXY in the environment {problem}"), "{value}");
            // It counts only where it is used.
            let direct = [("ALL_PROXY", value), ("NO_PROXY", "example.com")];
            assert_eq!(proxy("https://api.example.com", &direct), Ok(None), "{value}");
        }
    }

    #[test]
    fn no_proxy_lists_hosts_domains_networks_and_ports() {
        for (url, list, is_direct) in [
            ("https://api.example.com", "example.com", true),
            ("https://api.example.com", ".example.com", true),
            ("https://api.example.com", "*.example.com", true),
            ("https://api.example.com", "other.org, api.example.com", true),
            ("https://api.example.com", "other.org API.EXAMPLE.COM", true),
            ("https://api.example.com", "*", true),
            ("https://api.example.com", "api.example.com:443", true),
            ("https://api.example.com", "api.example.com:8443", false),
            ("https://api.example.com", "ample.com", false),
            ("https://api.example.com", "www.example.com", false),
            ("http://203.0.113.7", "203.0.113.0/24", true),
            ("http://203.0.113.7", "203.0.114.0/24", false),
            ("http://203.0.113.7:8000", "203.0.113.7:8000", true),
            ("http://[2001:db8::1]:8000", "2001:db8::/32", true),
            ("http://[2001:db8::1]:8000", "[2001:db8::1]:8000", true),
            ("http://[2001:db8::1]", "2001:db8::2", false),
        ] {
            let variables = [("ALL_PROXY", "http://p:1"), ("no_proxy", list)];
            assert_eq!(proxy(url, &variables).unwrap().is_none(), is_direct, "{url} {list}");
        }
    }
}
