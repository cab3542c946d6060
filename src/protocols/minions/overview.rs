//! What the supervisor reads before the answers: how many jobs there were, on how much of the text, and for what they
//! found nothing.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use crate::documents::{Coverage, label};
use crate::protocols::excerpt;
use crate::sandbox::JobRecord;
use crate::words::count;

/// The most bytes of a label in a line of the list.
const LONGEST_LABEL: usize = 100;
/// The most characters of a label, and of a task, where several stand in one line.
const SHORT: usize = 40;
/// The most labels that are named.
const MOST_NAMED: usize = 10;
/// The most characters of the reason why a call was lost.
const LONGEST_REASON: usize = 300;

/// The jobs of each task, in the order of the tasks.
pub(super) fn by_task(jobs: &[JobRecord]) -> Vec<(&str, Vec<&JobRecord>)> {
    let mut tasks: BTreeMap<_, Vec<&JobRecord>> = BTreeMap::new();
    for job in jobs {
        tasks.entry((job.manifest.task_id, job.manifest.task.as_str())).or_default().push(job);
    }
    tasks.into_iter().map(|((_, task), jobs)| (task, jobs)).collect()
}

/// What the program names a chunk by: its first line in brackets, as one line that is not too long.
pub(super) fn label_of(job: &JobRecord) -> Option<String> {
    let (words, _) = label(&job.manifest.chunk)?;
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let end = (0..=LONGEST_LABEL.min(words.len())).rev().find(|end| words.is_char_boundary(*end))?;
    let is_whole = end == words.len();
    (!words.is_empty()).then(|| if is_whole { words } else { format!("{}...", &words[..end]) })
}

/// The lines before the answers. `seen`: how much of the documents the jobs of this round had, and those of all rounds.
pub(super) fn of(jobs: &[JobRecord], seen: [Coverage; 2]) -> String {
    if jobs.is_empty() {
        return "(no jobs)".to_owned();
    }
    let answered = jobs.iter().filter(|job| job.output.answer.is_some()).count();
    let lost = jobs.iter().filter(|job| job.output.lost).count();
    let mut head = format!("({}{}, {answered} with an answer", count(jobs.len(), "job"), on(seen));
    if lost > 0 {
        let _ = write!(head, ", {lost} lost");
    }
    head.push(')');
    // Without any answer the supervisor needs to know what went wrong.
    if let Some(job) = jobs.iter().find(|job| answered == 0 && job.output.lost) {
        let _ = write!(head, "\n[the first one lost: {}]", excerpt(&job.output.explanation, LONGEST_REASON));
    }
    let tasks = by_task(jobs);
    for (task, jobs) in &tasks {
        if let Some(gaps) = gaps(jobs) {
            let task = if tasks.len() > 1 { format!(" ({})", excerpt(task, SHORT)) } else { String::new() };
            let _ = write!(head, "\n[{gaps}{task}]");
        }
    }
    head
}

/// How much of the documents the jobs had.
fn on([these, all]: [Coverage; 2]) -> String {
    let Some(percent) = these.percent() else { return String::new() };
    let part = |coverage: Coverage, percent| {
        let about = if coverage.is_estimate { "about " } else { "" };
        match percent {
            0 if coverage.held > 0 => "under 1%".to_owned(),
            percent => format!("{about}{percent}%"),
        }
    };
    let with_earlier = match all.percent() {
        Some(together) if together > percent => format!(" ({} with earlier rounds)", part(all, together)),
        _ => String::new(),
    };
    format!(" on {} of the text{with_earlier}", part(these, percent))
}

