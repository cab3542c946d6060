//! The supervisor's program turns the replies into the text that the supervisor reads.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;

use super::decompose::Program;
use crate::documents::evidence::holds;
use crate::protocols::excerpt;
use crate::protocols::reply::CUT;
use crate::sandbox::JobRecord;

/// The most characters of an aggregate. It is limited because the supervisor's prompts are what costs.
const LONGEST: usize = 200_000;
/// The most characters of a citation in the plain list.
const CITATION: usize = 300;
/// The most characters of the line that says how many answers are left out.
const LONGEST_MARK: usize = 80;
/// The most characters of the reason why a call was lost.
const LONGEST_REASON: usize = 300;
/// The most bytes of a chunk's head line.
const LONGEST_HEAD: usize = 100;

/// What the supervisor reads.
pub(super) struct Aggregate {
    pub text: String,
    /// Why the program's own aggregate is not used, or what is left out.
    pub error: Option<String>,
    /// The text was too long, so the supervisor reads a part of it.
    pub is_cut: bool,
}

/// Runs `transform_outputs`. If the program has none, or it fails or drops every answer, the answers are listed
/// plainly.
pub(super) async fn run(program: &mut Program, jobs: &mut [JobRecord], lost: usize) -> Aggregate {
    let answered = jobs.iter().filter(|job| job.output.answer.is_some()).count();
    let (text, failure) = match program.session.transform_outputs(jobs).await {
        Ok(transformed) => {
            for (job, include) in jobs.iter_mut().zip(transformed.include) {
                job.include = include;
            }
            match transformed.text.trim() {
                "" if answered > 0 => (None, Some("transform_outputs returned an empty text".to_owned())),
                text => (Some(text.to_owned()), None),
            }
        }
        Err(_) if !program.code.contains("transform_outputs") => (None, None),
        // The answers are there, whoever is to blame.
        Err(error) => (None, Some(error.to_string())),
    };
    if let Some(failure) = &failure {
        tracing::warn!("the answers are listed plainly: {failure}");
    }
    let (text, left_out) = text.map_or_else(|| plain(jobs, LONGEST), |text| beginning(text, LONGEST));
    if let Some(left_out) = &left_out {
        tracing::warn!("the supervisor can't read all that the workers found: {left_out}");
    }
    let mut head = format!("({} jobs, {answered} with an answer", jobs.len());
    if lost > 0 {
        let _ = write!(head, ", {lost} lost");
    }
    head.push(')');
    // Without any answer the supervisor needs to know what went wrong.
    if let Some(job) = jobs.iter().find(|job| answered == 0 && job.samples == 0) {
        let _ = write!(head, "\n[the first one lost: {}]", excerpt(&job.output.explanation, LONGEST_REASON));
    }
    let is_cut = left_out.is_some();
    let error = failure.into_iter().chain(left_out).reduce(|first, second| format!("{first}; {second}"));
    Aggregate { text: format!("{head}\n{text}"), error, is_cut }
}

/// At most `longest` characters of `text` and a mark, and what is left out.
fn beginning(text: String, longest: usize) -> (String, Option<String>) {
    let Some((end, _)) = text.char_indices().nth(longest) else { return (text, None) };
    let left_out =
        format!("{} characters are left out, as the text is too long", text[end..].chars().count());
    (format!("{}\n[{left_out}]", &text[..end]), Some(left_out))
}

/// The answers by task and then by chunk, each once per document that the program names; and how many are left out, if
/// that is more than `longest` characters.
fn plain(jobs: &[JobRecord], longest: usize) -> (String, Option<String>) {
    let mut tasks: BTreeMap<_, Vec<&JobRecord>> = BTreeMap::new();
    for job in jobs {
        tasks.entry((job.manifest.task_id, job.manifest.task.as_str())).or_default().push(job);
    }
    let lists: Vec<_> = tasks.into_iter().map(|((_, task), jobs)| List::new(task, jobs)).collect();
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
    fn new(task: &str, mut jobs: Vec<&JobRecord>) -> Self {
        jobs.sort_by_key(|job| job.manifest.chunk_id);
        let answered = jobs.iter().filter(|job| job.output.answer.is_some()).count();
        let mut told = HashSet::new();
        let line = |job: &&JobRecord| {
            let source = head_line(&job.manifest.chunk).map_or_else(String::new, |head| format!(", {head}"));
            let answer = with_proof(job).filter(|answer| told.insert((source.clone(), answer.clone())))?;
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

/// The answer with its proof: the citation if that is confirmed, else "in the chunk" if the chunk contains the answer
/// itself, else "unconfirmed". `None` if there is no answer.
fn with_proof(job: &JobRecord) -> Option<String> {
    let chunk = &job.manifest.chunk;
    let answer = job.output.answer.as_deref()?;
    let whole = answer.strip_suffix(CUT).unwrap_or(answer);
    let proof = match job.output.citation.as_deref() {
        Some(citation) if job.confirmed => format!("\"{}\"", excerpt(citation, CITATION)),
        _ if holds(chunk, whole) => "in the chunk".to_owned(),
        _ => "unconfirmed".to_owned(),
    };
    let agreement = match job.samples {
        0 | 1 => String::new(),
        samples => format!(" | {} of {samples} samples", job.agreed),
    };
    Some(format!("{answer} | {proof}{agreement}"))
}

/// The first line of the chunk if it is in brackets: programs put there where the chunk is from.
fn head_line(chunk: &str) -> Option<&str> {
    let (head, _) = chunk.strip_prefix('[')?.split_once('\n')?;
    head.trim_end().strip_suffix(']').filter(|head| head.len() <= LONGEST_HEAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::{JobManifest, JobOutput};

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
        let want = "Task (1 of 2 jobs answered): T0\n[chunk 0] c | \"so \"it\" says\"\nTask (2 of 2 jobs answered): T1\n[chunk 0] a | unconfirmed\n\
                    [chunk 1] b | \"so \"it\" says\"\n";
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
        let want = "Task (6 of 6 jobs answered): T0\n[chunk 0] a | \"\"So \"it\" says...\"\"\n[chunk 1] b | unconfirmed\n\
                    [chunk 2] so \"IT\" | in the chunk\n[chunk 2] c | unconfirmed\n\
                    [chunk 3, Report 2] d | \"it  SAYS\"\n";
        assert_eq!(plain(&jobs, LONGEST), (want.to_owned(), None));
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
