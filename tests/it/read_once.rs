//! What the embedded engine has read is not read again: in this process and in later ones, with the real small model.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use minions::chat::{ChatClient, ChatReply, ChatRequest, Message};
use minions::llama::{CacheType, Engine, EngineSettings, Keeping, KeptFolder, Sampling};
use serde_json::{Value, json};

use crate::support::program::{Program, Ran, client, scripted};
use crate::support::server::Reply;

const QUESTIONS: [&str; 2] = ["Which number is named first?", "What is counted?"];
const CHUNKS: usize = 4;

fn settings(lanes: usize, keeping: Keeping) -> EngineSettings {
    EngineSettings {
        model_path: crate::support::llama_server::model().into(),
        n_ctx: 1024,
        lanes,
        n_gpu_layers: None,
        chat_format: None,
        threads: Some(1),
        kv_type: CacheType::F16,
        keeping,
    }
}

fn in_folder(path: &Path) -> Keeping {
    Keeping { memory: Some(0), folder: Some(KeptFolder { path: path.to_owned(), limit: None }) }
}

/// About 170 tokens, no two of which begin alike.
fn chunk(number: usize) -> String {
    let line = |at: usize| {
        let (crates, thing) = (number * 37 + at * 101, ["pears", "bolts", "lamps"][(number + at) % 3]);
        format!("Store {number}-{at} holds {crates} crates of {thing} and a box of nails.")
    };
    (0..7).map(line).collect::<Vec<_>>().join("\n")
}

fn request(number: usize, question: &str) -> ChatRequest {
    let chunk = format!("{}\n\nQuestion:", chunk(number));
    let message = Message::user(format!("{chunk} {question}")).sharing(chunk.len());
    ChatRequest { messages: vec![message], ..ChatRequest::default() }
}

/// The replies about all chunks, and the prompt tokens that were read for them, by an engine of its own.
async fn ask(settings: EngineSettings, questions: &[&str]) -> (Vec<ChatReply>, Vec<u64>) {
    let engine = Engine::load(settings).await.unwrap();
    let client = engine.client(Sampling { max_tokens: Some(8), ..Sampling::default() });
    let (mut replies, mut read) = (Vec::new(), Vec::new());
    for question in questions {
        let before = engine.stats().borrow().evaluated_prompt_tokens;
        let requests: Vec<_> = (0..CHUNKS).map(|number| request(number, question)).collect();
        let answers = join_all(requests.iter().map(|request| client.chat(request))).await;
        replies.extend(answers.into_iter().map(Result::unwrap));
        read.push(engine.stats().borrow().evaluated_prompt_tokens - before);
    }
    (replies, read)
}

fn texts(replies: &[ChatReply]) -> Vec<&str> {
    replies.iter().map(|reply| &*reply.text).collect()
}

fn states(folder: &Path) -> Vec<std::path::PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    let mut states: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|end| end == "state")).collect();
    states.sort();
    states
}

/// One lane, so that every step has the same tokens in it: others round in other ways.
#[tokio::test]
async fn answers_are_the_same_from_memory_from_files_and_from_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let none = Keeping { memory: Some(0), folder: None };
    let (plain, all) = ask(settings(1, none), &QUESTIONS).await;
    assert!(all[1] * 2 > all[0], "{all:?}");
    let memory = Keeping { memory: Some(1 << 30), folder: None };
    let (from_memory, read) = ask(settings(1, memory), &QUESTIONS).await;
    assert_eq!(texts(&from_memory), texts(&plain));
    assert!(read[1] * 10 <= read[0], "{read:?}");
    // Two processes, one after the other.
    let (first, _) = ask(settings(1, in_folder(dir.path())), &QUESTIONS[..1]).await;
    let (second, read) = ask(settings(1, in_folder(dir.path())), &QUESTIONS[1..]).await;
    assert_eq!(texts(&[first, second].concat()), texts(&plain));
    assert!(read[0] * 10 <= all[0], "{read:?} of {all:?}");
    assert_eq!(states(dir.path()).len(), CHUNKS);
}

#[tokio::test]
async fn keys_and_values_of_8_bits_are_kept_in_half_of_the_room() {
    let (wide, narrow) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let bytes =
        |folder: &Path| -> u64 { states(folder).iter().map(|path| fs::metadata(path).unwrap().len()).sum() };
    let with = |kv_type| EngineSettings { kv_type, ..settings(1, in_folder(narrow.path())) };
    ask(settings(1, in_folder(wide.path())), &QUESTIONS[..1]).await;
    let (plain, all) = ask(with(CacheType::Q8_0), &QUESTIONS[..1]).await;
    assert!(bytes(narrow.path()) * 10 <= bytes(wide.path()) * 6);
    let (again, read) = ask(with(CacheType::Q8_0), &QUESTIONS[..1]).await;
    assert_eq!(texts(&again), texts(&plain));
    assert!(read[0] * 10 <= all[0], "{read:?} of {all:?}");
    // A state is for one way of keeping.
    assert_eq!(ask(with(CacheType::F16), &QUESTIONS[..1]).await.1, all);
}

