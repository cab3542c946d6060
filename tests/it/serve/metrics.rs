//! What the service counts.

use serde_json::json;

use super::clients::{answer, ask, serving};
use crate::support::program::scripted;
use crate::support::wait::until;
use crate::support::wire::openai;

#[test]
fn runs_tokens_and_requests_are_counted() {
    let server = scripted(vec![ask("Who?"), answer("Ada")], |request| openai(request, "?"));
    let serving = serving(&server, &[]);
    let value = |line: &str| {
        let text = serving.get("/metrics").text();
        let found = text.lines().find_map(|known| known.strip_prefix(line)?.strip_prefix(' '));
        found.unwrap_or_else(|| panic!("{line}\n{text}")).parse::<f64>().unwrap()
    };
    let body = json!({"model": "minion", "messages": [{"role": "user", "content": "Who signed?"}]});
    serving.post("/v1/chat/completions", &body).with(200);
    serving.post("/v1/chat/completions", &body).with(502);
    serving.get("/v1/runs/run-0").with(404);
    assert_eq!(value("minions_runs_ended_total{state=\"done\"}"), 1.0);
    assert_eq!(value("minions_runs_ended_total{state=\"failed\"}"), 1.0);
    assert_eq!(value("minions_runs{state=\"running\"}"), 0.0);
    assert!(value("minions_tokens_total{side=\"remote\",kind=\"prompt\"}") > 0.0);
    assert!(value("minions_egress_bytes_total") > 0.0);
    let route = "route=\"/v1/chat/completions\",method=\"POST\"";
    assert_eq!(value(&format!("minions_http_requests_total{{{route},status=\"502\"}}")), 1.0);
    assert_eq!(value(&format!("minions_http_request_duration_seconds_count{{{route}}}")), 2.0);
    let of_ids = "minions_http_requests_total{route=\"/v1/runs/{id}\",method=\"GET\",status=\"404\"}";
    assert_eq!(value(of_ids), 1.0);
    let metrics = serving.get("/metrics");
    assert_eq!(metrics.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
}

#[test]
fn methods_that_nobody_knows_are_one() {
    let serving = serving(&scripted(vec![], |request| openai(request, "?")), &[]);
    for letter in ["A", "B", "C"] {
        assert_eq!(serving.ask(&letter.repeat(1000), "/", "", "").status, 405);
    }
    let text = serving.get("/metrics").text();
    let others = "minions_http_requests_total{route=\"/\",method=\"other\",status=\"405\"} 3";
    assert!(text.lines().any(|line| line == others) && !text.contains("AAA"), "{text}");
    until("the line of the last", || serving.told().contains(&"C".repeat(20)));
    assert!(!serving.told().contains(&"C".repeat(21)));
}
