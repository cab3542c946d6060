//! The answers as a plain list, where the program makes no text of them.

use std::collections::HashSet;
use std::fmt::Write as _;

use super::overview::{self, by_task};
use crate::documents::evidence::{holds, position};
use crate::protocols::excerpt;
use crate::protocols::reply::CUT;
use crate::sandbox::JobRecord;

/// The most characters of a citation.
const CITATION: usize = 300;
/// The most characters of the words that are most like a citation which is not confirmed.
const NEAREST: usize = 120;
/// Where so few answers are confirmed, each shows what follows its citation, up to so many characters: a copy quotes one
/// sentence, and often the next one decides.
const FEW: usize = 6;
const GOES_ON: usize = 250;
/// The most characters of the line that says how many answers are left out.
const LONGEST_MARK: usize = 80;
/// The most characters of a place, which may have a heading in it.
const LONGEST_PLACE: usize = 60;

/// At most `longest` characters of `text` and a mark, and what is left out.
pub(super) fn beginning(text: String, longest: usize) -> (String, Option<String>) {
    let Some((end, _)) = text.char_indices().nth(longest) else { return (text, None) };
    let left_out =
        format!("{} characters are left out, as the text is too long", text[end..].chars().count());
    (format!("{}\n[{left_out}]", &text[..end]), Some(left_out))
}

/// The answers by task and then by chunk, each once per document that the program names; and how many are left out, if
/// that is more than `longest` characters.
pub(super) fn plain(jobs: &[JobRecord], longest: usize) -> (String, Option<String>) {
    let confirmed = jobs.iter().filter(|job| job.confirmed && job.output.answer.is_some());
    let distinct: HashSet<_> = confirmed.map(|job| job.output.citation.as_deref()).collect();
    let mut citations = Citations { told: HashSet::new(), go_on: distinct.len() <= FEW };
    let list = |(task, jobs)| List::new(task, jobs, &mut citations);
    let lists: Vec<_> = by_task(jobs).into_iter().map(list).collect();
    let shares = shares(lists.iter().map(List::chars).collect(), longest);
    let mut text = String::new();
    let mut left_out = 0;
    for (list, share) in lists.iter().zip(shares) {
        left_out += list.write(share, &mut text);
    }
    // Only the head lines of many tasks can make it longer.
    let (text, cut) = beginning(text, longest + LONGEST_MARK * lists.len());
    let left_out =
        (left_out > 0).then(|| format!("{left_out} answers are left out, as the list is too long"));
    (text, left_out.or(cut))
}

/// The share of `room` for each of these lengths: what it needs, or the same part as all others that need more.
fn shares(lengths: Vec<usize>, mut room: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&at| lengths[at]);
    let mut shares = lengths;
    for (given, at) in order.iter().enumerate() {
        shares[*at] = shares[*at].min(room / (order.len() - given));
        room -= shares[*at];
    }
    shares
}

/// The answers to a task.
struct List {
    head: String,
    lines: Vec<String>,
}

impl List {
    fn new<'a>(task: &str, mut jobs: Vec<&'a JobRecord>, citations: &mut Citations) -> Self {
        jobs.sort_by_key(|job| job.manifest.chunk_id);
        let answered = jobs.iter().filter(|job| job.output.answer.is_some()).count();
        let mut told = HashSet::new();
        let line = |job: &&'a JobRecord| {
            let label = overview::label_of(job);
            let cited = job.output.citation.as_deref().filter(|_| job.confirmed);
            if !told.insert((label.clone(), job.output.answer.as_deref()?, cited)) {
                return None;
            }
            let answer = with_proof(job, citations)?;
            let place = job.place.as_deref().map(|place| excerpt(place, LONGEST_PLACE));
            let source: String = label.into_iter().chain(place).map(|part| format!(", {part}")).collect();
            Some(format!("[chunk {}{source}] {answer}\n", job.manifest.chunk_id.unwrap_or_default()))
        };
        let head = format!("Task ({answered} of {} jobs answered): {task}\n", jobs.len());
        Self { head, lines: jobs.iter().filter_map(line).collect() }
    }

    fn chars(&self) -> usize {
        self.lines.iter().chain([&self.head]).map(|line| line.chars().count()).sum()
    }

    /// Writes the lines that fit into `room` characters. Gives how many answers do not fit.
    fn write(&self, room: usize, text: &mut String) -> usize {
        let mut room = room.saturating_sub(self.head.chars().count());
        let mut left_out = 0;
        text.push_str(&self.head);
        for line in &self.lines {
            match room.checked_sub(line.chars().count()) {
                Some(left) => {
                    room = left;
                    text.push_str(line);
                }
                None => left_out += 1,
            }
        }
        if left_out > 0 {
            let _ = writeln!(text, "[{left_out} more answers are left out, as the list is too long]");
        }
        left_out
    }
}

