//! Several servers on one side: calls are spread, a lost one goes elsewhere, a chunk stays where it was read.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, chats, client, last, scripted};
use crate::support::server::{Reply, Request, Server};
use crate::support::wait::{Barrier, Door, next};
use crate::support::wire::{ollama_ndjson, openai};

/// A supervisor whose program asks `tasks` about each document, and lists every job with its answer.
fn supervisor(tasks: usize) -> Server {
    let program = format!(
        "```python\ndef prepare_jobs(context, prev_job_manifests, prev_job_outputs):\n    return [JobManifest(doc, \
         f\"Task {{n}}.\", \"\") for doc in context for n in range({tasks})]\n\ndef transform_outputs(jobs):\n    return \
         \"\\n\".join(f\"job {{j.manifest.job_id}}: {{j.output.answer}}\" for j in jobs)\n```"
    );
    let verdict = json!({
        "explanation": "e", "decision": "provide_final_answer", "answer": "done", "feedback": null, "scratchpad": null,
    });
    scripted(vec![program, verdict.to_string()], |_| Reply::text(500, "no worker here"))
}

/// The worker's reply: the number of the document that it was given.
fn found(request: &Request) -> Reply {
    openai(request, &answer(request))
}

fn answer(request: &Request) -> String {
    json!({"explanation": "e", "citation": null, "answer": format!("document {}", document(&request.prompt()))})
        .to_string()
}

fn document(prompt: &str) -> usize {
    let rest = &prompt[prompt.find("Document ").unwrap() + "Document ".len()..];
    rest.split('.').next().unwrap().parse().unwrap()
}

/// A worker behind `/v1`, which is asked for its properties first.
fn worker(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
    Server::start(move |request| match request.method.as_str() {
        "POST" => handler(request),
        _ => Reply::text(404, "not found"),
    })
}

fn urls(servers: &[&Server]) -> Vec<String> {
    servers.iter().map(|server| format!("{}/v1", server.url())).collect()
}

/// A job over `documents` documents, with so many calls at once at each of the worker's servers.
fn fleet_job(supervisor: &Server, base_urls: Vec<String>, calls: usize, documents: usize) -> Value {
    let context: Vec<_> = (0..documents).map(|n| format!("Document {n}. The Aurora lay at Brest.")).collect();
    json!({
        "local_client": {
            "type": "openai", "model_name": "worker",
            "kwargs": {"base_url": base_urls, "max_concurrency": calls, "retries": 1},
        },
        "remote_client": client(supervisor, "supervisor"),
        "protocol": {"type": "minions", "max_rounds": 1},
        "call_params": {"task": "Where?", "context": context},
        "budget": {"deadline_s": 60},
    })
}

/// That each of the jobs is in the result once, with its own answer.
fn assert_all_answered(result: &Value, supervisor: &Server, documents: usize, tasks: usize) {
    let count = documents * tasks;
    assert_eq!(result["status"], "answered");
    let jobs = result["meta"][0]["local"]["jobs"].as_array().unwrap();
    let ids: BTreeSet<_> = jobs.iter().map(|job| job["manifest"]["job_id"].as_u64().unwrap()).collect();
    assert_eq!((jobs.len(), ids.len()), (count, count));
    let remote = chats(supervisor, "supervisor");
    let listed: Vec<_> = last(&remote[1]).lines().filter(|line| line.starts_with("job ")).collect();
    let expected: Vec<_> = (0..count).map(|job| format!("job {job}: document {}", job / tasks)).collect();
    assert_eq!(listed, expected);
}

fn asked(server: &Server) -> Vec<Request> {
    server.requests().into_iter().filter(|request| request.method == "POST").collect()
}

#[test]
fn calls_are_spread_over_all_servers() {
    // No call is answered before two are at each of the three.
    let six = Arc::new(Barrier::new(6));
    let servers = [(); 3].map(|()| {
        let six = Arc::clone(&six);
        worker(move |request| {
            six.wait();
            found(request)
        })
    });
    let supervisor = supervisor(1);
    let servers: Vec<_> = servers.iter().collect();
    let result = Program::new().run_job(&fleet_job(&supervisor, urls(&servers), 2, 60)).result();
    assert_all_answered(&result, &supervisor, 60, 1);
    for server in servers {
        assert_eq!((server.max_in_flight(), asked(server).len()), (2, 20));
    }
}

