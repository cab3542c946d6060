//! Questions to a model server over HTTP: one answer, or a stream of lines.
//!
//! In: paths and JSON. Out: status and text, or lines. Their meaning is read in the files of the servers.

use std::time::Duration;

use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tokio::time::{Instant, timeout, timeout_at};

use super::words::short;
use super::{RuntimeError, RuntimeErrorKind};
use minions_chat::http_body::{self, BodyError};
use minions_chat::providers::Provider;
use minions_chat::{credentials, http};

/// The longest answer that is read, in bytes: the list of all models of a server is far shorter.
const LONGEST_ANSWER: usize = 16 << 20;
/// The longest line of a stream that is read, in bytes.
const LONGEST_LINE: usize = 1 << 20;

/// How a key is given to a server that is none of ours.
const KEY_HINT: &str = "If the server wants a key, set kwargs.api_key in the job.";

/// One model server.
pub(super) struct Api {
    /// For messages: `Ollama at http://127.0.0.1:11434`.
    pub(super) place: String,
    base_url: String,
    client: reqwest::Client,
    /// Those of credentials, which go with each question.
    headers: HeaderMap,
    /// Whose key it takes.
    provider: Option<&'static Provider>,
}

/// A whole answer.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: String,
}

impl Api {
    /// `name` is what the server is called in messages.
    pub(super) fn new(name: &str, base_url: &str) -> Result<Self, RuntimeError> {
        let base_url = base_url.trim_end_matches('/').to_owned();
        let client =
            http::client(&base_url).map_err(|error| RuntimeError::new(RuntimeErrorKind::Rejected, error))?;
        let place = format!("{name} at {}", http::shown(&base_url));
        Ok(Self { place, base_url, client, headers: HeaderMap::new(), provider: None })
    }

    /// These questions with the headers of credentials, of which `provider` says how they are given.
    pub(super) fn with_headers(self, provider: Option<&'static Provider>, headers: HeaderMap) -> Self {
        Self { headers, provider, ..self }
    }

    pub(super) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// GET, and the whole answer within `limit`.
    pub(super) async fn get(&self, path: &str, limit: Duration) -> Result<Answer, RuntimeError> {
        self.whole(self.client.request(Method::GET, self.url(path)), limit).await
    }

    /// POST of JSON, and the whole answer within `limit`.
    pub(super) async fn post(
        &self,
        path: &str,
        body: &Value,
        limit: Duration,
    ) -> Result<Answer, RuntimeError> {
        self.whole(self.posting(path, body), limit).await
    }

    /// POST of JSON with one more header.
    pub(super) async fn post_with(
        &self,
        path: &str,
        body: &Value,
        header: (&str, &str),
        limit: Duration,
    ) -> Result<Answer, RuntimeError> {
        self.whole(self.posting(path, body).header(header.0, header.1), limit).await
    }

    /// POST of JSON whose answer is a stream of lines; the first of them may take `limit`.
    pub(super) async fn stream(
        &self,
        path: &str,
        body: &Value,
        limit: Duration,
    ) -> Result<Lines, RuntimeError> {
        // Docker Model Runner writes JSON lines only to clients that accept nothing else.
        let request =
            self.posting(path, body).header("accept", "application/json").headers(self.headers.clone());
        let sent = timeout(limit, request.send()).await.map_err(|_| self.silent(limit))?;
        let response = sent.map_err(|error| self.lost(&error))?;
        // A runner hands on what a library of models says, which asks us for nothing.
        let is_of_proxy =
            response.status().is_redirection() || response.headers().contains_key(WWW_AUTHENTICATE);
        let response = if is_of_proxy { self.admitted(response)? } else { response };
        Ok(Lines { status: response.status(), response, buffer: Vec::new(), ended: false })
    }

