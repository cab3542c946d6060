//! Every unusable job gives one envelope, the right exit code, and a message with the place and the remedy.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::program::Program;

/// A job that would run, but for what `change` does to it.
fn changed(change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut job = json!({
        "local_client": {"type": "ollama", "kwargs": {"base_url": "http://127.0.0.1:9", "retries": 0}},
        "remote_client": {"type": "openai", "kwargs": {"api_key": "sk-test-0123456789"}},
        "protocol": {"type": "minion"},
        "call_params": {"task": "Who signed?", "context": ["Ada."]},
    });
    change(&mut job);
    job.to_string().into_bytes()
}

/// The job with the value at `pointer` replaced or added.
fn with(pointer: &str, value: Value) -> Vec<u8> {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    changed(|job| job.pointer_mut(parent).unwrap()[key] = value.clone())
}

fn without(key: &str) -> Vec<u8> {
    changed(|job| drop(job.as_object_mut().unwrap().remove(key)))
}

fn as_minions(key: &str, value: Value) -> Vec<u8> {
    changed(|job| {
        job["protocol"]["type"] = json!("minions");
        job["call_params"][key] = value.clone();
    })
}

fn cases() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("empty", vec![]),
        ("blank", b" \n\t\n".to_vec()),
        ("not JSON", b"task: who signed?".to_vec()),
        ("truncated", with("/protocol/type", json!("minion"))[..150].to_vec()),
        ("a trailing comma", b"{\n  \"call_params\": {\"task\": \"x\",}\n}".to_vec()),
        ("invalid UTF-8", b"{\"call_params\":\n {\"task\": \"\xff\"}}".to_vec()),
        ("UTF-16", "{\"call_params\"".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("nested 10,000 deep", ["[".repeat(10_000), "]".repeat(10_000)].concat().into_bytes()),
        ("words behind a job", b"{\n\"call_params\": {\"task\": \"x\"}}\nthat is all".to_vec()),
        ("a list", b"[1, 2]".to_vec()),
        ("a string", b"\"run\"".to_vec()),
        ("no task", without("call_params")),
        ("an empty task", with("/call_params/task", json!("  "))),
        ("a task of the wrong type", with("/call_params/task", json!(["a"]))),
        ("a misspelt key at the top", changed(|job| job["remote_cleint"] = json!({}))),
        ("an unknown key at the top", changed(|job| job["zzz"] = json!(1))),
        ("a misspelt key in call_params", with("/call_params/contxt", json!(["a"]))),
        ("a key of the other protocol", with("/call_params/num_tasks_per_round", json!(2))),
        ("a misspelt key in protocol", with("/protocol/max_round", json!(2))),
        ("an unknown key in protocol.kwargs", with("/protocol/kwargs", json!({"fast": true}))),
        ("a misspelt key in a client", with("/local_client/model", json!("llama3.2"))),
        ("a misspelt client type", with("/local_client/type", json!("olama"))),
        ("a client type without a server", with("/local_client/type", json!("cartesia"))),
        ("an unknown client type", with("/remote_client/type", json!("skynet"))),
        ("a misspelt protocol", with("/protocol/type", json!("minios"))),
        ("an unknown protocol", with("/protocol/type", json!("debate"))),
        ("a client that is a string", with("/local_client", json!("ollama"))),
        ("kwargs that are a list", with("/remote_client/kwargs", json!([]))),
        ("a context of numbers", with("/call_params/context", json!(["a", 2]))),
        ("a context that is an object", with("/call_params/context", json!({"a": "b"}))),
        ("rounds as a word", with("/call_params/max_rounds", json!("three"))),
        ("no rounds", with("/call_params/max_rounds", json!(0))),
        ("half a round", with("/call_params/max_rounds", json!(1.5))),
        ("less than no rounds", with("/protocol/max_rounds", json!(-1))),
        ("a port too high", with("/local_client/port", json!(70_000))),
        ("a negative timeout", with("/local_client/timeout", json!(-1))),
        ("a hot temperature", with("/remote_client/kwargs/temperature", json!(3))),
        ("a base URL that is a word", with("/remote_client/kwargs/base_url", json!("http//localhost:8080"))),
        ("a base URL with a query", with("/remote_client/kwargs/base_url", json!("http://h/v1?key=k"))),
        (
            "a route of another API",
            with("/remote_client/kwargs/base_url", json!("https://h.example.com/v1/messages")),
        ),
        ("an empty list of addresses", with("/local_client/kwargs/base_url", json!([]))),
        (
            "a bad address in a list",
            with("/local_client/kwargs/base_url", json!(["http://a:1", "ftp://b:1"])),
        ),
        ("an address twice", with("/local_client/kwargs/base_url", json!(["http://a:1", "http://a:1/"]))),
        ("a way out in logging_id", with("/call_params/logging_id", json!("../../etc/cron.d/x"))),
        ("a slash in logging_id", with("/call_params/logging_id", json!("a/b"))),
        ("a way out in log_dir", with("/protocol/log_dir", json!("logs/../../x"))),
        ("a way out in log_path", as_minions("log_path", json!("/etc/passwd"))),
        ("an unknown chunker", as_minions("chunk_fn", json!("chunk_by_sections"))),
        ("no jobs per round", as_minions("max_jobs_per_round", json!(0))),
        ("an unknown retrieval", as_minions("use_retrieval", json!("colbert"))),
        ("a retrieval model for no embeddings", as_minions("retrieval_model", json!("nomic-embed-text"))),
        (
            "no embeddings at the provider",
            changed(|job| {
                job["protocol"]["type"] = json!("minions");
                job["call_params"]["use_retrieval"] = json!("embedding");
                job["local_client"] =
                    json!({"type": "anthropic", "kwargs": {"base_url": "http://127.0.0.1:9"}});
                job["call_params"]["retrieval_model"] = json!("x");
            }),
        ),
        ("tools by MCP, which come later", as_minions("mcp_tools_info", json!([{"name": "t"}]))),
        ("a callback", with("/protocol/callback", json!("f"))),
        ("privacy, which comes later", with("/call_params/is_privacy", json!(true))),
        (
            "embeddings of the embedded engine",
            changed(|job| {
                job["protocol"]["type"] = json!("minions");
                job["call_params"]["use_retrieval"] = json!("embedding");
                job["local_client"] = json!({"type": "llama_cpp", "model_path": "x.gguf"});
            }),
        ),
        (
            "a history of a job that stands for itself",
            changed(|job| {
                job["protocol"]["kwargs"] = json!({"is_multi_turn": false});
                job["call_params"]["history"] = json!([{"role": "user", "content": "Who?"}]);
            }),
        ),
        ("a picture that is not there", with("/call_params/images", json!(["no/such.png"]))),
        ("a file that is no picture", with("/call_params/images", json!(["/etc/passwd"]))),
        (
            "a picture for the embedded engine",
            changed(|job| {
                job["local_client"] = json!({"type": "llama_cpp", "model_path": "x.gguf"});
                job["call_params"]["images"] = json!(["a.png"]);
            }),
        ),
        ("a misspelt prompt", with("/protocol/kwargs", json!({"prompts": {"minion_workr": "a.md"}}))),
        ("a prompt without a path", with("/protocol/kwargs", json!({"prompts": {"minion_worker": 3}}))),
        (
            "a prompt that is not there",
            with("/protocol/kwargs", json!({"prompts": {"minion_worker": "no.md"}})),
        ),
        ("a misspelt option", with("/local_client/kwargs/temprature", json!(0.5))),
        ("an option by another tool's name", with("/remote_client/kwargs/api_base", json!("http://h/v1"))),
        ("an option of another client type", with("/remote_client/kwargs/num_ctx", json!(4096))),
        ("an option beside kwargs", with("/local_client/max_tokens", json!(100))),
        ("a model in kwargs", with("/local_client/kwargs/model_name", json!("llama3.2"))),
        ("a model file in kwargs", with("/local_client/kwargs/model_path", json!("x.gguf"))),
        ("a key within quotes and words", with("/remote_client/kwargs/api_key", json!("my key: sk-1"))),
        ("a key that is a placeholder", with("/remote_client/kwargs/api_key", json!("${OPENAI_API_KEY}"))),
        ("a header of ours", with("/remote_client/kwargs/headers", json!({"Content-Length": "1"}))),
        ("headers that are a list", with("/remote_client/kwargs/headers", json!(["X-Team: a"]))),
        ("a time without a unit", with("/local_client/kwargs/keep_alive", json!("5 minutes"))),
        ("a number that is too large", with("/call_params/max_rounds", json!(1e29))),
        (
            "a key that stands twice",
            br#"{"call_params": {"task": "t"}, "budget": {"egress_chars": 0}, "budget": {}}"#.to_vec(),
        ),
        ("tools, which come later", with("/local_client/kwargs/tool_calling", json!(true))),
        ("a custom_id that is a number", changed(|job| job["custom_id"] = json!(7))),
        ("metadata that is a list", changed(|job| job["metadata"] = json!([1]))),
        ("an unknown key in budget", changed(|job| job["budget"] = json!({"dollars": 1}))),
        ("dollars without prices", changed(|job| job["budget"] = json!({"usd": 1}))),
        ("a price that is missing", with("/protocol/kwargs", json!({"prices": {"input": 1}}))),
        ("a schema where none is taken", with("/remote_client/kwargs/structured_output_schema", json!({}))),
        ("no key for the provider", with("/remote_client/kwargs", json!({}))),
        (
            "an unreachable host",
            with("/local_client/kwargs/base_url", json!("http://no-such-host.invalid:1")),
        ),
        ("a port where nothing listens", with("/local_client/port", json!(9))),
        ("a model file without a path", with("/local_client/type", json!("llama_cpp"))),
        ("a model file for a server", with("/local_client/model_path", json!("x.gguf"))),
    ]
}

