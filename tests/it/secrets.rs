//! No key in any output: not from the job, not from the environment, not when a server echoes it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, scripted};
use crate::support::server::{Reply, Server};
use crate::support::wire::{anthropic_text, openai};

const JOB_KEY: &str = "sk-from-the-job-Zq81";
const ENV_KEY: &str = "sk-from-env-\\slashed/-Zq82";
const URL_KEY: &str = "password-in-url-Zq83";
const OTHER_KEY: &str = "hf_some-other-key-Zq84";

/// Fails if any credential, or the part that all of them share, is in what the run left behind.
fn assert_clean(ran: &Ran) {
    let mut texts =
        vec![("stdout".to_owned(), ran.stdout.clone()), ("stderr".to_owned(), ran.stderr.clone())];
    files(ran.dir.path(), &mut texts);
    for (place, text) in texts {
        assert!(!text.contains("-Zq8"), "{place}: {text}");
    }
}

fn files(dir: &Path, texts: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, texts);
        } else {
            texts.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
}

fn program() -> Program {
    Program::new().env("RUST_LOG", "trace").env("ANTHROPIC_API_KEY", ENV_KEY).env("HF_TOKEN", OTHER_KEY)
}

fn job(server: &Server, remote: Value) -> Value {
    let local_url = format!("{}/v1", server.url().replace("http://", &format!("http://user:{URL_KEY}@")));
    json!({
        "local_client": {"type": "openai", "model_name": "worker", "kwargs": {"base_url": local_url, "api_key": JOB_KEY, "retries": 1}},
        "remote_client": remote,
        "call_params": {"task": "Who signed?", "context": ["Ada."], "max_rounds": 1},
    })
}

fn openai_remote(server: &Server) -> Value {
    json!({"type": "openai", "model_name": "supervisor", "kwargs": {"base_url": format!("{}/v1", server.url()), "api_key": JOB_KEY, "retries": 1}})
}

#[test]
fn a_run_that_succeeds_shows_no_key_even_if_the_models_repeat_them() {
    let said = format!("the key is {JOB_KEY}, the others {ENV_KEY} and {OTHER_KEY} and {URL_KEY}");
    let ask = json!({"reasoning": said, "message": said}).to_string();
    let answer =
        json!({"reasoning": said, "decision": "provide_final_answer", "message": null, "answer": said})
            .to_string();
    let echo = said.clone();
    let server = scripted(vec![ask, answer], move |request| openai(request, &echo));
    let ran = program().run_job(&job(&server, openai_remote(&server)));
    assert!(ran.result()["final_answer"].as_str().unwrap().starts_with("the key is [redacted]"));
    assert_clean(&ran);
    // The servers did get them.
    assert!(
        server.requests().iter().any(|r| r.header("authorization") == Some(&format!("Bearer {JOB_KEY}")))
    );
}

#[test]
fn a_run_that_fails_shows_no_key_even_if_the_server_echoes_it() {
    let echoes: [fn(&str) -> Reply; 4] = [
        |key| Reply::error(401, &json!({"error": {"message": format!("Incorrect API key provided: {key}")}})),
        |key| Reply::text(500, &format!("Authorization: Bearer {key}")),
        |key| Reply::text(302, "moved").header("location", &format!("http://127.0.0.1:9/?key={key}")),
        |key| {
            Reply::stream(
                "text/event-stream",
                [format!("data: {{\"error\": {{\"message\": \"bad key {key}\"}}}}\n\n")],
            )
        },
    ];
    for echo in echoes {
        let server = Server::start(move |request| {
            let key = request.header("x-api-key").or(request.header("authorization")).unwrap_or_default();
            echo(key.trim_start_matches("Bearer "))
        });
        for remote in [
            openai_remote(&server),
            json!({"type": "anthropic", "kwargs": {"base_url": server.url(), "retries": 1}}),
        ] {
            let ran = program().run_job(&job(&server, remote));
            ran.error(1);
            assert_clean(&ran);
        }
    }
}

#[test]
fn a_quote_that_is_cut_within_a_key_shows_none_of_it() {
    for before in (280..300).step_by(3) {
        let said = format!("{} {JOB_KEY} is bad", "y".repeat(before));
        let server = scripted(vec![said; 8], |request| openai(request, "Ada"));
        let ran = program().run_job(&job(&server, openai_remote(&server)));
        let error = ran.error(1);
        let beginning = &JOB_KEY[..8];
        assert!(error.contains("it wrote: yyy") && !error.contains(beginning), "{before}: {error}");
        assert!(!ran.stderr.contains(beginning), "{before}: {}", ran.stderr);
    }
}