#[tokio::test]
async fn damaged_files_are_read_for_again() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, all) = ask(settings(1, in_folder(dir.path())), &QUESTIONS[..1]).await;
    for (number, path) in states(dir.path()).iter().enumerate() {
        let mut bytes = fs::read(path).unwrap();
        let at = bytes.len() * number / CHUNKS;
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    }
    let (again, read) = ask(settings(1, in_folder(dir.path())), &QUESTIONS[..1]).await;
    assert_eq!((texts(&again), &read), (texts(&plain), &all));
    // And they were written anew.
    let (_, read) = ask(settings(1, in_folder(dir.path())), &QUESTIONS[..1]).await;
    assert!(read[0] * 10 <= all[0], "{read:?} of {all:?}");
}

#[tokio::test]
async fn a_model_that_was_changed_reads_for_itself() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.gguf");
    fs::copy(crate::support::llama_server::model(), &path).unwrap();
    let with = || EngineSettings { model_path: path.clone(), ..settings(1, in_folder(dir.path())) };
    let (_, all) = ask(with(), &QUESTIONS[..1]).await;
    // One byte of the weights.
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert_eq!(ask(with(), &QUESTIONS[..1]).await.1, all);
    assert_eq!(states(dir.path()).len(), 2 * CHUNKS);
}

#[tokio::test]
async fn half_of_the_memory_saves_half_of_the_reading() {
    let dir = tempfile::tempdir().unwrap();
    ask(settings(1, in_folder(dir.path())), &QUESTIONS[..1]).await;
    let longest = states(dir.path()).iter().map(|path| fs::metadata(path).unwrap().len()).max().unwrap();
    let half = Keeping { memory: Some(longest * CHUNKS as u64 / 2), folder: None };
    let (_, read) = ask(settings(1, half), &[QUESTIONS[0], QUESTIONS[1], QUESTIONS[0]]).await;
    assert!(read[1..].iter().all(|again| again * 10 <= read[0] * 6), "{read:?}");
}

#[tokio::test]
async fn engines_share_a_folder_at_the_same_time() {
    let dir = tempfile::tempdir().unwrap();
    let (plain, all) = ask(settings(1, Keeping { memory: Some(0), folder: None }), &QUESTIONS[..1]).await;
    let of = |lanes| ask(settings(lanes, in_folder(dir.path())), &QUESTIONS[..1]);
    let (one, other) = tokio::join!(of(1), of(1));
    assert_eq!((texts(&one.0), texts(&other.0)), (texts(&plain), texts(&plain)));
    let (again, read) = of(1).await;
    assert_eq!(texts(&again), texts(&plain));
    assert!(read[0] * 10 <= all[0], "{read:?} of {all:?}");
    // A state is for a context with as many lanes.
    assert!(of(2).await.1[0] * 2 > all[0]);
}

const CODE: &str = "```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=doc, task='Which number is named first?') for doc in context]

def transform_outputs(jobs):
    return 'read'
