//! `minions doctor` and `minions models`: what they find on machines of several kinds.

use std::fs;

use minions::chat::providers::PROVIDERS;
use serde_json::{Value, json};

use crate::support::program::{Program, Ran};
use crate::support::server::{Reply, Request, Server};

const KEY: &str = "sk-test-0123456789";

/// A program whose model servers are all at an address where nothing answers, but for those that `variables` name.
fn program(variables: &[(&str, &str)]) -> Program {
    let home = |program: Program| {
        let path = program.dir.path().display().to_string();
        program.env("HOME", &path)
    };
    let mut program =
        home(Program::new()).env("DOCKER_HOST", "unix:///nowhere/docker.sock").env("PATH", "/usr/bin:/bin");
    for provider in PROVIDERS.iter().filter(|provider| provider.local && provider.dialect.is_some()) {
        let name = provider.base_url_names().swap_remove(0);
        // A port of its own for each, so that none is taken for another.
        let address = format!("http://127.0.0.1:{}", provider.name.len());
        if variables.iter().all(|(variable, _)| *variable != name) {
            program = program.env(&name, &address);
        }
    }
    variables.iter().fold(program, |program, (name, value)| program.env(name, value))
}

fn ollama(models: &'static [&str]) -> Server {
    Server::start(move |request: &Request| match request.path.as_str() {
        "/api/version" => Reply::json(&json!({"version": "0.32.0"})),
        "/api/tags" => {
            let models = models.iter().map(|name| json!({"name": name, "size": 92_000_000}));
            Reply::json(&json!({"models": models.collect::<Vec<_>>()}))
        }
        "/api/show" => Reply::json(&json!({"model_info": {
            "general.architecture": "llama", "llama.block_count": 30, "llama.embedding_length": 576,
            "llama.attention.head_count": 9, "llama.attention.head_count_kv": 3, "llama.vocab_size": 49152,
        }})),
        _ => Reply::text(404, "404 page not found"),
    })
}

fn facts(program: Program) -> (Option<i32>, Value) {
    let ran = program.args(["doctor", "--json"]).run("");
    let facts = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout));
    (ran.code, facts)
}

fn text(ran: &Ran) -> &str {
    assert!(ran.stderr.is_empty(), "{}", ran.stderr);
    let is_command = |line: &str| line.trim_start().starts_with('→') || line.starts_with("  ");
    for line in ran.stdout.lines().filter(|line| !is_command(line)) {
        assert!(line.chars().count() <= 100, "{line}");
    }
    &ran.stdout
}

