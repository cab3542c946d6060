//! The `minions` protocol through the real executable: a scripted supervisor, scripted and real workers.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use serde_json::{Value, json};

use crate::support::program::{Program, chats, client, job, last, scripted};
use crate::support::server::{Reply, Request, Server};
use crate::support::wait::Barrier;
use crate::support::wire::openai;

/// Two tasks for each section, and every job's ids and answer in the aggregate.
const PROGRAM: &str = r#"The figures decide. ```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    jobs = []
    for doc in context:
        for chunk in chunk_by_section(doc, max_chunk_size=3000, overlap=20):
            for task in ["Name the ship.", "Name the port."]:
                jobs.append(JobManifest(chunk=chunk, task=task, advice="One word."))
    return jobs

def transform_outputs(jobs):
    return "\n".join(
        f"{j.manifest.job_id}/{j.manifest.chunk_id}/{j.manifest.task_id}={j.output.answer}" for j in jobs
    )
```"#;

fn verdict(decision: &str, answer: Option<&str>) -> String {
    json!({
        "explanation": "e", "decision": decision, "answer": answer,
        "feedback": "look for the harbour", "scratchpad": "the ship is the Aurora",
    })
    .to_string()
}

fn found(request: &Request) -> Reply {
    openai(request, r#"{"explanation": "it says so", "citation": "the Aurora", "answer": "Aurora"}"#)
}

/// 76,000 characters in which no two chunks are equal.
fn document() -> String {
    let mut text = String::new();
    let mut day = 0;
    while text.len() < 76_000 {
        day += 1;
        text.push_str(&format!("Day {day}. The Aurora lay off the port in {day} fathoms. "));
    }
    text.truncate(76_000);
    text
}

fn params(document: &str) -> Value {
    json!({"task": "Which ship, which port?", "context": [document], "doc_metadata": "A ship's log.", "max_rounds": 2})
}

#[test]
fn fifty_two_jobs_are_fifty_two_independent_requests() {
    // No call is answered before four are there: one that waits for another would meet the deadline.
    let four = Barrier::new(4);
    let script = vec![PROGRAM.into(), verdict("provide_final_answer", Some("Aurora"))];
    let server = scripted(script, move |request| {
        four.wait();
        found(request)
    });
    let mut job = job(&server, "minions", params(&document()));
    job["budget"] = json!({"deadline_s": 60});
    job["local_client"]["kwargs"]["max_concurrency"] = json!(4);
    let result = Program::new().run_job(&job).result();
    assert_eq!((&result["final_answer"], &result["status"]), (&json!("Aurora"), &json!("answered")));

    let worker = chats(&server, "worker");
    assert_eq!(worker.len(), 52);
    let questions: BTreeSet<&str> = worker.iter().map(last).collect();
    assert_eq!(questions.len(), 52, "every job is asked once");
    for body in &worker {
        let messages = body["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 2, "one chat of its own");
        let question = last(body);
        assert!(
            question.find("fathoms").unwrap() < question.find("Task: Name the").unwrap(),
            "the chunk comes first"
        );
        assert_eq!(
            body["response_format"]["json_schema"]["schema"]["required"],
            json!(["explanation", "citation", "answer"])
        );
    }
    assert_eq!(server.max_in_flight(), 4);

    // All 52 reach the aggregate, with ids by position, chunk and task.
    let remote = chats(&server, "supervisor");
    assert_eq!(remote.len(), 2);
    let aggregate = last(&remote[1]);
    for job in 0..52 {
        let line = format!("{job}/{}/{}=Aurora", job / 2, job % 2);
        assert!(aggregate.lines().any(|l| l == line), "{line} is missing in {aggregate}");
    }
    assert!(remote.iter().all(|body| !body.to_string().contains("fathoms")), "the documents stay here");

    assert_eq!(result["local_usage"]["prompt_tokens"], 520);
    assert_eq!(result["remote_usage"]["prompt_tokens"], 20);
    let jobs = result["meta"][0]["local"]["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 52);
    assert_eq!(jobs[51]["manifest"]["chunk_id"], 25);
    let log = &result["conversation_log"];
    assert_eq!(log["doc_metadata"], "A ship's log.");
    let local = log["conversation"].as_array().unwrap().iter().find(|e| e["user"] == "local").unwrap();
    assert_eq!(local["job_manifests"].as_array().unwrap().len(), 52);
    assert_eq!(local["job_outputs"][0]["answer"], "Aurora");
}

#[test]
fn a_second_round_knows_the_first() {
    let second = r#"```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    found = [m.chunk for m, o in zip(prev_job_manifests, prev_job_outputs) if o.answer]
    return [JobManifest(found[0], "Name the harbour.", "")]

