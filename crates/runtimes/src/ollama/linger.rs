//! How long a daemon stays after its last user, so that the next question finds its model loaded and its documents read.

use std::time::Duration;

use minions_chat::go_duration;
use tokio::time::{Instant, sleep};

use super::locks::{Held, Locks};
use crate::{RuntimeError, RuntimeErrorKind};

/// How long a daemon stays after its last user where that one says nothing else.
pub(super) const LINGER: Duration = Duration::from_secs(300);
/// A watchdog whose daemon nobody uses looks this often for new users and other wishes.
const LOOK: Duration = Duration::from_millis(500);

/// Reads `MINIONS_LINGER`: a number of seconds, or a duration as Go writes it, such as `90s` or `1h30m`.
pub fn linger(text: &str) -> Result<Duration, RuntimeError> {
    let seconds = text.parse().ok().or_else(|| go_duration::seconds(text));
    seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).ok_or_else(|| {
        let message = format!("MINIONS_LINGER in the environment is no duration: {text:?}");
        RuntimeError::new(RuntimeErrorKind::Rejected, message).hint(
            "write seconds, or a duration such as 90s, 5m or 1h30m; 0 ends the daemon with its last job",
        )
    })
}

impl Locks {
    /// Says that a job uses the daemon, and how long it is to stay after its last user: the wish of the last job to come
    /// counts, even if one that came before stays longer.
    pub(super) async fn join_for(&self, linger: Duration) -> Result<Held, RuntimeError> {
        let held = self.join_users().await?;
        held.say(&linger.as_millis().to_string()).map_err(|error| self.failed(&error))?;
        Ok(held)
    }

    /// Waits until no job has used the daemon for as long as the last one to come wished; new ones wait until this is dropped.
    pub(super) async fn unused(&self) -> Result<Held, RuntimeError> {
        let mut since = Instant::now();
        loop {
            let held = match self.no_user()? {
                Some(held) => held,
                None => {
                    let held = self.last_user_gone().await?;
                    since = Instant::now();
                    held
                }
            };
            let wish = held.said().parse().map_or(LINGER, Duration::from_millis);
            // A short job may have come and gone between two looks.
            let idle = held.age().map_or(since.elapsed(), |age| age.min(since.elapsed()));
            let left = wish.saturating_sub(idle);
            if left.is_zero() {
                return Ok(held);
            }
            drop(held);
            sleep(left.min(LOOK)).await;
        }
    }

    /// Has the watchdog end its daemon as soon as it looks, if nobody uses it. Whether that is so.
    pub(super) fn dismiss(&self) -> Result<bool, RuntimeError> {
        let Some(held) = self.no_user()? else { return Ok(false) };
        held.say("0").map_err(|error| self.failed(&error))?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wish_is_read_in_both_notations() {
        for (text, expected) in [
            ("0", Some(0.0)),
            ("300", Some(300.0)),
            ("1.5", Some(1.5)),
            ("0s", Some(0.0)),
            ("5m", Some(300.0)),
            ("1h30m", Some(5400.0)),
            ("-1", None),
            ("-5m", None),
            ("NaN", None),
            ("inf", None),
            ("soon", None),
            ("5 minutes", None),
        ] {
            assert_eq!(linger(text).ok().map(|wish| wish.as_secs_f64()), expected, "{text:?}");
        }
    }

    #[tokio::test]
    async fn the_last_user_to_come_says_how_long_a_daemon_stays() {
        let folder = tempfile::tempdir().unwrap();
        let locks = Locks::new(folder.path().join("locks"), 1);
        let hour = Duration::from_secs(3600);
        let first = locks.join_for(hour).await.unwrap();
        assert!(!locks.dismiss().unwrap(), "somebody uses it");
        let watchdog = tokio::spawn({
            let locks = locks.clone();
            async move { locks.unused().await.map(drop) }
        });
        drop(first);
        // It goes on without users, and a user of any kind is let in.
        drop(locks.join_for(hour).await.unwrap());
        assert!(!watchdog.is_finished());
        // The one that goes last is not asked.
        let stays = locks.join_for(hour).await.unwrap();
        drop(locks.join_for(Duration::ZERO).await.unwrap());
        drop(stays);
        watchdog.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_daemon_that_nobody_uses_can_be_dismissed() {
        let folder = tempfile::tempdir().unwrap();
        let locks = Locks::new(folder.path().join("locks"), 1);
        drop(locks.join_for(LINGER).await.unwrap());
        let watchdog = tokio::spawn({
            let locks = locks.clone();
            async move { locks.unused().await.map(drop) }
        });
        // Its own looks may be in the way for a moment.
        while !locks.dismiss().unwrap() {
            tokio::task::yield_now().await;
        }
        watchdog.await.unwrap().unwrap();
    }
}
