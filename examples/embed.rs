//! Two jobs at once on one engine. Their events are printed as they come, and the second job is cancelled as soon as
//! the first one is done.
//!
//! ```sh
//! cargo build --bin minions
//! cargo run --example embed -- target/debug/minions job.json other.json
//! ```

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::fs;
use std::sync::Arc;

use minions::engine::{CancelToken, Engine, EngineConfig};
use minions::events::EventLog;
use serde_json::{Value, json};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [minions, first, second] = &arguments[..] else { return Err("usage: embed MINIONS JOB JOB".into()) };
    let engine = Engine::new(EngineConfig::new(minions));
    let (never, cancel) = (CancelToken::new(), CancelToken::new());
    let first = async {
        let answer = run(&engine, "first", first, &never).await;
        cancel.cancel();
        answer
    };
    let (first, second) = tokio::join!(first, run(&engine, "second", second, &cancel));
    println!("first: {}\nsecond: {}", first?, second?);
    Ok(())
}

/// Runs the job of the file `path` under `name`; its answer, or why there is none.
async fn run(
    engine: &Engine,
    name: &str,
    path: &str,
    cancel: &CancelToken,
) -> Result<String, Box<dyn Error>> {
    let job = engine.job(serde_json::from_slice(&fs::read(path)?)?)?;
    let log = Arc::new(EventLog::default());
    let mut events = log.read_from(0);
    let printing = async {
        while let Some(event) = events.next().await {
            let line: Value = json!(event);
            println!("{name} {} {}", line["seq"], line["type"]);
        }
    };
    let events = engine.events(vec![log], Some(name));
    let (outcome, ()) = tokio::join!(engine.run(job, events, cancel), printing);
    Ok(match outcome {
        Ok(result) => result.final_answer,
        Err(failure) => format!("{:?}: {failure}", failure.kind),
    })
}