def transform_outputs(jobs):
    return "harbour: " + jobs[0].output.answer
```"#;
    let script = vec![
        PROGRAM.into(),
        verdict("request_additional_info", None),
        second.into(),
        verdict("provide_final_answer", Some("Aurora, Brest")),
    ];
    let server = scripted(script, found);
    let result =
        Program::new().run_job(&job(&server, "minions", params("The Aurora lay at Brest."))).result();
    assert_eq!(result["final_answer"], "Aurora, Brest");
    assert_eq!(chats(&server, "worker").len(), 3);
    let remote = chats(&server, "supervisor");
    assert!(
        last(&remote[2]).contains("the ship is the Aurora")
            && last(&remote[2]).contains("look for the harbour")
    );
    assert!(last(&remote[3]).contains("harbour: Aurora"));
    assert_eq!(result["meta"].as_array().unwrap().len(), 2);
}

#[test]
fn a_program_that_fails_goes_back_with_the_python_line() {
    let bad = "```python\ndef prepare_jobs(context, m, o):\n    return contxt\n\ndef transform_outputs(jobs):\n    return ''\n```";
    let script = vec![
        "I need no program.".into(),
        bad.into(),
        PROGRAM.into(),
        verdict("provide_final_answer", Some("Aurora")),
    ];
    let server = scripted(script, found);
    let result = Program::new().run_job(&job(&server, "minions", params("The Aurora."))).result();
    let remote = chats(&server, "supervisor");
    assert!(last(&remote[1]).contains("holds no Python block"));
    let complaint = last(&remote[2]);
    assert!(complaint.contains("line 2") && complaint.contains("contxt"), "{complaint}");
    assert_eq!(
        remote[2]["messages"].as_array().unwrap().len(),
        3,
        "the question, the newest program, the complaint"
    );
    assert_eq!(result["meta"][0]["failed_programs"].as_array().unwrap().len(), 2);
}

#[test]
fn programs_that_never_run_are_an_error() {
    let server = scripted(vec!["no".into(); 3], found);
    let mut job = job(&server, "minions", params("The Aurora."));
    job["protocol"]["kwargs"] = json!({"max_code_attempts": 3});
    let error = Program::new().run_job(&job).error(1);
    assert!(error.contains("none of the supervisor's 3 programs ran"), "{error}");
}

#[test]
fn more_jobs_than_allowed_go_back() {
    let server = scripted(vec![PROGRAM.into(); 2], found);
    let mut job = job(&server, "minions", params(&document()));
    job["call_params"]["max_jobs_per_round"] = json!(51);
    job["protocol"]["kwargs"] = json!({"max_code_attempts": 2});
    let error = Program::new().run_job(&job).error(1);
    assert!(error.contains("51"), "{error}");
    assert!(chats(&server, "worker").is_empty());
}

#[test]
fn an_unusable_reply_is_asked_for_again_and_then_kept_as_none() {
    let server = scripted(vec![PROGRAM.into(), verdict("provide_final_answer", Some("Aurora"))], |request| {
        if request.prompt().contains("Name the port.") {
            openai(request, "It is hard to say.")
        } else {
            found(request)
        }
    });
    let ran = Program::new().run_job(&job(&server, "minions", params("The Aurora.")));
    let why = "without a usable reply; the worker's reply was unusable: it holds no JSON object";
    assert!(ran.stderr.contains(why), "{}", ran.stderr);
    let result = ran.result();
    assert_eq!(result["status"], "partial");
    assert_eq!(chats(&server, "worker").len(), 3);
    let jobs = &result["meta"][0]["local"]["jobs"];
    assert_eq!(jobs[1]["output"]["answer"], Value::Null);
    assert!(jobs[1]["output"]["explanation"].as_str().unwrap().contains("no JSON object"));
    assert!(last(&chats(&server, "supervisor")[1]).contains(
        "(2 jobs on 100% of the text, 1 with an answer, 1 lost)\n[lost: [chunk 0] (Name the port.)]"
    ));
}

#[test]
fn a_call_that_the_server_refuses_costs_no_other() {
    let asked = AtomicUsize::new(0);
    let server =
        scripted(
            vec![PROGRAM.into(), verdict("provide_final_answer", Some("x"))],
            move |request| match asked.fetch_add(1, SeqCst) {
                0 => Reply::error(403, &json!({"error": {"message": "content policy"}})),
                _ => found(request),
            },
        );
    let mut job = job(&server, "minions", params(&document()));
    job["local_client"]["kwargs"]["max_concurrency"] = json!(1);
    let result = Program::new().run_job(&job).result();
    assert_eq!(result["status"], "partial");
    assert_eq!(chats(&server, "worker").len(), 52);
    assert!(
        last(&chats(&server, "supervisor")[1])
            .contains("(52 jobs on 100% of the text, 51 with an answer, 1 lost)\n[lost: [chunk ")
    );
}

#[test]
fn the_supervisor_is_told_that_every_chunk_was_too_long() {
    let too_long = json!({"error": {"message": "9000 tokens", "code": "context_length_exceeded"}});
    let server = scripted(
        vec![
            PROGRAM.into(),
            verdict("request_additional_info", None),
            PROGRAM.into(),
            verdict("provide_final_answer", Some("x")),
        ],
        move |_| Reply::error(400, &too_long),
    );
    let result = Program::new().run_job(&job(&server, "minions", params(&document()))).result();
    assert_eq!((&result["status"], chats(&server, "worker").len()), (&json!("partial"), 2 * 52));
    let told = chats(&server, "supervisor");
    assert!(
        last(&told[1])
            .contains("(52 jobs on 100% of the text, 0 with an answer, 52 lost)\n[the first one lost: "),
        "{}",
        last(&told[1])
    );
    assert!(last(&told[1]).contains("9000 tokens"));
}

#[test]
fn a_chunk_is_measured_in_what_it_costs_and_told_in_characters() {
    // 2560 tokens are free, of at least 3 bytes each: 7680 characters here, and a third of that in Chinese.
    let program = PROGRAM.replace("max_chunk_size=3000, overlap=20", "max_chunk_size=5000, overlap=20");
    for (text, most, fits) in [("a b ", 7680, true), ("\u{8239}\u{6e2f}\u{53e3}", 2560, false)] {
        let script = vec![program.clone(); 2].into_iter().chain([verdict("provide_final_answer", Some("x"))]);
        let chat = scripted(script.collect(), found);
        let server = Server::start(move |request| match &*request.path {
            "/props" => {
                Reply::json(&json!({"total_slots": 4, "default_generation_settings": {"n_ctx": 4096}}))
            }
            _ => openai(request, r#"{"explanation": "it says so", "citation": "a b a b", "answer": "a"}"#),
        });
        let mut job = job(&chat, "minions", params(&text.repeat(12_000 / text.chars().count())));
        job["local_client"] = client(&server, "worker");
        job["protocol"]["kwargs"] = json!({"max_code_attempts": 2});
        let ran = Program::new().run_job(&job);
        let prompt = last(&chats(&chat, "supervisor")[0]).to_owned();
        assert!(prompt.contains(&format!("chunks of at most {most} characters")), "{prompt}");
        match fits {
            true => assert_eq!(ran.result()["status"], "answered"),
            false => {
                let error = ran.error(1);
                assert!(error.contains("but the small model can read 25"), "{error}");
                assert!(chats(&server, "worker").is_empty());
            }
        }
    }
}

#[test]
fn an_answer_that_its_limit_cut_off_says_so() {
    let server = scripted(
        // Without an aggregate of its own: the plain list.
        vec![PROGRAM.replace("transform_outputs", "unused"), verdict("provide_final_answer", Some("x"))],
        |request| {
            let most = &request.json()["response_format"]["json_schema"]["schema"]["properties"]["answer"]["maxLength"];
            let answer =
                "Aurora; Boreas; ".chars().cycle().take(most.as_u64().unwrap() as usize).collect::<String>();
            openai(request, &json!({"explanation": "e", "citation": null, "answer": answer}).to_string())
        },
    );
    let result = Program::new().run_job(&job(&server, "minions", params("The Aurora."))).result();
    assert!(last(&chats(&server, "supervisor")[1]).contains("[cut off here by the token limit]"));
    let answer = &result["meta"][0]["local"]["jobs"][0]["output"]["answer"];
    assert!(answer.as_str().unwrap().ends_with("[cut off here by the token limit]"), "{answer}");
}

#[test]
fn replies_of_every_form_are_read() {
    let replies = [
        "```json\n{\"explanation\": \"e\", \"citation\": \"c\", \"answer\": \"A1\"}\n```",
        "Here you are: {\"explanation\": \"e\", \"citation\": [\"c\", \"d\"], \"answer\": [\"A1\"],}",
        "{\"explanation\": \"two\nlines\", \"citation\": None, \"answer\": \"A1\"}",
    ];
    for reply in replies {
        let server = scripted(vec![PROGRAM.into(), verdict("provide_final_answer", Some("x"))], move |r| {
            openai(r, reply)
        });
        let result = Program::new().run_job(&job(&server, "minions", params("The Aurora."))).result();
        assert_eq!(result["meta"][0]["local"]["jobs"][0]["output"]["answer"], "A1", "{reply}");
        assert_eq!(chats(&server, "worker").len(), 2);
    }
}

