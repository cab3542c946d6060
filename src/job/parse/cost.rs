//! What the job may cost, and what tokens cost.

use std::time::Duration;

use serde_json::{Value, json};

use crate::job::error::JobError;
use crate::job::fields::{Fields, LONGEST};
use crate::job::schema::{Budget, Prices};

/// The highest price and budget that make sense.
const MOST_DOLLARS: f64 = 1e9;
/// What prices have to have.
const LACK: &str = "both \"input\" and \"output\" have to be there, in dollars per million tokens";

/// The keys of `budget`.
pub(crate) const BUDGET: [&str; 5] = ["remote_tokens", "egress_chars", "egress_bytes", "usd", "deadline_s"];

/// The keys of `prices`.
pub(super) const PRICES: [&str; 3] = ["input", "output", "cached_input"];

/// `budget`: the limits of one job.
pub(super) fn budget(root: &mut Fields) -> Result<Budget, JobError> {
    let value = root.value("budget").unwrap_or_default();
    let mut fields = Fields::strict("budget", value, &BUDGET)?;
    Ok(Budget {
        remote_tokens: fields.count("remote_tokens", 1, u64::MAX)?,
        usd: fields.number("usd", 0.0, MOST_DOLLARS)?,
        egress_chars: fields.count("egress_chars", 0, u64::MAX)?,
        egress_bytes: fields.count("egress_bytes", 0, u64::MAX)?,
        deadline: fields.number("deadline_s", 0.001, LONGEST)?.map(Duration::from_secs_f64),
    })
}

/// Whether one limit of a `budget` can be used.
pub(crate) fn check_budget(key: &str, limit: Value) -> Result<(), JobError> {
    let mut root = Fields::open("", json!({"budget": {key: limit}}))?;
    budget(&mut root).map(drop)
}

/// The prices of an object such as `protocol.kwargs.prices` is.
pub(crate) fn prices_of(prices: Value) -> Result<Prices, JobError> {
    let told = self::prices(&mut Fields::open("protocol.kwargs", json!({"prices": prices}))?)?;
    told.ok_or(JobError::Missing { place: "protocol.kwargs.prices", remedy: LACK })
}

/// `prices`: dollars per million tokens.
pub(super) fn prices(kwargs: &mut Fields) -> Result<Option<Prices>, JobError> {
    let Some(value) = kwargs.object("prices")? else { return Ok(None) };
    let mut prices = Fields::strict(&kwargs.place("prices"), value, &PRICES)?;
    let mut price = |key| prices.number(key, 0.0, MOST_DOLLARS);
    let (input, cached_input) = (price("input")?, price("cached_input")?);
    let Some((input, output)) = input.zip(price("output")?) else {
        return Err(JobError::Missing { place: "protocol.kwargs.prices", remedy: LACK });
    };
    Ok(Some(Prices { input, output, cached_input: cached_input.unwrap_or(input) }))
}
