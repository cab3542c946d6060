//! What a run and its jobs may take: time, tokens, calls a minute; and what they would cost.

use super::*;
use crate::support::wire::openai_sse_usage;

#[test]
fn the_runs_deadline_ends_it() {
    let (server, _asked) = stuck_server();
    let input = json_lines(["a", "stuck", "b"].map(|id| task(&server, id)));
    let ran = batch(["--max-jobs", "1", "--deadline", "1"]).run(&input);
    assert_eq!(ran.code, Some(124), "{}", ran.stderr);
    let all = by_id(lines(&ran.stdout));
    assert_eq!(all.keys().collect::<Vec<_>>(), ["a", "stuck"]);
    let error = all["stuck"]["error"].as_str().unwrap();
    assert!(error.contains("the run's deadline of 1 s") && error.contains("--resume"), "{error}");
}

#[test]
fn a_jobs_own_deadline_and_budget_are_its_own() {
    let (server, _asked) = stuck_server();
    let mut late = task(&server, "stuck");
    late["budget"] = json!({"deadline_s": 0.2});
    let mut poor = task(&server, "poor");
    poor["budget"] = json!({"remote_tokens": 16});
    let ran = batch([]).run(json_lines([late, poor, task(&server, "a")]));
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let all = by_id(lines(&ran.stdout));
    assert!(all["stuck"]["error"].as_str().unwrap().contains("deadline of 0.2 s"));
    assert!(all["poor"]["error"].as_str().unwrap().contains("budget of 16 remote tokens"));
    assert_eq!(all["a"]["success"], true);
}

#[test]
fn the_runs_remote_tokens_are_not_overspent() {
    // 30 for each job.
    let server = prompt_server();
    let input = json_lines((0..60).map(|n| task(&server, &n.to_string())));
    let ran = batch(["--max-jobs", "1", "--remote-tokens", "1000"]).run(&input);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let all = lines(&ran.stdout);
    assert!(all.len() < 60, "the rest is left");
    let (last, before) = all.split_last().unwrap();
    assert!(before.iter().all(|line| line["success"] == true), "{}", ran.stdout);
    let error = last["error"].as_str().unwrap();
    assert!(error.contains("budget of 1000 remote tokens") && error.contains("--remote-tokens"), "{error}");
    let spent: u64 =
        before.iter().map(|line| line["result"]["remote_usage"]["total_tokens"].as_u64().unwrap()).sum();
    assert!(spent <= 1000, "{spent}");
}

#[test]
fn calls_that_are_cut_off_are_paid_by_the_run() {
    let server = Server::start(|request| match request.json()["model"].as_str() {
        Some("worker") => openai(request, "Ada."),
        Some(_) => Reply::hang(),
        None => Reply::text(404, "not found"),
    });
    let late = |n: usize| {
        let mut job = task(&server, &n.to_string());
        job["budget"] = json!({"deadline_s": 0.3});
        job
    };
    let ran =
        batch(["--max-jobs=1", "--remote-tokens=600", "--fail-on=never"]).run(json_lines((10..22).map(late)));
    assert_eq!(ran.code, Some(3), "the rest is left: {}", ran.stderr);
    let all = lines(&ran.stdout);
    let refused = all.last().unwrap()["error"].as_str().unwrap();
    assert!(refused.contains("budget of 600 remote tokens"), "{refused}");
    let number = |after: &str| -> u64 {
        let digits = refused.split_once(after).unwrap().1.trim_start();
        digits.split(|char: char| !char.is_ascii_digit()).next().unwrap().parse().unwrap()
    };
    // The last one that was cut off may still be in flight.
    let (spent, each) = (number("next call:") + number("spent,"), number("needs about"));
    let sent = chats(&server, "supervisor").len() as u64;
    assert_eq!((sent, spent), (600 / each, sent * each), "{refused}");
    assert!(ran.stderr.contains(&format!("tokens: 0 local, {spent} remote")), "{}", ran.stderr);
}

#[test]
fn a_minute_has_no_more_than_is_allowed() {
    for option in ["--requests-per-minute=1", "--tokens-per-minute=1"] {
        let server = prompt_server();
        let ran = batch([option, "--deadline=3"]).run(json_lines(["a", "b"].map(|id| task(&server, id))));
        assert_eq!(ran.code, Some(124), "{}", ran.stderr);
        assert_eq!(chats(&server, "supervisor").len(), 1, "the next one would have to wait for a minute");
        assert_eq!(by_id(lines(&ran.stdout)).len(), 2);
    }
}

