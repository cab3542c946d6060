//! Who may ask: hosts, pages of strangers, forms, tokens, owners.

use serde_json::json;

use super::{JSON, Service, file, instant, question, with_models};
use crate::support::program::Program;

const ADA: &str = "ada-0123456789abcdef";
const BOB: &str = "bob-0123456789abcdef";

fn tokens() -> (tempfile::TempDir, String) {
    file("tokens", &format!("# Two people.\nada {ADA}\nbob: {BOB}\n"))
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

#[test]
fn names_that_are_not_ours_are_refused() {
    let service = Service::start_with(Program::new(), &["--allowed-host", "minions.example"]);
    let host = |host: &str| {
        service.raw(format!("GET /v1/runs HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
    };
    for own in [
        "localhost",
        "localhost:8501",
        "127.0.0.1",
        "[::1]:80",
        "a.localhost",
        "192.168.1.5",
        "minions.example:1",
    ] {
        assert_eq!(host(own).status, 200, "{own}");
    }
    for other in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "user@localhost",
        "minions.example.org",
    ] {
        assert_eq!(host(other).error(421)["param"], "Host", "{other}");
    }
    assert_eq!(host("a b").status, 400);
    let raw = |head: &str| service.raw(format!("{head}Connection: close\r\n\r\n"));
    raw("GET /v1/runs HTTP/1.1\r\n").error(400);
    raw("GET /v1/runs HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n").error(400);
    raw("GET http://evil.example/v1/runs HTTP/1.1\r\nHost: localhost\r\n").error(421);
    assert_eq!(raw("GET /v1/runs HTTP/1.0\r\n").status, 200);
}

#[test]
fn pages_of_strangers_send_nothing() {
    let models = instant();
    let (_dir, config) = file("serve.toml", "origins = [\"https://friend.example\"]\n");
    let service = Service::start_with(with_models(&models), &["--config", &config]);
    let own = format!("http://{}", service.address);
    let from = |header: &str| {
        service.ask("POST", "/v1/runs", &format!("{JSON}{header}\r\n"), question().to_string())
    };
    for good in [
        format!("Origin: {own}"),
        "Origin: https://friend.example".to_owned(),
        "Sec-Fetch-Site: same-origin".to_owned(),
    ] {
        assert_eq!(from(&good).status, 202, "{good}");
    }
    for bad in [
        "Origin: https://evil.example",
        "Origin: null",
        "Origin: http://localhost:1",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ] {
        assert_eq!(from(bad).error(403)["code"], "cross_origin", "{bad}");
    }
    from(&format!("Origin: {own}\r\nOrigin: {own}")).error(403);
    let answer = service.ask("GET", "/v1/runs", "Origin: https://evil.example\r\n", "");
    assert!(answer.header("access-control-allow-origin").is_none());
}

#[test]
fn forms_and_texts_are_no_jobs() {
    let service = Service::start(Program::new());
    let body = question().to_string();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
    ] {
        let answer = service.ask("POST", "/v1/runs", &format!("Content-Type: {kind}\r\n"), &body);
        assert_eq!(answer.error(415)["param"], "Content-Type", "{kind}");
    }
    service.ask("POST", "/v1/runs", "", &body).error(415);
    service.ask("POST", "/v1/runs", &format!("{JSON}{JSON}"), &body).error(415);
    service.ask("POST", "/v1/files", "Content-Type: multipart/form-data\r\n", "x").error(400);
    service.ask("POST", "/v1/files", JSON, "{}").error(415);
    for broken in ["", "{", "[]", "3", "\"x\"", "\u{0}"] {
        service.ask("POST", "/v1/runs", JSON, broken).error(400);
    }
    service.ask("POST", "/v1/runs", JSON, b"{\"call_params\": \"\xff\"}").error(400);
}

#[test]
fn what_is_not_there_and_other_methods() {
    let service = Service::start(Program::new());
    for path in ["/nothing", "/v1/runs/x", "/v1/files/x", "/v1/runs/%2e%2e", "/v1/runs/a%2Fb", "//"] {
        service.get(path).error(404);
    }
    service.get("/v1/runs/%ff").error(400);
    let answer = service.ask("PUT", "/v1/runs", "", "");
    answer.error(405);
    let allowed = answer.header("allow").unwrap();
    assert!(allowed.contains("GET") && allowed.contains("POST"), "{allowed}");
    let options = service.ask("OPTIONS", "/v1/runs", "", "");
    assert_eq!((options.status, options.body.len()), (204, 0));
    assert!(options.header("allow").is_some() && options.header("access-control-allow-origin").is_none());
    let head = service.ask("HEAD", "/v1/runs", "", "");
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[test]
fn a_browser_may_do_no_more_than_the_page_needs() {
    let service = Service::start(Program::new());
    for path in ["/v1/runs", "/nothing"] {
        let answer = service.get(path);
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    }
}

#[test]
fn others_need_a_token() {
    let ran = Program::new().args(["serve", "--host", "0.0.0.0", "--port", "0"]).run("");
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("--token-file FILE"), "{}", ran.stderr);
    for (text, complaint) in [
        ("", "holds no token"),
        ("ada short", "needs 16 characters"),
        ("ada b c", "more than two words"),
        ("local 0123456789abcdef", "take another name"),
        ("a/b 0123456789abcdef", "letters, digits"),
        ("a 0123456789abcdef\na 1123456789abcdef", "second token"),
    ] {
        let (_dir, path) = file("tokens", text);
        let ran = Program::new().args(["serve", "--port", "0", "--token-file", &path]).run("");
        assert_eq!(ran.code, Some(2));
        assert!(ran.stderr.contains(complaint), "{text}: {}", ran.stderr);
    }
    let service = Service::start_with(Program::new(), &["--host", "0.0.0.0", "--make-token"]);
    let told = service.told();
    let token = told.split_once("#token=").unwrap().1.lines().next().unwrap();
    assert_eq!(token.len(), 48);
    assert_eq!(service.get("/v1/runs").error(401)["code"], "missing_token");
    assert_eq!(service.ask("GET", "/v1/runs", &bearer(token), "").status, 200);
    assert_eq!(service.get("/healthz").status, 200);
}

#[test]
fn nobody_sees_what_is_anothers() {
    let models = instant();
    let (_dir, path) = tokens();
    let service = Service::start_with(with_models(&models), &["--token-file", &path]);
    let ask = |method: &str, path: &str, token: &str| service.ask(method, path, &bearer(token), "");
    let headers = format!("{JSON}{}", bearer(ADA));
    let run = service.ask("POST", "/v1/runs", &headers, question().to_string()).json()["id"].clone();
    let run = format!("/v1/runs/{}", run.as_str().unwrap());
    let form = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\n\r\nSigned by Ada.\r\n--x--\r\n";
    let kind = format!("Content-Type: multipart/form-data; boundary=x\r\n{}", bearer(ADA));
    let id = service.ask("POST", "/v1/files", &kind, form).json()["id"].as_str().unwrap().to_owned();
    crate::support::wait::until("the run", || ask("GET", &run, ADA).json()["state"] == "done");
    for part in ["", "/events", "/documents", "/documents/0", "/log"] {
        assert_eq!(ask("GET", &format!("{run}{part}"), ADA).status, 200, "{part}");
        ask("GET", &format!("{run}{part}"), BOB).error(404);
    }
    ask("DELETE", &run, BOB).error(404);
    for part in ["", "/content", "/text"] {
        assert_eq!(ask("GET", &format!("/v1/files/{id}{part}"), ADA).status, 200, "{part}");
        ask("GET", &format!("/v1/files/{id}{part}"), BOB).error(404);
    }
    ask("DELETE", &format!("/v1/files/{id}"), BOB).error(404);
    let mut job = question();
    job["call_params"]["file_ids"] = json!([id]);
    let headers = format!("{JSON}{}", bearer(BOB));
    assert_eq!(
        service.ask("POST", "/v1/runs", &headers, job.to_string()).error(404)["param"],
        "call_params.file_ids[0]"
    );
    for list in ["/v1/runs", "/v1/files", "/v1/history"] {
        assert_eq!(ask("GET", list, ADA).json()["data"].as_array().unwrap().len(), 1, "{list}");
        assert_eq!(ask("GET", list, BOB).json()["data"], json!([]), "{list}");
    }
    assert!(!service.told().contains(ADA), "a token is in the log");
}

#[test]
fn tokens_are_not_guessed() {
    let (_dir, path) = tokens();
    let service = Service::start_with(Program::new(), &["--token-file", &path]);
    for wrong in ["Basic YTpi", "Bearer", "Bearer ", "ada"] {
        service.ask("GET", "/v1/runs", &format!("Authorization: {wrong}\r\n"), "").error(401);
    }
    service.ask("GET", "/v1/runs", &format!("{}{}", bearer(ADA), bearer(BOB)), "").error(401);
    let guesses: Vec<u16> = (0..30)
        .map(|guess| service.ask("GET", "/v1/runs", &bearer(&format!("{guess:032}")), "").status)
        .collect();
    assert_eq!(guesses[..10], [401; 10]);
    assert_eq!(guesses[29], 429);
    // It can't go on guessing, whether it is right by chance or not.
    let answer = service.ask("GET", "/v1/runs", &bearer(ADA), "");
    assert_eq!(answer.error(429)["code"], "too_many_guesses");
    assert!(answer.header("retry-after").is_some());
}