#[test]
fn a_bare_machine_lacks_both_sides_and_is_told_how_to_get_them() {
    let (code, facts) = facts(program(&[]));
    assert_eq!((code, &facts["ready"]), (Some(1), &json!(false)));
    assert_eq!(facts["worker"]["state"], "missing");
    assert_eq!(facts["supervisor"]["state"], "missing");
    assert_eq!(facts["supervisor"]["remedy"], "export OPENAI_API_KEY=...");
    assert!(facts["servers"].as_array().unwrap().iter().all(|server| server["answers"] == false), "{facts}");
    assert_eq!((&facts["keys"], &facts["docker"]["ok"]), (&json!([]), &Value::Null));
    let next = facts["next"].as_array().unwrap();
    assert_eq!(next[next.len() - 2], "export OPENAI_API_KEY=...");
    assert!(next.last().unwrap().as_str().unwrap().starts_with("minions ask "), "{next:?}");
    let ran = program(&[]).args(["doctor"]).run("");
    let text = text(&ran);
    for words in [
        "✗ worker",
        "✗ supervisor",
        "OPENAI_API_KEY is not set",
        "· keys         none is set",
        "To a first answer:",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert_eq!(ran.code, Some(1));
}

#[test]
fn each_remedy_begins_with_a_program_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let empty = tempfile::NamedTempFile::new().unwrap();
    let empty = empty.path().display().to_string();
    let broken = |program: Program| {
        fs::write(program.dir.path().join("minions.toml"), "locl = 'x'").unwrap();
        program
    };
    let server = ollama(&["other:latest"]);
    for program in [
        program(&[]),
        broken(program(&[])),
        program(&[("SSL_CERT_FILE", &empty), ("SSL_CERT_DIR", folder.path().to_str().unwrap())]),
        program(&[("HTTPS_PROXY", "ftp://proxy"), ("OPENAI_API_KEY", "two words")]),
        program(&[("MINIONS_LOCAL", "llama_cpp/none.gguf"), ("MINIONS_REMOTE", "groq")]),
        program(&[("MINIONS_LOCAL", "vllm/m"), ("MINIONS_REMOTE", "cloudflare"), ("OPENAI_API_KEY", KEY)]),
        program(&[("MINIONS_LOCAL", "opnai/x")]),
        program(&[("OLLAMA_HOST", &server.url()), ("OPENAI_API_KEY", KEY)]),
        program(&[("MINIONS_LOCAL", "lm_studio/m"), ("LM_STUDIO_BASE_URL", &server.url())]),
        program(&[("MINIONS_LOCAL", "docker_model_runner")]),
    ] {
        let (_, facts) = facts(program);
        let mut remedies: Vec<String> =
            facts["next"].as_array().unwrap().iter().map(|step| step.as_str().unwrap().to_owned()).collect();
        let mut all = vec![&facts];
        while let Some(value) = all.pop() {
            match value {
                Value::Object(fields) => {
                    remedies.extend(fields.get("remedy").and_then(Value::as_str).map(str::to_owned));
                    // What is missing has a remedy.
                    let is_bad = fields.get("ok") == Some(&json!(false))
                        || fields.get("state") == Some(&json!("missing"));
                    assert!(!is_bad || fields["remedy"].is_string(), "{value}");
                    all.extend(fields.values());
                }
                Value::Array(items) => all.extend(items),
                _ => {}
            }
        }
        for remedy in remedies {
            let first = remedy.split_whitespace().next().unwrap();
            let is_there = ["export", "unset", "minions"].contains(&first)
                || ["/usr/bin", "/bin"]
                    .iter()
                    .any(|folder| std::path::Path::new(folder).join(first).exists());
            assert!(is_there, "{remedy}");
        }
    }
}

#[test]
fn a_model_that_can_not_be_read_hides_nothing_else_that_is_missing() {
    let (code, facts) = facts(program(&[("MINIONS_LOCAL", "opnai/x")]));
    assert_eq!((code, &facts["worker"]["model"]), (Some(1), &json!("ollama/llama3.2")));
    let next: Vec<_> = facts["next"].as_array().unwrap().iter().map(|step| step.as_str().unwrap()).collect();
    assert_eq!(next[0], "unset MINIONS_LOCAL", "{next:?}");
    assert!(next.contains(&"export OPENAI_API_KEY=...") && next.len() == 4, "{next:?}");
}

#[test]
fn a_docker_engine_that_is_missing_is_told_where_its_runner_is_wanted() {
    let (_, facts) = facts(program(&[("MINIONS_LOCAL", "docker_model_runner"), ("OPENAI_API_KEY", KEY)]));
    let words = facts["worker"]["words"].as_str().unwrap();
    assert!(words.contains("no socket at /nowhere/docker.sock"), "{words}");
    // The plugin would want an engine, too.
    assert!(!facts["worker"]["remedy"].as_str().unwrap().contains("docker model"), "{}", facts["worker"]);
}

