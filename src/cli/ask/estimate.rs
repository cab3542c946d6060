//! What a question would cost and what leaves with it, for a person.

use std::fmt::Write;

use minions::config::Environment;
use minions::engine::{FileEstimate, JobEstimate, LocalTime, MissingKey};
use minions::error::Failure;
use minions::events::ProtocolEstimate;
use minions::words::count;

use crate::cli::columns;
use crate::cli::digits::grouped;
use crate::cli::screen::{Face, spoken};

use super::keys;

/// The most files that are listed.
const FILES: usize = 40;

/// `estimate` as text: the sums, the files with the largest first, what leaves, and which keys are missing.
pub(super) fn text(estimate: &JobEstimate, environment: &Environment) -> String {
    let escalation = estimate.routing.as_ref().and_then(|routing| routing.escalation.as_ref());
    let follows =
        escalation.map_or(String::new(), |it| format!(", then {} if its answer does not hold", it.to));
    let supervisor = match estimate.remote_calls {
        0 => "no supervisor is asked".to_owned(),
        calls => format!("at most {} of the supervisor", count(calls, "call")),
    };
    let worker = match estimate.protocol {
        "remote_only" => "no worker is asked".to_owned(),
        _ => format!("the worker reads up to {} tokens{}", grouped(estimate.local_tokens), time(estimate)),
    };
    let mut text = format!("{}{follows}: {supervisor}; {worker}\n", estimate.protocol);
    if let Some(routing) = &estimate.routing {
        let _ = writeln!(text, "\nauto: {}", routing.reason);
        let head = ["protocol", "remote tokens", "dollars", ""].map(str::to_owned).to_vec();
        let rows: Vec<_> = std::iter::once(head).chain(routing.estimates.iter().map(choice)).collect();
        let _ = write!(text, "{}", columns::table(&rows));
    }
    if !estimate.files.is_empty() {
        let head = ["tokens", "file", ""].map(str::to_owned).to_vec();
        let rows: Vec<_> = std::iter::once(head).chain(estimate.files.iter().take(FILES).map(row)).collect();
        let _ = write!(text, "\n{}", columns::table(&rows));
        let more = estimate.files.len().saturating_sub(FILES);
        if more > 0 {
            let _ = writeln!(text, "and {more} more");
        }
    }
    let leaves = &estimate.leaves;
    let names = (!leaves.document_names.is_empty())
        .then(|| format!("the names {}", leaves.document_names.join(", ")));
    let about = leaves.doc_metadata.as_ref().map(|about| format!("the words {about:?}"));
    let texts =
        leaves.context_chars.map(|chars| format!("the documents themselves, {}", count(chars, "character")));
    let told: Vec<_> =
        ["the question".to_owned()].into_iter().chain(texts).chain(names).chain(about).collect();
    let if_followed = escalation.map_or(String::new(), |it| format!(", if {} follows", it.to));
    let _ = match estimate.remote_calls {
        0 => writeln!(text, "\nNo supervisor is told anything"),
        _ => writeln!(text, "\nThe supervisor is told{if_followed}: {}", told.join("; ")),
    };
    if let Some(address) = &leaves.documents_go_to {
        let _ = writeln!(text, "The documents leave whole: their reader, the worker, is at {address}");
    }
    if let Some(why) = &estimate.egress_refusal {
        let _ = writeln!(text, "Without --dry-run an egress limit would refuse it: {why}");
    }
    for key in &estimate.missing_keys {
        let _ = writeln!(text, "{}", missing(key, environment));
    }
    text
}

/// How long the worker takes, if that is known.
fn time(estimate: &JobEstimate) -> String {
    let Some(LocalTime { least_seconds, most_seconds, basis }) = &estimate.local_time else {
        return String::new();
    };
    let words = |seconds: f64| match seconds {
        seconds if seconds < 120.0 => format!("{seconds} s"),
        seconds if seconds < 7200.0 => format!("{:.0} min", seconds / 60.0),
        seconds => format!("{:.0} h", seconds / 3600.0),
    };
    format!(", which takes it about {} to {} ({basis})", words(*least_seconds), words(*most_seconds))
}

/// What a protocol would cost, and what speaks against it.
fn choice(estimate: &ProtocolEstimate) -> Vec<String> {
    let ProtocolEstimate { protocol, remote_tokens, usd, excluded, doubt } = estimate;
    let dollars = usd.map_or(String::new(), |usd| format!("{usd:.4}"));
    let against = excluded.as_ref().or(doubt.as_ref()).cloned().unwrap_or_default();
    vec![(*protocol).to_owned(), grouped(*remote_tokens), dollars, against]
}

/// What the question itself would fail for.
fn missing(MissingKey { problem, hint }: &MissingKey, environment: &Environment) -> String {
    let failure = Failure { hint: hint.clone(), ..Failure::input(problem) };
    let Failure { message, hint, .. } = spoken(keys::with_remedy(failure, environment), Face::CommandLine);
    let hint = hint.map(|hint| format!(". {hint}")).unwrap_or_default();
    format!("Without --dry-run it would fail: {message}{hint}")
}

/// A file's tokens, its name, and what is to know of it.
fn row(file: &FileEstimate) -> Vec<String> {
    let report = &file.report;
    let scans = match report.scans.len() {
        0 => None,
        1 => Some("1 page is a picture of text".to_owned()),
        pages => Some(format!("{pages} pages are pictures of text")),
    };
    let remark = report.left_out.clone().or(scans).or_else(|| report.notes.first().cloned());
    vec![grouped(file.tokens), report.name.clone(), remark.unwrap_or_default()]
}
