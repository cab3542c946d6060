//! The errors of the HTTP client: each names the endpoint, the failure and a remedy. None holds a credential.

use std::time::{Duration, SystemTime};

use reqwest::header::WWW_AUTHENTICATE;
use reqwest::{Response, StatusCode};
use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::error_body::{self, ErrorBody};
use super::providers::Provider;
use super::{ChatError, ChatErrorKind as Kind, ChatSettings, credentials, waits};
use crate::{http, secrets::Redactor};

/// The longest quote of a server's words in a message, in characters.
const LONGEST_QUOTE: usize = 500;
/// The longest error that is read, in bytes.
const LONGEST_ERROR: usize = 64 << 10;

impl Endpoint {
    /// The error of a status that is no success.
    pub(super) async fn refused(&self, response: Response) -> ChatError {
        let status = response.status();
        let asked = waits::of_headers(response.headers(), SystemTime::now());
        let challenge = response.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let challenge = challenge.filter(|_| status == StatusCode::UNAUTHORIZED).map(str::to_owned);
        let body = timeout(self.settings.timeout, beginning(response)).await.unwrap_or_default();
        let mut fault = error_body::of_status(status.as_u16(), &body);
        if status.is_redirection() {
            fault.text = "a redirect, which is not followed: correct the base URL".to_owned();
        }
        fault.wait = asked.or(fault.wait);
        let colon = if fault.text.is_empty() { "" } else { ": " };
        let reason = status.canonical_reason().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let message =
            format!(" answered {}{reason}{colon}{}", status.as_u16(), fault.text.trim_end_matches('.'));
        let error = self.fault(&fault, &message);
        let ChatSettings { base_url, .. } = &self.settings;
        let remedy = challenge.and_then(|challenge| {
            credentials::remedy(&challenge, http::has_user(base_url), self.settings.has_credential())
        });
        ChatError { hint: remedy.or(error.hint), ..error }
    }

    /// The error that a server has sent in place of a reply.
    pub(super) fn fault(&self, fault: &ErrorBody, message: &str) -> ChatError {
        let ErrorBody { kind, text, tags, hint, wait } = fault;
        let error = self.error(*kind, message);
        ChatError {
            hint: hint.map(str::to_owned).or_else(|| self.route_hint(*kind)).or(error.hint),
            retry_after: *wait,
            said: self.without_secrets(&format!("{text} {tags}")),
            ..error
        }
    }

    /// The hint for a server whose routes all begin with `/v1`, if the base URL ends before that.
    fn route_hint(&self, kind: Kind) -> Option<String> {
        let Self { provider, settings, .. } = self;
        let lacks_v1 = kind == Kind::NotFound
            && provider.root.is_empty()
            && (provider.local || provider.base_url.ends_with("/v1"))
            && !settings.base_url.trim_end_matches('/').ends_with("/v1");
        let base_url = http::shown(&settings.base_url);
        lacks_v1.then(|| {
            format!(
                "Does the base URL lack /v1? Try {base_url}/v1. Else check model_name (it is \"{}\").",
                settings.model
            )
        })
    }

    pub(super) fn unreachable(&self, error: &reqwest::Error) -> ChatError {
        let kind = if error.is_connect() { Kind::Unreachable } else { Kind::Connection };
        let unreachable = self.error(kind, &format!(" cannot be reached: {}", http::cause(error)));
        ChatError { hint: http::remedy(error).or(unreachable.hint), ..unreachable }
    }

    pub(super) fn endless(&self, whole: Duration) -> ChatError {
        self.error(Kind::Timeout, &format!(" did not end its reply within {} s", whole.as_secs_f64()))
    }

    pub(super) fn silent(&self) -> ChatError {
        self.error(Kind::Timeout, &format!(" was silent for {} s", self.settings.timeout.as_secs_f64()))
    }