#[test]
fn samples_agree_on_one_answer() {
    let program = PROGRAM.replace("{j.output.answer}", "{j.output.answer} {j.agreed} of {j.samples}");
    let bare = PROGRAM.replace("def transform_outputs(jobs):", "def unused(jobs):");
    for (program, told) in
        [(program, "0/0/0=Aurora 2 of 3"), (bare, "[chunk 0] \"the **Aurora**\" | 2 of 3 samples")]
    {
        let server = scripted(vec![program, verdict("provide_final_answer", Some("x"))], |request| {
            match request.json()["seed"].as_u64() {
                Some(7) => openai(request, r#"{"explanation": "", "citation": null, "answer": "Boreas"}"#),
                _ => found(request),
            }
        });
        let mut job = job(&server, "minions", params("The Aurora."));
        job["call_params"]["num_samples_per_task"] = json!(3);
        job["local_client"]["kwargs"]["seed"] = json!(7);
        let result = Program::new().run_job(&job).result();
        let worker = chats(&server, "worker");
        assert_eq!(worker.len(), 6);
        let seeds: BTreeSet<u64> = worker.iter().map(|body| body["seed"].as_u64().unwrap()).collect();
        assert_eq!(seeds, [7, 8, 9].into());
        assert!(worker.iter().all(|body| body["temperature"].as_f64().unwrap() > 0.0));
        let remote = chats(&server, "supervisor");
        assert!(last(&remote[0]).contains("`agreed` of `samples`"));
        assert!(last(&remote[1]).contains(told), "{}", last(&remote[1]));
        assert!(!last(&remote[1]).contains("6 jobs"), "the samples of a job are one job");
        assert!(!last(&remote[1]).contains("Boreas"));
        assert_eq!(result["meta"][0]["local"]["jobs"][0]["agreed"], 2);
    }
}

#[test]
fn an_aggregate_that_fails_is_replaced_by_the_plain_answers() {
    let program =
        PROGRAM.replace("def transform_outputs(jobs):", "def transform_outputs(jobs):\n    return 1 / 0");
    let again = "```python\ndef transform_outputs(jobs):\n    return 1 / 0\n```".to_owned();
    let server = scripted(vec![program, again, verdict("provide_final_answer", Some("x"))], found);
    let result = Program::new().run_job(&job(&server, "minions", params("The Aurora."))).result();
    assert!(result["meta"][0]["remote"]["aggregate_error"].as_str().unwrap().contains("ZeroDivisionError"));
    assert!(
        last(&chats(&server, "supervisor")[2]).contains("Name the port.\n[chunk 0] Aurora | cited above")
    );
}

#[test]
fn a_program_needs_no_aggregate_of_its_own() {
    let program = PROGRAM.replace("def transform_outputs(jobs):", "def unused(jobs):");
    let server = scripted(vec![program, verdict("provide_final_answer", Some("x"))], found);
    let result = Program::new().run_job(&job(&server, "minions", params("The Aurora."))).result();
    assert!(result["meta"][0]["remote"]["aggregate_error"].is_null());
    assert!(last(&chats(&server, "supervisor")[1]).contains("[chunk 0] \"the **Aurora**\""));
}

#[test]
fn a_worker_that_fails_every_call_fails_the_job() {
    let server = scripted(vec![PROGRAM.into()], |_| Reply::text(500, "out of memory"));
    let ran = Program::new().run_job(&job(&server, "minions", params("The Aurora.")));
    let error = ran.error(1);
    assert!(error.contains("the call to the worker failed") && error.contains("out of memory"), "{error}");
    assert_eq!(ran.log()["usage"]["remote"]["prompt_tokens"], 10);
}

#[test]
fn a_worker_call_that_fails_costs_that_job_alone() {
    let server = scripted(vec![PROGRAM.into(), verdict("provide_final_answer", Some("x"))], |request| {
        if request.prompt().contains("Name the port.") { Reply::text(500, "boom") } else { found(request) }
    });
    let result = Program::new().run_job(&job(&server, "minions", params("The Aurora."))).result();
    assert_eq!(result["status"], "partial");
    assert!(
        result["meta"][0]["local"]["jobs"][1]["output"]["explanation"].as_str().unwrap().contains("boom")
    );
}

#[test]
fn one_refused_call_costs_that_job_alone() {
    let server = scripted(vec![PROGRAM.into(), verdict("provide_final_answer", Some("x"))], |request| {
        if request.prompt().contains("Name the port.") {
            Reply::text(403, "content policy")
        } else {
            found(request)
        }
    });
    let result = Program::new().run_job(&job(&server, "minions", params("The Aurora."))).result();
    assert_eq!(result["status"], "partial");
}

#[test]
fn a_worker_that_is_down_is_not_asked_for_every_job() {
    let server = scripted(vec![PROGRAM.into()], |_| Reply::text(500, "down"));
    let mut job = job(&server, "minions", params(&document()));
    job["local_client"]["kwargs"]["retries"] = json!(0);
    let ran = Program::new().run_job(&job);
    assert!(ran.error(1).contains("down"));
    assert!(chats(&server, "worker").len() < 12, "52 jobs, and the server is down");
    // What was done is in the log.
    assert_eq!(ran.log()["conversation"].as_array().unwrap().len(), 1);
    assert!(ran.log()["worker_messages"].as_array().unwrap().len() > 4);
}

#[test]
fn a_reply_of_another_form_is_not_taken_for_nothing() {
    let server = scripted(vec![PROGRAM.into(), verdict("provide_final_answer", Some("x"))], |request| {
        openai(request, r#"{"response": "42"}"#)
    });
    let result = Program::new().run_job(&job(&server, "minions", params("The Aurora."))).result();
    assert_eq!((&result["status"], chats(&server, "worker").len()), (&json!("partial"), 4));
}

/// A scripted supervisor, and the real model reads: every job gets a reply of the right form.
#[cfg(feature = "embedded")]
#[test]
fn real_model_as_worker() {
    let server = scripted(vec![PROGRAM.into(), verdict("provide_final_answer", Some("Aurora"))], found);
    let document: String = document().chars().take(5_900).collect();
    let model = crate::support::llama_server::model();
    let job = json!({
        "local_client": {"type": "llama_cpp", "model_path": model, "kwargs": {"n_ctx": 4096, "max_tokens": 160, "max_concurrency": 2, "n_threads": 1}},
        "remote_client": crate::support::program::client(&server, "supervisor"),
        "protocol": {"type": "minions"},
        "call_params": params(&document),
    });
    let ran = Program::new().run_job(&job);
    let result = ran.result();
    let jobs = result["meta"][0]["local"]["jobs"].as_array().unwrap();
    assert_eq!(jobs.len(), 4);
    let ids: Vec<_> = jobs
        .iter()
        .map(|j| (j["manifest"]["chunk_id"].as_u64(), j["manifest"]["task_id"].as_u64()))
        .collect();
    assert_eq!(ids, (0..4).map(|job| (Some(job / 2), Some(job % 2))).collect::<Vec<_>>());
    // The model is tiny: some replies go wrong, but each says so, and none is dropped.
    let answered = |job: &&Value| job["output"]["answer"].is_string();
    let explained = |job: &Value| !job["output"]["explanation"].as_str().unwrap().is_empty();
    assert!(jobs.iter().any(|job| answered(&job)), "{jobs:#?}");
    assert!(jobs.iter().all(|job| answered(&job) || explained(job)), "{jobs:#?}");
    assert!(result["local_usage"]["prompt_tokens"].as_u64().unwrap() > 2_500);
    assert!(result["local_usage"]["cached_prompt_tokens"].as_u64().unwrap() > 700, "chunks are read once");
    assert!(chats(&server, "worker").is_empty());
}

#[test]
fn evidence_tells_where_the_documents_have_what_is_cited() {
    let program = r#"```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=f"[Log {i + 1}]\n{chunk}", task="Which ship?", advice="") for i, doc in enumerate(context)
            for chunk in chunk_by_paragraph(doc, max_chunk_size=45)]
```"#;
    let documents = [
        "Nothing here. Only fog 👩\u{200D}👩 and more of it.",
        "Élan, fog.\r\nThe  Aurora\r\nlay off Brest in 12 fathoms.",
    ];
    let script = vec![program.into(), verdict("provide_final_answer", Some("Aurora"))];
    let server = scripted(script, |request| {
        let citation = match last(&request.json()) {
            chunk if chunk.contains("Brest") => "The aurora lay off brest",
            _ => "The Aurora sank off Brest",
        };
        openai(request, &json!({"explanation": "e", "citation": citation, "answer": "Aurora"}).to_string())
    });
    let context = json!([documents[0], {"name": "log 2.txt", "text": documents[1]}]);
    let params = json!({"task": "Which ship?", "context": context, "max_rounds": 1});
    let result = Program::new().run_job(&job(&server, "minions", params)).result();
    let evidence = result["evidence"].as_array().unwrap();
    assert!(evidence.len() >= 3, "{evidence:?}");
    let (found, made_up): (Vec<&Value>, Vec<&Value>) =
        evidence.iter().partition(|cited| cited["verified"] == true);
    assert_eq!(found.len(), 1, "{evidence:?}");
    assert_eq!(
        (&found[0]["match"], &found[0]["document"], &found[0]["round"]),
        (&json!("folded"), &json!(1), &json!(1))
    );
    assert_eq!((&found[0]["source"], found[0].get("place")), (&json!("log 2.txt"), None));
    let place = |key: &str| usize::try_from(found[0][key].as_u64().unwrap()).unwrap();
    let read: String =
        documents[1].chars().skip(place("start")).take(place("end") - place("start")).collect();
    assert_eq!(read, "The  Aurora\r\nlay off Brest");
    for cited in made_up {
        assert_eq!(
            (&cited["citation"], &cited["document"], &cited["match"]),
            (&json!("The Aurora sank off Brest"), &Value::Null, &Value::Null)
        );
        assert_eq!(cited.get("source"), None);
    }
    // The supervisor is told the names.
    let asked = chats(&server, "supervisor").remove(0);
    let listed = format!(
        "2, of {} characters in 1 line, {} characters in 3 lines (log 2.txt)",
        documents[0].chars().count(),
        documents[1].chars().count()
    );
    assert!(last(&asked).contains(&listed), "{asked}");
    // The supervisor is told the same.
    let aggregate = chats(&server, "supervisor").pop().unwrap();
    let told = last(&aggregate);
    assert!(
        told.contains("\"The **aurora** lay off brest\"") && told.contains("Aurora | unconfirmed"),
        "{told}"
    );
}
