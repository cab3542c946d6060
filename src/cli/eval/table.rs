//! A report as tables and sentences for people.

use std::fmt::Write;

use minions::evaluation::Verdict;
use minions::words::count;

use super::report::{Comparison, End, Report, RunReport, Sums};
use crate::cli::columns::{cut, table, wrapped};
use crate::cli::digits::grouped;

/// Configurations that stand side by side, question by question.
const SIDE_BY_SIDE: usize = 3;
/// Characters of an answer that are shown.
const ANSWER: usize = 160;

/// All of it.
pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    let times = if report.repeats > 1 { format!(", each {} times", report.repeats) } else { String::new() };
    let _ = writeln!(
        text,
        "{}{times}, {}{}",
        count(report.questions.len(), "question"),
        count(report.configurations.len(), "configuration"),
        if report.is_replay { ", replayed: no times" } else { "" }
    );
    if report.open() > 0 {
        let _ = writeln!(
            text,
            "NOT COMPLETE: {} of {} not asked yet; --resume goes on",
            report.open(),
            count(report.runs.len(), "run")
        );
    }
    let _ = write!(text, "\n{}", sums(report));
    let _ = writeln!(
        text,
        "Means of the answered; egress: characters of the documents that left; cited: citations that stand in them."
    );
    let _ = write!(text, "\n{}", questions(report));
    let _ = write!(text, "{}", not_right(report));
    let _ = write!(text, "\n{}", said(report));
    text
}

fn row(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

fn sums(report: &Report) -> String {
    let mut rows = vec![row(&[
        "", "right", "partly", "wrong", "failed", "remote", "local", "dollars", "rounds", "time", "egress",
        "cited",
    ])];
    for (at, name) in report.configurations.iter().enumerate() {
        let it = report.sums(at);
        let whole =
            |number: Option<f64>| number.map_or("-".to_owned(), |number| grouped(number.round() as u64));
        let failed =
            if it.open > 0 { format!("{} (+{} open)", it.failed, it.open) } else { it.failed.to_string() };
        rows.push(vec![
            cut(name, 20),
            it.right.to_string(),
            it.partly.to_string(),
            it.wrong.to_string(),
            failed,
            whole(it.remote_tokens),
            whole(it.local_tokens),
            it.usd.map_or("-".to_owned(), dollars),
            it.rounds.map_or("-".to_owned(), |rounds| format!("{rounds:.2}")),
            it.seconds.map_or("-".to_owned(), seconds),
            whole(it.egress_chars),
            cited(&it),
        ]);
    }
    table(&rows)
}

fn cited(sums: &Sums) -> String {
    match sums.citations {
        0 => "-".to_owned(),
        all => format!("{}/{all}", sums.verified),
    }
}

pub(super) fn dollars(usd: f64) -> String {
    if usd == 0.0 {
        "$0".to_owned()
    } else if usd < 0.1 {
        format!("${usd:.4}")
    } else {
        format!("${usd:.2}")
    }
}

fn seconds(seconds: f64) -> String {
    if seconds < 100.0 { format!("{seconds:.1} s") } else { format!("{:.1} min", seconds / 60.0) }
}

/// The verdict and the remote tokens of each question, of as many configurations as fit.
fn questions(report: &Report) -> String {
    let mut text = String::new();
    let all: Vec<usize> = (0..report.configurations.len()).collect();
    for some in all.chunks(SIDE_BY_SIDE) {
        let mut rows = vec![
            std::iter::once(String::new())
                .chain(some.iter().map(|at| cut(&report.configurations[*at], 24)))
                .collect(),
        ];
        for (question, known) in report.questions.iter().enumerate() {
            let cell = |at: &usize| {
                let runs: Vec<&RunReport> = report.of(*at).filter(|run| run.question == question).collect();
                runs.iter().map(|run| verdict(run)).collect::<Vec<_>>().join(", ") + &cost(&runs)
            };
            rows.push(std::iter::once(cut(&known.id, 24)).chain(some.iter().map(cell)).collect());
        }
        text += &table(&rows);
    }
    text
}

fn verdict(run: &RunReport) -> &'static str {
    match &run.end {
        End::Scored { score, .. } => score.verdict.name(),
        End::Failed(_) => "failed",
        End::Open => "-",
    }
}