/// The citations that are shown.
struct Citations {
    /// Each with its chunk: another task's answer with the same one refers to it.
    told: HashSet<(Option<u64>, String)>,
    /// Whether each is followed by what stands behind it.
    go_on: bool,
}

impl Citations {
    /// Whether it is the first time that this citation is shown.
    fn is_new(&mut self, job: &JobRecord, citation: &str) -> bool {
        self.told.insert((job.manifest.chunk_id, citation.to_owned()))
    }

    /// What stands behind the citation in its chunk.
    fn rest(&self, job: &JobRecord, citation: &str) -> String {
        let chunk = &*job.manifest.chunk;
        let Some(cited) = self.go_on.then(|| position(chunk, citation)).flatten() else {
            return String::new();
        };
        let rest = &chunk[cited.end..];
        let end = rest
            .char_indices()
            .nth(GOES_ON)
            .map_or(rest.len(), |(end, _)| rest[..end].rfind(char::is_whitespace).unwrap_or(end));
        let rest = rest[..end].split_whitespace().collect::<Vec<_>>().join(" ");
        let has_words = rest.contains(char::is_alphanumeric);
        if has_words {
            format!(" and goes on: \"{}\"", rest.trim_start_matches(['.', ',', ';', ' ']))
        } else {
            String::new()
        }
    }
}

/// The answer with its proof: the citation if that is confirmed, else "in the chunk" if the chunk contains the answer
/// itself, else "unconfirmed", with the words of the chunk that are most like the citation. An answer that stands in its citation is marked there. `None` if there is no answer.
fn with_proof(job: &JobRecord, citations: &mut Citations) -> Option<String> {
    let answer = job.output.answer.as_deref()?;
    let whole = answer.strip_suffix(CUT).unwrap_or(answer);
    let proved = match job.output.citation.as_deref() {
        Some(citation) if job.confirmed && !citations.is_new(job, citation) => {
            format!("{answer} | cited above")
        }
        Some(cited) if job.confirmed => {
            let citation = excerpt(cited, CITATION);
            let marked = (whole == answer).then(|| marked(&citation, answer)).flatten();
            let is_in_answer = || position(answer, &citation).is_some() && holds(&job.manifest.chunk, whole);
            let proved = marked.unwrap_or_else(|| match is_in_answer() {
                true => format!("\"{answer}\""),
                false => format!("{answer} | \"{citation}\""),
            });
            proved + &citations.rest(job, cited)
        }
        _ if holds(&job.manifest.chunk, whole) => format!("{answer} | in the chunk"),
        _ => match job.nearest.as_deref() {
            Some(words) => format!("{answer} | unconfirmed, nearest: \"{}\"", excerpt(words, NEAREST)),
            None => format!("{answer} | unconfirmed"),
        },
    };
    let agreement = match job.samples {
        0 | 1 => String::new(),
        samples => format!(" | {} of {samples} samples", job.agreed),
    };
    Some(proved + &agreement)
}

