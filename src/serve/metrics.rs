//! What the service has done so far, as Prometheus reads it.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::error::Spent;
use crate::sync::lock;

/// Upper bounds of the durations that are told apart, in seconds.
const BOUNDS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0];

/// Counts what happens.
#[derive(Default)]
pub(crate) struct Metrics {
    sums: Mutex<Sums>,
    streams: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Sums {
    /// By route and method.
    durations: BTreeMap<(String, String), Histogram>,
    /// By route, method and status.
    requests: BTreeMap<(String, String, u16), u64>,
    /// By how they ended.
    runs: BTreeMap<&'static str, u64>,
    /// By side and kind.
    tokens: BTreeMap<(&'static str, &'static str), u64>,
    dollars: f64,
    left: u64,
    left_other: u64,
}

#[derive(Default)]
struct Histogram {
    counts: [u64; BOUNDS.len()],
    count: u64,
    sum: f64,
}

/// A stream that is open as long as this lives.
pub(crate) struct OpenStream(Arc<AtomicUsize>);

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Metrics {
    /// A request has its answer. `route` is the pattern that it matched, as paths hold ids.
    pub(crate) fn request(&self, route: &str, method: &str, status: u16, took: Duration) {
        let seconds = took.as_secs_f64();
        let mut sums = lock(&self.sums);
        let (route, method) = (route.to_owned(), method.to_owned());
        *sums.requests.entry((route.clone(), method.clone(), status)).or_default() += 1;
        let histogram = sums.durations.entry((route, method)).or_default();
        for (count, bound) in histogram.counts.iter_mut().zip(BOUNDS) {
            *count += u64::from(seconds <= bound);
        }
        histogram.count += 1;
        histogram.sum += seconds;
    }

    /// A run has ended in this state.
    pub(crate) fn run(&self, state: &'static str, spent: &Spent) {
        let mut sums = lock(&self.sums);
        *sums.runs.entry(state).or_default() += 1;
        for (side, usage) in [("remote", spent.remote), ("local", spent.local)] {
            *sums.tokens.entry((side, "prompt")).or_default() += usage.prompt_tokens;
            *sums.tokens.entry((side, "completion")).or_default() += usage.completion_tokens;
        }
        sums.dollars += spent.usd.unwrap_or_default();
        sums.left += spent.left.bytes as u64;
        sums.left_other += spent.left.other_bytes as u64;
    }

    /// A stream of events opens.
    pub(crate) fn open_stream(&self) -> OpenStream {
        self.streams.fetch_add(1, Relaxed);
        OpenStream(Arc::clone(&self.streams))
    }

    /// All of it, with the runs that are under way and that wait.
    pub(crate) fn text(&self, running: usize, queued: usize) -> String {
        let mut page = Page::default();
        page.family("minions_build_info", "gauge", "The version, in its label.");
        page.line("minions_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        page.family("minions_runs", "gauge", "Runs that have not ended, by state.");
        page.line("minions_runs", &[("state", "running")], running);
        page.line("minions_runs", &[("state", "queued")], queued);
        page.family("minions_open_streams", "gauge", "Streams of events that are open.");
        page.line("minions_open_streams", &[], self.streams.load(Relaxed));
        let sums = lock(&self.sums);
        page.family("minions_runs_ended_total", "counter", "Runs that have ended, by state.");
        for (state, count) in &sums.runs {
            page.line("minions_runs_ended_total", &[("state", *state)], count);
        }
        page.family("minions_tokens_total", "counter", "Tokens of ended runs, by side and kind.");
        for ((side, kind), count) in &sums.tokens {
            page.line("minions_tokens_total", &[("side", *side), ("kind", *kind)], count);
        }
        page.family(
            "minions_dollars_total",
            "counter",
            "Dollars for remote tokens of ended runs that have prices.",
        );
        page.line("minions_dollars_total", &[], sums.dollars);
        page.family("minions_egress_bytes_total", "counter", "Bytes of ended runs that left this machine.");
        page.line("minions_egress_bytes_total", &[], sums.left);
        page.family(
            "minions_egress_other_bytes_total",
            "counter",
            "Those of them that were not the jobs' own words.",
        );
        page.line("minions_egress_other_bytes_total", &[], sums.left_other);
        page.family("minions_http_requests_total", "counter", "Requests that have their answer.");
        for ((route, method, status), count) in &sums.requests {
            let labels = [("route", &**route), ("method", &**method), ("status", &status.to_string())];
            page.line("minions_http_requests_total", &labels, count);
        }
        let name = "minions_http_request_duration_seconds";
        page.family(name, "histogram", "Seconds until the head of an answer.");
        for ((route, method), histogram) in &sums.durations {
            let labels = [("route", &**route), ("method", &**method)];
            for (count, bound) in histogram.counts.iter().zip(BOUNDS) {
                let bound = bound.to_string();
                page.line(&format!("{name}_bucket"), &[labels[0], labels[1], ("le", &bound)], count);
            }
            page.line(&format!("{name}_bucket"), &[labels[0], labels[1], ("le", "+Inf")], histogram.count);
            page.line(&format!("{name}_sum"), &labels, histogram.sum);
            page.line(&format!("{name}_count"), &labels, histogram.count);
        }
        page.0
    }
}

/// The text as it is written.
#[derive(Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let escaped = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Usage;

    #[test]
    fn all_that_happened_is_counted() {
        let metrics = Metrics::default();
        let usage = Usage { prompt_tokens: 100, completion_tokens: 10, ..Usage::default() };
        let spent = Spent { remote: usage, usd: Some(0.25), ..Spent::default() };
        metrics.run("done", &spent);
        metrics.run("done", &spent);
        metrics.request("/v1/runs/{id}", "GET", 200, Duration::from_millis(30));
        metrics.request("/v1/runs/{id}", "GET", 404, Duration::from_secs(2));
        let stream = metrics.open_stream();
        let text = metrics.text(3, 4);
        for line in [
            "minions_runs{state=\"running\"} 3",
            "minions_runs{state=\"queued\"} 4",
            "minions_open_streams 1",
            "minions_runs_ended_total{state=\"done\"} 2",
            "minions_tokens_total{side=\"remote\",kind=\"prompt\"} 200",
            "minions_tokens_total{side=\"local\",kind=\"completion\"} 0",
            "minions_dollars_total 0.5",
            "minions_http_requests_total{route=\"/v1/runs/{id}\",method=\"GET\",status=\"404\"} 1",
            "minions_http_request_duration_seconds_bucket{route=\"/v1/runs/{id}\",method=\"GET\",le=\"0.025\"} 0",
            "minions_http_request_duration_seconds_bucket{route=\"/v1/runs/{id}\",method=\"GET\",le=\"0.05\"} 1",
            "minions_http_request_duration_seconds_bucket{route=\"/v1/runs/{id}\",method=\"GET\",le=\"+Inf\"} 2",
            "minions_http_request_duration_seconds_count{route=\"/v1/runs/{id}\",method=\"GET\"} 2",
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
        drop(stream);
        assert!(metrics.text(0, 0).contains("minions_open_streams 0\n"));
    }
}