#[test]
fn what_does_not_fit_is_no_fault_where_a_daemon_of_others_decides() {
    let server = Server::start(|request: &Request| match request.path.as_str() {
        "/api/version" => Reply::json(&json!({"version": "0.32.0"})),
        "/api/tags" => Reply::json(&json!({"models": [{"name": "big:70b", "size": 90_000_000_000_000_u64}]})),
        "/api/show" => Reply::json(&json!({"model_info": {
            "general.architecture": "llama", "llama.block_count": 80, "llama.embedding_length": 8192,
            "llama.attention.head_count": 64, "llama.attention.head_count_kv": 8, "llama.vocab_size": 49152,
        }})),
        _ => Reply::text(404, "404 page not found"),
    });
    let url = server.url();
    let sides = [("OLLAMA_HOST", &*url), ("MINIONS_LOCAL", "ollama/big:70b"), ("OPENAI_API_KEY", KEY)];
    let (code, facts) = facts(program(&sides));
    assert_eq!((code, &facts["window"]["ok"]), (Some(0), &Value::Null), "{}", facts["window"]);
    let words = facts["window"]["words"].as_str().unwrap();
    assert!(words.starts_with("big:70b does not fit") && words.contains("not started by minions"), "{words}");
}

#[test]
fn a_job_could_run_with_ollama_and_a_key_and_no_key_is_shown() {
    let server = ollama(&["llama3.2:latest", "nomic-embed-text:latest"]);
    let url = server.url();
    let variables =
        [("OLLAMA_HOST", &*url), ("OPENAI_API_KEY", KEY), ("GROQ_API_KEY", "gsk_other 0123456789")];
    let (code, facts) = facts(program(&variables));
    assert_eq!((code, &facts["ready"]), (Some(0), &json!(true)), "{facts:#}");
    let side = |side: &str| facts[side]["state"].clone();
    assert_eq!((side("worker"), side("supervisor")), (json!("ready"), json!("ready")));
    let seen = facts["servers"].as_array().unwrap().iter().find(|server| server["answers"] == true).unwrap();
    assert_eq!((&seen["types"], &seen["version"]), (&json!(["ollama"]), &json!("0.32.0")));
    assert_eq!(seen["models"], json!(["llama3.2:latest", "nomic-embed-text:latest"]));
    assert!(
        facts["window"]["words"].as_str().unwrap().starts_with("llama3.2:latest: "),
        "{}",
        facts["window"]
    );
    assert_eq!(facts["next"], json!(["minions ask \"What is this about?\" report.pdf"]));
    let ran = program(&variables).args(["doctor"]).run("");
    let text = text(&ran);
    assert!(text.contains("GROQ_API_KEY has white space in it (groq)"), "{text}");
    for secret in [KEY, "gsk_other", "0123456789"] {
        assert!(!text.contains(secret) && !facts.to_string().contains(secret), "{secret}");
    }
    // Nothing was fetched, loaded or asked of a model.
    assert!(
        server
            .requests()
            .iter()
            .all(|request| ["/api/version", "/api/tags", "/api/show"].contains(&&*request.path))
    );
}

#[test]
fn what_is_there_is_named_where_the_usual_models_are_not() {
    let server = ollama(&["qwen3:4b"]);
    let (code, facts) = facts(program(&[("OLLAMA_HOST", &server.url()), ("ANTHROPIC_API_KEY", KEY)]));
    assert_eq!((code, &facts["worker"]["state"]), (Some(1), &json!("fetched")));
    assert_eq!(facts["next"][0], "export MINIONS_REMOTE=anthropic/claude-sonnet-5-5");
    // A server of OpenAI's dialect says who it is.
    let vllm = Server::start(|request| match request.path.as_str() {
        "/v1/models" => Reply::json(&json!({"data": [{"id": "org/m", "owned_by": "vllm"}]})),
        _ => Reply::text(404, "{}"),
    });
    let variables = [("VLLM_BASE_URL", vllm.url()), ("LEMONADE_BASE_URL", vllm.url())];
    let variables: Vec<_> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (_, facts) = self::facts(program(&variables));
    assert_eq!(facts["next"][0], "export MINIONS_LOCAL=vllm/org/m", "{facts:#}");
    // Who reads the documents is told.
    for worker in ["groq", "ollama/gpt-oss:120b-cloud"] {
        let (_, facts) = self::facts(program(&[("MINIONS_LOCAL", worker), ("GROQ_API_KEY", KEY)]));
        assert!(
            facts["worker"]["words"].as_str().unwrap().contains("which leave this machine"),
            "{}",
            facts["worker"]
        );
        assert!(
            !facts["supervisor"]["words"].as_str().unwrap().contains("documents"),
            "{}",
            facts["supervisor"]
        );
    }
    // A web server is none.
    let page = Server::start(|_| Reply::text(200, "<html>"));
    let (_, facts) = self::facts(program(&[("LLAMA_SERVER_BASE_URL", &page.url())]));
    let seen =
        facts["servers"].as_array().unwrap().iter().find(|server| server["problem"].is_string()).unwrap();
    assert!(seen["problem"].as_str().unwrap().contains("no list of models"), "{seen}");
}

