//! What llama.cpp's server tells of a prompt beside OpenAI's dialect: how far it is, and how long it took. Pure.
//!
//! Facts: llama.cpp, `tools/server/README.md`, `return_progress` and `timings`. Docker Model Runner passes both on.

use std::time::Duration;

use serde_json::Value;

use super::pace::{PromptProgress, PromptTime};

/// The owner of the models in the list of llama.cpp's server.
pub(crate) const OWNER: &str = "llamacpp";

/// A `prompt_progress`.
pub(crate) fn progress(value: &Value) -> Option<PromptProgress> {
    let count = |name: &str| value[name].as_u64();
    Some(PromptProgress {
        total: count("total")?,
        cached: count("cache").unwrap_or_default(),
        read: count("processed")?,
        took: millis(&value["time_ms"]).unwrap_or_default(),
    })
}

/// The prompt's part of `timings`.
pub(crate) fn prompt_time(value: &Value) -> Option<PromptTime> {
    let (tokens, took) = (value["prompt_n"].as_u64()?, millis(&value["prompt_ms"])?);
    Some(PromptTime { tokens, took, may_count_cached: false })
}

/// How many tokens of the prompt the cache had, by `timings`.
pub(crate) fn cached(value: &Value) -> Option<u64> {
    value["cache_n"].as_u64()
}

/// The reply's part of `timings`.
pub(crate) fn written(value: &Value) -> Option<(u64, Duration)> {
    Some((value["predicted_n"].as_u64()?, millis(&value["predicted_ms"])?))
}

fn millis(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(value.as_f64()? / 1000.0).ok()
}

/// How many requests the server works on, by the answer of its route `/slots`.
pub(crate) fn busy_slots(value: &Value) -> Option<usize> {
    let slots = value.as_array().filter(|slots| !slots.is_empty())?;
    let busy = slots.iter().map(|slot| slot["is_processing"].as_bool());
    Some(busy.collect::<Option<Vec<_>>>()?.into_iter().filter(|is_busy| *is_busy).count())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn progress_and_times_are_read() {
        let told = json!({"total": 1721, "cache": 230, "processed": 742, "time_ms": 4949});
        let took = Duration::from_millis(4949);
        assert_eq!(progress(&told), Some(PromptProgress { total: 1721, cached: 230, read: 742, took }));
        let times = json!({"cache_n": 230, "prompt_n": 512, "prompt_ms": 4949.0, "predicted_n": 5, "predicted_ms": 100.0});
        let time = PromptTime { tokens: 512, took, may_count_cached: false };
        assert_eq!((prompt_time(&times), progress(&told).unwrap().time()), (Some(time), time));
        assert_eq!((cached(&times), written(&times)), (Some(230), Some((5, Duration::from_millis(100)))));
        for damaged in
            [json!(null), json!({}), json!({"total": -1, "processed": "7"}), json!([1]), json!("no")]
        {
            let told = (progress(&damaged), prompt_time(&damaged), written(&damaged), cached(&damaged));
            assert_eq!(told, (None, None, None, None), "{damaged}");
        }
        let odd = json!({"prompt_n": 5, "prompt_ms": -1.0});
        assert_eq!(prompt_time(&odd), None);
    }

    #[test]
    fn busy_slots_are_counted_where_the_server_tells() {
        let slot = |is_processing: bool| json!({"id": 0, "is_processing": is_processing});
        assert_eq!(busy_slots(&json!([slot(true), slot(false), slot(true)])), Some(2));
        assert_eq!(busy_slots(&json!([slot(false)])), Some(0));
        // Switched off, behind a gateway, of an older version.
        for other in [json!({"error": {"code": 501}}), json!([]), json!(null), json!([{"state": 1}])] {
            assert_eq!(busy_slots(&other), None, "{other}");
        }
    }
}
