//! The one table of what servers say when they fail: status and words become a kind and, where the kind's own hint would
//! mislead, another one.
//!
//! Pure. The words were read in the vendors' documents and in the sources of the servers.

use std::ops::RangeInclusive;

use super::ChatErrorKind as Kind;

/// A row of the table.
struct Rule {
    statuses: &'static [RangeInclusive<u16>],
    /// One of these must be in the text, in lower case; none means any text. The parts around a `*` must follow each
    /// other. The text begins with the form of the body: `[json]`, `[html]`, `[plain]` or `[empty]`.
    signs: &'static [&'static str],
    /// None of these may be in the text.
    unless: &'static [&'static str],
    kind: Kind,
    hint: Option<&'static str>,
}

const REFUSED: &[RangeInclusive<u16>] = &[400..=499];
const FAILED: &[RangeInclusive<u16>] = &[400..=400, 405..=405, 409..=409, 422..=422, 500..=599];

const RULE: Rule = Rule { statuses: &[400..=599], signs: &[], unless: &[], kind: Kind::Rejected, hint: None };

/// The rows, of which the first that fits counts.
const RULES: &[Rule] = &[
    Rule {
        statuses: REFUSED,
        signs: &[
            "unsupported_country",
            "country*not supported",
            "user location is not supported",
            "region_not_supported",
            "not available in your country",
            "not available in your region",
            "unavailable in your region",
        ],
        hint: Some(
            "The vendor does not serve this country or region: take another vendor. The key is not the problem.",
        ),
        ..RULE
    },
    Rule {
        statuses: &[403..=403, 429..=429, 503..=503],
        signs: &["[html]*cloudflare", "[html]*just a moment", "[html]*attention required", "[html]*blocked"],
        hint: Some(FIREWALL),
        ..RULE
    },
    Rule { statuses: &[403..=403], signs: &["[html]"], hint: Some(FIREWALL), ..RULE },
    Rule {
        statuses: &[413..=413],
        signs: &["[html]", "[plain]", "[empty]"],
        hint: Some(
            "A proxy before the model server limits the size of a request: raise that limit (nginx: \
             client_max_body_size), or cut smaller chunks.",
        ),
        ..RULE
    },
    Rule {
        statuses: REFUSED,
        signs: &["plain http request was sent to https", "http request to an https server"],
        hint: Some("That server speaks https: use https://."),
        ..RULE
    },
    Rule {
        statuses: &[407..=407],
        hint: Some(
            "Put the proxy's user and password into its address: HTTPS_PROXY=http://user:password@host:port.",
        ),
        ..RULE
    },
    Rule { statuses: &[402..=402], kind: Kind::Quota, ..RULE },
    Rule {
        statuses: &[400..=400, 403..=403, 429..=429, 500..=500],
        signs: &[
            "insufficient_quota",
            "insufficient quota",
            "insufficient balance",
            "insufficient_balance",
            "insufficient credit",
            "insufficient funds",
            "credit balance",
            "out of credit",
            "no credits left",
            "billing_hard_limit",
            "exceeded your current quota*billing",
        ],
        unless: &["resource_exhausted", "retry in", "try again in"],
        kind: Kind::Quota,
        ..RULE
    },
    Rule {
        statuses: &[429..=429],
        signs: &["request too large"],
        hint: Some(
            "One request needs more than the account's limit of tokens a minute: cut smaller chunks, or raise that limit.",
        ),
        ..RULE
    },
    Rule {
        statuses: &[400..=400, 413..=413, 422..=422, 500..=599],
        signs: &[
            "exceed_context_size_error",
            "context_length_exceeded",
            "prompt is too long",
            "prompt too long",
            "maximum context length",
            "exceeds the available context size",
            "exceeds the context",
            "exceed context window",
            "longer than the context length",
            "exceed context limit",
            "maximum prompt length",
            "input is too long",
            "input token count*exceeds",
            "tokens`*must be <=",
            "request_too_large",
            // llama.cpp's server says this of a text that is to be embedded.
            "too large to process",
        ],
        kind: Kind::ContextTooLong,
        ..RULE
    },
    Rule { statuses: &[413..=413], kind: Kind::ContextTooLong, ..RULE },
    Rule {
        // llama.cpp's server, and Ollama, which runs it.
        statuses: &[400..=400, 500..=501],
        signs: &["does not support embeddings", "not support embedding"],
        kind: Kind::NotFound,
        hint: Some(
            "This model is not run for embeddings: name one that embeds in call_params.retrieval_model (Ollama: `ollama \
             pull nomic-embed-text`; llama.cpp's server: start it with --embeddings).",
        ),
        ..RULE
    },
    Rule {
        statuses: REFUSED,
        signs: &[
            "not have access to*model",
            "not have access to the model",
            "model_not_found",
            "access to model*restricted",
        ],
        kind: Kind::NotFound,
        ..RULE
    },
    Rule {
        // Of the content, by the model's vendor or a filter before it. An event has no status of its own, so it is 500.
        statuses: &[400..=400, 403..=403, 422..=422, 451..=451, 500..=500],
        signs: &[
            "content_filter",
            "content filter",
            "content management policy",
            "content_policy",
            "content policy",
            "contentpolicy",
            "responsibleaipolicy",
            "usage polic",
            "safety system",
            "safety polic",
            "safety guideline",
            "safety filter",
            "safety reasons",
            "data_inspection_failed",
            "datainspectionfailed",
            "inappropriate content",
            "harmful content",
            "sensitive content",
            "sensitive words",
            "prohibited_content",
            "prohibited content",
            "prohibited use",
            "moderation",
            "flagged",
            "guardrail",
            "invalid_prompt",
            "high risk",
            "content exists risk",
            "\u{654f}\u{611f}\u{5185}\u{5bb9}",
            "\u{4e0d}\u{5b89}\u{5168}",
        ],
        unless: &["api key", "api_key", "account", "organization"],
        kind: Kind::Refused,
        ..RULE
    },
    Rule { statuses: &[403..=403], signs: &["safety"], kind: Kind::Refused, ..RULE },
    Rule { statuses: &[451..=451], kind: Kind::Refused, ..RULE },
    Rule { statuses: &[401..=401], kind: Kind::Auth, ..RULE },
    Rule {
        statuses: &[403..=403],
        signs: &[
            "key",
            "token",
            "credential",
            "auth",
            "permission",
            "scope",
            "account",
            "organization",
            "project",
            "subscription",
            "billing",
            "login",
            "log in",
        ],
        kind: Kind::Auth,
        ..RULE
    },
    Rule { statuses: &[403..=403], kind: Kind::Forbidden, ..RULE },
    Rule {
        statuses: &[400..=400, 404..=404, 422..=422, 500..=500],
        signs: &[
            "api key not valid",
            "api_key_invalid",
            "api key expired",
            "invalid api key",
            "invalid_api_key",
            "invalidapikey",
            "incorrect api key",
            "api key is missing",
            "missing api key",
            "invalid x-api-key",
            "authentication_error",
            "unauthenticated",
            "login fail",
        ],
        kind: Kind::Auth,
        ..RULE
    },
    Rule {
        statuses: &[409..=409, 425..=425, 429..=429, 500..=599],
        signs: &[
            // The whole text may be this one word.
            "| loading",
            "| starting",
            "loading model",
            "loading the model",
            "loading weights",
            "model loading",
            "is loading",
            "currently loading",
            "still loading",
            "being loaded",
            "being downloaded",
            "is downloading",
            "downloading model",
            "warming up",
            "warmup",
            "warm-up",
            "model_loading",
            "cold start",
            "still starting",
            "starting up",
            "is starting",
            "being started",
            "is booting",
            "being deployed",
            "is deploying",
            "not ready yet",
            "not yet ready",
            "model is not ready",
            "model not ready",
            "initializing",
            "initialising",
            "provisioning",
            "scaling up",
            "waking up",
            "spinning up",
            "estimated_time",
        ],
        unless: &["error loading", "error: ", "failed", "unable", "could not", "cannot"],
        kind: Kind::Loading,
        ..RULE
    },
    Rule { statuses: &[404..=405], kind: Kind::NotFound, ..RULE },
    Rule {
        statuses: FAILED,
        signs: &[
            "model_not_found",
            "model*not found",
            "model*does not exist",
            "model not exist",
            "unknown model",
            "no such model",
            "not a valid model",
            "invalid model name",
            "no models loaded",
            "no available channel for model",
            "unexpected endpoint",
            "unknown endpoint",
            "invalid url",
            "no route",
        ],
        kind: Kind::NotFound,
        ..RULE
    },
    Rule { statuses: &[429..=429], kind: Kind::RateLimited, ..RULE },
    Rule {
        statuses: FAILED,
        signs: &["rate_limit", "rate limit", "too many requests", "resource_exhausted"],
        kind: Kind::RateLimited,
        ..RULE
    },
    Rule { statuses: &[503..=503, 529..=529], kind: Kind::Busy, ..RULE },
    Rule {
        statuses: &[500..=599],
        signs: &[
            "overloaded",
            "server busy",
            "server is busy",
            "at capacity",
            "queue is full",
            "no capacity",
        ],
        kind: Kind::Busy,
        ..RULE
    },
    Rule {
        // Groq: the model did not manage to write JSON, or wrote a call of a tool that it was not given.
        statuses: &[400..=400, 422..=422],
        signs: &[
            "json_validate_failed",
            "failed to generate json",
            "failed to validate json",
            "tool_use_failed",
            "output_parse_failed",
            "generated output that could not be parsed",
        ],
        kind: Kind::Malformed,
        ..RULE
    },
    // 408: the server waited for us; 425: too early; 499: Ollama, another client left while the model was loading.
    Rule { statuses: &[408..=408, 425..=425, 499..=599], kind: Kind::Server, ..RULE },
];

const FIREWALL: &str = "That page comes from a firewall or a proxy before the server, such as Cloudflare's: check the base \
                        URL, the network and its VPN. The key is not the problem.";

/// The kind of a failure, and the hint that replaces the kind's own. `text`: what the server said, with the form of the
/// body before it.
pub(crate) fn of(status: u16, text: &str) -> (Kind, Option<&'static str>) {
    let text = text.to_lowercase();
    let fits = |rule: &&Rule| {
        rule.statuses.iter().any(|statuses| statuses.contains(&status))
            && (rule.signs.is_empty() || rule.signs.iter().any(|sign| has(&text, sign)))
            && !rule.unless.iter().any(|sign| has(&text, sign))
    };
    RULES.iter().find(fits).map_or((Kind::Rejected, None), |rule| (rule.kind, rule.hint))
}

/// Whether the parts of `sign` around its `*` stand in `text`, one behind the other.
fn has(text: &str, sign: &str) -> bool {
    let mut rest = text;
    sign.split('*').all(|part| match rest.split_once(part) {
        Some((_, behind)) => {
            rest = behind;
            true
        }
        None => false,
    })
}

#[cfg(test)]
mod tests;