#[test]
fn the_jobs_of_a_chunk_go_to_one_server() {
    // In step, so that no server is ever idle while another one still has a whole group.
    let three = Arc::new(Barrier::new(3));
    let servers = [(); 3].map(|()| {
        let three = Arc::clone(&three);
        worker(move |request| {
            three.wait();
            found(request)
        })
    });
    let supervisor = supervisor(4);
    let servers: Vec<_> = servers.iter().collect();
    let result = Program::new().run_job(&fleet_job(&supervisor, urls(&servers), 1, 6)).result();
    assert_all_answered(&result, &supervisor, 6, 4);
    let mut homes: BTreeMap<usize, BTreeSet<u16>> = BTreeMap::new();
    for server in servers {
        for request in asked(server) {
            homes.entry(document(&request.prompt())).or_default().insert(server.port());
        }
    }
    assert_eq!(homes.len(), 6);
    assert!(homes.values().all(|servers| servers.len() == 1), "{homes:?}");
}

#[test]
fn a_server_that_is_killed_in_the_middle_costs_no_answer() {
    let (dying, told) = mpsc::channel();
    let dead = Door::default();
    let hanging = AtomicUsize::new(0);
    let killed = worker(move |request| match asked_before(request) {
        ..20 => found(request),
        _ => {
            // With all of its slots waiting, each answer before has arrived.
            if hanging.fetch_add(1, SeqCst) + 1 == 4 {
                let _ = dying.send(());
            }
            Reply::hang()
        }
    });
    let others = [(); 2].map(|()| {
        let dead = dead.clone();
        worker(move |request| {
            if asked_before(request) >= 20 {
                dead.wait("the end of the server");
            }
            found(request)
        })
    });
    let supervisor = supervisor(1);
    let job = fleet_job(&supervisor, urls(&[&others[0], &killed, &others[1]]), 4, 200);
    let (child, dir) = Program::new().start(job.to_string().as_bytes());
    next("a call on each slot of the server", &told);
    drop(killed);
    dead.open();
    let ran = Ran::of(child, dir);
    assert_all_answered(&ran.result(), &supervisor, 200, 1);
    assert_eq!(
        asked(&others[0]).len() + asked(&others[1]).len(),
        180,
        "what was answered is not asked again"
    );
}

/// Calls to the server before this one: the first three requests were for its properties, for the version of an Ollama and
/// for its models.
fn asked_before(request: &Request) -> usize {
    request.index - 3
}

#[test]
fn a_server_that_comes_back_gets_calls_again() {
    let is_back = Door::default();
    let back = {
        let is_back = is_back.clone();
        worker(move |request| {
            if asked_before(request) == 0 {
                return Reply::text(500, "out of memory");
            }
            is_back.open();
            found(request)
        })
    };
    // Holds its calls back, so that there is work left.
    let steady = worker(move |request| {
        is_back.wait("a call at the server that is back");
        found(request)
    });
    let supervisor = supervisor(1);
    let ran = Program::new().run_job(&fleet_job(&supervisor, urls(&[&back, &steady]), 1, 6));
    assert_all_answered(&ran.result(), &supervisor, 6, 1);
    assert!(ran.stderr.contains("out of memory; its calls go elsewhere"), "{}", ran.stderr);
    assert!(asked(&back).len() >= 2);
}

#[test]
fn two_servers_that_fail_at_once_do_not_wait_for_each_other() {
    let both = Arc::new(Barrier::new(2));
    let servers = [(); 2].map(|()| {
        let both = Arc::clone(&both);
        worker(move |request| {
            if asked_before(request) > 0 {
                return found(request);
            }
            both.wait();
            Reply::text(500, "out of memory")
        })
    });
    let supervisor = supervisor(1);
    let job = fleet_job(&supervisor, urls(&[&servers[0], &servers[1]]), 1, 6);
    assert_all_answered(&Program::new().run_job(&job).result(), &supervisor, 6, 1);
}

#[test]
fn a_stuck_server_holds_up_its_own_calls_alone() {
    let others_done = Door::default();
    let stuck = {
        let others_done = others_done.clone();
        worker(move |request| {
            others_done.wait("the end of all other calls");
            found(request)
        })
    };
    let steady = worker(move |request| {
        if asked_before(request) == 18 {
            others_done.open();
        }
        found(request)
    });
    let supervisor = supervisor(5);
    let result = Program::new().run_job(&fleet_job(&supervisor, urls(&[&stuck, &steady]), 1, 4)).result();
    assert_all_answered(&result, &supervisor, 4, 5);
    assert_eq!((asked(&stuck).len(), asked(&steady).len()), (1, 19));
}

