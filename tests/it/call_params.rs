//! Every call parameter does what it says: each of these fails when its parameter is ignored.

use base64::Engine as _;
use serde_json::{Value, json};

use crate::support::program::{Program, Ran, chats, job, last, scripted};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire::{ollama_ndjson, openai};

/// The smallest picture there is.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n-and-so-on";

const CHUNKS: &str = "One job for each chunk. ```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=chunk, task='Which?') for chunk in SEARCH]
```";

fn ask() -> String {
    json!({"reasoning": "r", "message": "Who?"}).to_string()
}

fn answer() -> String {
    json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"})
        .to_string()
}

fn verdict() -> String {
    json!({"explanation": "e", "decision": "provide_final_answer", "answer": "x"}).to_string()
}

fn found(request: &Request) -> Reply {
    openai(request, r#"{"explanation": "e", "citation": null, "answer": "a"}"#)
}

/// What the supervisor is told first, and the run, of a `minions` job with these parameters.
fn told(call_params: &[(&str, Value)], kwargs: Value) -> (String, Ran) {
    let program = CHUNKS.replace("SEARCH", "chunk_by_section(context[0])");
    let server = scripted(vec![program, verdict()], found);
    let mut job = job(&server, "minions", json!({"task": "T", "context": ["The Aurora."]}));
    job["protocol"]["kwargs"] = kwargs;
    for (key, value) in call_params {
        job["call_params"][key] = value.clone();
    }
    let ran = Program::new().run_job(&job);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    (last(&chats(&server, "supervisor")[0]).to_owned(), ran)
}

#[test]
fn the_supervisor_is_told_each_limit() {
    for (key, value, words) in [
        ("task", json!("Find the ship."), "Find the ship."),
        ("doc_metadata", json!("A ship's log."), "A ship's log."),
        ("context", json!(["abc", "defgh"]), "2, of 3 characters in 1 line, 5 characters in 1 line"),
        ("max_rounds", json!(5), "Round 1 of 5"),
        ("max_jobs_per_round", json!(77), "77 jobs in all"),
        ("num_tasks_per_round", json!(6), "at most 6 different tasks"),
        ("num_samples_per_task", json!(4), "answered 4 times"),
        ("chunk_fn", json!("chunk_by_page"), "for chunk in chunk_by_page(doc)"),
        ("use_retrieval", json!("bm25"), "`bm25_retrieve_top_k_chunks(queries, chunks, k=10)`"),
    ] {
        assert!(!told(&[], json!({})).0.contains(words), "{key}: {words}");
        let (prompt, _) = told(&[(key, value)], json!({}));
        assert!(prompt.contains(words), "{key}: {words} is missing in {prompt}");
    }
    assert!(told(&[], json!({"num_samples": 2})).0.contains("answered 2 times"));
}

#[test]
fn the_sides_of_a_chat_are_told_each_limit() {
    let said = |key: &str, value: Value, side: &str| {
        let server = scripted(vec![ask(), answer()], |request| openai(request, "Ada"));
        let mut job = job(&server, "minion", json!({"task": "Who?", "context": ["Signed."]}));
        job["call_params"][key] = value;
        Program::new().run_job(&job).result();
        chats(&server, side)[0]["messages"].to_string()
    };
    for (key, value, side, words) in [
        ("task", json!("Find the ship."), "supervisor", "Find the ship."),
        ("task", json!("Find the ship."), "worker", "Find the ship."),
        ("doc_metadata", json!("A ship's log."), "supervisor", "A ship's log."),
        ("context", json!(["A", "Second one."]), "worker", "[Document 2 of 2]\\nSecond one."),
        ("max_rounds", json!(7), "supervisor", "at most 7 messages"),
    ] {
        assert!(!said("context", json!(["Signed."]), side).contains(words), "{key}");
        let told = said(key, value, side);
        assert!(told.contains(words), "{key}: {words} is missing in {told}");
    }
}

#[test]
fn the_protocol_has_rounds_too_and_the_call_s_own_come_first() {
    let rounds = |of_call: Option<u32>| {
        let program = CHUNKS.replace("SEARCH", "context");
        let server = scripted(vec![program, verdict()], found);
        let mut job = job(&server, "minions", json!({"task": "T", "context": ["The Aurora."]}));
        job["protocol"]["max_rounds"] = json!(4);
        job["call_params"]["max_rounds"] = json!(of_call);
        Program::new().run_job(&job).result();
        last(&chats(&server, "supervisor")[0]).to_owned()
    };
    assert!(rounds(None).contains("Round 1 of 4"));
    assert!(rounds(Some(6)).contains("Round 1 of 6"));
}

#[test]
fn the_log_goes_where_the_job_says() {
    let log_file =
        |name: &str, value: &str| told(&[(name, json!(value))], json!({})).1.result()["log_file"].clone();
    assert_eq!(log_file("log_path", "deep/er.json"), "minion_logs/deep/er.json");
    assert_eq!(log_file("logging_id", "run 7"), "minion_logs/run 7_minions.json");
}

#[test]
fn a_follow_up_is_said_to_have_no_effect() {
    let server = scripted(vec![ask(), answer()], |request| openai(request, "Ada"));
    let params = json!({"task": "Who?", "context": ["Ada."], "is_follow_up": true});
    let ran = Program::new().run_job(&job(&server, "minion", params));
    assert_eq!(ran.result()["final_answer"], "Ada");
    assert!(ran.stderr.contains("is_follow_up has no effect"), "{}", ran.stderr);
}

#[test]
fn the_worker_sees_the_pictures_and_the_supervisor_knows_of_them() {
    let pictures = Server::start(|_| Reply::new(200, "application/octet-stream", PNG));
    let base64 = base64::engine::general_purpose::STANDARD.encode(PNG);
    let data_url = format!("data:image/png;base64,{base64}");
    let url = format!("{}/a", pictures.url());
    let more =
        json!({"reasoning": "r", "decision": "request_additional_info", "message": "And?", "answer": null});
    let script = vec![ask(), more.to_string(), answer()];
    let server = scripted(script, |request| openai(request, "Ada"));
    let program = Program::new();
    std::fs::write(program.dir.path().join("seal.png"), PNG).unwrap();
    let images = json!(["seal.png", base64, data_url, url]);
    let params = json!({"task": "Whose seal?", "images": images});
    program.run_job(&job(&server, "minion", params)).result();

    let worker = chats(&server, "worker");
    for body in &worker {
        // The same in each round, so that they stay cached.
        let parts = body["messages"][1]["content"].as_array().unwrap();
        let shown: Vec<&Value> = parts.iter().map(|part| &part["image_url"]["url"]).collect();
        assert_eq!(shown[..4], [&json!(data_url), &json!(data_url), &json!(data_url), &json!(url)]);
        assert_eq!(parts[4], json!({"type": "text", "text": "Who?"}));
        assert!(body["messages"][0]["content"].as_str().unwrap().contains("4 pictures"));
    }
    assert_eq!(worker.len(), 2);
    assert!(worker[1]["messages"][3]["content"].is_string(), "once is enough");
    let remote = chats(&server, "supervisor");
    assert!(last(&remote[0]).contains("4 picture(s)"));
    assert!(remote.iter().all(|body| !body.to_string().contains(&base64)), "pictures stay here");
    assert!(pictures.requests().is_empty(), "this server fetches them itself");
}

#[test]
fn ollama_gets_pictures_as_base64_and_its_embeddings_come_from_its_own_model() {
    let pictures = Server::start(|_| Reply::new(200, "image/png", PNG));
    let base64 = base64::engine::general_purpose::STANDARD.encode(PNG);
    let ollama = Server::start(|request| match &*request.path {
        "/api/version" => Reply::json(&json!({"version": "0.32.15"})),
        "/api/ps" => Reply::json(&json!({"models": []})),
        "/api/show" => {
            let can = if request.json()["model"] == "nomic-embed-text" { "embedding" } else { "completion" };
            Reply::json(&json!({
                "parameters": "", "capabilities": [can], "details": {"family": "llama"},
                "model_info": {"general.architecture": "llama", "llama.context_length": 131_072},
            }))
        }
        "/api/chat" if request.prompt().contains("<part>") => {
            ollama_ndjson(r#"{"explanation": "e", "citation": null, "answer": "a"}"#)
        }
        "/api/chat" => ollama_ndjson("Ada"),
        "/api/embed" => {
            let body = request.json();
            let texts = body["input"].as_array().unwrap();
            let vectors: Vec<_> = texts.iter().map(|text| meaning(text.as_str().unwrap())).collect();
            Reply::json(&json!({"model": body["model"], "embeddings": vectors, "prompt_eval_count": 100}))
        }
        _ => Reply::text(404, "404 page not found"),
    });
    let local = json!({"type": "ollama", "kwargs": {"base_url": ollama.url(), "retries": 0}});

    let server = scripted(vec![ask(), answer()], |_| Reply::text(500, "not the worker"));
    let params = json!({"task": "Whose seal?", "images": [format!("{}/a", pictures.url())]});
    let mut minion = job(&server, "minion", params);
    minion["local_client"] = local.clone();
    Program::new().run_job(&minion).result();
    let asked =
        ollama.requests().iter().map(Request::json).find(|body| body["messages"][1]["content"] == "Who?");
    assert_eq!(asked.unwrap()["messages"][1]["images"], json!([base64]));

    let search =
        "embedding_retrieve_top_k_chunks(['where it berthed'], chunk_by_paragraph(context[0], 20), k=1)";
    let server = scripted(vec![CHUNKS.replace("SEARCH", search), verdict()], found);
    let context = "The cook was ill.\n\nIt lay in harbour.\n\nA storm came up.";
    let mut minions =
        job(&server, "minions", json!({"task": "T", "context": [context], "use_retrieval": "embedding"}));
    minions["local_client"] = local;
    let result = Program::new().run_job(&minions).result();
    let embedded: Vec<Value> =
        ollama.requests().iter().filter(|request| request.path == "/api/embed").map(Request::json).collect();
    assert_eq!(embedded.len(), 1);
    assert_eq!(
        (&embedded[0]["model"], embedded[0]["input"].as_array().unwrap().len()),
        (&json!("nomic-embed-text"), 4)
    );
    let jobs = &result["meta"][0]["local"]["jobs"];
    assert_eq!(
        (jobs.as_array().unwrap().len(), &jobs[0]["manifest"]["chunk"]),
        (1, &json!("[18 characters]"))
    );
    assert_eq!(result["local_usage"]["prompt_tokens"], 110, "embeddings count");
    assert_eq!(embedded[0]["truncate"], false);
}

#[test]
fn a_chunk_that_is_too_long_for_the_embedding_model_is_not_ranked_by_its_beginning() {
    let long = "word ".repeat(3000);
    let script = || {
        vec![CHUNKS.replace("SEARCH", "embedding_retrieve_top_k_chunks(['word'], context, k=1)"), verdict()]
    };
    let failed = |local: Value| {
        let server = scripted(script(), found);
        let params = json!({
            "task": "T", "context": ["Short.", long], "use_retrieval": "embedding", "retrieval_model": "e",
        });
        let mut job = job(&server, "minions", params);
        job["local_client"] = local;
        job["protocol"]["kwargs"] = json!({"max_code_attempts": 1});
        Program::new().run_job(&job).error(1)
    };
    // It does as it is told; left to itself, it would cut.
    let ollama = Server::start(|request| match (&*request.path, request.json()) {
        ("/api/version", _) => Reply::json(&json!({"version": "0.32.15"})),
        ("/api/embed", body) if body["truncate"] == false => {
            Reply::error(400, &json!({"error": "the input length exceeds the context length"}))
        }
        ("/api/embed", body) => {
            let vectors = vec![[1.0, 0.0]; body["input"].as_array().unwrap().len()];
            Reply::json(&json!({"embeddings": vectors, "prompt_eval_count": 0}))
        }
        ("/api/show", _) => Reply::json(&json!({"capabilities": ["completion", "embedding"]})),
        _ => Reply::json(&json!({"models": [], "done": true})),
    });
    let error = failed(json!({"type": "ollama", "kwargs": {"base_url": ollama.url(), "retries": 0}}));
    assert!(error.contains("the input length exceeds the context length"), "{error}");
    assert!(error.contains("cut smaller chunks"), "{error}");

    // It cannot be told, but counts what it has read.
    let other = Server::start(|request| match request.json()["input"].as_array() {
        Some(texts) => {
            let rows = (0..texts.len()).map(|index| json!({"index": index, "embedding": [1.0, 0.0]}));
            Reply::json(&json!({"data": rows.collect::<Vec<_>>(), "usage": {"prompt_tokens": 2048 + 3}}))
        }
        None => Reply::text(404, "not found"),
    });
    let base_url = format!("{}/v1", other.url());
    let error =
        failed(json!({"type": "lm_studio", "model_name": "worker", "kwargs": {"base_url": base_url}}));
    assert!(error.contains("has cut what it was to embed"), "{error}");
    assert!(error.contains("the server has read 2051 of them"), "{error}");
}

/// A vector for a text: near to others about harbours, or not.
fn meaning(text: &str) -> [f32; 2] {
    if text.contains("harbour") || text.contains("berthed") { [1.0, 0.1] } else { [0.1, 1.0] }
}

/// Answers embeddings by meaning, the supervisor by script, the worker always the same.
fn with_embeddings(program: String) -> Server {
    let script = std::sync::Mutex::new(vec![program, verdict()].into_iter());
    Server::start(move |request| {
        let body = request.json();
        if request.path.ends_with("/embeddings") {
            let texts = body["input"].as_array().unwrap().iter().enumerate();
            let rows: Vec<Value> = texts
                .map(|(index, text)| json!({"index": index, "embedding": meaning(text.as_str().unwrap())}))
                .rev()
                .collect();
            return Reply::json(&json!({"data": rows, "usage": {"prompt_tokens": 100, "total_tokens": 100}}));
        }
        match body["model"].as_str() {
            Some("worker") => found(request),
            Some(_) => match script.lock().unwrap().next() {
                Some(text) => openai(request, &text),
                None => Reply::error(400, &json!({"error": {"message": "the script is over"}})),
            },
            None => Reply::text(404, "not found"),
        }
    })
}

#[test]
fn embeddings_come_from_the_local_client() {
    let search = "embedding_retrieve_top_k_chunks({'where it berthed': 2}, context, k=2)";
    let context = json!(["The cook was ill.", "It lay in harbour.", "A storm.", "They left the harbour."]);
    let server = with_embeddings(CHUNKS.replace("SEARCH", search));
    let params = json!({
        "task": "T", "context": context, "use_retrieval": "embedding", "retrieval_model": "embedder-9",
    });
    let mut job = job(&server, "minions", params);
    let result = Program::new().run_job(&job).result();
    let embedded: Vec<Value> = server
        .requests()
        .iter()
        .filter(|request| request.path == "/v1/embeddings")
        .map(Request::json)
        .collect();
    assert_eq!(embedded.len(), 1);
    assert_eq!(embedded[0]["model"], "embedder-9");
    let read: Vec<String> = chats(&server, "worker").iter().map(|body| last(body).to_owned()).collect();
    assert_eq!(read.len(), 2);
    assert!(read.iter().all(|question| question.contains("harbour")), "{read:?}");
    assert!(
        last(&chats(&server, "supervisor")[0])
            .contains("`embedding_retrieve_top_k_chunks(queries, chunks, k=10)`")
    );
    assert_eq!(result["local_usage"]["prompt_tokens"], 100 + 2 * 10);

    // A model that fails is the code's to work around, with the reason.
    let broken = Server::start(|request| match request.method.as_str() {
        "GET" => Reply::text(404, "no list of models"),
        _ => Reply::text(500, "out of memory"),
    });
    job["local_client"]["kwargs"]["base_url"] = json!(broken.url());
    job["local_client"]["kwargs"]["retries"] = json!(0);
    job["protocol"]["kwargs"] = json!({"max_code_attempts": 1});
    let server = with_embeddings(CHUNKS.replace("SEARCH", search));
    job["remote_client"]["kwargs"]["base_url"] = json!(format!("{}/v1", server.url()));
    let error = Program::new().run_job(&job).error(1);
    assert!(error.contains("the embedding model failed") && error.contains(&broken.url()), "{error}");
}

#[test]
fn a_search_by_words_finds_its_chunks_and_is_there_only_if_asked_for() {
    let search = "bm25_retrieve_top_k_chunks(['harbours'], context, k=3)";
    let originals = "bm25_retrieve_top_k_chunks(keywords=['harbours', 'cook'], chunks=context, weights={'cook': 0.0}, k=3)";
    let context = json!(["The cook was ill.", "It lay in harbour.", "A storm.", "They left the harbour."]);
    for search in [search, originals] {
        let server = scripted(vec![CHUNKS.replace("SEARCH", search), verdict()], found);
        let mut job =
            job(&server, "minions", json!({"task": "T", "context": context, "use_retrieval": "bm25"}));
        Program::new().run_job(&job).result();
        let read: Vec<String> = chats(&server, "worker").iter().map(|body| last(body).to_owned()).collect();
        assert_eq!(read.len(), 2, "{search}");
        assert!(read.iter().all(|question| question.contains("harbour")), "{read:?}");

        let server = scripted(vec![CHUNKS.replace("SEARCH", search)], found);
        job["call_params"]["use_retrieval"] = json!(null);
        job["remote_client"]["kwargs"]["base_url"] = json!(format!("{}/v1", server.url()));
        job["protocol"]["kwargs"] = json!({"max_code_attempts": 1});
        let error = Program::new().run_job(&job).error(1);
        assert!(error.contains("name 'bm25_retrieve_top_k_chunks' is not defined"), "{error}");
    }
}

#[test]
fn prompts_are_the_jobs_own_where_it_has_them() {
    let server = scripted(vec![ask(), answer()], |request| openai(request, "Ada"));
    let mut job = job(&server, "minion", json!({"task": "Who?", "context": ["Signed: Ada."]}));
    job["protocol"]["kwargs"] = json!({"prompts": {"minion_worker": "mine.md"}});
    let program = Program::new();
    std::fs::write(program.dir.path().join("mine.md"), "Lies: {{context}} / {{task}}\n").unwrap();
    program.run_job(&job).result();
    assert_eq!(chats(&server, "worker")[0]["messages"][0]["content"], "Lies: Signed: Ada. / Who?");
}