/// The citation with the answer's words between `**`, or without them if it has no others. `None` if it has them not.
fn marked(citation: &str, answer: &str) -> Option<String> {
    let bytes = position(citation, answer)?;
    let (before, after) = (&citation[..bytes.start], &citation[bytes.end..]);
    let is_all = !before.chars().chain(after.chars()).any(char::is_alphanumeric);
    Some(if is_all {
        format!("\"{citation}\"")
    } else {
        format!("\"{before}**{}**{after}\"", &citation[bytes])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{JobManifest, JobOutput};

    const LONGEST: usize = 200_000;

    fn job(task: u64, chunk: u64, answer: Option<&str>, citation: Option<&str>) -> JobRecord {
        let text = "So \"it\"\n  says. And it\nsays so.";
        JobRecord {
            confirmed: citation.is_some_and(|citation| holds(text, citation)),
            manifest: JobManifest {
                chunk: text.into(),
                task: format!("T{task}"),
                task_id: Some(task),
                chunk_id: Some(chunk),
                ..JobManifest::default()
            },
            output: JobOutput {
                answer: answer.map(str::to_owned),
                citation: citation.map(str::to_owned),
                ..JobOutput::default()
            },
            ..JobRecord::default()
        }
    }

    #[test]
    fn plain_lists_answers_by_task_and_chunk() {
        let said = Some("so \"it\" says");
        let jobs = [
            job(1, 1, Some("b"), said),
            job(0, 1, None, None),
            job(1, 0, Some("a"), None),
            job(0, 0, Some("c"), said),
        ];
        let want = "Task (1 of 2 jobs answered): T0\n[chunk 0] c | \"so \"it\" says\" and goes on: \"And it says so.\"\n\
                    Task (2 of 2 jobs answered): T1\n[chunk 0] a | unconfirmed\n\
                    [chunk 1] b | \"so \"it\" says\" and goes on: \"And it says so.\"\n";
        assert_eq!(plain(&jobs, LONGEST), (want.to_owned(), None));
    }

    #[test]
    fn plain_checks_citations_and_leaves_repetitions_out() {
        let mut titled = job(0, 3, Some("d"), Some("it  SAYS"));
        titled.manifest.chunk = format!("[Report 2]\n{}", titled.manifest.chunk).into();
        let jobs = [
            job(0, 0, Some("a"), Some("\"So \"it\" says...\"")),
            job(0, 1, Some("b"), Some("it denies")),
            job(0, 2, Some("b"), Some("it denies")),
            job(0, 2, Some("so \"IT\""), Some("it denies")),
            job(0, 2, Some("c"), Some("it")),
            titled,
        ];
        let want = "Task (6 of 6 jobs answered): T0\n[chunk 0] a | \"\"So \"it\" says...\"\" and goes on: \"And it says so.\"\n[chunk 1] b | unconfirmed\n\
                    [chunk 2] so \"IT\" | in the chunk\n[chunk 2] c | unconfirmed\n\
                    [chunk 3, Report 2] d | \"it  SAYS\" and goes on: \"And it says so.\"\n";
        assert_eq!(plain(&jobs, LONGEST), (want.to_owned(), None));
    }

    #[test]
    fn an_answer_that_stands_in_its_citation_is_shown_once() {
        let cut = format!("it{CUT}");
        let cases = [
            // Marked where it stands.
            ("it", "So \"it\" says", r#""So "**it**" says""#),
            ("And it says", "says. AND it\n says so", "\"says. **AND it\n says** so\""),
            // They are the same.
            ("And it says so.", "And it  says so", "\"And it  says so\""),
            ("\"So it says\"", "So it says.", "\"So it says.\""),
            // The citation stands in the answer, which the chunk has or has not.
            ("And it\nsays so.", "says so", "\"And it\nsays so.\""),
            ("and he says so", "says so", "and he says so | \"says so\""),
            // It does not stand there, or not whole, or was cut off.
            ("yes", "So \"it\" says", "yes | \"So \"it\" says\""),
            ("say", "So \"it\" says", "say | \"So \"it\" says\""),
            ("1; 2", "1 and 2", "1; 2 | \"1 and 2\""),
            (&cut, "So \"it\" says", &format!("{cut} | \"So \"it\" says\"")),
        ];
        for (answer, citation, shown) in cases {
            let mut job = job(0, 0, Some(answer), Some(citation));
            job.confirmed = true;
            let mut citations = Citations { told: HashSet::new(), go_on: false };
            assert_eq!(with_proof(&job, &mut citations).as_deref(), Some(shown), "{answer}");
        }
    }

    #[test]
    fn a_citation_is_shown_once_and_what_follows_it_only_where_few_are() {
        let said = Some("so \"it\" says");
        let jobs = [job(0, 0, Some("a"), said), job(0, 0, Some("a"), said), job(1, 0, Some("it"), said)];
        let (text, _) = plain(&jobs, LONGEST);
        assert_eq!(text.matches("goes on").count(), 1, "{text}");
        assert!(
            text.ends_with("T1\n[chunk 0] it | cited above\n") && !text.contains("a | cited above"),
            "{text}"
        );
        let many: Vec<_> = ["So", "So \"it\"", "it", "says", "it\"\n  says", "And it", "says so", "it\nsays"]
            .iter()
            .map(|cited| job(0, 0, Some(cited), Some(cited)))
            .map(|job| JobRecord { confirmed: true, ..job })
            .collect();
        assert!(!plain(&many, LONGEST).0.contains("goes on"));
        let long = format!("It is so. {}", "And more of it. ".repeat(100));
        let mut goes_on = job(0, 0, Some("so"), Some("It is so"));
        (goes_on.manifest.chunk, goes_on.confirmed) = (long.into(), true);
        let (text, _) = plain(&[goes_on], LONGEST);
        assert!(
            text.contains("goes on: \"And more of it. And") && text.chars().count() < GOES_ON + 100,
            "{text}"
        );
    }

    #[test]
    fn a_line_says_the_label_and_the_place_of_what_is_cited() {
        let mut cited = job(0, 7, Some("yes"), Some("it says so"));
        cited.manifest.chunk = format!("[Report\n 2]\n{}", cited.manifest.chunk).into();
        cited.place = Some("p. 40".to_owned());
        let mut again = cited.clone();
        again.place = Some("p. 41".to_owned());
        let mut long = job(0, 8, Some("no"), Some("it says so"));
        long.place = Some(format!("section {}", "x".repeat(100)));
        let want = format!(
            "Task (3 of 3 jobs answered): T0\n[chunk 7, Report 2, p. 40] yes | \"it says so\"\n\
             [chunk 8, section {}...] no | \"it says so\"\n",
            "x".repeat(LONGEST_PLACE - "section ".len())
        );
        assert_eq!(plain(&[cited, again, long], LONGEST), (want, None));
    }

    #[test]
    fn each_task_has_its_share_and_what_is_left_out_is_counted() {
        let long = "a".repeat(60);
        let jobs: Vec<_> = (0..12)
            .map(|n| job(n % 2, n / 2, Some(&format!("{long}{n}")), None))
            .chain([job(2, 0, Some("short"), None)])
            .collect();
        let (text, left_out) = plain(&jobs, 520);
        for task in ["T0", "T1"] {
            let part = text.split("Task (").find(|part| part.contains(&format!(": {task}\n"))).unwrap();
            assert_eq!(part.matches(&long).count(), 2, "{part}");
            assert!(part.ends_with("[4 more answers are left out, as the list is too long]\n"), "{part}");
        }
        assert!(text.ends_with("[chunk 0] short | unconfirmed\n"), "{text}");
        assert_eq!(left_out.unwrap(), "8 answers are left out, as the list is too long");
        // All of it fits, however uneven.
        let (text, left_out) = plain(&jobs, 1400);
        assert_eq!((text.matches(&long).count(), left_out), (12, None));
    }

    #[test]
    fn a_long_answer_leaves_room_for_short_ones_and_heads_are_bounded() {
        let long = "a".repeat(200);
        let jobs = [job(0, 0, Some(&long), None), job(0, 1, Some("b"), None)];
        let (text, left_out) = plain(&jobs, 100);
        assert!(text.contains("[chunk 1] b |") && !text.contains(&long), "{text}");
        assert_eq!(left_out.unwrap(), "1 answers are left out, as the list is too long");
        let jobs: Vec<_> = (0..100).map(|task| job(task, 0, Some("b"), None)).collect();
        let (text, left_out) = plain(&jobs, 1000);
        assert!(text.chars().count() < 1000 + 101 * LONGEST_MARK && left_out.is_some());
    }

    #[test]
    fn what_one_does_not_need_the_others_get() {
        assert_eq!(shares(vec![5, 100, 1, 40], 60), [5, 27, 1, 27]);
        assert_eq!(shares(vec![5, 100], 200), [5, 100]);
        assert_eq!(shares(vec![], 10), [0; 0]);
    }

    #[test]
    fn a_text_that_is_too_long_says_so() {
        assert_eq!(beginning("\u{e9}t\u{e9}".to_owned(), 3), ("\u{e9}t\u{e9}".to_owned(), None));
        let (text, left_out) = beginning("\u{e9}t\u{e9}".to_owned(), 1);
        assert_eq!(text, "\u{e9}\n[2 characters are left out, as the text is too long]");
        assert!(left_out.is_some());
    }
}
