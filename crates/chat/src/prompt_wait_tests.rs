//! Tests of the wait for a prompt to be read. No time is asserted: what may pass is a thousand times what has to.

use std::future::{pending, ready};
use std::sync::Mutex;

use tokio::time::sleep;

use super::pace::PromptTime;
use super::prompt_wait::PromptWait;
use super::*;

/// A limit that passes at once.
const SHORT: Duration = Duration::from_millis(5);
const LONG_PROMPT: Prompt = Prompt { likely: 20_000, most: 20_000 };
const NO_PROMPT: Prompt = Prompt { likely: 0, most: 0 };

/// The readings that it was told of.
#[derive(Default)]
struct Readings(Mutex<Vec<Reading>>);

impl CallObserver for Readings {
    fn begin(&self, _: &str) {}
    fn delta(&self, _: &str) {}
    fn failed(&self, _: &ChatError, _: Option<Duration>) {}

    fn reading(&self, reading: &Reading) {
        self.0.lock().unwrap().push(*reading);
    }
}

fn told(read: u64, seconds: u64) -> pace::PromptProgress {
    pace::PromptProgress { total: 20_000, cached: 2000, read, took: Duration::from_secs(seconds) }
}

#[tokio::test]
async fn a_long_prompt_may_take_its_time_and_nothing_else_may() {
    let pace = PromptPace::default();
    let late = || sleep(20 * SHORT);
    let mut wait = PromptWait::begin(&pace, LONG_PROMPT, true, None);
    assert_eq!(wait.within(SHORT, late()).await, Ok(()));
    // Its reply has begun.
    wait.end();
    assert_eq!(wait.within(SHORT, pending::<()>()).await, Err(SHORT));
    assert_eq!(wait.within(SHORT, ready(7)).await, Ok(7));
    drop(wait);
    // Of a user who has set the limit; of a prompt without a token.
    for (prompt, grows) in [(LONG_PROMPT, false), (NO_PROMPT, true)] {
        let mut wait = PromptWait::begin(&pace, prompt, grows, None);
        assert_eq!(wait.within(SHORT, pending::<()>()).await, Err(SHORT), "{prompt:?}");
    }
}

#[tokio::test]
async fn a_server_that_answers_nothing_for_ever_comes_to_its_limit() {
    let pace = PromptPace::default();
    // Half a million tokens a second: the prompt may take 80 ms.
    pace.note(PromptTime { tokens: 500_000, took: Duration::from_secs(1), may_count_cached: false });
    let mut wait = PromptWait::begin(&pace, LONG_PROMPT, true, None);
    assert_eq!(wait.within(SHORT, pending::<()>()).await, Err(Duration::from_millis(85)));
    drop(wait);
    // What the server has read already needs no time any more.
    let pace = PromptPace::default();
    let mut wait = PromptWait::begin(&pace, LONG_PROMPT, true, None);
    wait.tell(told(20_000, 1));
    assert_eq!(wait.within(SHORT, pending::<()>()).await, Err(SHORT));
}

#[tokio::test]
async fn a_call_waits_for_what_others_have_to_read_before_it() {
    let pace = PromptPace::default();
    let others: Vec<_> = (0..3).map(|_| PromptWait::begin(&pace, LONG_PROMPT, true, None)).collect();
    let mut wait = PromptWait::begin(&pace, NO_PROMPT, true, None);
    assert_eq!(wait.within(SHORT, sleep(20 * SHORT)).await, Ok(()));
    drop(others);
    assert_eq!(wait.within(SHORT, pending::<()>()).await, Err(SHORT));
}

#[test]
fn how_far_it_is_comes_from_the_server_else_from_the_pace_before() {
    let observer = Readings::default();
    let pace = PromptPace::default();
    let second = Duration::from_secs(1);
    let estimate = Reading {
        read: None,
        total: 20_000,
        is_estimate: true,
        passed: 10 * second,
        left: None,
        is_done: false,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let _runtime = runtime.enter();
    let mut wait = PromptWait::begin(&pace, LONG_PROMPT, true, Some(&observer));
    let at = |wait: &PromptWait, seconds: u32| {
        let now = wait.began + seconds * second;
        Reading { passed: seconds * second, ..wait.reading(now) }
    };
    assert_eq!(at(&wait, 10), estimate, "nothing is known yet");
    pace.note(PromptTime { tokens: 1000, took: 10 * second, may_count_cached: true });
    assert_eq!(at(&wait, 10), Reading { read: Some(1000), left: Some(190 * second), ..estimate });
    assert_eq!(
        at(&wait, 199),
        Reading { read: Some(19_900), left: Some(second), passed: 199 * second, ..estimate }
    );
    assert_eq!(at(&wait, 201), Reading { passed: 201 * second, ..estimate }, "it is slower than that");
    wait.tell(told(5000, 10));
    let known = wait.reading(wait.began);
    assert_eq!((known.read, known.total, known.is_estimate), (Some(5000), 20_000, false));
    assert_eq!(known.left, Some(50 * second), "15,000 at 300 a second");
    // Between two words of the server it goes on at the same pace.
    assert_eq!(at(&wait, 10).read.map(|read| read / 100), Some(79));
    assert_eq!(at(&wait, 1000).read, Some(5000));
    assert!(observer.0.lock().unwrap().is_empty(), "less than a second has passed");
    wait.end();
    wait.tell(told(6000, 20));
    drop(wait);
    assert!(observer.0.lock().unwrap().is_empty(), "what was not told of has no end");
}
