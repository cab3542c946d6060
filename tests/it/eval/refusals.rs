//! What can't be used is told before anything is spent: where it stands, and what to do.

use serde_json::json;

use super::{configuration, eval, knowing, question, questions};
use crate::support::program::Ran;

#[track_caller]
fn refused(ran: &Ran, told: &[&str]) {
    assert_eq!((ran.code, &*ran.stdout), (Some(2), ""), "{}", ran.stderr);
    for words in told {
        assert!(ran.stderr.contains(words), "{words}\n{}", ran.stderr);
    }
}

#[test]
fn a_bad_question_is_told_with_its_line() {
    let server = knowing(&[]);
    let dir = tempfile::tempdir().unwrap();
    let config = configuration(dir.path(), "a", &server);
    let path = dir.path().join("questions.jsonl");
    let good = question("a", "Who?", json!({"exact": "Ada"})).to_string();
    for (lines, told) in [
        (String::new(), &["holds no question"][..]),
        (format!("{good}\n{{\"id\": \"b\", \"task\": \"t\"\n"), &["questions.jsonl:2"]),
        ("{'id': 'b'}".to_owned(), &["questions.jsonl:1: the question is not valid JSON"]),
        ("[1] 2".to_owned(), &["question"]),
        (
            r#"{"id": "b", "task": "the job", "job": undefined}"#.to_owned(),
            &["print the question with JSON.stringify"],
        ),
        (
            "{\"id\": \"b\", \"task\": \"one\ttwo\"}".to_owned(),
            &["questions.jsonl:1: the question is not valid JSON: a tab within a string"],
        ),
        ("jobs are asked".to_owned(), &["it begins `jobs are asked`", "a question is one line of JSON"]),
        ("Who signed?".to_owned(), &["questions.jsonl:1", "a question is one line of JSON"]),
        (r#"{"id": "b", "task": None}"#.to_owned(), &["print the question with json.dumps(question)"]),
        (format!("{good}\n\n{good}\n"), &["questions.jsonl:3: the id \"a\" is that of line 1"]),
        (
            format!("{good}\n{{\"id\": \"b\", \"task\": \"t\", \"anwser\": 1}}\n"),
            &["questions.jsonl:2 (b)", "did you mean \"answer\"?"],
        ),
        (
            question("b", "t", json!({"number": 1, "tolerence": 2})).to_string(),
            &["questions.jsonl:1 (b)", "answer has the key \"tolerence\"", "did you mean \"tolerance\"?"],
        ),
        (
            json!({"id": "b", "task": "t", "context_files": ["lost.txt"], "answer": {"none": true}})
                .to_string(),
            &["questions.jsonl:1 (b)", "there is no file", "lost.txt", "folder of the file of questions"],
        ),
        (
            json!({"id": "b", "task": "t", "context": 3, "answer": {"none": true}}).to_string(),
            &["questions.jsonl:1 (b)", "`context`"],
        ),
        (
            question("b", "t", json!({"judge": "Ada"})).to_string(),
            &["questions.jsonl:1 (b)", "--judge provider/model"],
        ),
    ] {
        std::fs::write(&path, lines).unwrap();
        refused(&eval([path.to_str().unwrap(), "--config", &config]).run(""), told);
    }
    assert!(server.requests().is_empty());
}

#[test]
fn a_replay_of_another_folder_is_told_once() {
    let dir = tempfile::tempdir().unwrap();
    let file = questions(
        dir.path(),
        &[question("a", "Who?", json!({"exact": "Ada"})), question("b", "When?", json!({"exact": "May"}))],
    );
    let other = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/eval/tape");
    for folder in [dir.path().to_str().unwrap(), other] {
        let ran = eval([file.to_str().unwrap(), "--replay", folder]).run("");
        refused(&ran, &["holds no recording of these questions", "default/a", "that --record wrote"]);
    }
    refused(&eval([file.to_str().unwrap(), "--replay", "nowhere"]).run(""), &["there is no folder nowhere"]);
}

#[test]
fn a_replay_that_lacks_some_runs_names_them_before_the_first_question() {
    let dir = tempfile::tempdir().unwrap();
    let exams = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/eval");
    let known = std::fs::read_to_string(format!("{exams}/questions.jsonl")).unwrap();
    let asked = known.clone() + &question("new-one", "Who?", json!({"exact": "Ada"})).to_string() + "\n";
    let file = dir.path().join("questions.jsonl");
    std::fs::write(&file, &asked).unwrap();
    let (out, tape) = (dir.path().join("out.jsonl"), format!("{exams}/tape"));
    let replay = |file: &str| eval([file, "--replay", &tape, "--out", out.to_str().unwrap()]);
    let all = asked.lines().count();
    let ran = replay(file.to_str().unwrap()).run("");
    refused(&ran, &[&format!("lacks 1 of {all} runs: default/new-one"), "or record them again"]);
    let ran = replay(file.to_str().unwrap()).args(["--repeat", "2"]).run("");
    refused(&ran, &[&format!("lacks {} of {} runs: ", all + 1, 2 * all), "and "]);
    assert!(!out.exists());
}

#[test]
fn a_bad_configuration_is_told_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let file = questions(dir.path(), &[question("a", "Who?", json!({"exact": "Ada"}))]);
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let one = |word: String, told: &[&str]| {
        refused(&eval([file.to_str().unwrap(), "--config", &word]).run(""), told)
    };
    one("nowhere".into(), &["there is no pair `nowhere`", "minions.toml"]);
    one("a=lost.json".into(), &["the configuration lost.json can't be read", "NAME=FILE"]);
    one(write("x.json", r#"{"local": "ollama/a"}"#), &["has no name", "--config NAME="]);
    one(write("y.json", "{}"), &["holds no configuration"]);
    one(write("z.toml", "[a]\nlocl = \"x\"\n"), &["z.toml, a", "\"locl\"", "did you mean \"local\"?"]);
    one(write("t.toml", "a = \n"), &["t.toml", "line 1"]);
    one(
        format!("a={}", write("u.json", r#"{"local": "opnai/gpt"}"#)),
        &["configuration a", "did you mean openai"],
    );
    one(
        format!("a={}", write("v.json", r#"{"local": "ollama/a", "local_client": {}}"#)),
        &["name the same side"],
    );
    one(
        format!("a={}", write("w.json", r#"{"call_params": {"task": "t"}}"#)),
        &["call_params.task belongs to a question"],
    );
    one(
        format!(
            "a={}",
            write(
                "p.json",
                r#"{"remote": "ollama/a", "protocol": {"type": "minions", "kwargs": {"promts": {}}}}"#
            )
        ),
        &["questions.jsonl:1 (a), configuration a", "promts"],
    );
    let same = format!("a={}", write("s.json", r#"{"local": "ollama/a", "remote": "ollama/b"}"#));
    refused(
        &eval([file.to_str().unwrap(), "--config", &same, "--config", &same]).run(""),
        &["two configurations are called a"],
    );
    refused(
        &eval([file.to_str().unwrap(), "--config", &same, "--judge", "openai/gpt-4o"]).run(""),
        &["no question is marked by a judge"],
    );
    // A key that is missing.
    refused(&eval([file.to_str().unwrap()]).run(""), &["configuration default", "OPENAI_API_KEY"]);
}

#[test]
fn results_are_never_lost() {
    let server = knowing(&[("Who", "Ada")]);
    let dir = tempfile::tempdir().unwrap();
    let file = questions(dir.path(), &[question("who", "Who signed?", json!({"exact": "Ada"}))]);
    let config = configuration(dir.path(), "a", &server);
    let out = dir.path().join("out.jsonl");
    let args = [file.to_str().unwrap(), "--config", &config, "--out", out.to_str().unwrap()];
    refused(&eval(args).args(["--resume"]).run(""), &["there are no earlier results", "leave --resume out"]);
    assert_eq!(eval(args).run("").code, Some(0));
    let kept = std::fs::read_to_string(&out).unwrap();
    refused(&eval(args).run(""), &["has results of an earlier run", "--resume goes on with them"]);
    assert_eq!(std::fs::read_to_string(&out).unwrap(), kept);
    // Without a name the earlier ones go aside.
    let logs = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let ran =
            eval(args[..3].iter().copied()).env("MINIONS_LOG_DIR", logs.path().to_str().unwrap()).run("");
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
    let names = std::fs::read_dir(logs.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(names.filter(|name| name.starts_with("eval-questions-")).count(), 2);
}