#[test]
fn a_dry_run_checks_and_estimates_without_a_call() {
    let server = prompt_server();
    let mut minions = job(&server, "minions", json!({"task": "t", "context": ["x".repeat(4000)]}));
    minions["custom_id"] = json!("many");
    let mut no_key = task(&server, "no key");
    no_key["remote_client"] = json!({"type": "openai"});
    let input = json_lines([task(&server, "a"), minions, no_key, json!({"custom_id": "bad"})]);
    let ran = batch(["--dry-run"]).run(&input);
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert_eq!(server.requests().len(), 0);
    let all = by_id(lines(&ran.stdout));
    assert_eq!(all["a"]["result"]["dry_run"], true);
    assert_eq!(all["a"]["result"]["remote_calls"], 4);
    // 4,001 characters, three tasks, three rounds.
    assert_eq!(all["many"]["result"]["local_tokens"], 1001 * 3 * 3);
    assert!(all["many"]["result"]["method"].as_str().unwrap().contains("characters / 4"));
    // The key is for the run itself.
    let no_key = &all["no key"]["result"];
    assert_eq!((&no_key["remote_calls"], no_key["missing_keys"].as_array().unwrap().len()), (&json!(4), 1));
    let missing = &no_key["missing_keys"][0];
    assert_eq!(missing["problem"], "remote_client: openai at https://api.openai.com/v1: there is no API key");
    assert!(missing["hint"].as_str().unwrap().starts_with("Set OPENAI_API_KEY"), "{missing}");
    assert_eq!(all["a"]["result"].get("missing_keys"), None);
    assert!(all["bad"]["error"].as_str().unwrap().contains("call_params.task"));
    // It is no earlier output: nothing is done.
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("dry.jsonl");
    std::fs::write(&out, &ran.stdout).unwrap();
    let ran = batch(["--resume", out.to_str().unwrap()]).run(json_lines([task(&server, "a")]));
    assert_eq!(succeeded(&ran.stdout), ["a"]);
}

#[test]
fn a_try_that_fails_counts_too() {
    let server = Server::start(|_| Reply::error(429, &json!({"error": {"message": "too many"}})));
    let ran = batch(["--requests-per-minute=1", "--deadline=3"]).run(json_lines([task(&server, "a")]));
    assert_eq!(ran.code, Some(124), "{}", ran.stderr);
    assert_eq!(chats(&server, "supervisor").len(), 1, "the next try would have to wait for a minute");
}

#[test]
fn the_summary_tells_what_was_spent_and_saved() {
    let server = prompt_server();
    let mut priced = task(&server, "a");
    priced["protocol"]["kwargs"] = json!({"prices": {"input": 1000, "output": 1000}});
    priced["call_params"]["context"] = json!(["Ada. ".repeat(1000)]);
    let ran = batch([]).run(json_lines([priced, task(&server, "b")]));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let all = by_id(lines(&ran.stdout));
    let savings = |id: &str| &all[id]["result"]["savings"];
    let saved = ["a", "b"].iter().map(|id| savings(id)["saved_tokens"].as_i64().unwrap()).sum::<i64>();
    let usd = |key: &str| savings("a")["usd"][key].as_f64().unwrap();
    let summary =
        format!("{saved} remote ones saved; ${:.4} spent, ${:.4} saved; ", usd("remote"), usd("saved"));
    assert!(ran.stderr.contains(&summary), "{summary}\n{}", ran.stderr);
}

#[test]
fn jobs_side_by_side_exceed_the_runs_tokens_by_one_reply_at_most() {
    const PROMPT: u64 = 1000;
    const REPLY: u64 = 3000;
    const LIMIT: u64 = 9000;
    let ask = json!({"reasoning": "r", "message": "Who signed?"}).to_string();
    let server = Server::start(move |request| match request.json()["model"].as_str() {
        Some("worker") => openai(request, "Ada."),
        Some(_) => openai_sse_usage(&ask, (PROMPT, REPLY)),
        None => Reply::text(404, "not found"),
    });
    let limit = LIMIT.to_string();
    let options = ["--max-jobs", "8", "--remote-tokens", &limit];
    let ran = batch(options).run(json_lines((0..16).map(|n| task(&server, &n.to_string()))));
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    let spent = chats(&server, "supervisor").len() as u64 * (PROMPT + REPLY);
    // The prompts are shorter by estimate than this server counts.
    assert!((LIMIT - PROMPT - REPLY..=LIMIT + PROMPT + REPLY).contains(&spent), "{spent}");
}