    /// An error of a call, without the credentials. Every other function makes its errors with this one. The text is
    /// cleaned before it is cut.
    pub(super) fn error(&self, kind: Kind, text: &str) -> ChatError {
        let text = self.without_secrets(text);
        ChatError {
            hint: hint(self.provider, &self.settings, kind),
            ..ChatError::new(kind, format!("{}{}", self.name(), shortened(&text)))
        }
    }

    fn without_secrets(&self, text: &str) -> String {
        let ChatSettings { api_key, headers, .. } = &self.settings;
        let told = api_key.iter().chain(headers.values()).map(|secret| secret.expose().trim().to_owned());
        let mut text = text.to_owned();
        let redactor = Redactor::default();
        for secret in told.chain(http::credentials(self.url.as_str())) {
            redactor.learn(&secret);
            if !secret.is_empty() {
                text = text.replace(&secret, "***");
            }
        }
        redactor.clean(&text)
    }
}

/// The beginning of a body, as far as it comes.
async fn beginning(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while body.len() < LONGEST_ERROR
        && let Ok(Some(chunk)) = response.chunk().await
    {
        body.extend_from_slice(&chunk);
    }
    body.truncate(LONGEST_ERROR);
    body
}

/// The hint for a failure of this kind: what the user can do about it.
pub(super) fn hint(provider: &Provider, settings: &ChatSettings, kind: Kind) -> Option<String> {
    Some(match kind {
        Kind::Connection | Kind::Unreachable => {
            let names = provider.base_url_env.first().copied().into_iter().chain(["kwargs.base_url"]);
            let is_elsewhere = provider.local && !http::is_this_machine(&settings.base_url);
            let start = if is_elsewhere { "Check that it runs there" } else { provider.start_hint };
            let is_plain = kind == Kind::Connection && settings.base_url.starts_with("http://");
            let tls = if is_plain { " If it speaks https, write https://." } else { "" };
            format!("{start}, or name its address in {}.{tls}", names.collect::<Vec<_>>().join(" or "))
        }
        Kind::Timeout => {
            "A model that is still loading needs longer: raise the timeout of that client.".into()
        }
        Kind::Auth => credentials::key_hint(provider),
        Kind::Forbidden => format!(
            "The key may lack a permission, or a filter may have stopped this request. {}",
            credentials::key_hint(provider)
        ),
        Kind::NotFound => format!("{} (model_name is \"{}\").", provider.pull, settings.model),
        Kind::Busy => "Lower kwargs.max_concurrency, or wait until the server has less to do.".into(),
        Kind::Loading => "Wait until the server has loaded its model, or load a smaller one.".into(),
        Kind::Quota => "Top up the account, or raise its limit: until then every call is refused.".into(),
        Kind::RateLimited => "Lower kwargs.max_concurrency, or raise the account's limit.".into(),
        Kind::ContextTooLong => "Shorten the text, or take a model with a larger context window.".into(),
        Kind::Malformed => format!("Is this really the API of {}? Check the base URL.", provider.name),
        Kind::Empty => "The model has nothing to say to this: try another one.".into(),
        Kind::Refused => "Ask in other words, or use another model.".into(),
        Kind::Server => {
            "The fault is the server's: wait a while, or look at its log or its status page.".into()
        }
        Kind::Unfinished => "Its replies can't be told from parts of replies: use another server.".into(),
        Kind::Rejected | Kind::Model | Kind::Withheld => return None,
    })
}

/// `text` on one line, without control characters, cut to [`LONGEST_QUOTE`].
fn shortened(text: &str) -> String {
    let begins_with_space = text.starts_with(' ');
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = words.collect::<Vec<_>>().join(" ");
    let mut line = if begins_with_space { format!(" {line}") } else { line };
    if let Some((end, _)) = line.char_indices().nth(LONGEST_QUOTE) {
        line.truncate(end);
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_one_line_of_bounded_length() {
        assert_eq!(shortened(" a\n\tb\u{1b}[31m"), " a b [31m");
        let long = shortened(&"é".repeat(9000));
        assert_eq!(long.chars().count(), LONGEST_QUOTE + 1);
    }
}