/// A server of OpenAI's dialect that lists these models.
fn listing(names: &'static [&str]) -> Server {
    let models: Vec<_> =
        names.iter().map(|name| json!({"id": name, "object": "model", "owned_by": "vllm"})).collect();
    let list = json!({"object": "list", "data": models});
    Server::start(move |request: &Request| match request.path.as_str() {
        "/v1/models" => Reply::json(&list),
        _ => Reply::text(404, "not found"),
    })
}

#[test]
fn a_remedy_is_for_the_side_that_lacks_something() {
    let server = listing(&["org/m"]);
    let base = format!("{}/v1", server.url());
    for variables in [
        &[("VLLM_BASE_URL", &*base), ("MINIONS_REMOTE", "vllm/other")][..],
        &[("OPENAI_BASE_URL", &base), ("OPENAI_API_KEY", KEY), ("MINIONS_REMOTE", "openai/gpt-4o")],
        &[("OPENAI_BASE_URL", &base), ("OPENAI_API_KEY", "two words")],
        &[("MINIONS_REMOTE", "llama_cpp/none.gguf")],
        &[("MINIONS_REMOTE", "lm_studio/none")],
        &[("MINIONS_REMOTE", "ollama/none")],
        &[
            ("LM_STUDIO_BASE_URL", &base),
            ("MINIONS_REMOTE", "lm_studio/none"),
            ("MINIONS_LOCAL", "lm_studio/none"),
        ],
        &[("MINIONS_LOCAL", "lm_studio/none")],
    ] {
        let (_, facts) = facts(program(variables));
        let remedy = |side: &str| facts[side]["remedy"].as_str().unwrap_or_default().to_owned();
        assert!(!remedy("supervisor").contains("MINIONS_LOCAL"), "{facts:#}");
        assert!(!remedy("worker").contains("MINIONS_REMOTE"), "{facts:#}");
        for (name, value) in variables {
            let again = format!("export {name}={value}");
            assert!(facts["next"].as_array().unwrap().iter().all(|step| step != &again), "{facts:#}");
        }
        if variables.contains(&("MINIONS_LOCAL", "lm_studio/none")) {
            let way = remedy("worker");
            assert!(way.contains("export MINIONS_LOCAL=") && !way.ends_with("lm_studio/none"), "{way}");
        }
    }
}

#[test]
fn a_model_that_no_list_has_may_be_there() {
    let server = listing(&["org/m"]);
    let base = format!("{}/v1", server.url());
    let sides = [("VLLM_BASE_URL", &*base), ("MINIONS_LOCAL", "vllm/alias"), ("OPENAI_API_KEY", KEY)];
    let (code, facts) = facts(program(&sides));
    assert_eq!((code, &facts["worker"]["state"]), (Some(0), &json!("unlisted")), "{facts:#}");
    assert_eq!(facts["worker"]["remedy"], "export MINIONS_LOCAL=vllm/org/m");
}

