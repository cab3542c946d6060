//! Scores, costs and comparisons, as table, JSON and CSV.

use serde_json::{Value, json};

use super::{configuration, eval, knowing, question, questions};
use crate::support::program::{Program, Ran, chats};
use crate::support::server::Server;

const GOOD: &[(&str, &str)] =
    &[("Who", "Ada"), ("How long", "12 days"), ("Where", "The text does not say it."), ("When", "On 3 May.")];
const POOR: &[(&str, &str)] =
    &[("Who", "Bob"), ("How long", "12 or 13 days"), ("Where", ""), ("When", "On 3 May.")];

fn asked() -> [Value; 4] {
    [
        question("who", "Who signed?", json!({"exact": "Ada"})),
        question("long", "How long did it take?", json!({"number": 12, "unit": "days"})),
        question("where", "Where was it signed?", json!({"none": true})),
        question("when", "When was it signed?", json!({"contains": [["3 May", "May 3"]]})),
    ]
}

fn report(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", ran.stdout, ran.stderr))
}

#[test]
fn two_configurations_are_compared() {
    let (good, poor) = (knowing(GOOD), knowing(POOR));
    let dir = tempfile::tempdir().unwrap();
    let file = questions(dir.path(), &asked());
    let (first, second) =
        (configuration(dir.path(), "good", &good), configuration(dir.path(), "poor", &poor));
    let args = [file.to_str().unwrap(), "--config", &first, "--config", &second];
    let ran = eval(args).args(["--json"]).run("");
    // One job failed, which the table tells.
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let report = report(&ran);
    let counts = |at: usize| {
        let it = &report["configurations"][at];
        ["right", "partly", "wrong", "failed"].map(|key| it[key].as_u64().unwrap())
    };
    assert_eq!((counts(0), counts(1)), ([4, 0, 0, 0], [1, 1, 1, 1]), "{report:#}");
    let mean = &report["configurations"][0]["mean"];
    assert!(mean["remote_tokens"].as_f64().unwrap() > 0.0 && mean["usd"].as_f64().unwrap() > 0.0, "{mean}");
    assert_eq!(
        report["comparisons"][0],
        json!({
            "configuration": "poor", "beside": "good", "better": 0, "worse": 3, "same": 1, "p": 0.25,
        })
    );
    let runs = report["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 8);
    assert!(runs.iter().any(|run| run["verdict"] == "failed" && run["error"].as_str().unwrap().contains("no such model")));
    // As a table, and as a sheet.
    let table = eval(args).run("").stdout;
    for told in [
        "good",
        "4      0       0      0",
        "1      1       1      1",
        "may well be chance",
        "12 or 13",
        "no difference between",
    ] {
        assert!(table.contains(told), "{told}\n{table}");
    }
    let csv = eval(args).args(["--csv"]).run("").stdout;
    assert_eq!(csv.lines().count(), 9, "{csv}");
    assert!(
        csv.lines().nth(1).unwrap().starts_with("\"good\",\"who\",1,\"right\",\"\",\"Ada\",\"Ada\","),
        "{csv}"
    );
}

#[test]
fn a_judge_marks_what_words_alone_can_not() {
    let server = knowing(&[("Who", "Ada and Bob"), ("What", "It was signed.")]);
    let dir = tempfile::tempdir().unwrap();
    let file = questions(
        dir.path(),
        &[
            question("who", "Who signed?", json!({"judge": "Ada alone"})),
            question("what", "What happened?", json!({"judge": "It was signed"})),
        ],
    );
    let config = configuration(dir.path(), "a", &server);
    let out = dir.path().join("out.jsonl");
    let with = |program: Program| {
        program
            .env("OPENAI_BASE_URL", &format!("{}/v1", server.url()))
            .env("OPENAI_API_KEY", "sk-test-0123456789")
            .args([
                file.to_str().unwrap(),
                "--config",
                &config,
                "--judge",
                "openai/judge",
                "--out",
                out.to_str().unwrap(),
                "--json",
            ])
    };
    let judged = |server: &Server| chats(server, "judge").len();
    let first = report(&with(eval([])).run(""));
    assert_eq!(
        (&first["runs"][0]["verdict"], &first["runs"][1]["verdict"]),
        (&json!("partly"), &json!("right"))
    );
    assert_eq!(first["runs"][0]["why"], "so it is");
    assert_eq!((judged(&server), &first["judge"]), (2, &json!("openai/judge")));
    let it = &first["configurations"][0];
    assert!(it["judge_tokens"].as_u64().unwrap() > 0, "{it}");
    // Its prompt has the three texts, and it is not asked again.
    let prompt = chats(&server, "judge")[0]["messages"][0]["content"].as_str().unwrap().to_owned();
    assert!(["Who signed?", "Ada alone", "Ada and Bob"].iter().all(|text| prompt.contains(text)), "{prompt}");
    let mut again = report(&with(eval(["--resume"])).run(""));
    assert_eq!(judged(&server), 2);
    let mut first = first;
    for report in [&mut first, &mut again] {
        report["configurations"][0]["mean"]["seconds"] = Value::Null;
    }
    assert_eq!(first, again);
}

#[test]
fn a_judge_is_recorded_and_replayed_with_its_questions() {
    let server = knowing(&[("Who", "Ada and Bob")]);
    let dir = tempfile::tempdir().unwrap();
    let file = questions(dir.path(), &[question("who", "Who signed?", json!({"judge": "Ada alone"}))]);
    let config = configuration(dir.path(), "a", &server);
    let tape = dir.path().join("tape");
    let (file, tape) = (file.to_str().unwrap(), tape.to_str().unwrap());
    let recorded = eval([file, "--config", &config, "--judge", "openai/judge", "--record", tape, "--json"])
        .env("OPENAI_BASE_URL", &format!("{}/v1", server.url()))
        .env("OPENAI_API_KEY", "sk-test-0123456789")
        .run("");
    let recorded = report(&recorded);
    drop(server);
    let replayed = report(&eval([file, "--replay", tape, "--json"]).run(""));
    assert_eq!(recorded["runs"][0]["verdict"], "partly");
    assert_eq!(replayed["replay"], true);
    for key in ["verdict", "why", "answer", "remote_tokens", "usd", "judge_tokens"] {
        assert_eq!(recorded["runs"][0][key], replayed["runs"][0][key], "{key}");
    }
    let kept = std::fs::read_to_string(dir.path().join("tape/eval.json")).unwrap();
    assert!(!kept.contains("sk-test"), "{kept}");
}

#[test]
fn repeats_show_how_much_answers_vary() {
    let server = Server::start({
        let count = std::sync::atomic::AtomicUsize::new(0);
        move |request| {
            let is_chat = request.path.ends_with("/chat/completions");
            let nth = count.fetch_add(usize::from(is_chat), std::sync::atomic::Ordering::SeqCst);
            super::answer(request, if nth < 6 { GOOD } else { POOR })
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let file = questions(dir.path(), &asked()[..2]);
    let config = configuration(dir.path(), "a", &server);
    let report =
        report(&eval([file.to_str().unwrap(), "--config", &config, "--repeat", "3", "--json"]).run(""));
    assert_eq!((&report["repeats"], report["runs"].as_array().unwrap().len()), (&json!(3), 6));
    // Three calls each: both verdicts change after the first time.
    assert_eq!(report["configurations"][0]["varying_questions"], 2, "{report:#}");
}

#[test]
fn what_it_would_cost_is_told_before() {
    let server = knowing(GOOD);
    let dir = tempfile::tempdir().unwrap();
    let file = questions(dir.path(), &asked());
    let config = configuration(dir.path(), "a", &server);
    let args = [file.to_str().unwrap(), "--config", &config, "--limit", "3", "--repeat", "2", "--dry-run"];
    let told = eval(args).run("");
    assert_eq!((told.code, server.requests().len()), (Some(0), 0), "{}", told.stderr);
    assert!(told.stdout.contains("a  6 ") && told.stdout.contains('$'), "{}", told.stdout);
    let estimate: Value = serde_json::from_str(&eval(args).args(["--json"]).run("").stdout).unwrap();
    assert_eq!(estimate["configurations"][0]["runs"], 6);
}

#[test]
fn configurations_come_from_pairs_and_from_one_file_of_several() {
    let dir = tempfile::tempdir().unwrap();
    let file = questions(dir.path(), &asked()[..1]);
    let several = dir.path().join("several.toml");
    std::fs::write(
        &several,
        "[small]\nlocal = \"ollama/llama3.2:1b\"\nremote = \"ollama/qwen3:14b\"\nprotocol = \"minion\"\nrounds = 2\n\n[large]\npair = \"offline\"\n",
    )
    .unwrap();
    let program = eval([
        file.to_str().unwrap(),
        "--config",
        several.to_str().unwrap(),
        "--config",
        "offline",
        "--dry-run",
        "--json",
    ]);
    let settings = program.dir.path().join("minions.toml");
    std::fs::write(settings, "[pairs.offline]\nlocal = \"ollama/llama3.2\"\nremote = \"ollama/qwen3:14b\"\n")
        .unwrap();
    let ran = program.run("");
    let estimate = report(&ran);
    let names: Vec<_> =
        estimate["configurations"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names, ["small", "large", "offline"], "{}", ran.stderr);
    // A minion job of two rounds has three calls at most, a minions job of five rounds ten.
    let calls: Vec<_> =
        estimate["configurations"].as_array().unwrap().iter().map(|it| it["remote_calls"].clone()).collect();
    assert_eq!(calls, [3, 10, 10]);
}
