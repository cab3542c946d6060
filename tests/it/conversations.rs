//! Conversations through the real executable: history in jobs, what models are told of it, summaries.

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, chats, job, last, scripted};
use crate::support::server::{Reply, Request, Server};
use crate::support::wire::openai;

const DOCUMENT: &str = "Net sales were 12 in 2022 and 10 in 2021.";

fn ask() -> String {
    json!({"reasoning": "r", "message": "Which figures?"}).to_string()
}

fn answer(text: &str) -> String {
    json!({"reasoning": "r", "explanation": "e", "decision": "provide_final_answer", "message": null, "answer": text})
        .to_string()
}

fn understood(refers_to: Value, task: &str) -> String {
    json!({"refers_to": refers_to, "task": task}).to_string()
}

const PROGRAM: &str = r#"```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task="Which net sales?", advice="") for doc in context]
```"#;

/// What the supervisor says of a turn's own question.
fn protocol(name: &str, text: &str) -> Vec<String> {
    vec![if name == "minion" { ask() } else { PROGRAM.to_owned() }, answer(text)]
}

fn is_summary(request: &Request) -> bool {
    request.prompt().contains("Sum it up")
}

fn worker(request: &Request) -> Reply {
    if is_summary(request) {
        return openai(request, "They spoke of net sales.");
    }
    openai(request, r#"{"explanation": "e", "citation": "Net sales were 12 in 2022", "answer": "12"}"#)
}

fn the_job(server: &Server, name: &str, task: &str, history: &Value) -> Value {
    let context = json!([{"name": "annual.txt", "text": DOCUMENT}]);
    let mut job = job(server, name, json!({"task": task, "context": context, "max_rounds": 1}));
    if !history.is_null() {
        job["call_params"]["history"] = history.clone();
    }
    job
}

/// `turns` turns, as the original writes them.
fn history(turns: usize) -> Value {
    let turn = |n| json!({"query": format!("question {n}?"), "local_output": "", "remote_output": format!("answer {n}"), "timestamp": null});
    json!({"turns": (1..=turns).map(turn).collect::<Vec<_>>()})
}

/// Runs a job of `minion` with this history, whose supervisor understands it as "T".
fn turn(history: &Value, kwargs: Value, worker: fn(&Request) -> Reply) -> (Server, Ran) {
    let mut script = vec![understood(json!("before"), "T")];
    script.extend(protocol("minion", "A"));
    let server = scripted(script, worker);
    let mut job = the_job(&server, "minion", "And then?", history);
    job["protocol"]["kwargs"] = kwargs;
    let ran = Program::new().run_job(&job);
    (server, ran)
}

#[test]
fn the_history_of_a_result_is_the_next_job_s() {
    for name in ["minion", "minions"] {
        let script = [
            protocol(name, "12"),
            vec![understood(json!("net sales"), "Net sales in 2021?")],
            protocol(name, "10"),
        ];
        let server = scripted(script.concat(), worker);
        let mut first = the_job(&server, name, "Net sales in 2022?", &Value::Null);
        first["protocol"]["kwargs"] = json!({"is_multi_turn": true, "max_history_turns": 4});
        let first = Program::new().run_job(&first).result();
        // A first turn costs nothing more.
        assert_eq!(chats(&server, "supervisor").len(), 2, "{name}");
        assert!(first.get("standalone_task").is_none(), "{name}");
        assert_eq!(first["history"], json!({"turns": 0, "verbatim": 0, "summarised": 0, "tokens": 0}));
        let history = &first["conversation_history"];
        let keys: Vec<_> = history.as_object().unwrap().keys().collect();
        let of_the_original = [
            "max_turns",
            "turns",
            "summary",
            "turns_since_last_summary",
            "turns_per_summary",
            "summarize_older_turns",
        ];
        assert_eq!(keys[..6], of_the_original, "{name}");
        assert_eq!(
            (&history["max_turns"], &history["turns"][0]["query"]),
            (&json!(4), &json!("Net sales in 2022?"))
        );
        assert_eq!(history["turns"][0]["remote_output"], "12");
        assert!(history["turns"][0]["local_output"].as_str().unwrap().contains("12"), "{history}");
        assert!(history["turns"][0]["timestamp"].as_str().unwrap().starts_with("20"), "{history}");

        let second = Program::new().run_job(&the_job(&server, name, "And the year before?", history));
        assert!(second.stderr.contains("understood as: Net sales in 2021?"), "{}", second.stderr);
        let second = second.result();
        assert_eq!(
            (&second["final_answer"], &second["standalone_task"]),
            (&json!("10"), &json!("Net sales in 2021?"))
        );
        assert_eq!(second["history"]["verbatim"], 1);
        let turns = second["conversation_history"]["turns"].as_array().unwrap();
        assert_eq!(turns.len(), 2);
        assert_eq!(
            (&turns[1]["query"], &turns[1]["standalone_task"]),
            (&json!("And the year before?"), &json!("Net sales in 2021?"))
        );
        assert_eq!(second["remote_usage"]["prompt_tokens"], 30, "the call is counted");
        assert_eq!(second["egress"]["calls"].as_array().unwrap().len(), 3, "the call is in the ledger");
        assert_eq!(second["conversation_log"]["standalone_task"], "Net sales in 2021?");

        let (remote, local) = (chats(&server, "supervisor"), chats(&server, "worker"));
        let rewrite = last(&remote[2]);
        assert!(
            rewrite.contains("Turn 1\nUser: Net sales in 2022?\nAnswer: 12\n</conversation>"),
            "{rewrite}"
        );
        assert!(rewrite.contains("<message>\nAnd the year before?\n</message>"), "{rewrite}");
        // The protocol runs on the question that stands alone, and on what is known.
        let first_prompt = last(&remote[3]);
        assert!(
            first_prompt.contains("Task: Net sales in 2021?") && !first_prompt.contains("the year before?"),
            "{first_prompt}"
        );
        assert!(first_prompt.contains("- Net sales in 2022?\n  Answer: 12\n"), "{first_prompt}");
        let has_quote = first_prompt.contains("Quote: \"Net sales were 12 in 2022\" (annual.txt");
        assert_eq!(has_quote, name == "minions", "{first_prompt}");
        // The worker never sees what was said.
        assert!(
            !local[1].to_string().contains("the year before")
                && !local[1].to_string().contains("Net sales in 2022?")
        );
    }
}

#[test]
fn a_job_that_stands_for_itself_is_asked_as_ever() {
    for name in ["minion", "minions"] {
        let bodies = |kwargs: Value| {
            let server = scripted(protocol(name, "12"), worker);
            let mut job = the_job(&server, name, "Net sales in 2022?", &Value::Null);
            job["protocol"]["kwargs"] = kwargs;
            let result = Program::new().run_job(&job).result();
            assert_eq!(
                result.get("conversation_history").is_some(),
                job["protocol"]["kwargs"]["is_multi_turn"] == true
            );
            [chats(&server, "supervisor"), chats(&server, "worker")]
        };
        assert_eq!(bodies(json!({})), bodies(json!({"is_multi_turn": true})), "{name}");
    }
}

#[test]
fn a_new_subject_takes_nothing_along() {
    let mut script = vec![understood(Value::Null, "who are the directors")];
    script.extend(protocol("minions", "Ada"));
    let server = scripted(script, worker);
    let given = json!([{"role": "user", "content": "Net sales in 2022?"}, {"role": "assistant", "content": "They were 12."}]);
    let result =
        Program::new().run_job(&the_job(&server, "minions", "Who are the directors?", &given)).result();
    // Word for word, as the user wrote it.
    assert_eq!(result["standalone_task"], "Who are the directors?");
    assert!(result["conversation_history"]["turns"][1].get("standalone_task").is_none());
    let prompt = last(&chats(&server, "supervisor")[1]).to_owned();
    assert!(prompt.contains("Task: Who are the directors?") && !prompt.contains("They were 12."), "{prompt}");
}

#[test]
fn older_turns_are_summed_up_once_and_by_the_worker() {
    let (server, ran) = turn(&history(13), json!({}), worker);
    let result = ran.result();
    let report = &result["history"];
    assert_eq!(
        (&report["turns"], &report["verbatim"], &report["summarised"]),
        (&json!(13), &json!(10), &json!(3))
    );
    assert!(report["tokens"].as_u64().unwrap() > 50, "{report}");
    let given = &result["conversation_history"];
    assert_eq!(
        (&given["summary"], &given["summarized_turns"]),
        (&json!("They spoke of net sales."), &json!(3))
    );
    assert_eq!(given["turns"].as_array().unwrap().len(), 11);
    let summaries: Vec<_> =
        chats(&server, "worker").into_iter().filter(|body| last(body).contains("Sum it up")).collect();
    assert_eq!(summaries.len(), 1);
    assert!(last(&summaries[0]).contains("question 3?") && !last(&summaries[0]).contains("question 4?"));
    let rewrite = last(&chats(&server, "supervisor")[0]).to_owned();
    assert!(
        rewrite.contains("They spoke of net sales.\n\nTurn 4\n") && !rewrite.contains("question 3?"),
        "{rewrite}"
    );
    // The next turn folds one more, and none twice.
    let (server, ran) = turn(given, json!({}), worker);
    assert_eq!(ran.result()["history"]["summarised"], 4);
    let summary = chats(&server, "worker").into_iter().find(|body| last(body).contains("Sum it up")).unwrap();
    let summary = last(&summary);
    assert!(
        summary.contains("They spoke of net sales.\n\nTurn 4\n") && !summary.contains("question 5?"),
        "{summary}"
    );
}

/// More words than a summary may have.
fn facts() -> String {
    const THINGS: [&str; 5] = ["ships", "ports", "winds", "sails", "masts"];
    let fact = |n: usize| format!("In year {} it had {} {}; ", 1700 + n, n * n % 97, THINGS[n % 5]);
    (0..120).map(fact).collect()
}

#[test]
fn turns_that_cannot_be_summed_up_stay_as_they_are_and_a_warning_says_so() {
    let refused: fn(&Request) -> Reply = |request| match is_summary(request) {
        true => Reply::error(400, &json!({"error": {"message": "not today"}})),
        false => worker(request),
    };
    let long: fn(&Request) -> Reply =
        |request| if is_summary(request) { openai(request, &facts()) } else { worker(request) };
    for (worker, why) in [(refused, "not today"), (long, "too long")] {
        let (server, ran) = turn(&history(12), json!({"max_history_turns": 9}), worker);
        assert!(
            ran.stderr.contains("3 older turns could not be summed up and stay as they are"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
        let result = ran.result();
        assert_eq!(result["history"]["verbatim"], 12);
        assert_eq!(result["conversation_history"]["turns"].as_array().unwrap().len(), 13);
        assert!(last(&chats(&server, "supervisor")[0]).contains("question 1?"));
    }
    let (server, ran) = turn(
        &json!({"turns": history(3)["turns"], "summarize_older_turns": false, "max_turns": 1}),
        json!({}),
        worker,
    );
    assert!(
        ran.stderr.contains("no model is shown 2 earlier turns: summarize_older_turns is false"),
        "{}",
        ran.stderr
    );
    let result = ran.result();
    assert_eq!((&result["history"]["verbatim"], &result["history"]["turns"]), (&json!(1), &json!(3)));
    assert_eq!(result["conversation_history"]["turns"].as_array().unwrap().len(), 4);
    let asked = last(&chats(&server, "supervisor")[0]).to_owned();
    assert!(asked.contains("question 3?") && !asked.contains("question 2?"), "{asked}");
    assert!(!chats(&server, "worker").iter().any(|body| last(body).contains("Sum it up")));
}

#[test]
fn ten_thousand_turns_are_caught_up_with_step_by_step() {
    let (server, ran) = turn(&history(10_000), json!({}), worker);
    let stderr = ran.stderr.clone();
    assert!(stderr.contains("older turns stay as they are for now"), "{stderr}");
    assert!(stderr.contains("no model is shown"), "{stderr}");
    let result = ran.result();
    assert!(result["history"]["tokens"].as_u64().unwrap() <= 2500, "{}", result["history"]);
    let summaries = chats(&server, "worker").iter().filter(|body| last(body).contains("Sum it up")).count();
    assert_eq!(summaries, 8);
    let given = &result["conversation_history"];
    let kept = given["turns"].as_array().unwrap().len() as u64;
    assert_eq!(kept + given["summarized_turns"].as_u64().unwrap(), 10_001, "none is dropped");
}

#[test]
fn a_turn_that_failed_is_kept_and_not_shown() {
    let given = json!({"turns": [
        {"query": "the first?", "remote_output": "one"},
        {"query": "the failed?", "remote_output": "", "status": "failed"},
    ]});
    let (server, ran) = turn(&given, json!({}), worker);
    assert_eq!(ran.result()["conversation_history"]["turns"].as_array().unwrap().len(), 3);
    assert!(!last(&chats(&server, "supervisor")[0]).contains("the failed?"));
    // A chat whose last question is another one.
    let given = json!([
        {"role": "user", "content": "the first?"}, {"role": "assistant", "content": "one"}, {"role": "user", "content": "the open one?"},
    ]);
    let (server, ran) = turn(&given, json!({}), worker);
    assert!(ran.stderr.contains("the last turn of call_params.history has no answer"), "{}", ran.stderr);
    assert!(!last(&chats(&server, "supervisor")[0]).contains("the open one?"));
    assert_eq!(ran.result()["conversation_history"]["turns"].as_array().unwrap().len(), 3);
}

#[test]
fn the_worker_or_nobody_can_make_it_stand_alone() {
    let local: fn(&Request) -> Reply = |request| match request.prompt().contains("<message>") {
        true => openai(request, &understood(json!("before"), "local T")),
        false => worker(request),
    };
    let run = |rewrite: &str, worker| {
        let server = scripted(protocol("minion", "A"), worker);
        let mut job = the_job(&server, "minion", "And then?", &history(1));
        job["protocol"]["kwargs"] = json!({"rewrite": rewrite});
        let ran = Program::new().run_job(&job);
        (server, ran)
    };
    let (server, ran) = run("local", local);
    assert_eq!(ran.result()["standalone_task"], "local T");
    assert!(last(&chats(&server, "supervisor")[0]).contains("Task: local T"));
    let (server, ran) = run("off", worker);
    assert!(ran.result().get("standalone_task").is_none());
    let prompt = last(&chats(&server, "supervisor")[0]).to_owned();
    assert!(prompt.contains("Task: And then?") && prompt.contains("answer 1"), "{prompt}");
    let (_, ran) = run("local", |request| openai(request, "I am small."));
    let error = ran.error(1);
    assert!(
        error.contains("the worker's reply is unusable") && error.contains("leave `rewrite` out"),
        "{error}"
    );
}

#[test]
fn the_call_keeps_to_the_budget_and_is_replayed() {
    let tape = tempfile::tempdir().unwrap();
    let dir = tape.path().to_str().unwrap();
    let mut script = vec![understood(json!("before"), "T")];
    script.extend(protocol("minion", "A"));
    let server = scripted(script, worker);
    let mut job = the_job(&server, "minion", "And then?", &history(12));
    let recorded = Program::new().args(["--record", dir]).run_job(&job).result();
    let replayed = Program::new().args(["--replay", dir]).run_job(&job).result();
    for key in ["final_answer", "standalone_task", "history", "remote_usage", "egress"] {
        assert_eq!(recorded[key], replayed[key], "{key}");
    }
    job["call_params"]["task"] = json!("And now?");
    let error = Program::new().args(["--replay", dir]).run_job(&job).error(1);
    assert!(error.contains("a request to the supervisor was not recorded"), "{error}");
    job["budget"] = json!({"remote_tokens": 20});
    let error = Program::new().run_job(&job).error(1);
    assert!(error.contains("the supervisor was not asked"), "{error}");
    assert_eq!(chats(&server, "supervisor").len(), 3, "nothing was sent");
}

#[test]
fn what_earlier_answers_quote_is_in_the_ledger() {
    let quote = "Net sales were 12 in 2022 and 10 in 2021.";
    let given = json!([{"role": "user", "content": "Which?"}, {"role": "assistant", "content": format!("It says: {quote}")}]);
    let (_, ran) = turn(&given, json!({}), worker);
    let egress = ran.result()["egress"].clone();
    assert_eq!(egress["context_chars"], quote.len(), "{egress}");
    assert!(egress["calls"][0]["other_bytes"].as_u64().unwrap() > quote.len() as u64, "{egress}");
    // The worker's words of a follow-up are no proof, either.
    let bytes = |words: &'static str| {
        let server =
            scripted(protocol("minion", "A"), move |request| match request.prompt().contains("<message>") {
                true => openai(request, &understood(json!("before"), words)),
                false => openai(request, "ok"),
            });
        let mut job = the_job(&server, "minion", "And then?", &json!([]));
        job["call_params"]["history"] = json!({"turns": [{"query": "q", "remote_output": "a"}]});
        job["protocol"]["kwargs"] = json!({"rewrite": "local"});
        Program::new().run_job(&job).result()["egress"]["calls"][0]["other_bytes"].as_u64().unwrap()
    };
    let longer = "T, as the part of the document says that nobody else was to see";
    assert_eq!(bytes(longer) - bytes("T"), longer.len() as u64 - 1);
}

#[test]
fn events_say_how_a_follow_up_was_understood() {
    let mut script = vec![understood(json!("before"), "T")];
    script.extend(protocol("minion", "A"));
    let server = scripted(script, worker);
    let program = Program::new().args(["--events", "events.ndjson"]);
    let ran = program.run_job(&the_job(&server, "minion", "And then?", &history(12)));
    let events = std::fs::read_to_string(ran.dir.path().join("events.ndjson")).unwrap();
    let events: Vec<Value> = events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let at = |matches: &dyn Fn(&Value) -> bool| events.iter().position(matches).unwrap();
    let summary = at(&|event| event["purpose"] == "summary" && event["side"] == "worker");
    let rewrite = at(&|event| event["purpose"] == "follow_up" && event["side"] == "supervisor");
    let known = at(&|event| event["type"] == "understood" && event["task"] == "T");
    let round = at(&|event| event["type"] == "round");
    assert!(summary < rewrite && rewrite < known && known < round, "{summary} {rewrite} {known} {round}");
}
