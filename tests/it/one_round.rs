//! What spares `minions` a further round: a program that shows what it found itself, a `transform_outputs` that is mended,
//! and what is said of the jobs that gave nothing.

use serde_json::{Value, json};

use crate::support::program::{Program, chats, job, last, scripted};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire::openai;

const LOG: &str = "v1.2 of 2021-03-04 lay off Brest.\n\nv1.3 of 2022-05-06 lay off Lorient.\n\nv1.4 is lost.";

/// A job for each paragraph, with its version as the label. `{}` takes options of the jobs.
const PROGRAM: &str = r#"```python
import re
found = []
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    jobs = []
    for part in context[0].split("\n\n"):
        found.append(re.findall(r"\d{4}-\d\d-\d\d", part))
        jobs.append(JobManifest("[" + part.split()[0] + "]\n" + part, "Which port?", ""{}))
    return jobs
```"#;

fn program(options: &str, outputs: &str) -> String {
    let program = PROGRAM.replace("{}", options);
    format!("{}{outputs}\n```", program.strip_suffix("```").unwrap())
}

fn verdict() -> String {
    json!({"explanation": "e", "decision": "provide_final_answer", "answer": "A", "feedback": null, "scratchpad": null})
        .to_string()
}

/// The ports of the first two paragraphs.
fn worker(request: &Request) -> Reply {
    let prompt = request.prompt();
    let port = ["Brest", "Lorient"].into_iter().find(|port| prompt.contains(&format!("off {port}")));
    let citation = port.map(|port| format!("lay off {port}."));
    openai(request, &json!({"explanation": "e", "citation": citation, "answer": port}).to_string())
}

fn the_job(server: &Server) -> Value {
    job(server, "minions", json!({"task": "Which ports?", "context": [LOG], "max_rounds": 1}))
}

/// What the supervisor read to draw its conclusion.
fn read(server: &Server) -> String {
    let read = chats(server, "supervisor").pop().unwrap();
    let (_, answers) = last(&read).split_once("<answers>\n").unwrap();
    answers.split_once("\n</answers>").unwrap().0.to_owned()
}

#[test]
fn what_a_pattern_finds_stands_beside_the_answers() {
    let outputs = "def transform_outputs(jobs):\n    return '\\n'.join(f'{j.output.answer} {d} {j.lost} {j.confirmed}' for j, d in zip(jobs, found))";
    let server = scripted(vec![program("", outputs), verdict()], worker);
    let result = Program::new().run_job(&the_job(&server)).result();
    assert_eq!(result["final_answer"], "A");
    assert_eq!(
        read(&server),
        "(3 jobs on 100% of the text, 2 with an answer)\n[no answer: [v1.4]]\n\
         Brest ['2021-03-04'] False True\nLorient ['2022-05-06'] False True\nNone [] False False"
    );
    assert!(result["egress"]["calls"][1]["other_bytes"].as_u64().unwrap() > 150, "{}", result["egress"]);
}

#[test]
fn a_program_may_need_no_job_at_all() {
    let silent = "```python\ndef prepare_jobs(context, m, o):\n    return []\n```";
    let empty = "```python\ndef prepare_jobs(context, m, o):\n    return []\ndef transform_outputs(jobs):\n    return ' '\n```";
    let failing = empty.replace("' '", "jobs[0]");
    let shown = "```python\nimport re\nlog = ''\ndef prepare_jobs(context, m, o):\n    global log\n    log = context[0]\n    return []\n\
                 def transform_outputs(jobs):\n    return ', '.join(re.findall(r'v1\\S+', log))\n```";
    let script = [silent, empty, &failing, shown].map(str::to_owned).into_iter().chain([verdict()]).collect();
    let server = scripted(script, worker);
    let ran = Program::new().args(["--events", "events"]).run_job(&the_job(&server));
    let events = std::fs::read_to_string(ran.dir.path().join("events")).unwrap();
    assert_eq!(events.matches("\"type\":\"program\"").count(), 4, "{events}");
    let result = ran.result();
    assert_eq!((&result["status"], &result["local_usage"]["total_tokens"]), (&json!("answered"), &json!(0)));
    assert_eq!(read(&server), "(no jobs)\nv1.2, v1.3, v1.4");
    assert!(chats(&server, "worker").is_empty());
    let failed: Vec<&str> = result["meta"][0]["failed_programs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem.as_str().unwrap())
        .collect();
    assert!(failed[0].contains("no jobs, and nothing was shown"), "{failed:?}");
    assert!(failed[1].contains("no jobs, and transform_outputs an empty text"), "{failed:?}");
    assert!(failed[2].contains("line 4") && failed[2].contains("IndexError"), "{failed:?}");
    assert_eq!(result["meta"][0]["local"]["jobs"], json!([]));
}

#[test]
fn outputs_that_fail_are_mended_once_and_no_job_is_done_again() {
    let failing = "def transform_outputs(jobs):\n    return 'ports: ' + jobs[2].output.answer";
    let mended = "So:\n```python\ndef transform_outputs(jobs):\n    return str([(j.output.answer, d) for j, d in zip(jobs, found)])\n```";
    let server = scripted(vec![program("", failing), mended.into(), verdict()], worker);
    let ran = Program::new().args(["--events", "events", "--record", "tape"]).run_job(&the_job(&server));
    let events = std::fs::read_to_string(ran.dir.path().join("events")).unwrap();
    let told: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["type"] == "program")
        .map(|event| json!([event["attempt"], event["jobs"], event["error"].is_null()]))
        .collect();
    assert_eq!(told, [json!([1, 3, true]), json!([1, 3, false]), json!([2, 3, true])]);
    let again = Program::unplugged().args(["--replay", ran.dir.path().join("tape").to_str().unwrap()]);
    let replayed = again.run_job(&the_job(&server)).result();
    let result = ran.result();
    assert_eq!((&replayed["final_answer"], &replayed["meta"]), (&result["final_answer"], &result["meta"]));
    assert!(read(&server).ends_with("[('Brest', ['2021-03-04']), ('Lorient', ['2022-05-06']), (None, [])]"));
    assert_eq!(chats(&server, "worker").len(), 3);
    let supervisor = chats(&server, "supervisor");
    assert_eq!((supervisor.len(), &result["remote_usage"]["prompt_tokens"]), (3, &json!(30)));
    let asked = last(&supervisor[1]);
    assert!(
        asked.contains("TypeError") && asked.contains("line 10") && asked.contains("found.append"),
        "{asked}"
    );
    // The long first prompt is not paid again.
    assert!(asked.len() < 1500 && supervisor[1]["messages"].as_array().unwrap().len() == 1, "{asked}");
    let round = &result["meta"][0];
    assert!(round["failed_programs"][0].as_str().unwrap().contains("TypeError"));
    assert!(round["program"].as_str().unwrap().contains("zip(jobs, found)"));
    assert!(round["remote"]["aggregate_error"].is_null());
}

#[test]
fn outputs_that_fail_again_are_a_plain_list_that_says_so() {
    let failing = "def transform_outputs(jobs):\n    return 1 / 0";
    let other_jobs =
        program("", "def transform_outputs(jobs):\n    return 'x'").replace("Which port?", "Which ship?");
    let replies = [
        ("```python\ndef transform_outputs(jobs):\n    return none\n```".to_owned(), "NameError"),
        ("I can't.".to_owned(), "the supervisor sent no Python"),
        (other_jobs, "makes other jobs"),
    ];
    for (reply, why) in replies {
        let server = scripted(vec![program("", failing), reply, verdict()], worker);
        let result = Program::new().run_job(&the_job(&server)).result();
        let read = read(&server);
        let said = read.lines().find(|line| line.contains("so this is the plain list")).unwrap();
        assert!(said.contains(why), "{said}");
        assert!(
            read.trim_end().ends_with(
                "[chunk 0, v1.2] \"lay off **Brest**.\"\n[chunk 1, v1.3] \"lay off **Lorient**.\""
            ),
            "{read}"
        );
        assert!(result["meta"][0]["remote"]["aggregate_error"].as_str().unwrap().contains(why));
        assert_eq!((chats(&server, "worker").len(), chats(&server, "supervisor").len()), (3, 3));
    }
    // A job that allows one program has it mended no more.
    let server = scripted(vec![program("", failing), verdict()], worker);
    let mut job = the_job(&server);
    job["protocol"]["kwargs"] = json!({"max_code_attempts": 1});
    let result = Program::new().run_job(&job).result();
    assert!(result["meta"][0]["remote"]["aggregate_error"].as_str().unwrap().contains("ZeroDivisionError"));
    assert!(read(&server).contains("plain list of answers: line 10"), "{}", read(&server));
}

#[test]
fn where_an_answer_is_expected_the_worker_looks_again() {
    let looks_again = |request: &Request| {
        let prompt = request.prompt();
        match prompt.contains("Read the part again") {
            true if prompt.contains("is lost") => {
                openai(request, r#"{"explanation": "e", "citation": "v1.4 is lost", "answer": "lost"}"#)
            }
            _ if prompt.contains("off Lorient") && !prompt.contains("Read the part again") => {
                openai(request, r#"{"explanation": "e", "citation": null, "answer": null}"#)
            }
            _ => worker(request),
        }
    };
    let memo = tempfile::tempdir().unwrap();
    let run = |options: &str| {
        let server = scripted(vec![program(options, ""), verdict()], looks_again);
        let args = ["--memo", memo.path().to_str().unwrap(), "--events", "events"];
        let ran = Program::new().args(args).run_job(&the_job(&server));
        let events = std::fs::read_to_string(ran.dir.path().join("events")).unwrap();
        let again = events.matches("\"asked_again\":true").count();
        let result = ran.result();
        let answers: Vec<Value> = result["meta"][0]["local"]["jobs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|job| job["output"]["answer"].clone())
            .collect();
        (json!(answers), again, chats(&server, "worker").len(), result)
    };
    let (answers, again, calls, _) = run("");
    assert_eq!((answers, again, calls), (json!(["Brest", null, null]), 0, 3));
    let (answers, again, calls, result) = run(", expected=True");
    assert_eq!((answers, again, calls), (json!(["Brest", "Lorient", "lost"]), 2, 5));
    assert_eq!(result["local_usage"]["prompt_tokens"], 50);
    assert_eq!(result["meta"][0]["local"]["jobs"][2]["manifest"]["expected"], true);
}

#[test]
fn the_memo_tells_a_job_that_is_asked_once_from_one_that_is_asked_again() {
    let memo = tempfile::tempdir().unwrap();
    let looks_again = |request: &Request| match request.prompt().contains("Read the part again") {
        true => openai(request, r#"{"explanation": "e", "citation": null, "answer": "found"}"#),
        false => openai(request, r#"{"explanation": "e", "citation": null, "answer": null}"#),
    };
    // One address, so that it is one model.
    let options = ["", ", expected=True", ", expected=True", ""];
    let script = options.iter().flat_map(|options| [program(options, ""), verdict()]).collect();
    let server = scripted(script, looks_again);
    let mut calls = Vec::new();
    for (options, answer, recalled) in
        [("", json!(null), 0), ("e", json!("found"), 0), ("e", json!("found"), 3), ("", json!(null), 3)]
    {
        let args = ["--memo", memo.path().to_str().unwrap()];
        let result = Program::new().args(args).run_job(&the_job(&server)).result();
        assert_eq!(result["meta"][0]["local"]["jobs"][0]["output"]["answer"], answer, "{options}");
        assert_eq!(result["memo"]["recalled"], recalled, "{options}");
        calls.push(chats(&server, "worker").len());
    }
    assert_eq!(calls, [3, 9, 9, 9]);
}

#[test]
fn a_second_look_that_fails_leaves_what_was_said_first() {
    let server = scripted(vec![program(", expected=True", ""), verdict()], |request| {
        match request.prompt().contains("Read the part again") {
            true => Reply::error(400, &json!({"error": {"message": "no"}})),
            false => worker(request),
        }
    });
    let result = Program::new().run_job(&the_job(&server)).result();
    assert_eq!(result["status"], "answered");
    assert!(read(&server).starts_with("(3 jobs on 100% of the text, 2 with an answer)\n[no answer: [v1.4]]"));
}

#[test]
fn labels_are_kept_and_lost_jobs_are_named() {
    let program = r#"```python