```";

/// A job whose worker reads all chunks in this process.
fn job(supervisor: &crate::support::server::Server) -> Value {
    json!({
        "local_client": {
            "type": "llama_cpp",
            "model_path": crate::support::llama_server::model(),
            "kwargs": {"max_tokens": 48, "temperature": 0, "n_threads": 1, "n_ctx": 1024, "max_concurrency": 1},
        },
        "remote_client": client(supervisor, "supervisor"),
        "protocol": {"type": "minions", "max_rounds": 1},
        "call_params": {"task": "t", "context": (0..CHUNKS).map(chunk).collect::<Vec<_>>()},
    })
}

fn run(program: Program) -> Ran {
    let verdict = json!({"decision": "provide_final_answer", "answer": "done", "explanation": "e"});
    let supervisor =
        scripted(vec![CODE.to_owned(), verdict.to_string()], |_| Reply::text(500, "no worker here"));
    program.run_job(&job(&supervisor))
}

fn new_tokens(ran: &Ran) -> u64 {
    ran.result()["local_usage"]["new_prompt_tokens"].as_u64().unwrap()
}

#[test]
fn a_later_run_of_the_program_reads_what_is_new() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().to_str().unwrap();
    let first = new_tokens(&run(Program::new().env("HOME", home)));
    let read = dir.path().join(".cache/minions/read");
    assert_eq!(states(&read).len(), CHUNKS);
    assert!(new_tokens(&run(Program::new().env("HOME", home))) * 2 <= first);
    // Nowhere, and elsewhere.
    assert_eq!(new_tokens(&run(Program::new().env("HOME", home).args(["--kv-cache", "off"]))), first);
    let other = dir.path().join("other");
    let args = ["--kv-cache", other.to_str().unwrap(), "--kv-cache-size", "10MB"];
    assert_eq!(new_tokens(&run(Program::new().env("HOME", home).args(args))), first);
    let kept: u64 = states(&other).iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(0 < kept && kept <= 10_000_000, "{kept}");
}

#[test]
fn documents_that_are_indexed_are_read_before_the_first_question() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().to_str().unwrap();
    let model = format!("llama_cpp/{}", crate::support::llama_server::model());
    let files: Vec<String> = (0..CHUNKS).map(|number| format!("{home}/{number}.txt")).collect();
    (0..CHUNKS).for_each(|number| fs::write(&files[number], chunk(number)).unwrap());
    let index = |model: &str| {
        let args = ["index", "--local", model].into_iter().chain(files.iter().map(String::as_str));
        Program::new().env("HOME", home).args(args).run("")
    };
    let ran = index(&model);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stdout.starts_with("4 chunks: ") && ran.stdout.lines().count() == 1, "{}", ran.stdout);
    assert_eq!(states(&dir.path().join(".cache/minions/read")).len(), CHUNKS);
    // A program that cuts these files as they were cut; with as many lanes as there are for jobs.
    let verdict = json!({"decision": "provide_final_answer", "answer": "done", "explanation": "e"});
    let code = CODE.replace("for doc in context", "for doc in context for doc in chunk_by_section(doc)");
    let supervisor = scripted(vec![code, verdict.to_string()], |_| Reply::text(500, "no worker here"));
    let mut job = job(&supervisor);
    job["local_client"]["kwargs"].as_object_mut().unwrap().remove("max_concurrency");
    job["call_params"] = json!({"task": "t", "context_files": files});
    let ran = Program::new().env("HOME", home).run_job(&job);
    let usage = &ran.result()["local_usage"];
    let (new, cached) =
        (usage["new_prompt_tokens"].as_u64().unwrap(), usage["cached_prompt_tokens"].as_u64().unwrap());
    assert!(new * 2 <= cached, "{usage}");
    // Another one is known already, and a server keeps for itself.
    assert!(index(&model).stdout.contains(" known"));
    let ran = index("ollama/llama3.2");
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("--local llama_cpp/PATH.gguf"), "{}", ran.stderr);
}

#[test]
fn a_disk_that_is_full_costs_the_keeping_alone() {
    let dir = tempfile::tempdir().unwrap();
    let read = dir.path().join("read");
    let args = ["--kv-cache", read.to_str().unwrap()];
    // No file may become longer than 2 MB, which ends a write as a full disk does.
    let ran = run(Program::in_shell("trap '' XFSZ; ulimit -f 2000", "").args(args));
    assert!(new_tokens(&ran) > 500);
    assert!(ran.stderr.contains("nothing more of what is read is kept in"), "{}", ran.stderr);
    assert_eq!(ran.stderr.matches("nothing more of what is read").count(), 1);
    let left: Vec<_> = fs::read_dir(&read).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["lock"]);
}

#[test]
fn a_run_that_is_killed_leaves_whole_states_alone() {
    let dir = tempfile::tempdir().unwrap();
    let read = dir.path().join("read");
    let args = ["--kv-cache", read.to_str().unwrap()];
    for kept in [0, 1, 3] {
        let verdict = json!({"decision": "provide_final_answer", "answer": "done", "explanation": "e"});
        let supervisor =
            scripted(vec![CODE.to_owned(), verdict.to_string()], |_| Reply::text(500, "no worker here"));
        let (mut running, _dir) = Program::new().args(args).start(job(&supervisor).to_string().as_bytes());
        let begun = Instant::now();
        // It ends while a file is being written, or between two.
        let count = |ending: &str| {
            let files = fs::read_dir(&read).into_iter().flatten().flatten();
            files.filter(|file| file.file_name().to_string_lossy().ends_with(ending)).count()
        };
        while count(".part") == 0 && count(".state") <= kept && running.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < Duration::from_secs(300), "nothing is kept");
            sleep(Duration::from_millis(1));
        }
        running.kill().unwrap();
        running.wait().unwrap();
    }
    let expected = run(Program::new().args(["--kv-cache", "off"]));
    let ran = run(Program::new().args(args));
    let answers = |ran: &Ran| ran.result()["worker_messages"].to_string();
    assert_eq!(answers(&ran), answers(&expected));
    assert_eq!(states(&read).len(), CHUNKS);
}

#[test]
fn options_without_effect_are_told() {
    let server = scripted(vec!["An answer.".to_owned()], |_| Reply::text(500, "no worker here"));
    let job = json!({
        "local_client": client(&server, "worker"),
        "remote_client": client(&server, "supervisor"),
        "protocol": {"type": "remote_only"},
        "call_params": {"task": "t", "context": ["c"]},
    });
    let ran = Program::new().args(["--kv-cache", "off"]).run_job(&job);
    assert!(ran.stderr.contains("--kv-cache and --kv-cache-size have no effect"), "{}", ran.stderr);
    let error = Program::new().args(["--kv-cache-size", "5"]).run_job(&job).error(2);
    assert!(error.contains("5GB"), "{error}");
}
