//! How long a server asks to wait: in its headers, in the JSON of its error, in its words.
//!
//! Pure. Facts: RFC 9110 (Retry-After); Azure OpenAI's quota page (`retry-after-ms`, `x-ms-retry-after-ms`); OpenAI's and
//! Groq's pages on rate limits (`x-ratelimit-reset-*`); Google's `google.rpc.RetryInfo` (`retryDelay`); Hugging Face's
//! inference API (`estimated_time`).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::HeaderMap;
use serde_json::Value;

/// The longest wait that is understood, in seconds: a longer one is no wait but a mistake.
const LONGEST: f64 = 30.0 * 86_400.0;

/// Words that stand before a wait.
const PHRASES: &[&str] = &[
    "try again in",
    "try again after",
    "retry in",
    "retry after",
    "wait",
    "available in",
    "resets in",
    "reset in",
];

/// Words that may stand between those and the wait.
const FILLERS: &[&str] =
    &["a", "about", "another", "approximately", "around", "at", "for", "in", "least", "~"];

/// The wait that the headers ask for.
pub(crate) fn of_headers(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| headers.get(name)?.to_str().ok();
    let exact = ["retry-after-ms", "x-ms-retry-after-ms"].iter().find_map(|name| millis(text(name)?));
    exact.or_else(|| retry_after(text("retry-after")?, now)).or_else(|| reset(headers, now))
}

/// The longest of the waits until a limit is reset of which nothing remains. A limit counts as used up, too, if no
/// header tells what remains of it and no other limit is there.
fn reset(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let limits = || {
        headers.iter().filter_map(|(name, value)| Some((name.as_str().split_once("ratelimit-reset")?, value)))
    };
    let is_alone = limits().count() == 1;
    let resets = limits().filter_map(|((vendor, limit), value)| {
        let is_used_up = match headers.get(format!("{vendor}ratelimit-remaining{limit}")) {
            Some(remaining) => remaining.to_str().ok()?.trim().parse::<f64>().ok()? <= 0.0,
            None => is_alone,
        };
        is_used_up.then(|| until(value.to_str().ok()?, now))?
    });
    resets.max()
}

/// A time to wait or a time of day, as headers have them: `6m0s`, `12.5`, seconds or milliseconds since 1970.
fn until(value: &str, now: SystemTime) -> Option<Duration> {
    let Ok(number) = value.trim().parse::<f64>() else { return duration(value) };
    let since_1970 = match number {
        ..1e9 => return seconds(number),
        ..1e11 => number,
        _ => number / 1000.0,
    };
    let time = UNIX_EPOCH + Duration::try_from_secs_f64(since_1970).ok()?;
    Some(time.duration_since(now).unwrap_or_default())
}

/// The wait that a `Retry-After` header asks for: seconds, or a date of HTTP.
pub(crate) fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    if let Ok(number) = value.trim().parse::<f64>() {
        return Duration::try_from_secs_f64(number).ok();
    }
    let date = httpdate::parse_http_date(value.trim()).ok();
    date.map_or_else(|| duration(value), |date| Some(date.duration_since(now).unwrap_or_default()))
}