def prepare_jobs(context, m, o):
    if o:
        return [JobManifest(a.chunk, f"lost: {[b.lost for b in o]}", "") for a in m[:1]]
    return [JobManifest(f"[{label}]\n{part}", "Which port?", "")
            for label, part in zip(["v1.2\n of 2021", "v1.3 " * 30, "v1.4"], context[0].split("\n\n"))]
```"#;
    let more = json!({"explanation": "e", "decision": "request_additional_info", "answer": null, "feedback": "f", "scratchpad": "s"});
    let server = scripted(vec![program.into(), more.to_string(), program.into(), verdict()], |request| {
        if request.prompt().contains("is lost") {
            openai(request, "It is hard to say.")
        } else {
            worker(request)
        }
    });
    let mut job = the_job(&server);
    job["call_params"]["max_rounds"] = json!(2);
    let result = Program::new().run_job(&job).result();
    let first = result["meta"][0]["remote"]["answers"].as_str().unwrap();
    assert!(first.contains("[lost: [v1.4]]"), "{first}");
    assert!(first.contains("[chunk 0, v1.2 of 2021] \"lay off **Brest**.\""), "{first}");
    assert!(first.contains(&format!("[chunk 1, {}...] ", "v1.3 ".repeat(20))), "{first}");
    let second = result["meta"][1]["remote"]["answers"].as_str().unwrap();
    assert!(second.starts_with("(1 job on 40% of the text (100% with earlier rounds), 1 with"), "{second}");
    assert!(second.contains("lost: [False, False, True]"), "{second}");
    assert_eq!(result["meta"][0]["local"]["jobs"][2]["output"]["lost"], true);
    assert_eq!(
        result["evidence"].as_array().unwrap().iter().filter(|cited| cited["verified"] == true).count(),
        3
    );
}

/// A verdict may hold the next program, which no call asks for then.
#[test]
fn a_verdict_brings_the_next_program() {
    let shows =
        |what: &str| format!("def prepare_jobs(context, m, o):\n    show(context, r'{what}')\n    return []");
    let more = |program: &str| {
        json!({"explanation": "e", "decision": "request_additional_info", "answer": null, "feedback": null,
               "scratchpad": "Brest is settled", "program": program})
        .to_string()
    };
    // A program may come in a block, and one that fails goes back as any other.
    let block = format!("```python\n{}\n```", shows("lay off \\w+"));
    for (program, mended) in [
        (shows("lay off \\w+"), None),
        (block.clone(), None),
        // One backslash too few for JSON, which reads another character.
        (shows("\u{8}lay off"), None),
        ("def prepare_jobs(context, m, o):\n    return [1 / 0]".to_owned(), Some(block)),
    ] {
        let replies = [format!("```python\n{}\n```", shows("Brest")), more(&program)];
        let script: Vec<String> = replies.into_iter().chain(mended.clone()).chain([verdict()]).collect();
        let calls = script.len();
        let server = scripted(script, worker);
        let mut job = the_job(&server);
        job["call_params"]["max_rounds"] = json!(2);
        let result = Program::new().run_job(&job).result();
        assert!(read(&server).contains("lay off Lorient"), "{}", read(&server));
        let asked = chats(&server, "supervisor");
        assert_eq!(asked.len(), calls);
        assert!(last(&asked[calls - 1]).contains("Brest is settled"));
        if mended.is_some() {
            let messages: Vec<&str> = asked[2]["messages"]
                .as_array()
                .unwrap()
                .iter()
                .map(|message| message["content"].as_str().unwrap())
                .collect();
            let [asks, written, problem] = messages[..] else { panic!("{messages:?}") };
            assert!(asks.contains("What you noted after the last round: Brest is settled"), "{asks}");
            assert_eq!(written, program);
            assert!(problem.contains("ZeroDivisionError"), "{problem}");
        }
        assert_eq!(
            result["meta"][1]["failed_programs"].as_array().map_or(0, Vec::len),
            usize::from(mended.is_some())
        );
    }
}

#[test]
fn the_place_of_a_cited_chunk_is_shown() {
    let server = scripted(
        vec![program("", "").replace("\"[\" + part.split()[0] + \"]\\n\" + ", ""), verdict()],
        worker,
    );
    let mut job = the_job(&server);
    job["call_params"]["context"] = json!([]);
    let program = Program::new();
    std::fs::write(program.dir.path().join("log.txt"), LOG).unwrap();
    job["call_params"]["context_files"] = json!(["log.txt"]);
    program.run_job(&job).result();
    assert!(read(&server).contains("[chunk 1, line 3] \"lay off **Lorient**.\""), "{}", read(&server));
}

#[test]
fn the_limit_on_tasks_is_the_jobs_own() {
    let server = scripted(vec![program("", ""), verdict()], worker);
    Program::new().run_job(&the_job(&server)).result();
    let asked = last(&chats(&server, "supervisor")[0]).to_owned();
    assert!(asked.contains("Limits: at most 2048 jobs in all"), "{asked}");
}
