//! What each owner has had of a day: runs and dollars.
//!
//! In: what a run may cost, set aside before it is taken. Out: a refusal, or dollars that it must keep to. A day is one of
//! UTC.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use super::config::TokenLimits;
use super::error::ApiError;
use super::owner::Owner;
use crate::sync::lock;

const DAY: u64 = 24 * 3600;
/// The part of a day's dollars that one run may have, unless the operator says.
const PART: f64 = 0.1;

/// What owners have had.
#[derive(Default)]
pub(crate) struct Allowance(Mutex<HashMap<Owner, Had>>);

#[derive(Clone, Copy, Default)]
struct Had {
    day: u64,
    runs: u64,
    usd: f64,
    /// Set aside for runs that have not ended.
    reserved: f64,
}

impl Allowance {
    /// Counts a run, and sets dollars aside: `wanted`, if the job has a limit of its own. Gives what was set aside; `None` if
    /// there is no limit.
    ///
    /// # Errors
    /// 429 where the day has no more.
    pub(crate) fn take(
        &self,
        owner: &Owner,
        limits: &TokenLimits,
        wanted: Option<f64>,
    ) -> Result<Option<f64>, ApiError> {
        let (day, left_of_day) = today();
        let mut all = lock(&self.0);
        let had = all.entry(owner.clone()).or_default();
        if had.day != day {
            *had = Had { day, reserved: had.reserved, ..Had::default() };
        }
        if limits.runs_per_day.is_some_and(|most| had.runs >= most) {
            return Err(ApiError::too_many("this token's runs of the day are used up", left_of_day)
                .code("runs_per_day"));
        }
        let reserved = match (limits.usd_per_day, limits.usd_per_run) {
            (None, None) => None,
            (per_day, per_run) => {
                let of_day = per_day.map_or(f64::MAX, |most| most - had.usd - had.reserved);
                let per_run = per_run.or(per_day.map(|most| most * PART)).unwrap_or(f64::MAX);
                let allowed = of_day.min(per_run);
                if allowed <= 0.0 {
                    return Err(ApiError::too_many(
                        "this token's dollars of the day are spent, or set aside for runs under way",
                        if had.reserved > 0.0 { 30 } else { left_of_day },
                    )
                    .code("usd_per_day"));
                }
                Some(wanted.map_or(allowed, |wanted| wanted.min(allowed)))
            }
        };
        had.runs += 1;
        had.reserved += reserved.unwrap_or_default();
        Ok(reserved)
    }

    /// A run has ended that `reserved` was set aside for, and cost `usd`.
    pub(crate) fn settle(&self, owner: &Owner, reserved: f64, usd: f64) {
        if let Some(had) = lock(&self.0).get_mut(owner) {
            had.reserved = (had.reserved - reserved).max(0.0);
            had.usd += usd;
        }
    }

    /// A run that was counted was not taken after all.
    pub(crate) fn give_back(&self, owner: &Owner, reserved: f64) {
        if let Some(had) = lock(&self.0).get_mut(owner) {
            had.reserved = (had.reserved - reserved).max(0.0);
            had.runs = had.runs.saturating_sub(1);
        }
    }
}

/// The number of the day, and the seconds that are left of it.
fn today() -> (u64, u64) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    (now / DAY, DAY - now % DAY)
}
