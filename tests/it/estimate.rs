//! `minions estimate`: the original's lines, files, servers, what is kept, what goes wrong.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::llama_server::{llama_server, model};
use crate::support::program::{Program, Ran};
use crate::support::server::{Reply, Request, Server};

/// A program without servers, whose cache is in its folder.
fn program(args: &[&str]) -> Program {
    let program = Program::new();
    let home = program.dir.path().display().to_string();
    program
        .env("HOME", &home)
        .env("OLLAMA_HOST", "http://127.0.0.1:9")
        .args(["estimate"])
        .args(args.iter().copied())
}

fn json_of(ran: &Ran) -> Value {
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout))
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn the_originals_lines_work() {
    for model in ["llama3.2", "llama3.2:1b", "llama3.1:8b", "mistral7b", "kyutai/helium-1-2b"] {
        let ran = program(&["--model", model, "--tokens", "1000"]).run("");
        assert_eq!(ran.code, Some(0), "{model}: {}", ran.stderr);
        let (factor, rest) = ran.stdout.split_once('\n').unwrap();
        assert_eq!(factor, "Calibration factor: 1.00");
        let line = rest.lines().next().unwrap();
        assert!(line.contains(" tok/s   ETA ") && line.ends_with('s'), "{line}");
    }
    let ran = program(&["--model", "llama3.2", "--tokens", "1000", "--describe"]).run("");
    for part in [
        "== Hardware\n",
        "Peak BW",
        "== Model (#tok=1000)\n",
        "Bytes/token",
        "== Throughput\n",
        "Empirical factor : 1.00",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
}

#[test]
fn bits_count_and_other_numbers_are_refused() {
    let rate = |args: &[&str]| {
        let ran = program(&[&["--json", "--model", "llama3.2:1b"], args].concat()).run("");
        let told = json_of(&ran);
        (number(&told["facts"]["bytes_per_token"]), told["facts"]["quantisation"].clone())
    };
    let (four, eight, sixteen) =
        (rate(&["--quant-bits", "4"]), rate(&["--quant-bits", "8"]), rate(&["--quant-bits", "16"]));
    assert!(four.0 * 1.8 < eight.0 && eight.0 * 1.8 < sixteen.0, "{four:?} {eight:?} {sixteen:?}");
    assert_eq!(rate(&["--quantized"]), four);
    let ran = program(&["--model", "llama3.2", "--quant-bits", "5"]).run("");
    assert!(ran.code == Some(2) && ran.stderr.contains("--quant-bits"), "{}", ran.stderr);
}

#[test]
fn a_file_is_read_and_the_second_time_from_what_is_kept() {
    let path = model();
    let cold = program(&["--json", "--model", &path, "--tokens", "100", "--context", "2048"]);
    let ran = cold.run("");
    let told = json_of(&ran);
    assert_eq!((&told["basis"], &told["prompt_basis"]), (&json!("roofline"), &json!("roofline")));
    assert_eq!(told["facts"]["quantisation"], "Q4_1");
    assert_eq!(told["facts"]["is_tied"], true);
    // As llama.cpp's server reports it: 92.1 MiB of weights, 45 MiB of cache, 16.6 MiB to compute, 0.2 MiB of output.
    let mib = number(&told["memory"]["buffers"]) / f64::from(1 << 20);
    assert!((mib - 153.93).abs() < 153.93 * 0.03, "{mib}");
    assert_eq!(told["memory"]["fits"], true);
    let range = &told["tokens_per_second"];
    assert!(
        number(&range["low"]) < number(&range["likely"]) && number(&range["likely"]) < number(&range["high"])
    );
    let kept = ran.dir.path().join(".cache/minions/estimate.json");
    let before: Value = serde_json::from_slice(&fs::read(&kept).unwrap()).unwrap();
    assert_eq!(
        (before["machines"].as_array().unwrap().len(), before["files"].as_array().unwrap().len()),
        (1, 1)
    );
    // What was measured three times is not measured anew; what was measured less often only becomes faster, and not within a
    // minute.
    let bandwidth = |sweeps: u32, last: u64, bandwidth: f64| {
        let mut known = before.clone();
        known["machines"][0]["sweeps"] = json!(sweeps);
        known["machines"][0]["last"] = json!(last);
        known["machines"][0]["machine"]["bandwidth"] = json!(bandwidth);
        fs::write(&kept, known.to_string()).unwrap();
        let again = Program::new().env("HOME", &ran.dir.path().display().to_string());
        let told = json_of(&again.args(["estimate", "--json", "--model", &path]).run(""));
        number(&told["machine"]["bandwidth"])
    };
    assert_eq!(bandwidth(3, 0, 1e6), 1e6);
    assert!(bandwidth(1, 0, 1e6) > 1e8);
    assert_eq!(bandwidth(1, 0, 1e15), 1e15);
    // So far ahead that the test is over by then.
    let ahead = number(&before["machines"][0]["at"]) as u64 + 3600;
    assert_eq!(bandwidth(1, ahead, 1e6), 1e6);
}

#[test]
fn a_card_that_was_there_once_is_no_room_now() {
    let program = program(&["--json", "--model", "llama3.2"]);
    let home = program.dir.path().display().to_string();
    let ran = program.env("CUDA_VISIBLE_DEVICES", "").run("");
    assert_eq!(json_of(&ran)["memory"]["fits"], true);
    let kept = ran.dir.path().join(".cache/minions/estimate.json");
    let mut known: Value = serde_json::from_slice(&fs::read(&kept).unwrap()).unwrap();
    known["machines"][0]["machine"]["card"] =
        json!({"name": "C1", "memory": 1_u64 << 50, "bandwidth": 3e12, "compute": 9e14});
    fs::write(&kept, known.to_string()).unwrap();
    let again = Program::new().env("HOME", &home).env("OLLAMA_HOST", "http://127.0.0.1:9");
    let again = again.env("CUDA_VISIBLE_DEVICES", "");
    let ran = again.args(["estimate", "--model", "llama3.2", "--context", "100000000"]).run("");
    assert!(ran.stdout.contains("does not fit, so that it would page: "), "{}", ran.stdout);
    assert!(!ran.stdout.contains("C1"), "{}", ran.stdout);
}

#[test]
fn the_window_has_room_for_what_is_read_and_written() {
    let path = model();
    let told = json_of(&program(&["--json", "--model", &path, "--prompt-tokens", "100000"]).run(""));
    assert_eq!(told["window"], 101_000, "{told}");
    let ran = program(&["--model", &path, "--prompt-tokens", "100000"]).run("");
    assert!(ran.stdout.contains("the model was trained for 8192 tokens"), "{}", ran.stdout);
    for (args, complaint) in [
        (&["--prompt-tokens", "100000", "--context", "8192"][..], "give at least --context 101000"),
        (&["--context", "0"], "--context"),
        (&["--tokens", "18446744073709551615"], "--tokens"),
        (&["--prompt-tokens", "2000000001"], "--prompt-tokens"),
        (&["--calibrate", "--quant-bits", "16"], "cannot be used with"),
        (&["--calibrate", "--quantized"], "cannot be used with"),
    ] {
        let ran = program(&[&["--model", &path], args].concat()).run("");
        assert!(ran.code == Some(2) && ran.stdout.is_empty(), "{args:?}: {:?} {}", ran.code, ran.stdout);
        assert!(ran.stderr.contains(complaint), "{args:?}: {}", ran.stderr);
    }
}

#[test]
fn no_tokens_too_many_and_too_large_a_window_are_no_trouble() {
    let path = model();
    let none = json_of(&program(&["--json", "--model", &path, "--tokens", "0"]).run(""));
    assert_eq!(number(&none["seconds"]["likely"]), 0.0);
    let ran = program(&["--model", &path, "--context", "2000000000"]).run("");
    assert!(ran.stdout.contains("does not fit, so that it would page: "), "{}", ran.stdout);
    let many = json_of(&program(&["--json", "--model", &path, "--tokens", "1000000000"]).run(""));
    assert!(number(&many["seconds"]["likely"]) > 1e5, "{many}");
}

#[test]
fn a_cache_that_can_not_be_written_changes_nothing() {
    let path = model();
    let program = program(&["--model", &path]);
    fs::write(program.dir.path().join(".cache"), "no folder").unwrap();
    let ran = program.run("");
    assert!(ran.code == Some(0) && ran.stdout.contains("tok/s"), "{} {}", ran.stdout, ran.stderr);
    // What is damaged is measured again, and two at once do each other no harm.
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("minions");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("estimate.json"), "{damaged").unwrap();
    let start = || {
        let program = Program::new().env("XDG_CACHE_HOME", &dir.path().display().to_string());
        program.args(["estimate", "--model", &path])
    };
    let two = [start(), start()].map(|program| std::thread::spawn(move || program.run("").code));
    assert_eq!(two.map(|run| run.join().unwrap()), [Some(0); 2]);
    let kept: Value = serde_json::from_slice(&fs::read(folder.join("estimate.json")).unwrap()).unwrap();
    assert_eq!((kept["machines"].as_array().unwrap().len(), kept["files"].as_array().unwrap().len()), (1, 1));
}

