//! Names within a file, which somebody else wrote: they stay here, and the user sees them.

use serde_json::{Value, json};

use crate::context_files::zip;
use crate::support::program::{Program, chats, job, last, scripted};
use crate::support::server::{Request, Server};
use crate::support::wire::openai;

const PROGRAM: &str = "```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task='Who signed?') for doc in context]
```";
/// Words of the names, which nobody may be told.
const SECRET: &str = "merger";

fn files() -> [(&'static str, Vec<u8>); 2] {
    let mail = "From: Ada <ada@example.org>\nDate: Mon, 2 Mar 2026 10:00:00 +0000\nSubject: papers\nMIME-Version: 1.0\n\
                Content-Type: multipart/mixed; boundary=\"b\"\n\n\
                --b\nContent-Type: text/plain\n\nSee the files.\n\
                --b\nContent-Type: text/plain\nContent-Disposition: attachment; filename=\"merger of A.txt\"\n\nSigned: Ada.\n\
                --b\nContent-Type: message/rfc822\n\nFrom: Bo\nDate: Mon, 2 Mar 2026 10:00:00 +0000\nSubject: the merger\n\nSigned: Bo.\n--b--\n";
    let inner = zip(&[("merger/b.txt", b"Signed: Eve.")]);
    [
        ("mail.eml", mail.as_bytes().to_vec()),
        ("a.zip", zip(&[("merger/a.md", b"Signed: Cleo."), ("merger.zip", &inner)])),
    ]
}

/// The job whose program reads all, with the server.
fn asked(script: Vec<String>, more: &Value) -> (Server, Program, Value) {
    let server = scripted(script, |request: &Request| {
        let body = last(&request.json()).to_owned();
        let who =
            ["Ada.", "Bo.", "Cleo.", "Eve."].into_iter().find(|who| body.contains(&format!("Signed: {who}")));
        let citation = who.map(|who| format!("Signed: {who}"));
        openai(request, &json!({"explanation": "e", "citation": citation, "answer": who}).to_string())
    });
    let program = Program::new();
    for (name, bytes) in files() {
        std::fs::write(program.dir.path().join(name), bytes).unwrap();
    }
    let mut params = json!({"task": "Who signed?", "context_files": ["mail.eml", "a.zip"], "max_rounds": 1});
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let job = job(&server, "minions", params);
    (server, program, job)
}

fn verdict() -> String {
    json!({"decision": "provide_final_answer", "answer": "All.", "explanation": "e"}).to_string()
}

#[test]
fn names_within_a_file_do_not_leave() {
    let told = [
        "mail.eml",
        "attachment 1 of mail.eml (plain text)",
        "attachment 2 of mail.eml (mail)",
        "file 1 of a.zip (text in Markdown)",
        "file 1 of file 2 of a.zip (plain text)",
    ];
    let (server, program, job) = asked(vec![PROGRAM.to_owned(), verdict()], &json!({}));
    let result = program.run_job(&job).result();
    let sent: Vec<String> = chats(&server, "supervisor").iter().map(Value::to_string).collect();
    for name in told {
        assert!(sent[0].contains(&format!("({name})")), "{name}: {}", sent[0]);
    }
    assert!(sent.iter().all(|sent| !sent.contains(SECRET)), "{sent:?}");
    // The user sees where a quote stands, and which file was meant.
    let names = [
        "mail.eml/merger of A.txt",
        "mail.eml/mail 2.eml",
        "a.zip/merger/a.md",
        "a.zip/merger.zip/merger/b.txt",
    ];
    let shown = |list: &Value| -> Vec<(String, Value)> {
        let list = list.as_array().unwrap().iter();
        list.map(|one| {
            (one["source"].as_str().or(one["name"].as_str()).unwrap().to_owned(), one["told_as"].clone())
        })
        .collect()
    };
    let expected: Vec<_> =
        names.iter().zip(&told[1..]).map(|(name, told)| ((*name).to_owned(), json!(told))).collect();
    assert_eq!(shown(&result["evidence"]), expected);
    assert_eq!(shown(&result["files"])[1..], expected);
    assert_eq!(result["files"][0].get("told_as"), None);
    // A dry run lists what is told, and no more.
    let (server, program, job) = asked(vec![], &json!({}));
    let ran = program.args(["batch", "--dry-run"]).run(job.to_string());
    let line: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(line["result"]["leaves"]["document_names"], json!(told));
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn nor_with_the_next_question() {
    let (_server, program, mut first) = asked(vec![PROGRAM.to_owned(), verdict()], &json!({}));
    first["protocol"]["kwargs"] = json!({"is_multi_turn": true});
    let history = program.run_job(&first).result()["conversation_history"].clone();
    assert!(history.to_string().contains("told_as"), "{history}");
    let understood = json!({"refers_to": "before", "task": "Who signed the papers?"}).to_string();
    let (server, program, job) = asked(
        vec![understood, PROGRAM.to_owned(), verdict()],
        &json!({"task": "And the others?", "history": history}),
    );
    let ran = program.run_job(&job);
    assert_eq!(ran.code, Some(0), "{}", ran.stdout);
    let sent: Vec<String> = chats(&server, "supervisor").iter().map(Value::to_string).collect();
    assert!(sent.iter().any(|sent| sent.contains("attachment 1 of mail.eml (plain text)")), "{sent:?}");
    assert!(sent.iter().all(|sent| !sent.contains(SECRET)), "{sent:?}");
}
