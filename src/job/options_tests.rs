//! The options of clients as people write them.

use std::path::Path;

use serde_json::{Value, json};

use super::{Job, parse};
use crate::error::Failure;

fn job(local: Value) -> Result<Job, String> {
    let job = json!({"local_client": local, "call_params": {"task": "t"}});
    parse(job, Path::new("logs")).map_err(|error| {
        let Failure { message, hint, .. } = Failure::from(error);
        hint.map_or(message.clone(), |hint| format!("{message}. {hint}"))
    })
}

#[test]
fn keep_alive_is_a_number_or_a_duration() {
    let number = "`local_client.kwargs.keep_alive` must be a number of seconds or a duration such as \"10m\"";
    for (written, expected) in [
        (json!("-1"), Ok(json!(-1))),
        (json!("300"), Ok(json!(300))),
        (json!(" 0 "), Ok(json!(0))),
        (json!("1.5"), Ok(json!(1.5))),
        (json!(-1), Ok(json!(-1))),
        (json!(600), Ok(json!(600))),
        (json!("5m"), Ok(json!("5m"))),
        (json!("\"5m\""), Ok(json!("5m"))),
        (json!("1h30m"), Ok(json!("1h30m"))),
        (json!("1.5h"), Ok(json!("1.5h"))),
        (json!("-1m"), Ok(json!("-1m"))),
        (json!("100ms"), Ok(json!("100ms"))),
        (json!("5 m"), Err(number)),
        (json!("5 minutes"), Err(number)),
        (json!("1d"), Err(number)),
        (json!("h"), Err(number)),
        (json!("1..5h"), Err(number)),
        (json!("5m3"), Err(number)),
        (json!("forever"), Err(number)),
        (json!(""), Err(number)),
        (json!(true), Err(number)),
        (json!([1]), Err(number)),
    ] {
        let read = job(json!({"type": "ollama", "kwargs": {"keep_alive": written}}));
        let read = read.map(|job| job.local.kwargs.vendor.keep_alive().cloned().unwrap());
        assert_eq!(read, expected.map_err(str::to_owned), "{written}");
    }
}

#[test]
fn an_option_that_is_not_there_is_told_by_its_right_name_and_place() {
    for (client, complaint) in [
        (
            json!({"type": "ollama", "kwargs": {"temprature": 1}}),
            "unknown key `local_client.kwargs.temprature`. did you mean `temperature`?",
        ),
        (
            json!({"type": "ollama", "kwargs": {"max_new_tokens": 1}}),
            "unknown key `local_client.kwargs.max_new_tokens`. did you mean `max_tokens`?",
        ),
        (
            json!({"type": "ollama", "kwargs": {"host": "h"}}),
            "unknown key `local_client.kwargs.host`. did you mean `base_url`?",
        ),
        (
            json!({"type": "ollama", "kwargs": {"model": "m"}}),
            "unknown key `local_client.kwargs.model`. did you mean `local_client.model_name`?",
        ),
        (
            json!({"type": "ollama", "kwargs": {"port": 1}}),
            "`local_client.kwargs.port` stands in the wrong place. write it as `local_client.port`",
        ),
        (
            json!({"type": "ollama", "api_key": "k"}),
            "`local_client.api_key` stands in the wrong place. write it as `local_client.kwargs.api_key`",
        ),
        (
            json!({"type": "ollama", "temprature": 1}),
            "unknown key `local_client.temprature`. did you mean `kwargs.temperature`?",
        ),
        (
            json!({"type": "openai", "kwargs": {"keep_alive": 1}}),
            "`local_client.kwargs.keep_alive` has no effect: the client type openai has no such option. leave it out; \
             it is an option of ollama",
        ),
        (
            json!({"type": "llama_cpp", "model_path": "m", "kwargs": {"api_key": "k"}}),
            "`local_client.kwargs.api_key` has no effect: the client type llama_cpp has no such option. leave it out; \
             it is an option of the client types that call a server",
        ),
        (
            json!({"type": "openai", "kwargs": {"fast": true}}),
            "unknown key `local_client.kwargs.fast`. known here: temperature, max_tokens, timeout, seed, retries, \
             max_concurrency, structured_output_schema, api_key, base_url, headers, thinking",
        ),
    ] {
        assert_eq!(job(client).unwrap_err(), complaint);
    }
    // What the original's jobs have is passed over.
    let kwargs =
        json!({"use_async": true, "verbose": "false", "local": true, "reasoning_effort": "low", "tools": []});
    assert!(job(json!({"type": "openai", "kwargs": kwargs})).is_ok());
}

#[test]
fn minus_one_and_zero_lift_limits() {
    let kwargs = |client: Value| job(client).unwrap().local.kwargs;
    let ollama = kwargs(json!({"type": "ollama", "kwargs": {"max_tokens": -1, "seed": "-1", "num_ctx": 0}}));
    assert!(ollama.is_unlimited);
    let generation = ollama.generation;
    assert_eq!((generation.max_tokens, generation.seed, generation.num_ctx), (None, None, Some(u32::MAX)));
    let bounded = kwargs(json!({"type": "ollama", "kwargs": {"max_tokens": 9e2}}));
    assert_eq!((bounded.is_unlimited, bounded.generation.max_tokens), (false, Some(900)));
    let window = job(json!({"type": "ollama", "kwargs": {"num_ctx": 100}})).unwrap_err();
    assert!(window.contains("must be at least 256, or 0 for the model's own window, not 100"), "{window}");
}