#[test]
fn the_originals_factors_are_read() {
    let program = program(&["--json", "--model", "llama3.2", "--quant-bits", "4"]);
    fs::create_dir(program.dir.path().join(".cache")).unwrap();
    fs::write(program.dir.path().join(".cache/ie_calib.json"), r#"{"cpu:llama3.2:4bit": 0.5}"#).unwrap();
    let told = json_of(&program.run(""));
    assert_eq!(told["basis"], "measured by the original");
    // Half of what 50 GB/s would be for 3.2 billion weights of 4 bits.
    let rate = number(&told["tokens_per_second"]["likely"]);
    assert!((rate - 0.5 * 50e9 / (3_212_749_888.0 / 2.0)).abs() < 0.1, "{rate}");
}

#[test]
fn what_can_not_be_estimated_is_told_with_its_remedy() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    fs::write(path("cut.gguf"), &fs::read(model()).unwrap()[..1000]).unwrap();
    fs::write(path("words.gguf"), "no model").unwrap();
    for (name, complaint, remedy) in [
        (path("none.gguf"), "there is no such file", "GGUF"),
        (path("cut.gguf"), "cut off", "download it again"),
        (path("words.gguf"), "it is no GGUF file", "convert"),
        ("nobody-has-this".to_owned(), "nobody-has-this", "ollama pull nobody-has-this"),
        ("opnai/gpt-4o".to_owned(), "did you mean openai", "ollama"),
        ("openai/gpt-4o".to_owned(), "nothing is known of gpt-4o", "run a job"),
        ("http://127.0.0.1:9".to_owned(), "127.0.0.1:9 does not answer", "start it"),
    ] {
        let ran = program(&["--model", &name]).run("");
        assert!(ran.code == Some(2) && ran.stdout.is_empty(), "{name}: {:?} {}", ran.code, ran.stdout);
        assert!(ran.stderr.contains(complaint) && ran.stderr.contains(remedy), "{name}: {}", ran.stderr);
    }
}

