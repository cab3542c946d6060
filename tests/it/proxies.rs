//! Calls go through the proxy that the environment names, whatever its kind, or fail by its name.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, chats, job, scripted};
use crate::support::server::Server;
use crate::support::wire::openai;

/// An address that only a proxy reaches.
const ELSEWHERE: &str = "http://api.example.com/v1";

fn server() -> Server {
    let ask = json!({"reasoning": "r", "message": "Who?"}).to_string();
    let answer =
        json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"});
    scripted(vec![ask, answer.to_string()], |request| openai(request, "Ada"))
}

/// A job whose supervisor is elsewhere.
fn elsewhere(server: &Server, base_url: &str) -> Value {
    let mut job = job(server, "minion", json!({"task": "Who signed?", "context": ["Ada."]}));
    job["remote_client"]["kwargs"]["base_url"] = json!(base_url);
    job["remote_client"]["kwargs"]["retries"] = json!(0);
    job
}

fn run(job: &Value, variables: &[(&str, &str)]) -> Ran {
    variables.iter().fold(Program::new(), |program, (name, value)| program.env(name, value)).run_job(job)
}

/// A SOCKS 5 proxy before `server`; its port.
fn socks(server: &Server) -> u16 {
    let target = server.url().replace("http://", "");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let target = target.clone();
            thread::spawn(move || forward(client?, &target));
        }
    });
    port
}

/// Takes whatever is asked for, without authentication, and passes all bytes on to `target`.
fn forward(mut client: TcpStream, target: &str) -> io::Result<()> {
    let mut head = [0; 2];
    client.read_exact(&mut head)?;
    client.read_exact(&mut vec![0; usize::from(head[1])])?;
    client.write_all(&[5, 0])?;
    let mut request = [0; 5];
    client.read_exact(&mut request)?;
    // The name of a host and its port.
    assert_eq!(request[3], 3, "the proxy is to resolve the name");
    client.read_exact(&mut vec![0; usize::from(request[4]) + 2])?;
    client.write_all(&[5, 0, 0, 1, 127, 0, 0, 1, 0, 0])?;
    let mut server = TcpStream::connect(target)?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        to.shutdown(Shutdown::Write)
    });
    io::copy(&mut server, &mut client)?;
    Ok(())
}

#[test]
fn a_proxy_of_either_kind_is_used() {
    let server_of_http = server();
    let address = server_of_http.url();
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
        let server = server();
        let quoted = format!("\"{}\"", server.url());
        let ran = run(&elsewhere(&server, ELSEWHERE), &[(name, &quoted)]);
        assert_eq!(ran.result()["final_answer"], "Ada", "{name}");
    }
    let server = server();
    let proxy = format!("socks5h://user:pass@127.0.0.1:{}", socks(&server));
    let without_user = proxy.replace("user:pass@", "");
    let ran = run(&elsewhere(&server, ELSEWHERE), &[("ALL_PROXY", &without_user)]);
    assert_eq!(ran.result()["final_answer"], "Ada");
    assert_eq!(chats(&server, "supervisor").len(), 2);
    assert!(server_of_http.requests().is_empty(), "{address}");
}

#[test]
fn a_proxy_that_can_not_be_used_is_named_before_anything_is_sent() {
    for (value, complaint) in [
        (
            "socks://u:tops3cret@127.0.0.1:9",
            "ALL_PROXY in the environment begins with socks://, which is no proxy",
        ),
        ("sock5://127.0.0.1:9", "ALL_PROXY in the environment begins with sock5://, which is no proxy"),
        ("http://127.0.0.1:none", "ALL_PROXY in the environment is no address of a proxy"),
    ] {
        let server = server();
        let ran = run(&elsewhere(&server, ELSEWHERE), &[("ALL_PROXY", value)]);
        let error = ran.error(2);
        assert!(error.contains(complaint) && !error.contains("tops3cret"), "{error}");
        assert!(server.requests().is_empty());
    }
}

#[test]
fn the_error_of_a_proxy_names_it_without_its_password() {
    for (variable, value, shown) in [
        (
            "HTTPS_PROXY",
            "http://u:tops3cret@127.0.0.1:9",
            "the proxy http://127.0.0.1:9 refused the connection",
        ),
        (
            "ALL_PROXY",
            "socks5h://u:tops3cret@127.0.0.1:9",
            "the proxy socks5h://127.0.0.1:9 cannot be reached",
        ),
    ] {
        let server = server();
        let job = elsewhere(&server, "https://api.example.com/v1");
        let error = run(&job, &[(variable, value)]).error(1);
        assert!(error.contains(shown) && !error.contains("tops3cret"), "{error}");
        assert!(
            error.contains(&format!("Correct the proxy in {variable}, or name the host in NO_PROXY.")),
            "{error}"
        );
        // With NO_PROXY the call does not go there.
        let error = run(&job, &[(variable, value), ("NO_PROXY", "example.com")]).error(1);
        assert!(!error.contains("the proxy"), "{error}");
    }
}