/// Remote tokens and rounds, of several runs the means.
fn cost(runs: &[&RunReport]) -> String {
    let answered: Vec<_> = runs
        .iter()
        .filter_map(|run| match &run.end {
            End::Scored { outcome, .. } => Some(outcome),
            End::Failed(_) | End::Open => None,
        })
        .collect();
    if answered.is_empty() {
        return String::new();
    }
    let tokens: u64 = answered.iter().map(|it| it.remote_usage.total_tokens).sum();
    let rounds: f64 = answered.iter().map(|it| f64::from(it.rounds)).sum();
    let n = answered.len();
    let rounds = rounds / n as f64;
    format!(
        "  {} in {} r",
        grouped(tokens / n as u64),
        if rounds.fract() == 0.0 { format!("{rounds:.0}") } else { format!("{rounds:.1}") }
    )
}

/// Answers that are not right, with what is known and why.
fn not_right(report: &Report) -> String {
    let mut text = String::new();
    for run in &report.runs {
        let known = &report.questions[run.question];
        let name = &report.configurations[run.configuration];
        let again = if report.repeats > 1 { format!(" #{}", run.repeat) } else { String::new() };
        let line = match &run.end {
            End::Scored { score, outcome, .. } if score.verdict != Verdict::Right => {
                let answer = outcome.final_answer.split_whitespace().collect::<Vec<_>>().join(" ");
                format!(
                    "{} ({name}{again}) {}: {}. Known: {}. Answer: {}",
                    known.id,
                    score.verdict.name(),
                    score.why,
                    cut(&known.gold, ANSWER),
                    cut(&answer, ANSWER)
                )
            }
            End::Failed(why) => format!("{} ({name}{again}) failed: {}", known.id, cut(why, 2 * ANSWER)),
            End::Scored { .. } | End::Open => continue,
        };
        text += &format!("\n{}\n", wrapped(&line, 2));
    }
    text
}

/// What the counts say, and what they don't.
fn said(report: &Report) -> String {
    let mut text = String::new();
    let n = report.questions.len();
    for (at, name) in report.configurations.iter().enumerate() {
        let sums = report.sums(at);
        if let Some((low, high)) = report.interval(at) {
            let varies = match (report.repeats, report.varying(at)) {
                (1, _) => String::new(),
                (_, 0) => "; no verdict changed between the repeats".to_owned(),
                (_, varying) => {
                    format!("; the verdict on {} changed between the repeats", count(varying, "question"))
                }
            };
            let _ = writeln!(
                text,
                "{name}: {} of {} right; of such questions probably {:.0}% to {:.0}% (95%){varies}.",
                sums.right,
                sums.runs,
                100.0 * low,
                100.0 * high
            );
        }
        if sums.judge_tokens > 0 {
            let usd = sums.judge_usd.map(|usd| format!(", {}", dollars(usd))).unwrap_or_default();
            let judge = report.judge.as_deref().unwrap_or_default();
            let _ = writeln!(
                text,
                "{name}: the judge {judge} took {} tokens{usd}, which are in no column.",
                grouped(sums.judge_tokens)
            );
        }
    }
    for (at, name) in report.configurations.iter().enumerate().skip(1) {
        let Comparison { better, worse, same, p } = report.comparison(at);
        let verdict = match p {
            p if p < 0.05 => "hardly chance",
            _ => "may well be chance",
        };
        let first = &report.configurations[0];
        let _ = writeln!(
            text,
            "{name} beside {first}: better on {better}, worse on {worse}, the same on {same}; p = {p:.2} (sign test): {verdict}."
        );
    }
    let _ = writeln!(text, "{}", wrapped(&noise(n), 0));
    text
}

/// How much a difference must be to mean something.
fn noise(n: usize) -> String {
    match n {
        0..6 => format!("With {} no difference between configurations can be shown.", count(n, "question")),
        _ => format!(
            "{n} questions: a difference of one or two is noise; p < 0.05 takes six better and none worse."
        ),
    }
}