#[test]
fn a_server_that_wants_a_key_is_told() {
    let server = Server::start(|_: &Request| Reply::text(401, "who are you?"));
    let ran = program(&["--model", &server.url()]).run("");
    assert!(ran.code == Some(2) && ran.stderr.contains("asks for a credential"), "{}", ran.stderr);
}

#[test]
fn a_model_of_ollama_is_known_by_the_daemons_account() {
    let server = Server::start(|request: &Request| match request.path.as_str() {
        "/api/version" => Reply::json(&json!({"version": "0.32.0"})),
        "/api/tags" => Reply::json(&json!({"models": [{"name": "qwen3:30b", "size": 18_000_000_000_u64}]})),
        "/api/show" => Reply::json(&json!({
            "details": {"quantization_level": "Q4_K_M"},
            "model_info": {
                "general.architecture": "qwen3moe", "general.parameter_count": 30_532_122_624_u64,
                "qwen3moe.block_count": 48, "qwen3moe.embedding_length": 2048, "qwen3moe.vocab_size": 151_936,
                "qwen3moe.attention.head_count": 32, "qwen3moe.attention.head_count_kv": 4,
                "qwen3moe.expert_count": 128, "qwen3moe.expert_used_count": 8,
            },
        })),
        _ => Reply::text(404, "404 page not found"),
    });
    let url = server.url();
    let ran = program(&["--json", "--model", "qwen3:30b"]).env("OLLAMA_HOST", &url).run("");
    let told = json_of(&ran);
    assert_eq!(
        (&told["facts"]["experts"], &told["facts"]["quantisation"]),
        (&json!([8, 128]), &json!("Q4_K_M"))
    );
    assert!(number(&told["facts"]["bytes_per_token"]) < 18e9 / 5.0, "not all experts are read for a token");
    assert!(number(&told["memory"]["weights"]) == 18e9);
}

#[test]
fn a_job_teaches_the_next_estimate() {
    let url = format!("{}/v1", llama_server());
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path().display().to_string();
    let estimate = || {
        let program = Program::new().env("XDG_CACHE_HOME", &cache);
        json_of(&program.args(["estimate", "--json", "--model", llama_server()]).run(""))
    };
    let before = estimate();
    assert_eq!(before["basis"], "roofline", "the server names its file");
    // A reply that repeats itself is ended before its server tells its times; no loop is as short as this.
    let job = json!({
        "local_client": {"type": "llama_server", "kwargs": {"base_url": url, "max_tokens": 48}},
        "protocol": {"type": "local_only"},
        "call_params": {"task": "Tell what it is about.", "context": ["The ship left the harbour in the morning. ".repeat(40)]},
    });
    let ran = Program::new().env("XDG_CACHE_HOME", &cache).run(job.to_string());
    let after = estimate();
    assert!(after["basis"].as_str().unwrap().starts_with("measured ("), "{after} {}", ran.stdout);
    assert_ne!(after["calibration_factor"], before["calibration_factor"]);
    // Asked by itself, it is measured anew.
    let program = Program::new().env("XDG_CACHE_HOME", &cache);
    let asked =
        json_of(&program.args(["estimate", "--json", "--calibrate", "--model", llama_server()]).run(""));
    assert_ne!(asked["basis"], after["basis"]);
    assert!(asked["prompt_basis"].as_str().unwrap().starts_with("measured ("), "{asked}");
}

