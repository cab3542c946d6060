//! The egress ledger: what it says is what a server got, and nothing goes over its budget.

use ring::digest;
use serde_json::{Value, json};

use crate::support::program::{Program, chats, client, job, scripted};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire::openai;

const DOCUMENT: &str =
    "Head.\r\nThe Aurora lay off the port of Brest in 12 fathoms 👩\u{200D}👩 of water.\r\nTail of it.";
const QUOTED: &str = "Aurora lay off the port of Brest in 12 fathoms 👩\u{200D}👩 of";

const PROGRAM: &str = r#"```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task="Which ship?", advice="") for doc in context]
```"#;

fn step(decision: &str, answer: Option<&str>) -> String {
    json!({"reasoning": "r", "explanation": "e", "decision": decision, "message": "Which ship?", "answer": answer}).to_string()
}

/// What the supervisor says, and call parameters, for each protocol.
fn cases() -> [(&'static str, Vec<String>, Value); 2] {
    let params = json!({"task": "Which ship?", "context": ["nothing of this leaves the machine", DOCUMENT], "max_rounds": 2});
    let last = || step("provide_final_answer", Some("Aurora"));
    let chat = vec!["no JSON".into(), step("", None), step("request_additional_info", None), last()];
    let programs = vec!["no program".into(), PROGRAM.into(), last()];
    [("minion", chat, params.clone()), ("minions", programs, params)]
}

/// The worker quotes the second document.
fn quoting(request: &Request) -> Reply {
    let quote = json!({"explanation": "é", "citation": QUOTED, "answer": "Aurora"}).to_string();
    match request.prompt().contains("Task: ") {
        true => openai(request, &quote),
        false => openai(request, &format!("It says \"{QUOTED}\".")),
    }
}

/// A server whose first reply to the supervisor is an error of its own.
fn stumbling(script: Vec<String>) -> Server {
    let script = std::sync::Mutex::new(script.into_iter());
    let stumbles = std::sync::atomic::AtomicBool::new(true);
    Server::start(move |request| match request.json()["model"].as_str() {
        Some("worker") => quoting(request),
        Some(_) if stumbles.swap(false, std::sync::atomic::Ordering::SeqCst) => {
            Reply::text(500, "oh").header("retry-after", "0")
        }
        Some(_) => openai(request, &script.lock().unwrap().next().unwrap()),
        None => Reply::text(404, "not found"),
    })
}

fn sha256(bytes: &[u8]) -> String {
    digest::digest(&digest::SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_ledger_is_what_the_server_got_byte_for_byte() {
    for (protocol, script, params) in cases() {
        let server = stumbling(script);
        let result = Program::new().run_job(&job(&server, protocol, params)).result();
        let egress = &result["egress"];
        let got: Vec<(usize, String)> = server
            .requests()
            .iter()
            .filter(|request| request.json()["model"] == "supervisor")
            .map(|request| (request.body.len(), sha256(&request.body)))
            .collect();
        let calls = egress["calls"].as_array().unwrap();
        let told: Vec<(usize, String)> = calls
            .iter()
            .map(|call| {
                (call["bytes"].as_u64().unwrap() as usize, call["sha256"].as_str().unwrap().to_owned())
            })
            .collect();
        assert_eq!(told, got, "{protocol}");
        assert!(got.len() >= 4, "{protocol}: {calls:?}");
        assert_eq!(egress["bytes"], got.iter().map(|(bytes, _)| bytes).sum::<usize>());
        assert!(calls[0]["error"].as_str().unwrap().contains("500"), "the failed one counts");
        assert_eq!(calls[1]["error"], Value::Null);
        let tokens: u64 = calls.iter().map(|call| call["prompt_tokens"].as_u64().unwrap()).sum();
        assert_eq!(result["remote_usage"]["prompt_tokens"], tokens);

        // What left of the documents: the quote, once, though it may have been sent more often.
        assert_eq!(egress["context_chars"], QUOTED.chars().count(), "{protocol}: {egress}");
        assert_eq!(egress["of_context_chars"], 34 + DOCUMENT.chars().count());
        let passage = &egress["passages"][0];
        let place = |key: &str| passage[key].as_u64().unwrap() as usize;
        assert_eq!((egress["passages"].as_array().unwrap().len(), place("document")), (1, 1));
        let left: String =
            DOCUMENT.chars().skip(place("start")).take(place("end") - place("start")).collect();
        assert_eq!(left, QUOTED);
        assert_eq!(calls[1]["context_chars"], 0);
    }
}

#[test]
fn a_job_fails_before_it_sends_more_than_its_budget() {
    let quoted = QUOTED.chars().count();
    for (protocol, script, mut params) in cases() {
        params["max_rounds"] = json!(1);
        let script: Vec<String> = script.into_iter().filter(|text| !text.contains("request_")).collect();
        for (in_job, flag, fails) in [
            (Some(quoted), None, false),
            (Some(quoted - 1), None, true),
            (None, Some(quoted), false),
            (None, Some(0), true),
            (Some(quoted - 1), Some(quoted), true),
            (Some(quoted), Some(quoted - 1), true),
        ] {
            let server = scripted(script.clone(), quoting);
            let mut job = job(&server, protocol, params.clone());
            if let Some(limit) = in_job {
                job["budget"] = json!({"egress_chars": limit});
            }
            let flag = flag.map(|limit| format!("--max-egress-chars={limit}"));
            let ran = Program::new().args(flag.as_deref()).run_job(&job);
            if !fails {
                assert_eq!(ran.result()["egress"]["context_chars"], quoted);
                continue;
            }
            let error = ran.error(1);
            assert!(
                error.contains(&format!("{quoted} characters of the documents would have left")),
                "{error}"
            );
            assert!(error.contains("raise budget.egress_chars"), "{error}");
            let sent = chats(&server, "supervisor");
            assert!(sent.iter().all(|body| !body.to_string().contains("port of Brest")), "{sent:?}");
            let egress = &ran.log()["egress"];
            assert_eq!(
                (egress["calls"].as_array().unwrap().len(), &egress["context_chars"]),
                (sent.len(), &json!(0))
            );
        }
    }
}

#[test]
fn what_does_not_leave_is_not_in_the_ledger() {
    // A server of this machine as the supervisor.
    let (_, script, params) = cases().into_iter().next().unwrap();
    let server = scripted(script, quoting);
    let mut here = job(&server, "minion", params);
    here["remote_client"]["type"] = json!("vllm");
    let egress = Program::new().run_job(&here).result()["egress"].take();
    assert_eq!((&egress["calls"], &egress["bytes"]), (&json!([]), &json!(0)));

    // A server that isn't there.
    let mut nowhere = here.clone();
    nowhere["remote_client"] = client(&server, "supervisor");
    nowhere["remote_client"]["kwargs"]["base_url"] = json!("http://127.0.0.1:9/v1");
    nowhere["remote_client"]["kwargs"]["retries"] = json!(0);
    let ran = Program::new().run_job(&nowhere);
    ran.error(1);
    let log = ran.log();
    let call = &log["egress"]["calls"][0];
    assert_eq!(
        (&call["bytes"], &call["sha256"], &log["egress"]["bytes"]),
        (&json!(0), &Value::Null, &json!(0))
    );
    assert!(call["error"].as_str().unwrap().contains("connection refused"), "{call}");
}
