//! What every request passes: the host that it names, the page that it comes from, its token.
//!
//! In: a request. Out: the request with its owner, or a refusal; and headers that forbid a browser what the page does not
//! need.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use super::error::ApiError;
use super::service::Service;

/// The address of a client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub SocketAddr);

/// What a browser may do with the page: load its own files and talk to its own origin.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(&str, &str); 7] = [
    ("content-security-policy", POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
];

/// Makes a request that comes again the same.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The methods that are told apart.
const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// Characters of a method that a log line has.
const LONGEST_METHOD: usize = 20;

/// How the content type of a stream of events begins.
const EVENTS: &[u8] = b"text/event-stream";

/// Lets a request pass, or refuses it.
pub(crate) async fn guard(State(service): State<Arc<Service>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    // What matches none is one route: its paths are anything.
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    let route = route.unwrap_or_else(|| "other".to_owned());
    let address = request.extensions().get::<Peer>().map(|peer| peer.0);
    let mut who = None;
    let mut response = match admitted(&service, &mut request, address.map(|address| address.ip())) {
        Ok(owner) => {
            who = owner;
            next.run(request).await
        }
        Err(refusal) => refusal.into_response(),
    };
    if is_words_alone(&response) {
        response = ApiError::new(response.status(), "the path or the query can't be read")
            .hint("what is no letter or digit is written as % and two digits of UTF-8")
            .into_response();
    }
    let status = response.status();
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    // A body that was not read to its end can't be followed by another request.
    if status.is_client_error() && method != Method::GET && status != StatusCode::NOT_FOUND {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let address = address.map_or_else(|| "-".to_owned(), |address| address.ip().to_string());
    let who = who.as_deref().unwrap_or("-");
    let path: String = path.chars().filter(|c| !c.is_control()).take(200).collect();
    let took = began.elapsed();
    let (status, ms) = (status.as_u16(), took.as_millis());
    service.metrics.request(&route, known(&method), status, took);
    let method: String = method.as_str().chars().take(LONGEST_METHOD).collect();
    if response.headers().get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(EVENTS)) {
        let open = service.metrics.open_stream();
        response = response.map(|body| {
            Body::from_stream(body.into_data_stream().map(move |piece| {
                let _is_open = &open;
                piece
            }))
        });
    }
    if is_probe(&path) {
        tracing::debug!("{address} {who} {method} {path} {status} {ms} ms");
    } else {
        tracing::info!("{address} {who} {method} {path} {status} {ms} ms");
    }
    response
}

/// The method as it is counted: what is not of HTTP's own is one, as it may be any text.
fn known(method: &Method) -> &'static str {
    METHODS.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// Checks a request, and notes whose it is; gives the owner's name.
fn admitted(
    service: &Service,
    request: &mut Request,
    address: Option<IpAddr>,
) -> Result<Option<String>, ApiError> {
    let host = host(request)?;
    if let Some(host) = &host {
        check_host(host, service)?;
    }
    if ![Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
        check_origin(request.headers(), host.as_ref(), service)?;
    }
    if is_open(request.uri().path()) {
        return Ok(None);
    }
    let token = token(request.headers())?;
    let address = address.unwrap_or(IpAddr::from([0, 0, 0, 0]));
    let owner = service.tokens.owner(token, address)?;
    let name = owner.name().to_owned();
    check_key(request)?;
    request.extensions_mut().insert(owner);
    Ok(Some(name))
}

/// Checks that a request wants its key kept only where keys are kept.
fn check_key(request: &Request) -> Result<(), ApiError> {
    let is_kept = request.method() != Method::POST || request.uri().path() == "/v1/runs";
    if is_kept || !request.headers().contains_key(IDEMPOTENCY_KEY) {
        return Ok(());
    }
    Err(ApiError::bad("the header Idempotency-Key is not kept on this route")
        .param("Idempotency-Key")
        .hint("POST /v1/runs keeps it; leave it out here"))
}