/// A llama.cpp server that says that it took long.
fn slow_server() -> Server {
    let answer =
        json!({"explanation": "e", "answer": "Ann", "citations": ["The captain was Ann."]}).to_string();
    Server::start(move |request: &Request| {
        if !request.path.ends_with("/chat/completions") {
            return Reply::text(404, "no");
        }
        let chunks = [
            json!({"choices": [{"index": 0, "delta": {"role": "assistant", "content": answer}, "finish_reason": null}]}),
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}),
            json!({
                "choices": [],
                "usage": {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150},
                "timings": {"prompt_n": 100, "prompt_ms": 20_000.0, "predicted_n": 50, "predicted_ms": 10_000.0},
            }),
        ];
        let events = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
        Reply::stream("text/event-stream", events.chain(["data: [DONE]\n\n".to_owned()]))
    })
}

#[test]
fn a_deadline_that_can_not_be_met_is_told_once_the_pace_is_known() {
    let server = slow_server();
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path().display().to_string();
    let run = |deadline: f64| {
        let job = json!({
            "local_client": {"type": "llama_server", "kwargs": {"base_url": format!("{}/v1", server.url())}},
            "protocol": {"type": "local_only"},
            "budget": {"deadline_s": deadline},
            "call_params": {"task": "Who?", "context": ["The captain was Ann."]},
        });
        let ran = Program::new().env("XDG_CACHE_HOME", &cache).run(job.to_string());
        assert_eq!(ran.code, Some(0), "{} {}", ran.stdout, ran.stderr);
        ran.stderr
    };
    let warning = "the worker alone is likely to need ";
    let unknown = run(15.0);
    assert!(!unknown.contains(warning), "{unknown}");
    // 120 tokens at 5 a second.
    let late = run(15.0);
    assert!(
        late.contains(warning) && late.contains(" (measured (1 call)), and the deadline leaves "),
        "{late}"
    );
    let in_time = run(1000.0);
    assert!(!in_time.contains(warning), "{in_time}");
}

#[test]
fn dry_runs_tell_how_long_the_worker_takes() {
    let job = json!({
        "local_client": {"type": "llama_cpp", "model_path": model()},
        "protocol": {"type": "local_only"},
        "call_params": {"task": "Who?", "context": ["A sentence about ships. ".repeat(50)]},
    });
    let built = cfg!(feature = "embedded");
    let job = if built {
        job
    } else {
        json!({
            "local_client": {"type": "ollama", "model_name": "llama3.2"},
            "protocol": {"type": "local_only"},
            "call_params": job["call_params"],
        })
    };
    let ran = Program::new().args(["--dry-run"]).run(job.to_string());
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let time = &told["result"]["local_time"];
    assert_eq!(time["basis"], "roofline", "{told}");
    assert!(
        number(&time["least_seconds"]) > 0.0
            && number(&time["most_seconds"]) > number(&time["least_seconds"])
    );
}

#[test]
fn several_servers_share_a_round() {
    let cache = tempfile::tempdir().unwrap();
    let cache = cache.path().display().to_string();
    let estimate = || Program::new().env("XDG_CACHE_HOME", &cache).env("OLLAMA_HOST", "http://127.0.0.1:9");
    json_of(&estimate().args(["estimate", "--json", "--model", "llama3.2"]).run(""));
    // No later measurement may come between.
    let kept = Path::new(&cache).join("minions/estimate.json");
    let mut known: Value = serde_json::from_slice(&fs::read(&kept).unwrap()).unwrap();
    known["machines"][0]["sweeps"] = json!(3);
    fs::write(&kept, known.to_string()).unwrap();
    let least = |servers: u16| {
        let urls: Vec<_> = (0..servers).map(|at| format!("http://127.0.0.1:{}", 9 + at)).collect();
        let job = json!({
            "local_client": {"type": "ollama", "model_name": "llama3.2", "kwargs": {"base_url": urls}},
            "remote_client": {"type": "openai", "model_name": "m", "kwargs": {"base_url": "http://127.0.0.1:9/v1"}},
            "protocol": {"type": "minions"},
            "call_params": {"task": "Who?", "context": ["A sentence about ships. ".repeat(8000)]},
        });
        let ran = Program::new().env("XDG_CACHE_HOME", &cache).args(["--dry-run"]).run(job.to_string());
        number(&json_of(&ran)["result"]["local_time"]["least_seconds"])
    };
    let (one, four) = (least(1), least(4));
    // Both are told to two digits.
    assert!((one / four - 4.0).abs() < 0.5, "{one} {four}");
}
