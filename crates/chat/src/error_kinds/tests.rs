//! Tests of the table.

use super::*;

#[test]
fn what_servers_say_has_its_kind() {
    for (status, text, kind) in [
        (400, "[json] API key not valid. Please pass a valid API key.", Kind::Auth),
        (400, "[json] authentication_error invalid x-api-key", Kind::Auth),
        (401, "[empty]", Kind::Auth),
        (403, "[json] Country, region, or territory not supported", Kind::Rejected),
        (400, "[json] FAILED_PRECONDITION User location is not supported for the API use.", Kind::Rejected),
        (403, "[html] Attention Required! | Cloudflare", Kind::Rejected),
        (403, "[json] Project does not have access to model `gpt-5`", Kind::NotFound),
        (403, "[json] Input was flagged by the moderation endpoint", Kind::Refused),
        (403, "[json] content policy", Kind::Refused),
        (
            400,
            "[json] content_filter prompt | The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
            Kind::Refused,
        ),
        (400, "[json] data_inspection_failed | Input data may contain inappropriate content.", Kind::Refused),
        (400, "[json] Your request was rejected as a result of our safety system.", Kind::Refused),
        (500, "[json] content_policy_violation", Kind::Refused),
        (400, "[json] Content Exists Risk", Kind::Refused),
        (451, "[empty]", Kind::Refused),
        (403, "[empty]", Kind::Forbidden),
        (403, "[plain] Request blocked", Kind::Forbidden),
        (403, "[json] PERMISSION_DENIED", Kind::Auth),
        (403, "[json] Your account was flagged", Kind::Auth),
        (503, "[json] unavailable_error | Loading model", Kind::Loading),
        (503, "[json] Model meta-llama/Llama-3 is currently loading", Kind::Loading),
        (500, "[plain] The model is still loading, try again", Kind::Loading),
        (503, "[json] DEPLOYMENT_SCALING_UP the deployment is scaling up", Kind::Loading),
        (429, "[json] Model is warming up", Kind::Loading),
        (425, "[plain]   | loading", Kind::Loading),
        (503, "[json]   | Loading", Kind::Loading),
        (503, "[json]   | The model is being downloaded", Kind::Loading),
        (503, "[json]   | Cold start in progress", Kind::Loading),
        (503, "[json]   | too many are loading this page", Kind::Busy),
        (500, "[json] error loading model: out of memory", Kind::OutOfMemory),
        (500, "[json] unable to load runner: model is loading for too long", Kind::Server),
        (400, "[json] the model is loading", Kind::Rejected),
        (503, "[json] no available channel for model gpt-4", Kind::NotFound),
        (503, "[empty]", Kind::Busy),
        (500, "[json] Server is busy, queue is full", Kind::Busy),
        (400, "[json] Model Not Exist", Kind::NotFound),
        (400, "[json] gpt-9 is not a valid model ID", Kind::NotFound),
        (500, "[json] Unexpected endpoint or method. (POST /chat/completions)", Kind::NotFound),
        (405, "[empty]", Kind::NotFound),
        (500, "[json] llama-server process has terminated: signal: killed", Kind::OutOfMemory),
        (500, "[json] llama runner process has terminated: exit status 137", Kind::OutOfMemory),
        (502, "[json] llama.cpp terminated unexpectedly: signal: 9, out of memory", Kind::OutOfMemory),
        (500, "[plain] upstream command exited: SIGKILL", Kind::OutOfMemory),
        // Of the log of a process that has died of something else.
        (
            500,
            "[json] llama-server process no longer running: -1 ggml: failed to allocate 9 bytes",
            Kind::Server,
        ),
        (
            500,
            "[json] an error was encountered while running the model: CUDA error: out of memory",
            Kind::Server,
        ),
        (503, "[json] EngineDeadError: not enough memory for request 7", Kind::Server),
        (500, "[json] The model has crashed: std::bad_alloc (Exit code: 134)", Kind::Server),
        (
            500,
            "[json] model requires more system memory (5.6 GiB) than is available (3.1 GiB)",
            Kind::OutOfMemory,
        ),
        (
            500,
            "[plain] unable to load runner: llama.cpp failed: not enough GPU memory to load the model (CUDA)",
            Kind::OutOfMemory,
        ),
        (
            503,
            "[json] ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 9",
            Kind::OutOfMemory,
        ),
        // Of the vendor's account, not of a machine.
        (400, "[json] your project is out of memory units", Kind::Rejected),
        (402, "[json] Insufficient Balance", Kind::Quota),
        (400, "[json] Your credit balance is too low to access the API.", Kind::Quota),
        (
            429,
            "[json] You exceeded your current quota, please check your plan and billing details.",
            Kind::Quota,
        ),
        (
            429,
            "[json] You exceeded your current quota, check your plan and billing. Please retry in 4s.",
            Kind::RateLimited,
        ),
        (429, "[json] RESOURCE_EXHAUSTED exceeded your current quota, billing", Kind::RateLimited),
        (429, "[json] Request too large for model on tokens per minute", Kind::Rejected),
        (400, "[json] code rate_limit_exceeded", Kind::RateLimited),
        (413, "[html] 413 Request Entity Too Large", Kind::Rejected),
        (413, "[json] prompt", Kind::ContextTooLong),
        (400, "[json] The input token count (1200000) exceeds the maximum", Kind::ContextTooLong),
        (400, "[json] Failed to generate JSON. Please adjust your prompt.", Kind::Malformed),
        (400, "[json] tool_use_failed Tool choice is none, but model called a tool", Kind::Malformed),
        (400, "[html] The plain HTTP request was sent to HTTPS port", Kind::Rejected),
        (502, "[html] 502 Bad Gateway", Kind::Server),
        (418, "[plain] teapot", Kind::Rejected),
    ] {
        assert_eq!(of(status, text).0, kind, "{status} {text}");
    }
}

#[test]
fn a_hint_at_the_key_is_given_for_the_key_alone() {
    for (status, text, word) in [
        (403, "[html] Sorry, you have been blocked", "firewall"),
        (403, "[json] unsupported_country_region_territory", "country"),
        (413, "[plain] length limit exceeded", "client_max_body_size"),
        (400, "[plain] Client sent an HTTP request to an HTTPS server.", "https://"),
        (407, "[html] Proxy Authentication Required", "HTTPS_PROXY"),
    ] {
        let (kind, hint) = of(status, text);
        assert_eq!(kind, Kind::Rejected, "{text}");
        assert!(hint.unwrap().contains(word), "{text}: {hint:?}");
    }
    assert_eq!(of(401, "[html] 401 Authorization Required"), (Kind::Auth, None));
}
