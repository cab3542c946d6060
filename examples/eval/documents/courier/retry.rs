//! Tries again what failed: the wait doubles each time, up to a limit.

use std::time::Duration;

/// Tries of one delivery, the first one included.
const TRIES: u32 = 6;
/// The wait before the second try.
const FIRST_WAIT: Duration = Duration::from_millis(750);
/// No wait is longer.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// The wait before try `number`, from 2 on; `None` where there is no further try.
pub fn wait_before(number: u32) -> Option<Duration> {
    if number > TRIES {
        return None;
    }
    let doubled = FIRST_WAIT * 2u32.pow(number.saturating_sub(2));
    Some(doubled.min(LONGEST_WAIT))
}

/// Whether a failure may pass by itself.
pub fn may_pass(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500..=599)
}
