//! The table of providers from outside: over the wire, in a job, in its listing.

use minions::chat::providers::{Key, PROVIDERS, Source};
use minions::chat::{ChatSettings, Generation};
use serde_json::{Value, json};

use crate::support::chat::{KEY, client, json_question, settings};
use crate::support::program::{Program, job, scripted};
use crate::support::server::{Reply, Server};
use crate::support::wire;

#[tokio::test]
async fn every_row_talks_to_a_server_of_its_dialect() {
    for row in PROVIDERS {
        let Some(dialect) = row.dialect else { continue };
        let server = Server::start(|request| match request.path.rsplit('/').next() {
            Some("messages") => wire::anthropic_sse(r#"{"answer": "x"}"#),
            Some("chat") => wire::ollama_ndjson(r#"{"answer": "x"}"#),
            _ => wire::openai(request, r#"{"answer": "x"}"#),
        });
        let settings = ChatSettings {
            model: "m".into(),
            generation: Generation { seed: Some(7), ..Generation::default() },
            ..settings(row.name, &server.url())
        };
        let reply = client(row.name, settings).chat(&json_question("?")).await.unwrap();
        assert_eq!(reply.text, r#"{"answer": "x"}"#, "{}", row.name);
        let [request] = &server.requests()[..] else { panic!("{}: one request", row.name) };
        assert_eq!(request.path, format!("{}{}", row.root, dialect.path()), "{}", row.name);
        let key = match row.key {
            Key::Header(name) => request.header(name).unwrap().to_owned(),
            Key::Bearer | Key::Optional => request.header("authorization").unwrap().replace("Bearer ", ""),
        };
        assert_eq!(key, KEY, "{}", row.name);
        if let (Some(seed), "openai") = (row.abilities.seed, dialect.name()) {
            assert_eq!(request.json()[seed], 7, "{}", row.name);
        }
    }
}

#[test]
fn a_job_names_what_only_its_user_knows() {
    let ask = json!({"reasoning": "r", "message": "Who?"}).to_string();
    let answer =
        json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"});
    let server = scripted(vec![ask, answer.to_string()], |request| wire::openai(request, "Ada"));
    let mut job = job(&server, "minion", json!({"task": "Who signed?", "context": ["Ada."]}));
    job["remote_client"] = json!({
        "type": "azure_openai", "model_name": "gpt-4o",
        "kwargs": {"endpoint": server.url(), "deployment": "supervisor", "api_version": "2024-10-21"},
    });
    Program::new().run_job(&job).result();
    let path = "/openai/deployments/supervisor/chat/completions?api-version=2024-10-21";
    assert_eq!(server.requests().iter().filter(|request| request.path == path).count(), 2);

    job["remote_client"] = json!({"type": "azure_openai", "kwargs": {"api_key": "sk-test-0123456789"}});
    let error = Program::new().run_job(&job).error(2);
    assert!(error.contains("no azure_endpoint") && error.contains("AZURE_OPENAI_ENDPOINT"), "{error}");
}

/// As Docker Compose sets them by docker/compose.models.yaml.
#[test]
fn docker_model_runner_has_address_and_model_from_the_environment() {
    let overlay = include_str!("../../docker/compose.models.yaml");
    assert!(
        overlay.contains("endpoint_var: MODEL_RUNNER_HOST")
            && overlay.contains("model_var: MODEL_RUNNER_MODEL")
    );
    let runner = Server::start(|request| match &*request.path {
        "/engines/status" => Reply::json(&json!({"llama.cpp": "Running: llama.cpp b9879"})),
        "/engines/_configure" => Reply::text(202, ""),
        path if path.starts_with("/models/") => Reply::json(&json!({"config": {}})),
        _ => wire::openai(request, "Ada"),
    });
    for (local, model) in [
        (json!(null), "ai/chosen"),
        (json!({"type": "docker_model_runner", "model_name": "ai/own"}), "ai/own"),
    ] {
        let decided =
            json!({"reasoning": "r", "message": "Who?", "decision": "provide_final_answer", "answer": "Ada"});
        let supervisor = scripted(vec![decided.to_string(); 2], |_| Reply::text(500, "not the worker's"));
        let mut job = job(&supervisor, "minion", json!({"task": "Who signed?", "context": ["Ada."]}));
        job["local_client"] = local;
        let ran = Program::new()
            .env("MODEL_RUNNER_HOST", &format!("{}/v1/", runner.url()))
            .env("MODEL_RUNNER_MODEL", "ai/chosen")
            .run_job(&job);
        assert_eq!(ran.result()["final_answer"], "Ada");
        let asked = runner.requests().into_iter().filter(|request| request.prompt().contains("Who?"));
        let asked: Vec<_> =
            asked.map(|request| (request.path.clone(), request.json()["model"].clone())).collect();
        assert_eq!(asked.last(), Some(&("/engines/v1/chat/completions".to_owned(), json!(model))));
    }
}

#[test]
fn the_table_is_shown() {
    const KEY: &str = "sk-of-openai-12345678";
    let program = || {
        let program = Program::new().env("OPENAI_API_KEY", KEY).env("ANTHROPIC_AUTH_TOKEN", "tok-12345678");
        program.env("GROQ_API_KEY", "two words-12345678").env("GOOGLE_API_KEY", "\"key-of-google\"")
    };
    let shown = program().args(["providers"]).run("");
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    let listed = program().args(["providers", "--json"]).run("");
    let rows: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(rows.len(), PROVIDERS.len());
    assert!(shown.stdout.lines().all(|line| line.chars().count() <= 100), "{}", shown.stdout);
    for text in [&shown.stdout, &listed.stdout] {
        for key in [KEY, "tok-12345678", "words", "key-of-google"] {
            assert!(!text.contains(key), "{text}");
        }
    }
    for (row, provider) in rows.iter().zip(PROVIDERS) {
        let is_checked = matches!(provider.source, Source::All(_));
        assert!(!provider.source.document().is_empty(), "{}", provider.name);
        assert_eq!(
            (&row["name"], &row["checked"], &row["parameters_checked"], &row["base_url"]),
            (
                &json!(provider.name),
                &json!(provider.source.document()),
                &json!(is_checked),
                &json!(provider.base_url)
            )
        );
        let line = shown.stdout.lines().find(|line| line.split_whitespace().next() == Some(provider.name));
        let line = line.unwrap_or_else(|| panic!("{} is missing in {}", provider.name, shown.stdout));
        assert!(line.contains(provider.model), "{line}");
        let (key, is_set) = match provider.name {
            "openai" | "cloudflare" => ("OPENAI_API_KEY", json!("yes")),
            "anthropic" => ("ANTHROPIC_AUTH_TOKEN", json!("yes")),
            "gemini" => ("GOOGLE_API_KEY", json!("yes")),
            "groq" => ("GROQ_API_KEY", json!("bad")),
            _ if provider.local => ("", Value::Null),
            _ => (provider.key_env[0], json!("no")),
        };
        assert_eq!(row["key_set"], is_set, "{}", provider.name);
        let words: Vec<_> = line.split_whitespace().collect();
        if let Some(is_set) = is_set.as_str() {
            assert!(words.windows(2).any(|pair| pair == [key, is_set]), "{line}");
        }
    }
}

#[test]
fn the_page_on_clients_lists_every_row() {
    let page = include_str!("../../docs/providers.md");
    for row in PROVIDERS {
        let line = page.lines().find(|line| line.starts_with(&format!("| `{}` |", row.name)));
        let line = line.unwrap_or_else(|| panic!("docs/providers.md does not list {}", row.name));
        for word in row.base_url_env.iter().chain(row.key_env) {
            assert!(line.contains(&format!("`{word}`")), "{word} is missing in docs/providers.md: {line}");
        }
    }
}
