//! Addresses, keys and headers as people give them get to the servers that they mean, or are an error before any call.

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, job, scripted};
use crate::support::server::{Request, Server};
use crate::support::wire::{anthropic_text, openai};

const KEY: &str = "sk-test-0123456789";

fn ask() -> String {
    json!({"reasoning": "r", "message": "Who?"}).to_string()
}

fn answer() -> String {
    json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"})
        .to_string()
}

/// A `minion` job whose supervisor is `remote`, run with these variables at a server for both sides.
fn run(
    remote: impl Fn(&Server) -> Value,
    variables: impl Fn(&Server) -> Vec<(&'static str, String)>,
) -> (Server, Ran) {
    let server = scripted(vec![ask(), answer()], |request| openai(request, "Ada"));
    let mut job = job(&server, "minion", json!({"task": "Who signed?", "context": ["Ada."]}));
    job["remote_client"] = remote(&server);
    let program = variables(&server)
        .into_iter()
        .fold(Program::new(), |program, (name, value)| program.env(name, &value));
    let ran = program.run_job(&job);
    (server, ran)
}

/// The calls of the supervisor.
fn calls(server: &Server) -> Vec<Request> {
    server.requests().into_iter().filter(|request| request.json()["model"] == "supervisor").collect()
}

fn openai_at(base_url: Option<String>) -> Value {
    let mut client =
        json!({"type": "openai", "model_name": "supervisor", "kwargs": {"api_key": KEY, "retries": 0}});
    if let Some(base_url) = base_url {
        client["kwargs"]["base_url"] = json!(base_url);
    }
    client
}

#[test]
fn an_address_is_understood_as_it_is_pasted_from_the_job_and_from_the_environment() {
    for (before, after) in [
        ("", "/v1"),
        ("", "/v1/chat/completions"),
        ("\"", "/v1/\""),
        (" ", "//v1/v1/models \n"),
        ("OPENAI_BASE_URL=", "/v1/responses"),
    ] {
        let pasted = |server: &Server| format!("{before}{}{after}", server.url());
        for name in ["", "OPENAI_BASE_URL", "OPENAI_API_BASE"] {
            let (server, ran) = run(
                |server| openai_at(name.is_empty().then(|| pasted(server))),
                |server| if name.is_empty() { vec![] } else { vec![(name, pasted(server))] },
            );
            assert_eq!(ran.result()["final_answer"], "Ada", "{name} {before:?} {after:?}");
            assert!(calls(&server).iter().all(|call| call.path == "/v1/chat/completions"), "{after}");
        }
    }
    // Without a scheme.
    let (_, ran) =
        run(|server| openai_at(Some(format!("{}/v1", server.url().replace("http://", "")))), |_| vec![]);
    assert_eq!(ran.result()["final_answer"], "Ada");
}

#[test]
fn the_target_uri_of_azure_names_deployment_and_version() {
    let path = "/openai/deployments/supervisor/chat/completions?api-version=2024-10-21";
    let azure = |kwargs: Value| json!({"type": "azure_openai", "model_name": "gpt-4o", "kwargs": kwargs});
    let key = ("AZURE_OPENAI_API_KEY", KEY.to_owned());
    let runs = [
        run(|server| azure(json!({"endpoint": format!("{}{path}", server.url())})), |_| vec![key.clone()]),
        run(
            |_| azure(json!({})),
            |server| vec![key.clone(), ("AZURE_OPENAI_ENDPOINT", format!("{}{path}", server.url()))],
        ),
        run(
            |server| azure(json!({"azure_endpoint": server.url(), "deployment": "supervisor"})),
            |_| vec![key.clone(), ("OPENAI_API_VERSION", "2024-10-21".to_owned())],
        ),
    ];
    for (server, ran) in runs {
        assert_eq!(ran.result()["final_answer"], "Ada");
        let calls = calls(&server);
        assert!(
            calls.iter().all(|call| call.path == path && call.header("api-key") == Some(KEY)),
            "{}",
            calls[0].path
        );
    }
}

#[test]
fn an_address_of_the_environment_that_can_not_be_used_is_named_before_any_call() {
    for (kind, name, value, complaint) in [
        (
            "openai",
            "OPENAI_BASE_URL",
            "ftp://h/v1",
            "OPENAI_BASE_URL in the environment must be an http or https address",
        ),
        (
            "openai",
            "OPENAI_API_BASE",
            "http://h/v1?key=tops3cret",
            "OPENAI_API_BASE in the environment must be an address without a query",
        ),
        (
            "anthropic",
            "ANTHROPIC_BASE_URL",
            "https://h.example.com/v1/chat/completions",
            "ANTHROPIC_BASE_URL in the environment ends with /chat/completions",
        ),
        (
            "azure_openai",
            "AZURE_OPENAI_ENDPOINT",
            "https://<resource>.openai.azure.com",
            "AZURE_OPENAI_ENDPOINT in the environment must be",
        ),
        ("ollama", "OLLAMA_HOST", "h:port", "OLLAMA_HOST in the environment has a port that is no number"),
    ] {
        let client =
            json!({"type": kind, "model_name": "supervisor", "kwargs": {"api_key": KEY, "retries": 0}});
        let (server, ran) = run(|_| client.clone(), |_| vec![(name, value.to_owned())]);
        let error = ran.error(2);
        assert!(error.contains(complaint), "{error}");
        assert!(!error.contains("tops3cret") && server.requests().is_empty(), "{error}");
    }
}

#[test]
fn a_key_is_sent_without_what_surrounds_it() {
    for (before, after) in [
        ("\"", "\""),
        ("'", "'\n"),
        ("Bearer ", ""),
        ("export OPENAI_API_KEY=\u{201c}", "\u{201d}"),
        ("\u{feff}", " "),
    ] {
        let pasted = format!("{before}{KEY}{after}");
        let (server, ran) = run(
            |server| json!({"type": "openai", "model_name": "supervisor", "kwargs": {"base_url": server.url()}}),
            |_| vec![("OPENAI_API_KEY", pasted.clone())],
        );
        assert_eq!(ran.result()["final_answer"], "Ada", "{pasted}");
        let expected = format!("Bearer {KEY}");
        assert!(
            calls(&server).iter().all(|call| call.header("authorization") == Some(&*expected)),
            "{pasted}"
        );
    }
    for (bad, complaint) in [
        ("sk-tops3cret sk-other", "OPENAI_API_KEY in the environment has white space in it"),
        ("\"sk-tops3cret", "OPENAI_API_KEY in the environment has a quotation mark in it"),
        ("sk-tops3cret\nsk-other", "OPENAI_API_KEY in the environment has a line break in it"),
    ] {
        let client = json!({"type": "openai", "model_name": "supervisor"});
        let (server, ran) = run(|_| client.clone(), |_| vec![("OPENAI_API_KEY", bad.to_owned())]);
        let error = ran.error(2);
        assert!(error.contains(complaint), "{error}");
        assert!(
            !ran.stdout.contains("tops3cret")
                && !ran.stderr.contains("tops3cret")
                && server.requests().is_empty()
        );
    }
}

#[test]
fn headers_go_with_each_call_and_are_not_shown() {
    for name in ["headers", "extra_headers", "default_headers"] {
        let (server, ran) = run(
            |server| {
                let mut client = openai_at(Some(format!("{}/v1", server.url())));
                client["kwargs"][name] = json!({"X-Team": "team-Zq81-secret", "x-number": 7});
                client
            },
            |_| vec![("RUST_LOG", "trace".to_owned())],
        );
        assert_eq!(ran.result()["final_answer"], "Ada", "{name}");
        let calls = calls(&server);
        assert!(!calls.is_empty());
        for call in calls {
            assert_eq!(
                (call.header("x-team"), call.header("x-number")),
                (Some("team-Zq81-secret"), Some("7"))
            );
        }
        assert!(!ran.stderr.contains("-Zq81-") && !ran.stdout.contains("-Zq81-"), "{}", ran.stderr);
    }
    // A header that carries a credential needs no key beside it.
    let (server, ran) = run(
        |server| {
            let headers = json!({"Authorization": "Bearer of-a-gateway"});
            json!({"type": "openai", "model_name": "supervisor", "kwargs": {"base_url": server.url(), "headers": headers}})
        },
        |_| vec![("OPENAI_API_KEY", KEY.to_owned())],
    );
    assert_eq!(ran.result()["final_answer"], "Ada");
    assert!(calls(&server).iter().all(|call| call.header("authorization") == Some("Bearer of-a-gateway")));
}

#[test]
fn anthropics_token_goes_as_a_bearer() {
    let server = Server::start(|request| match request.json()["messages"].as_array().map(Vec::len) {
        Some(1) => anthropic_text(&ask()),
        _ => anthropic_text(&answer()),
    });
    let mut job = job(&server, "minion", json!({"task": "Who signed?", "context": ["Ada."]}));
    job["remote_client"] =
        json!({"type": "anthropic", "model_name": "supervisor", "kwargs": {"base_url": server.url()}});
    let ran = Program::new().env("ANTHROPIC_AUTH_TOKEN", "\"tok-12345678\"").run_job(&job);
    let calls = calls(&server);
    assert!(!calls.is_empty(), "{}", ran.stderr);
    for call in calls {
        assert_eq!(
            (call.header("authorization"), call.header("x-api-key")),
            (Some("Bearer tok-12345678"), None)
        );
    }
}