    fn posting(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let request = self.client.request(Method::POST, self.url(path));
        request.header("content-type", "application/json").body(body.to_string())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base_url)
    }

    async fn whole(&self, request: reqwest::RequestBuilder, limit: Duration) -> Result<Answer, RuntimeError> {
        let exchange = async {
            let response = request.headers(self.headers.clone()).send().await.map_err(BodyError::Lost)?;
            let response = match self.admitted(response) {
                Ok(response) => response,
                Err(error) => return Ok(Err(error)),
            };
            let status = response.status();
            let body = http_body::read(response, LONGEST_ANSWER).await?;
            Ok(Ok(Answer { status, body: String::from_utf8_lossy(&body).into_owned() }))
        };
        let answer = timeout(limit, exchange).await.map_err(|_| self.silent(limit))?;
        answer.unwrap_or_else(|error| {
            Err(match error {
                BodyError::Lost(error) => self.lost(&error),
                BodyError::TooLong(_) => {
                    let message = format!("{}{}", self.place, error.words());
                    RuntimeError::new(RuntimeErrorKind::Rejected, message)
                        .hint("check that this is its address")
                }
            })
        })
    }

    /// `response`, unless it asks for a credential, or leads elsewhere: so do proxies before a server, whatever is asked.
    fn admitted(&self, response: Response) -> Result<Response, RuntimeError> {
        let (status, headers) = (response.status(), response.headers());
        if status.is_redirection() {
            let message =
                format!("{} redirects (HTTP {}), which is not followed", self.place, status.as_u16());
            return Err(RuntimeError::new(RuntimeErrorKind::Rejected, message).hint(
                "give the address to which it leads; a page for logging in is not to be got past without a key",
            ));
        }
        if status != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        let challenge =
            headers.get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let has_user = http::has_user(&self.base_url);
        let remedy = credentials::remedy(challenge, has_user, !self.headers.is_empty());
        let key = || self.provider.map_or_else(|| KEY_HINT.to_owned(), credentials::key_hint);
        let says = match (!self.headers.is_empty(), has_user) {
            (false, false) => "asks for a credential, and there is none (HTTP 401)",
            (true, _) => "does not take the key (HTTP 401)",
            (false, true) => "does not take the user and the password of its address (HTTP 401)",
        };
        let message = format!("{} {says}", self.place);
        Err(RuntimeError::new(RuntimeErrorKind::Rejected, message).hint(remedy.unwrap_or_else(key)))
    }

    /// The connection failed.
    pub(super) fn lost(&self, error: &reqwest::Error) -> RuntimeError {
        let message = format!("{} does not answer: {}", self.place, http::cause(error));
        let unreachable = RuntimeError::new(RuntimeErrorKind::Unreachable, message);
        match http::remedy(error) {
            Some(remedy) => unreachable.hint(remedy),
            None => unreachable,
        }
    }

    fn silent(&self, limit: Duration) -> RuntimeError {
        let message = format!("{} does not answer within {} s", self.place, limit.as_secs_f64());
        RuntimeError::new(RuntimeErrorKind::Unreachable, message)
    }
}

impl Answer {
    /// The body, `Null` if it is not JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    /// What an error answer says, whichever of the servers' shapes it has.
    pub(super) fn words(&self) -> String {
        words(&self.body)
    }

    /// The status, and what the answer says.
    pub(super) fn complaint(&self) -> String {
        let words = self.words();
        let colon = if words.is_empty() { "" } else { ": " };
        format!("HTTP {}{colon}{words}", self.status.as_u16())
    }
}

/// The text of an error body, in whichever shape, cut short.
pub(super) fn words(body: &str) -> String {
    short(&minions_chat::error_words(body.as_bytes()))
}

/// An answer that comes line by line.
pub(super) struct Lines {
    pub(super) status: StatusCode,
    response: Response,
    buffer: Vec<u8>,
    ended: bool,
}

/// How waiting for a line ended.
pub(super) enum Line {
    /// A line that is not empty, without its end.
    Text(String),
    /// The server ended the stream.
    End,
    /// The connection was lost: why.
    Lost(String),
    /// No line came before the deadline.
    Silent,
}

impl Lines {
    /// The next line, until `deadline`.
    pub(super) async fn next(&mut self, deadline: Instant) -> Line {
        loop {
            if let Some(line) = self.take() {
                return Line::Text(line);
            }
            if self.ended {
                return Line::End;
            }
            match timeout_at(deadline, self.response.chunk()).await {
                Ok(Ok(Some(bytes))) => {
                    self.buffer.extend_from_slice(&bytes);
                    let is_endless = self.buffer.len() > LONGEST_LINE && !self.buffer.contains(&b'\n');
                    if is_endless {
                        return Line::Lost(format!("it sent a line of over {} MiB", LONGEST_LINE >> 20));
                    }
                }
                Ok(Ok(None)) => self.ended = true,
                Ok(Err(error)) => return Line::Lost(http::cause(&error)),
                Err(_) => return Line::Silent,
            }
        }
    }

    /// The remaining lines as one text, for an answer that is an error.
    pub(super) async fn rest(mut self, limit: Duration) -> String {
        let deadline = Instant::now() + limit;
        let mut text = String::new();
        while let Line::Text(line) = self.next(deadline).await {
            text = text + &line + "\n";
            if text.len() > LONGEST_LINE {
                break;
            }
        }
        words(&text)
    }

    fn take(&mut self) -> Option<String> {
        loop {
            let end = match self.buffer.iter().position(|&byte| byte == b'\n') {
                Some(end) => end + 1,
                None if self.ended && !self.buffer.is_empty() => self.buffer.len(),
                None => return None,
            };
            let line: Vec<u8> = self.buffer.drain(..end).collect();
            let line = String::from_utf8_lossy(&line).trim().to_owned();
            if !line.is_empty() {
                return Some(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::SHORT;
    use super::*;

    #[test]
    fn an_error_body_is_read_in_every_shape() {
        for (body, expected) in [
            (r#"{"error":"model 'x' not found"}"#, "model 'x' not found"),
            (r#"{"error":{"code":400,"message":"too long","type":"t"}}"#, "too long"),
            (r#"{"type":"error","code":null,"message":"crashed"}"#, "crashed"),
            ("error while getting model:\n  not found\n", "error while getting model: not found"),
            ("", ""),
        ] {
            assert_eq!(words(body), expected, "{body}");
        }
        assert_eq!(words(&"é".repeat(500)).chars().count(), SHORT + 4);
    }
}