/// What the program says about each.
fn report(cases: Vec<(&'static str, Vec<u8>)>) -> String {
    let mut report = String::new();
    for (name, input) in cases {
        let ran = Program::new().run(&input);
        let envelope = ran.envelope();
        assert_eq!(envelope["success"], false, "{name}");
        let error = envelope["error"].as_str().unwrap();
        assert!(!ran.stderr.contains("panicked"), "{name}: {}", ran.stderr);
        writeln!(report, "{name}\n  exit {}: {error}", ran.code.unwrap()).unwrap();
    }
    report
}

#[test]
fn every_bad_input_says_where_and_what_to_do() {
    insta::assert_snapshot!(report(cases()));
}

#[cfg(feature = "embedded")]
mod embedded {
    use super::*;

    fn llama_cpp(model_path: &str) -> Value {
        json!({"type": "llama_cpp", "model_path": model_path})
    }

    #[test]
    fn every_bad_model_file_says_where_and_what_to_do() {
        let cases = [
            ("a model file that is not there", "no/such/model.gguf"),
            ("a model file that is a folder", "/usr"),
        ];
        let input = |path| changed(|job| job["local_client"] = llama_cpp(path));
        insta::assert_snapshot!(report(cases.map(|(name, path)| (name, input(path))).into()));
    }

    #[test]
    fn a_context_of_200_mb_is_refused_in_words() {
        let client = llama_cpp(&crate::support::llama_server::model());
        let mut input = changed(|job| {
            job["local_client"] = client.clone();
            job["call_params"]["context"] = json!(["@"]);
        });
        let at = input.iter().rposition(|byte| *byte == b'@').unwrap();
        input.splice(at..=at, std::iter::repeat_n(*b"lorem ip", 25_000_000).flatten());
        let error = Program::new().run(input).error(1);
        assert!(error.contains("the context is too long") && error.contains("minions"), "{error}");
    }
}

#[test]
fn a_bad_command_line_has_its_envelope_too() {
    for (args, complaint) in [
        (&["--jib", "x.json"][..], "unexpected argument '--jib' found"),
        (&["walk"], "unrecognized subcommand 'walk'"),
        (
            &["run", "--job", "no/such.json"],
            "the job file no/such.json can't be read: No such file or directory",
        ),
    ] {
        let error = Program::new().args(args.iter().copied()).run("").error(2);
        assert!(error.contains(complaint), "{error}");
    }
}