#[test]
fn the_environments_key_goes_to_its_provider_alone() {
    let server = Server::start(|request| match request.path.as_str() {
        "/v1/messages" => anthropic_text("no JSON"),
        _ => Reply::text(404, "not found"),
    });
    let ran =
        program().run_job(&job(&server, json!({"type": "anthropic", "kwargs": {"base_url": server.url()}})));
    assert!(ran.error(1).contains("no JSON"));
    assert_clean(&ran);
    for request in server.requests() {
        assert_eq!(request.header("x-api-key").is_some(), request.path == "/v1/messages");
    }
}

#[test]
fn unreadable_jobs_show_no_key() {
    for job in [
        format!("{{\"remote_client\": {{\"kwargs\": {{\"api_key\": \"{JOB_KEY}\"}}}}, oops"),
        json!({"remote_client": {"kwargs": {"api_key": [JOB_KEY]}}, "call_params": {"task": "x"}})
            .to_string(),
        json!({"remote_client": {"api_key": JOB_KEY}, "call_params": {"task": "x"}}).to_string(),
    ] {
        let ran = program().run(job);
        ran.error(2);
        assert_clean(&ran);
    }
}

#[test]
fn a_key_shows_in_no_form_that_a_server_or_a_cut_gives_it() {
    const KEY: &str = "sk-Zq8/x-Zq8+y-Zq8_w";
    let base64 = "c2stWnE4L3gtWnE4K3ktWnE4X3c";
    let echoes = [
        format!("{{\"error\": {{\"message\": \"bad key {}\" ", KEY.replace('/', "\\/")),
        format!("bad key {}", KEY.replace('/', "\\u002F").replace('+', "\\u002b")),
        format!("bad key in ?key={}", KEY.replace('/', "%2F").replace('+', "%2b")),
        format!("you sent Basic {base64}="),
        format!("{}{KEY} is bad", "y".repeat(495)),
    ];
    for echo in echoes {
        for status in [401, 200] {
            let said = echo.clone();
            let server = Server::start(move |request| match status {
                200 => openai(request, &said),
                status => Reply::text(status, &said),
            });
            let mut job = job(&server, openai_remote(&server));
            job["remote_client"]["kwargs"]["api_key"] = json!(KEY);
            job["remote_client"]["kwargs"]["retries"] = json!(0);
            let ran = program().run_job(&job);
            let error = ran.error(1);
            let shown = [&ran.stdout, &ran.stderr]
                .into_iter()
                .any(|text| text.contains("Zq8") || text.contains("WnE4") || text.contains(base64));
            assert!(!shown, "{echo}\n{error}");
        }
    }
}

#[test]
fn no_name_of_a_log_has_a_key() {
    let server = Server::start(|_| Reply::text(500, "down"));
    for params in [json!({"logging_id": JOB_KEY}), json!({"task": format!("What is {JOB_KEY}?")})] {
        let mut job = job(&server, openai_remote(&server));
        for (name, value) in params.as_object().unwrap() {
            job["call_params"][name] = value.clone();
        }
        let ran = program().run_job(&job);
        ran.error(1);
        let mut texts = Vec::new();
        files(ran.dir.path(), &mut texts);
        assert!(!texts.is_empty());
        for (place, _) in texts {
            assert!(!place.to_lowercase().contains("zq8"), "{place}");
        }
        assert_clean(&ran);
    }
}

#[test]
fn a_short_password_that_a_proxy_says_again_is_not_shown() {
    for (kind, said) in
        [("ollama", "is no Ollama server"), ("docker_model_runner", "is no Docker Model Runner")]
    {
        let proxy = Server::start(|request| {
            let got = request.header("authorization").unwrap_or_default();
            Reply::error(403, &json!({"error": format!("al:pw7 ({got}) may not; pw7 is wrong")}))
        });
        let url = proxy.url().replace("http://", "http://al:pw7@");
        let job = json!({
            "local_client": {
                "type": kind, "model_name": "worker", "kwargs": {"base_url": url},
            },
            "remote_client": openai_remote(&proxy),
            "call_params": {"task": "Who signed?", "context": ["Signed by Ada."]},
        });
        let ran = Program::new().env("PATH", "/nowhere").run_job(&job);
        for text in [&ran.stdout, &ran.stderr] {
            assert!(!text.contains("pw7") && !text.contains("YWw6cHc3"), "{kind}: {text}");
        }
        let error = ran.error(1);
        let is_said = error.contains(said) || error.contains("refuses this host name");
        assert!(is_said && error.contains("may not; *** is wrong"), "{kind}: {error}");
    }
}