/// Whether axum itself has refused the request, in words without our shape.
fn is_words_alone(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    response.status().is_client_error() && kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"))
}

/// What needs no token: the page itself, which holds nothing of anybody, and the probes.
fn is_open(path: &str) -> bool {
    matches!(path, "/" | "/favicon.ico") || path.starts_with("/assets/") || is_probe(path)
}

fn is_probe(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}

/// The host that a request names; `None` where one of HTTP/1.0 names none, which no browser sends.
fn host(request: &Request) -> Result<Option<Authority>, ApiError> {
    let bad = |message: &str| ApiError::bad(message).param("Host");
    let mut given = request.headers().get_all(header::HOST).iter();
    let (first, second) = (given.next(), given.next());
    if second.is_some() {
        return Err(bad("the header Host is given twice"));
    }
    let read = |value: &HeaderValue| value.to_str().ok()?.parse::<Authority>().ok();
    let named = match first {
        Some(value) => Some(read(value).ok_or_else(|| bad("the header Host is no host"))?),
        None if request.version() < Version::HTTP_11 => None,
        None => return Err(bad("the header Host is missing")),
    };
    // An address in the first line counts instead of the header.
    Ok(request.uri().authority().cloned().or(named))
}

/// Whether it is a name by which this service may be called. A page of a stranger that has its own name lead to this
/// machine (DNS rebinding) still sends that name; no browser is led to an address of numbers so.
fn check_host(host: &Authority, service: &Service) -> Result<(), ApiError> {
    let name = host.host().trim_end_matches('.').to_ascii_lowercase();
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let is_own = bare.parse::<IpAddr>().is_ok()
        || name == "localhost"
        || name.ends_with(".localhost")
        || service.hosts.iter().any(|known| known.eq_ignore_ascii_case(&name));
    if is_own && !host.as_str().contains('@') {
        return Ok(());
    }
    Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, format!("this service is not called {name:?}"))
        .code("unknown_host")
        .param("Host")
        .hint("call it by localhost or its address, or allow the name: --allowed-host NAME, or `hosts` in serve.toml"))
}

/// Whether the page that sends a request is our own. Programs name none.
fn check_origin(headers: &HeaderMap, host: Option<&Authority>, service: &Service) -> Result<(), ApiError> {
    let refused = |message: String| {
        ApiError::new(StatusCode::FORBIDDEN, message)
            .code("cross_origin")
            .param("Origin")
            .hint("`origins` in serve.toml allows other pages")
    };
    let mut given = headers.get_all(header::ORIGIN).iter();
    match (given.next(), given.next()) {
        (None, _) => {}
        (Some(origin), None) => {
            let origin = origin.to_str().unwrap_or("?");
            let own = host.is_some_and(|host| {
                let rest = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
                rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host.as_str()))
            });
            if !own && !service.file.origins.iter().any(|known| known == origin) {
                return Err(refused(format!("a page of {origin:?} may send nothing here")));
            }
            return Ok(());
        }
        (Some(_), Some(_)) => return Err(refused("the header Origin is given twice".to_owned())),
    }
    let site = headers.get("sec-fetch-site").and_then(|site| site.to_str().ok());
    match site {
        None | Some("same-origin" | "none") => Ok(()),
        Some(site) => Err(refused(format!("a page of another origin ({site}) may send nothing here"))),
    }
}

/// The token of a request, if it has one.
fn token(headers: &HeaderMap) -> Result<Option<&str>, ApiError> {
    let bad = |message: &str| {
        ApiError::new(StatusCode::UNAUTHORIZED, message).param("Authorization").code("invalid_token")
    };
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(bad("the header Authorization is given twice"));
    }
    let value = value.to_str().map_err(|_| bad("the header Authorization is no text"))?;
    let (scheme, token) = value.trim().split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") || token.trim().is_empty() {
        return Err(bad("the header Authorization must be `Bearer TOKEN`"));
    }
    Ok(Some(token.trim()))
}