/// The wait that a field of an error's JSON asks for, wherever it is nested.
pub(crate) fn of_json(value: &Value) -> Option<Duration> {
    match value {
        Value::Array(items) => items.iter().find_map(of_json),
        Value::Object(fields) => {
            let here = fields.iter().find_map(|(key, value)| {
                let key = key.to_lowercase().replace(['_', '-'], "");
                match key.as_str() {
                    "retryafterms" | "retryaftermillis" => millis(&plain(value)),
                    "retrydelay" | "retryafter" | "retryafterseconds" | "retryin" | "estimatedtime" => {
                        duration(&plain(value))
                    }
                    _ => None,
                }
            });
            here.or_else(|| fields.values().find_map(of_json))
        }
        // Gateways quote the JSON of the server behind them.
        Value::String(text) if text.trim_start().starts_with(['{', '[']) => {
            of_json(&serde_json::from_str(text).ok()?)
        }
        _ => None,
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The wait that a sentence asks for: "Please retry in 38s", "try again in 1m12s".
pub(crate) fn of_text(text: &str) -> Option<Duration> {
    let text = text.to_lowercase();
    PHRASES.iter().find_map(|phrase| {
        text.match_indices(phrase).find_map(|(at, _)| {
            let mut rest = text[at + phrase.len()..].trim_start_matches([' ', ':', '=', '"']);
            while let Some((word, behind)) = rest.split_once(' ')
                && FILLERS.contains(&word)
            {
                rest = behind;
            }
            duration(rest)
        })
    })
}

/// The duration at the beginning of `text`: numbers with units, or a bare number of seconds.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim_start();
    let mut total: Option<f64> = None;
    loop {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let Ok(number) = rest[..end].trim_end_matches('.').parse::<f64>() else { break };
        let behind = rest[end..].trim_start();
        let letters = behind.find(|c: char| !c.is_alphabetic()).unwrap_or(behind.len());
        let Some(factor) = unit(&behind[..letters]) else {
            // A bare number is seconds only where nothing else is counted: not in "retry after 3 requests".
            let is_bare = total.is_none() && letters == 0;
            return if is_bare { seconds(number) } else { total.and_then(seconds) };
        };
        total = Some(total.unwrap_or_default() + number * factor);
        rest = behind[letters..].trim_start_matches([' ', ',']);
        rest = rest.strip_prefix("and ").unwrap_or(rest);
    }
    total.and_then(seconds)
}

/// The seconds of a unit of time.
fn unit(name: &str) -> Option<f64> {
    Some(match name.to_lowercase().as_str() {
        "ms" | "msec" | "msecs" | "millis" | "millisecond" | "milliseconds" => 0.001,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
        "d" | "day" | "days" => 86_400.0,
        _ => return None,
    })
}

fn millis(text: &str) -> Option<Duration> {
    seconds(text.trim().parse::<f64>().ok()? / 1000.0)
}

fn seconds(number: f64) -> Option<Duration> {
    (0.0..=LONGEST).contains(&number).then(|| Duration::from_secs_f64(number))
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};
    use serde_json::json;

    use super::*;

    fn now() -> SystemTime {
        httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap()
    }

    fn wait(seconds: Option<f64>) -> Option<Duration> {
        seconds.map(Duration::from_secs_f64)
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        for (value, expected) in [
            ("7", Some(7.0)),
            (" 0.5 ", Some(0.5)),
            ("Sun, 06 Nov 1994 08:49:59 GMT", Some(22.0)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0.0)),
            ("-1", None),
            ("1e300", None),
            ("soon", None),
            ("30s", Some(30.0)),
        ] {
            assert_eq!(retry_after(value, now()), wait(expected), "{value}");
        }
    }

    #[test]
    fn headers_are_read_whatever_the_vendor_calls_them() {
        for (headers, expected) in [
            (&[("retry-after-ms", "250"), ("retry-after", "1")][..], Some(0.25)),
            (&[("x-ms-retry-after-ms", "4200")], Some(4.2)),
            (&[("retry-after", "3")], Some(3.0)),
            (&[("x-ratelimit-reset-tokens", "6m0s"), ("x-ratelimit-remaining-tokens", "0")], Some(360.0)),
            (&[("x-ratelimit-reset-tokens", "6m0s"), ("x-ratelimit-remaining-tokens", "9")], None),
            (&[("ratelimit-reset", "12"), ("ratelimit-remaining", "0")], Some(12.0)),
            (&[("x-ratelimit-reset-requests", "3.2s")], Some(3.2)),
            (&[("x-ratelimit-reset-requests", "3.2s"), ("x-ratelimit-reset-tokens", "6m0s")], None),
            (&[("retry-after-ms", "soon")], None),
            (&[], None),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(of_headers(&map, now()), wait(expected), "{headers:?}");
        }
        let later = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        assert_eq!(until("1700000009", later), wait(Some(9.0)));
        assert_eq!(until("1700000009000", later), wait(Some(9.0)));
        assert_eq!(until("1600000000", later), wait(Some(0.0)));
    }

    #[test]
    fn bodies_are_read_in_their_fields_and_in_their_words() {
        for (text, expected) in [
            ("You exceeded your quota. Please retry in 38s.", Some(38.0)),
            ("Please retry in 38.251733297s.", Some(38.251_733_297)),
            ("Please try again in 1m12s. Visit", Some(72.0)),
            ("Please try again in 450ms.", Some(0.45)),
            ("try again in 2h 3m", Some(7380.0)),
            ("Please wait 20 seconds before the next request", Some(20.0)),
            ("Please wait for about 1 minute and 5 seconds.", Some(65.0)),
            ("retry after 30", Some(30.0)),
            ("Retry after: 12 secs", Some(12.0)),
            ("The model will be available in 2 minutes", Some(120.0)),
            ("try again in a moment", None),
            ("retry after 3 requests have ended", None),
            ("a wait of unknown length", None),
            ("Rate limit of 20 requests", None),
        ] {
            assert_eq!(of_text(text), wait(expected), "{text}");
        }
        for (body, expected) in [
            (json!([{"error": {"details": [{"retryDelay": "4.2s"}]}}]), Some(4.2)),
            (json!({"error": "loading", "estimated_time": 20.5}), Some(20.5)),
            (json!({"detail": {"retry_after_ms": 1500}}), Some(1.5)),
            (json!({"retryAfter": "12"}), Some(12.0)),
            (json!({"error": {"metadata": {"raw": "{\"retry_after\": 3}"}}}), Some(3.0)),
            (json!({"error": "{retry_after: 3"}), None),
            (json!({"retry_after": null, "error": {"retry-after-seconds": 3}}), Some(3.0)),
            (json!({"error": "no"}), None),
        ] {
            assert_eq!(of_json(&body), wait(expected), "{body}");
        }
    }
}
