//! `nats://HOST:PORT/NAME`: which server, and which queue on it.

use std::fmt;
use std::str::FromStr;

/// The longest name of a queue, as it becomes part of the names of files.
const LONGEST_NAME: usize = 64;

/// Where a queue is.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// The server, with user and password where the address has them.
    pub(crate) server: String,
    /// The queue's name.
    pub(crate) name: String,
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = "it must be nats://HOST:PORT/NAME, or tls://...; the name has letters, digits, - and _";
        let (scheme, rest) = text.split_once("://").ok_or(form)?;
        let (host, name) = rest.trim_end_matches('/').split_once('/').ok_or(form)?;
        let is_name = !name.is_empty()
            && name.len() <= LONGEST_NAME
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        if !["nats", "tls"].contains(&scheme) || host.is_empty() || !is_name {
            return Err(form.to_owned());
        }
        Ok(Self { server: format!("{scheme}://{host}"), name: name.to_owned() })
    }
}

impl fmt::Display for Address {
    /// Without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host) = self.server.split_once("://").unwrap_or(("nats", &self.server));
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        write!(f, "{scheme}://{host}/{}", self.name)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_server_and_queue() {
        for (text, server, shown) in [
            ("nats://host/q-1", "nats://host", "nats://host/q-1"),
            ("tls://me:secret@host:4222/q_1/", "tls://me:secret@host:4222", "tls://host:4222/q_1"),
        ] {
            let address: Address = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((&*address.server, &*address.to_string()), (server, shown));
            assert!(!format!("{address:?}").contains("secret"));
        }
        for text in [
            "host/q",
            "nats://host",
            "nats://host/",
            "nats:///q",
            "nats://host/a.b",
            "nats://host/a/b",
            "http://h/q",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
