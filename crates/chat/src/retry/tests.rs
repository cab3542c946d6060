//! Tests of retries.

use super::*;
use crate::{ChatErrorKind as Kind, Finish};

fn error(kind: Kind, retry_after: Option<u64>) -> ChatError {
    ChatError {
        retry_after: retry_after.map(Duration::from_secs),
        usage: Usage::of_call(10, 1, 0),
        ..ChatError::new(kind, "ollama at http://localhost:11434 failed")
    }
}

/// The waits between tries that all fail in this way, and the last error.
fn fail(retries: u32, failure: &ChatError) -> (Vec<Duration>, ChatError) {
    fail_during(retries, Duration::ZERO, failure)
}

fn fail_during(retries: u32, outage: Duration, failure: &ChatError) -> (Vec<Duration>, ChatError) {
    let mut tries = Tries::new(&RetryPolicy { outage, ..RetryPolicy::of(retries) });
    let mut waits = Vec::new();
    loop {
        match tries.next_wait(failure.clone(), None) {
            Ok(wait) => waits.push(wait),
            Err(error) => return (waits, error),
        }
    }
}

#[test]
fn transient_failures_are_tried_again_as_often_as_allowed() {
    let (waits, last) = fail(2, &error(Kind::Connection, None));
    assert_eq!(waits.len(), 2);
    assert!(last.message.ends_with("(tried 3 times)"), "{last}");
    let (waits, last) = fail(0, &error(Kind::Connection, None));
    assert_eq!((waits.len(), last.message), (0, error(Kind::Connection, None).message));
    for kind in [Kind::Auth, Kind::NotFound, Kind::ContextTooLong, Kind::Rejected, Kind::Model] {
        assert_eq!(fail(5, &error(kind, None)).0.len(), 0, "{kind:?}");
    }
}

#[test]
fn waits_grow_and_follow_the_server() {
    let (waits, _) = fail(8, &error(Kind::Timeout, None));
    for (number, wait) in waits.iter().enumerate() {
        let least = Duration::from_millis(300 << number).min(Duration::from_secs(15));
        assert!((least..=2 * least).contains(wait), "{waits:?}");
    }
    for asked in [0, 42, 60] {
        let (waits, _) = fail(1, &error(Kind::RateLimited, Some(asked)));
        assert_eq!(waits, [Duration::from_secs(asked)]);
    }
}

#[tokio::test]
async fn a_time_out_is_repeated_as_long_as_tries_could_take_before_limits_grew() {
    let seconds = Duration::from_secs;
    for (kind, silence, each, tries) in [
        // A short prompt: four tries.
        (Kind::Timeout, Some(1200), 305, 4),
        (Kind::Timeout, Some(1200), 400, 3),
        (Kind::Timeout, Some(1200), 700, 2),
        // The first one has its whole limit, however long.
        (Kind::Timeout, Some(1200), 9000, 1),
        // Limits that do not grow, and failures that are no silence.
        (Kind::Timeout, None, 9000, 4),
        (Kind::Server, Some(1200), 9000, 4),
        (Kind::Unreachable, Some(1200), 9000, 4),
    ] {
        let policy = RetryPolicy::of(3).silent_for(silence.map(seconds));
        let mut state = Tries::new(&policy);
        let mut made = 0;
        let last = loop {
            made += 1;
            state.took += seconds(each);
            if let Err(last) = state.next_wait(error(kind, None), None) {
                break last;
            }
        };
        assert_eq!(made, tries, "{kind:?} {silence:?} {each}");
        assert_eq!(last.message.contains("(tried "), tries > 1, "{last}");
    }
}

#[test]
fn a_server_that_is_brought_back_is_waited_for() {
    let outage = Duration::from_secs(20);
    let (waits, last) = fail_during(1, outage, &error(Kind::Unreachable, None));
    let all: Duration = waits.iter().sum();
    // The last wait would have been too long.
    assert!(all <= outage && all + Duration::from_secs(2) >= outage, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(2)), "soon after it is back: {waits:?}");
    assert!(last.message.ends_with(&format!("(tried {} times)", waits.len() + 1)), "{last}");
    // Other failures are counted, and a caller that wants no retries gets none.
    for kind in [Kind::Server, Kind::Connection] {
        assert_eq!(fail_during(1, outage, &error(kind, None)).0.len(), 1);
    }
    assert_eq!(fail_during(0, outage, &error(Kind::Unreachable, None)).0.len(), 0);
}

#[test]
fn a_wait_beyond_the_cap_is_an_error_at_once() {
    let (waits, last) = fail(5, &error(Kind::RateLimited, Some(61)));
    assert_eq!(waits.len(), 0);
    assert!(last.message.ends_with("(it asks to wait 61 s; the longest wait here is 60 s)"), "{last}");
}

#[test]
fn usage_of_failed_tries_is_added_up() {
    let (_, last) = fail(2, &error(Kind::Server, None));
    assert_eq!(last.usage, Usage::of_call(30, 3, 0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let usage = Usage::of_call(10, 5, 2);
    let reply = ChatReply {
        text: "ok".into(),
        finish: Finish::Stop,
        usage,
        refused: false,
        cut: Vec::new(),
        spared: 0,
        times: None,
    };
    let mut script = vec![Ok(reply), Err(error(Kind::Server, Some(0))), Err(error(Kind::Malformed, Some(0)))];
    let policy = RetryPolicy::of(2);
    let taken = with_retries(&policy, None, || std::future::ready(script.pop().unwrap()));
    let mut expected = Usage::of_call(20, 2, 0);
    expected += Usage::of_call(10, 5, 2);
    assert_eq!(runtime.block_on(taken).unwrap().usage, expected);
}

#[test]
fn a_server_that_loads_its_model_is_waited_for_whatever_the_retries() {
    let loading = Duration::from_secs(300);
    let policy = RetryPolicy { loading, ..RetryPolicy::of(0) };
    let waits = |failure: &ChatError| {
        let mut tries = Tries::new(&policy);
        let mut waits = Vec::new();
        loop {
            match tries.next_wait(failure.clone(), None) {
                Ok(wait) => waits.push(wait),
                Err(error) => return (waits, error),
            }
        }
    };
    for asked in [None, Some(1), Some(400)] {
        let (waits, last) = waits(&error(Kind::Loading, asked));
        assert_eq!(waits.iter().sum::<Duration>(), loading);
        assert!(waits.iter().all(|wait| *wait <= LONGEST_LOOK), "{waits:?}");
        assert!(last.message.ends_with("(waited 300 s for it)"), "{last}");
    }
    // Where another server is asked instead it is a failure like others, and others are not waited for.
    assert_eq!(fail(1, &error(Kind::Loading, Some(1))).0, [Duration::from_secs(1)]);
    assert_eq!(waits(&error(Kind::Busy, None)).0.len(), 0);
}

#[test]
fn calls_that_wait_for_one_server_log_its_outage_once() {
    let policy = RetryPolicy::of(3);
    assert_eq!(
        [1, 1, 2, 1, 2, 3].map(|failed| policy.clone().is_news(failed)),
        [true, false, true, false, false, true]
    );
    policy.answered();
    assert!(policy.is_news(1));
}