#[test]
fn what_a_server_calls_its_models_does_nothing_to_terminals_and_shells() {
    let server = listing(&["ev\u{1b}]0;pwned\u{7}il", "$(touch pwned) m"]);
    let base = format!("{}/v1", server.url());
    let sides = [("VLLM_BASE_URL", &*base), ("MINIONS_LOCAL", "vllm/alias")];
    for command in ["doctor", "models"] {
        let ran = program(&sides).args([command]).run("");
        assert!(!ran.stdout.contains(['\u{1b}', '\u{7}']), "{}", ran.stdout);
    }
    let (_, facts) = facts(program(&sides));
    assert_eq!(facts["worker"]["remedy"], "export MINIONS_LOCAL='vllm/$(touch pwned) m'");
}

#[test]
fn the_usual_models_are_listed() {
    let asked = || program(&[("OPENAI_API_KEY", KEY), ("MINIONS_REMOTE", "openai/gpt-9.9")]);
    let text = asked().args(["models"]).run("").stdout;
    let line = text.lines().find(|line| line.contains("openai/gpt-9.9"));
    assert!(line.is_some_and(|line| line.contains("supervisor")), "{text}");
    let ran = program(&[("MINIONS_REMOTE", "opnai/x")]).args(["models"]).run("");
    assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("did you mean openai?"), "{}", ran.stderr);
}

#[test]
fn a_settings_file_that_can_not_be_used_is_told_with_its_line() {
    let asked = program(&[("OPENAI_API_KEY", KEY)]);
    fs::write(asked.dir.path().join("minions.toml"), "remote = 'openai/gpt-4o'\nlocal = 'groq'").unwrap();
    let (code, facts) = facts(asked);
    assert_eq!(code, Some(1));
    let problem = facts["settings"][0]["words"].as_str().unwrap();
    assert!(problem.contains("minions.toml:2: `local` can't be `groq/"), "{problem}");
    assert!(facts["settings"][0]["remedy"].as_str().unwrap().ends_with("minions.toml"));
}

#[test]
fn models_are_those_of_servers_files_and_vendors_with_keys() {
    let server = ollama(&["llama3.2:latest", "qwen3:4b"]);
    let url = server.url();
    let asked = || {
        let asked = program(&[("OLLAMA_HOST", &url), ("OPENAI_API_KEY", KEY)]);
        fs::create_dir(asked.dir.path().join("models")).unwrap();
        fs::write(asked.dir.path().join("models/small.gguf"), "GGUF").unwrap();
        let own = asked.dir.path().join(".config/minions");
        fs::create_dir_all(&own).unwrap();
        fs::write(own.join("minions.toml"), "[prices.'openai/gpt-9']\ninput = 1\noutput = 2").unwrap();
        asked
    };
    let ran = asked().args(["models", "--json"]).run("");
    let models: Value = serde_json::from_str(&ran.stdout).unwrap();
    let of = |name: &str| models.as_array().unwrap().iter().find(|model| model["name"] == name).cloned();
    let worker = of("ollama/llama3.2:latest").unwrap();
    assert_eq!(
        (&worker["usual"], &worker["bytes"], &worker["local"]),
        (&json!(["worker"]), &json!(92_000_000), &json!(true))
    );
    assert_eq!(of("ollama/qwen3:4b").unwrap()["usual"], json!([]));
    assert!(of("llama_cpp/models/small.gguf").is_some());
    let supervisor = of("openai/gpt-4o").unwrap();
    assert_eq!(supervisor["usual"], json!(["supervisor"]));
    assert!(supervisor["price_source"].as_str().unwrap().starts_with("https://"));
    assert!(
        models
            .as_array()
            .unwrap()
            .iter()
            .all(|model| !model["name"].as_str().unwrap().starts_with("anthropic/"))
    );
    let ran = asked().args(["models"]).run("");
    assert!(text(&ran).lines().next().unwrap().starts_with("model"), "{}", ran.stdout);
    assert!(!ran.stdout.contains(KEY));
    let none = program(&[]).args(["models"]).run("");
    assert!(none.stdout.contains("`minions doctor` says what is missing"), "{}", none.stdout);
}