/// The labels that have no answer, and those for which a job was lost. A label may have several chunks, one of which has
/// the answer.
fn gaps(jobs: &[&JobRecord]) -> Option<String> {
    let mut labels: Vec<String> = Vec::new();
    let (mut answered, mut lost) = (HashSet::new(), Vec::new());
    for job in jobs {
        let label = label_of(job);
        if job.output.lost {
            lost.push(
                label
                    .clone()
                    .unwrap_or_else(|| format!("chunk {}", job.manifest.chunk_id.unwrap_or_default())),
            );
        }
        let Some(label) = label else { continue };
        if job.output.answer.is_some() {
            answered.insert(label.clone());
        }
        labels.push(label);
    }
    answered.extend(lost.iter().cloned());
    let without = once(labels.into_iter().filter(|label| !answered.contains(label)));
    let part = |(what, labels): (&str, Vec<String>)| {
        (!labels.is_empty()).then(|| format!("{what}: {}", named(&labels)))
    };
    let parts: Vec<_> =
        [("no answer", without), ("lost", once(lost.into_iter()))].into_iter().filter_map(part).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// Each of these texts once, in their order.
fn once(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    texts.filter(|text| seen.insert(text.clone())).collect()
}

/// The first labels, and how many more there are.
fn named(labels: &[String]) -> String {
    let mut names: Vec<String> =
        labels.iter().take(MOST_NAMED).map(|label| format!("[{}]", excerpt(label, SHORT))).collect();
    if labels.len() > MOST_NAMED {
        names.push(format!("and {} more", labels.len() - MOST_NAMED));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{JobManifest, JobOutput};

    /// Task, chunk, and `+`: an answer, `-`: none, `!`: lost.
    type Sketch<'a> = (&'a str, &'a str, char);

    fn jobs(jobs: &[Sketch]) -> Vec<JobRecord> {
        let job = |(at, (task, chunk, state)): (usize, &Sketch)| JobRecord {
            manifest: JobManifest {
                chunk: (*chunk).into(),
                task: (*task).to_owned(),
                task_id: Some(u64::from(*task != "T")),
                chunk_id: Some(at as u64),
                ..JobManifest::default()
            },
            output: JobOutput {
                answer: (*state == '+').then(|| "a".to_owned()),
                lost: *state == '!',
                explanation: "why".to_owned(),
                ..JobOutput::default()
            },
            ..JobRecord::default()
        };
        jobs.iter().enumerate().map(job).collect()
    }

    #[test]
    fn labels_without_an_answer_and_lost_ones_are_named() {
        let none = [Coverage::default(); 2];
        let many: Vec<String> = (0..13).map(|n| format!("[v{n}]\nx")).collect();
        let many: Vec<_> = many.iter().map(|chunk| ("T", chunk.as_str(), '-')).collect();
        let long = format!("[{}]\nx", "long ".repeat(30));
        let cases: &[(&[Sketch], &str)] = &[
            (&[], "(no jobs)"),
            (&[("T", "[a]\nx", '+')], "(1 job, 1 with an answer)"),
            (
                &[("T", "[a]\nx", '+'), ("T", "[b\n c]\nx", '-')],
                "(2 jobs, 1 with an answer)\n[no answer: [b c]]",
            ),
            // Another chunk of the same label has the answer.
            (&[("T", "[a]\nx", '-'), ("T", "[a]\ny", '+'), ("T", "z", '-')], "(3 jobs, 1 with an answer)"),
            (
                &[("T", "[a]\nx", '+'), ("T", "[a]\ny", '!'), ("T", "z", '!'), ("T", "[b]\nx", '-')],
                "(4 jobs, 1 with an answer, 2 lost)\n[no answer: [b]; lost: [a], [chunk 2]]",
            ),
            (
                &[("T", "[a]\nx", '-'), ("U", "[a]\nx", '+'), ("U", "[b]\nx", '-')],
                "(3 jobs, 1 with an answer)\n[no answer: [a] (T)]\n[no answer: [b] (U)]",
            ),
            (
                &[("T", "x", '!')],
                "(1 job, 0 with an answer, 1 lost)\n[the first one lost: why]\n[lost: [chunk 0]]",
            ),
            (
                &many,
                "(13 jobs, 0 with an answer)\n[no answer: [v0], [v1], [v2], [v3], [v4], [v5], [v6], [v7], [v8], [v9], and 3 more]",
            ),
            (
                &[("T", &long, '-')],
                "(1 job, 0 with an answer)\n[no answer: [long long long long long long long long ...]]",
            ),
        ];
        for (given, expected) in cases {
            assert_eq!(of(&jobs(given), none), *expected);
        }
    }

    #[test]
    fn a_label_is_one_line_that_is_not_too_long() {
        let label = |chunk: &str| label_of(&jobs(&[("T", chunk, '-')])[0]);
        assert_eq!(label("[01/02\n 2020  A]\nx").as_deref(), Some("01/02 2020 A"));
        assert_eq!(label(&format!("[{}]\nx", "\u{e9}".repeat(60))), Some("\u{e9}".repeat(50) + "..."));
        assert_eq!((label("[ ]\nx"), label("x")), (None, None));
    }

    #[test]
    fn coverage_is_told_as_it_is_known() {
        let part = |held, is_estimate| Coverage { held, of: 1000, is_estimate };
        let cases = [
            ([part(150, false); 2], " on 15% of the text"),
            ([part(1000, false); 2], " on 100% of the text"),
            ([part(999, false); 2], " on 99% of the text"),
            ([part(3, false); 2], " on under 1% of the text"),
            ([part(0, false); 2], " on 0% of the text"),
            ([part(150, true); 2], " on about 15% of the text"),
            ([part(150, false), part(320, true)], " on 15% of the text (about 32% with earlier rounds)"),
            ([Coverage::default(); 2], ""),
        ];
        for (seen, expected) in cases {
            assert_eq!(on(seen), expected);
        }
    }
}
