//! The routes of the original's HTTP servers, with its bodies and its variables.

use serde_json::{Value, json};

use super::JSON;
use super::clients::{KEY, PROGRAM, answer, ask, form, serving, serving_with};
use crate::support::pdf::{self, Writer};
use crate::support::program::{chats, scripted};
use crate::support::server::Server;
use crate::support::wire::openai;

fn models(script: &[String]) -> Server {
    scripted(script.to_vec(), |request| {
        openai(request, r#"{"explanation": "it says so", "citation": "Signed by Ada", "answer": "Ada"}"#)
    })
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn its_bodies_get_its_answers() {
    let server = models(&[ask("Who?"), answer("Ada"), PROGRAM.to_owned(), answer("Ada"), answer("Ada")]);
    let serving = serving(&server, &[]);
    let run = json!({"query": "Who signed?", "context": ["Signed by Ada."], "max_rounds": 2, "logging_id": "one",
                     "is_privacy": false, "images": null});
    let run = serving.post("/run", &run).with(200);
    assert_eq!(keys(&run), ["success", "final_answer", "log_file", "usage", "timing"]);
    assert_eq!((&run["success"], &run["final_answer"]), (&json!(true), &json!("Ada")));
    // The name is the caller's; the run's id keeps it from another one's log.
    assert!(run["log_file"].as_str().unwrap().contains("/one_minion-run-"), "{run}");
    assert!(
        run["usage"]["remote"]["total_tokens"].is_u64() && run["usage"]["local"]["total_tokens"].is_u64()
    );

    let task = json!({"task": "Who signed?", "doc_metadata": "A deed.", "context": ["Signed by Ada."], "mcp_tools_info": null,
                      "max_rounds": 1, "chunk_fn": "chunk_by_page"});
    let minions = serving.post("/minions", &task).with(200);
    let used = &minions["parameters_used"];
    assert_eq!((&used["max_rounds"], &used["chunk_fn"]), (&json!(1), &json!("chunk_by_page")));
    assert!(minions["execution_time"].is_f64(), "{minions}");
    let told = chats(&server, "supervisor").iter().map(ToString::to_string).collect::<String>();
    assert!(told.contains("chunk_by_page") && told.contains("A deed."), "the overrides reach the supervisor");

    let alone = serving.post("/remote-only", &task).with(200);
    assert_eq!((&alone["usage"]["local"], &alone["final_answer"]), (&Value::Null, &json!("Ada")));
    assert!(
        chats(&server, "supervisor")[4].to_string().contains("Signed by Ada."),
        "it is sent the documents"
    );
}

#[test]
fn its_errors_have_its_shape() {
    let server = models(&[]);
    let serving = serving(&server, &[]);
    for (path, body, complaint) in [
        ("/run", json!({"context": []}), "'query' is required"),
        ("/run", json!({"query": "Who?", "context": "x"}), "'context' must be a list"),
        ("/run", json!({"query": "Who?", "is_privacy": true}), "is_privacy"),
        ("/run", json!({"query": "Who?", "chunk_fn": "chunk_by_page"}), "'chunk_fn' is for /minions"),
        ("/minions", json!({"task": "Who?", "file_ids": []}), "'context' must hold"),
        ("/minions", json!({"task": "Who?"}), "'context' must hold"),
        ("/minions", json!({"task": "Who?", "context": ["x"], "colour": 1}), "no parameter 'colour'"),
        ("/remote-only", json!([]), "must be a JSON object"),
    ] {
        let refused = serving.post(path, &body).with(400);
        assert!(refused["error"].is_string(), "{refused}");
        assert!(refused["message"].as_str().unwrap().contains(complaint), "{refused}");
    }
    let failed = serving.post("/run", &json!({"query": "Who signed?"}));
    assert_eq!((failed.status, failed.header("x-should-retry")), (500, Some("false")));
    assert!(failed.json()["message"].as_str().unwrap().contains("the script is over"), "{}", failed.text());
    let not_json = serving.ask("POST", "/run", "Content-Type: text/plain\r\n", "{}");
    assert!(not_json.with(400)["error"].is_string());
}

#[test]
fn a_pdf_becomes_its_text() {
    let serving = serving(&models(&[]), &[]);
    let deed = Writer::of(&[pdf::lines(50.0, 600.0, &["Signed by Ada"])]).bytes();
    let read = serving.form("/upload-pdf", "pdf", "deed.pdf", &deed).with(200);
    assert_eq!(keys(&read), ["success", "filename", "pages", "characters", "text"]);
    let text = read["text"].as_str().unwrap();
    assert!(text.contains("Signed by Ada"), "{read}");
    assert_eq!((&read["filename"], &read["pages"]), (&json!("deed.pdf"), &json!(1)));
    assert_eq!(read["characters"], text.chars().count());

    let too_large =
        serving.form("/upload-pdf", "pdf", "a.pdf", &vec![b' '; (10 << 20) + (1 << 17)]).with(400);
    assert!(too_large["message"].as_str().unwrap().contains("10 MB"), "{too_large}");
    for (name, problem) in [("a.pdf", "is no PDF file"), ("a.txt", "no PDF")] {
        let no_pdf = serving.form("/upload-pdf", "pdf", name, b"text").with(400);
        assert!(no_pdf["message"].as_str().unwrap().contains(problem), "{no_pdf}");
    }
    let body = form("pdf", "a.pdf", b"%PDF-");
    for kind in ["multipart/form-data", "application/json"] {
        let refused =
            serving.ask("POST", "/upload-pdf", &format!("Content-Type: {kind}\r\n"), &body).with(400);
        assert!(refused["error"].is_string() && refused["message"].is_string(), "{kind}: {refused}");
    }
    assert_eq!(serving.get("/v1/files").with(200)["data"], json!([]), "nothing is kept");
}

#[test]
fn nothing_has_to_be_started() {
    let serving = serving(&models(&[]), &[]);
    for body in ["", "{}"] {
        let started = serving.ask("POST", "/start_protocol", JSON, body).with(200);
        assert_eq!(
            (&started["success"], &started["config"]["remote_model_name"]),
            (&json!(true), &json!("supervisor"))
        );
    }
    for (body, complaint) in
        [(r#"{"remote_model_name": "zzz"}"#, "'remote_model_name'"), ("[1]", "object"), ("?", "object")]
    {
        let refused = serving.ask("POST", "/start_protocol", JSON, body).with(400);
        assert!(refused["message"].as_str().unwrap().contains(complaint), "{refused}");
        assert!(refused["suggestion"].as_str().unwrap().contains("POST /config"), "{refused}");
    }
}

#[test]
fn its_variables_choose_models_and_what_they_can_not_do_is_told() {
    let server = models(&[ask("Who?"), answer("Ada")]);
    let models = format!("{}/v1", server.url());
    let variables = [
        ("REMOTE_MODEL_NAME", "supervisor"),
        ("LOCAL_MODEL_NAME", "worker"),
        ("LOCAL_PROVIDER", "openai"),
        ("LOCAL_BASE_URL", models.as_str()),
        ("MAX_ROUNDS", "1"),
        ("CHUNKING_FUNCTION", "chunk_by_paragraph"),
        ("LOG_DIR", "its_logs"),
        ("DEBUG", "true"),
    ];
    let serving = serving_with(&server, &[], &variables);
    assert!(serving.told().contains("DEBUG has no effect here"), "{}", serving.told());
    let config = serving.get("/config").with(200);
    let config = &config["config"];
    assert_eq!(
        (&config["local_provider"], &config["local_model_name"]),
        (&json!("llama_server"), &json!("worker"))
    );
    assert_eq!(
        (&config["max_rounds"], &config["chunking_function"]),
        (&json!(1), &json!("chunk_by_paragraph"))
    );
    assert_eq!(serving.get("/health").with(200)["config"]["remote_model_name"], "supervisor");
    assert_eq!(serving.get("/models").with(200)["data"][0]["id"], "supervisor");
    let run = serving.post("/run", &json!({"query": "Who signed?"})).with(200);
    assert!(run["log_file"].as_str().unwrap().starts_with("its_logs/"), "{run}");
    assert!(serving.folder().join("its_logs").is_dir());
}

#[test]
fn a_changed_configuration_holds_and_shows_no_key() {
    let server = models(&[ask("Who?"), answer("Ada")]);
    let nowhere = [
        ("OLLAMA_HOST", "http://127.0.0.1:9"),
        ("MODEL_RUNNER_HOST", "http://127.0.0.1:9"),
        ("DOCKER_HOST", "unix:///nowhere"),
        ("LM_STUDIO_BASE_URL", "http://127.0.0.1:9"),
    ];
    let serving = serving_with(&server, &[], &nowhere);
    let changed =
        serving.post("/config", &json!({"remote_model_name": "other", "max_rounds": "2"})).with(200);
    assert_eq!(
        (&changed["config"]["remote_model_name"], &changed["config"]["max_rounds"]),
        (&json!("other"), &json!("2"))
    );
    serving.post("/run", &json!({"query": "Who signed?"})).with(200);
    assert_eq!((chats(&server, "other").len(), chats(&server, "supervisor").len()), (2, 0));
    for (changes, status) in [
        (json!({"openai_api_key": "sk-new"}), 403),
        (json!({"local_base_url": "http://192.0.2.1"}), 403),
        (json!({"colour": 1}), 400),
        (json!({"chunking_function": "chunk_by_magic"}), 400),
        (json!({"max_rounds": 0}), 400),
        (json!({"remote_provider": "acme"}), 400),
        // Nothing is there that the next run could be run with.
        (json!({"local_provider": "lm_studio"}), 400),
        (json!({"local_provider": "ollama"}), 400),
        (json!({"local_provider": "docker"}), 400),
    ] {
        let refused = serving.post("/config", &changes).with(status);
        assert!(refused["error"].is_string(), "{refused}");
    }
    let config = serving.get("/config");
    assert_eq!(
        config.with(200)["config"]["remote_model_name"],
        "other",
        "what was refused has changed nothing"
    );
    for path in ["/config", "/health", "/models"] {
        assert!(!serving.get(path).text().contains(KEY), "{path}");
    }
}
