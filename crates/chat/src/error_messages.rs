//! The errors of the HTTP client: each names the endpoint, the failure and a remedy. None holds a credential.

use std::time::{Duration, SystemTime};

use reqwest::Response;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use tokio::time::timeout;

use super::endpoint::Endpoint;
use super::error_body::{self, ErrorBody};
use super::providers::Provider;
use super::retry;
use super::{ChatError, ChatErrorKind as Kind, ChatSettings};
use crate::{http, secrets::Redactor};

/// The longest quote of a server's words in a message, in characters.
const LONGEST_QUOTE: usize = 500;

impl Endpoint {
    /// The error of a status that is not 200.
    pub(super) async fn refused(&self, mut response: Response) -> ChatError {
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let mut body = Vec::new();
        while body.len() < 64 << 10
            && let Ok(Ok(Some(chunk))) = timeout(self.settings.timeout, response.chunk()).await
        {
            body.extend_from_slice(&chunk);
        }
        let ErrorBody { kind, text } = error_body::of_status(status.as_u16(), &body);
        let text = if status.is_redirection() {
            "a redirect, which is not followed: correct the base URL"
        } else {
            &text
        };
        let colon = if text.is_empty() { "" } else { ": " };
        let reason = status.canonical_reason().map(|reason| format!(" ({reason})")).unwrap_or_default();
        let message = format!(" answered {}{reason}{colon}{text}", status.as_u16());
        ChatError { retry_after, ..self.error(kind, &message) }
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
        let text = redactor.clean(&text);
        ChatError {
            hint: hint(self.provider, &self.settings, kind),
            ..ChatError::new(kind, format!("{}{}", self.name(), shortened(&text)))
        }
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    retry::parse_retry_after(headers.get(RETRY_AFTER)?.to_str().ok()?, SystemTime::now())
}

/// The hint for a failure of this kind: what the user can do about it.
pub(super) fn hint(provider: &Provider, settings: &ChatSettings, kind: Kind) -> Option<String> {
    Some(match kind {
        Kind::Connection | Kind::Unreachable => {
            let names = provider.base_url_env.first().copied().into_iter().chain(["kwargs.base_url"]);
            let is_elsewhere = provider.local && !http::is_this_machine(&settings.base_url);
            let start = if is_elsewhere { "Check that it runs there" } else { provider.start_hint };
            format!("{start}, or name its address in {}.", names.collect::<Vec<_>>().join(" or "))
        }
        Kind::Timeout => "A model that is still loading needs longer: raise kwargs.timeout.".into(),
        Kind::Auth => match provider.key_env.first() {
            Some(name) => {
                format!("Set {name} in the environment, or kwargs.api_key in the job, to a valid key.")
            }
            None => "If the server wants a key, set kwargs.api_key in the job.".into(),
        },
        Kind::NotFound => format!("{} (model_name is \"{}\").", provider.pull, settings.model),
        Kind::Busy => "Lower kwargs.max_concurrency, or wait until the server has less to do.".into(),
        Kind::RateLimited => "Lower kwargs.max_concurrency, or raise the account's limit.".into(),
        Kind::ContextTooLong => "Shorten the text, or take a model with a larger context window.".into(),
        Kind::Malformed => format!("Is this really the API of {}? Check the base URL.", provider.name),
        Kind::Empty => "The model has nothing to say to this: try another one.".into(),
        Kind::Refused => "Ask in other words, or use another model.".into(),
        Kind::Server | Kind::Rejected | Kind::Model | Kind::Withheld => return None,
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