#[test]
fn when_all_are_down_the_error_names_all() {
    let [one, two] = [closed(), closed()];
    let supervisor = supervisor(1);
    let base_urls = vec![format!("{one}/v1"), format!("{two}/v1")];
    let error = Program::new().run_job(&fleet_job(&supervisor, base_urls, 4, 6)).error(1);
    assert!(error.contains(&one) && error.contains(&two), "{error}");
}

/// An address where nothing listens.
fn closed() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

/// An Ollama daemon with a model of `trained` tokens.
fn ollama(trained: u32) -> Server {
    Server::start(move |request| match request.path.as_str() {
        "/api/version" => Reply::json(&json!({"version": "0.30.0"})),
        "/api/show" => Reply::json(&json!({
            "capabilities": ["completion"],
            "model_info": {"general.architecture": "llama", "llama.context_length": trained},
        })),
        "/api/ps" => Reply::json(&json!({"models": []})),
        _ if request.json()["messages"].as_array().is_some_and(Vec::is_empty) => ollama_ndjson(""),
        _ => ollama_ndjson(&answer(request)),
    })
}

fn ollama_job(supervisor: &Server, base_urls: &[String]) -> Value {
    let mut job = fleet_job(supervisor, base_urls.to_vec(), 1, 12);
    job["local_client"]["type"] = json!("ollama");
    job
}

#[test]
fn a_daemon_that_is_down_is_a_warning_and_all_get_one_window() {
    let (small, large, down) = (ollama(4096), ollama(131_072), closed());
    let supervisor = supervisor(1);
    let ran = Program::new().run_job(&ollama_job(&supervisor, &[down.clone(), small.url(), large.url()]));
    assert_all_answered(&ran.result(), &supervisor, 12, 1);
    assert!(ran.stderr.contains(&format!("Ollama at {down} does not answer")), "{}", ran.stderr);
    for server in [small, large] {
        let chats = server.requests().into_iter().filter(|request| request.path == "/api/chat");
        let bodies: Vec<_> =
            chats.map(|request| request.json()).filter(|body| body["messages"][0].is_object()).collect();
        assert!(!bodies.is_empty());
        assert!(bodies.iter().all(|body| body["options"]["num_ctx"] == 4096), "{bodies:?}");
    }
}

#[test]
fn a_daemon_that_is_down_is_not_asked_anew_by_every_job() {
    let (up, down) = (ollama(4096), Server::replies([Reply::text(500, "no room on the disk")]));
    let supervisor = Server::start(|request| {
        let is_first = request.json()["messages"].as_array().is_some_and(|all| all.len() == 1);
        let ask = json!({"reasoning": "r", "message": "Which?"});
        let answer =
            json!({"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "7"});
        openai(request, &if is_first { ask } else { answer }.to_string())
    });
    let lines = (0..6).map(|n| {
        let mut job = ollama_job(&supervisor, &[down.url(), up.url()]);
        job["protocol"] = json!({"type": "minion"});
        job["call_params"]["context"] = json!("Document 7. The Aurora lay at Brest.");
        job["custom_id"] = json!(n.to_string());
        format!("{job}\n")
    });
    let ran = Program::new().args(["batch", "--max-jobs", "1"]).run(lines.collect::<String>());
    assert_eq!((ran.code, ran.stdout.lines().count()), (Some(0), 6), "{}", ran.stderr);
    let questions = down.requests().into_iter().filter(|request| request.path == "/api/version").count();
    assert_eq!(questions, 1, "{}", ran.stderr);
}

#[test]
fn when_no_daemon_is_up_the_error_names_all() {
    let [one, two] = [closed(), closed()];
    let supervisor = supervisor(1);
    let error = Program::new().run_job(&ollama_job(&supervisor, &[one.clone(), two.clone()])).error(1);
    assert!(error.starts_with("none of the 2 servers of local_client can be used: "), "{error}");
    assert!(error.contains(&one) && error.contains(&two), "{error}");
}

#[test]
fn a_supervisor_may_have_several_servers_too() {
    let supervisor = supervisor(1);
    let only = worker(found);
    let mut job = fleet_job(&supervisor, urls(&[&only]), 4, 6);
    job["remote_client"]["kwargs"]["base_url"] =
        json!([format!("{}/v1", closed()), format!("{}/v1", supervisor.url())]);
    let result = Program::new().run_job(&job).result();
    assert_all_answered(&result, &supervisor, 6, 1);
}
