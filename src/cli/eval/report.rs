//! What came of all runs: scores and costs, sums of each configuration, comparisons.

use minions::evaluation::statistics::{interval, mean, sign_test};
use minions::evaluation::{Score, Verdict};

use super::judging::Marked;
use super::results::Outcome;

/// How a run ended.
#[derive(Clone, Debug)]
pub(super) enum End {
    /// It has an answer with its score, and what a judge spent on it.
    Scored { outcome: Box<Outcome>, score: Score, mark: Option<Marked> },
    /// It has none, or none that could be marked.
    Failed(String),
    /// It was not its turn yet.
    Open,
}

/// A run and its end.
#[derive(Clone, Debug)]
pub(super) struct RunReport {
    pub configuration: usize,
    pub question: usize,
    pub repeat: u32,
    pub end: End,
}

/// A question as a report shows it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub id: String,
    pub task: String,
    pub gold: String,
    pub note: Option<String>,
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Report {
    /// Names.
    pub configurations: Vec<String>,
    pub questions: Vec<Known>,
    pub repeats: u32,
    pub runs: Vec<RunReport>,
    /// Times say nothing of models then.
    pub is_replay: bool,
    pub judge: Option<String>,
}

/// Counts and means of a configuration. Means are of the runs that have an answer; `None` of none.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    pub runs: usize,
    pub right: usize,
    pub partly: usize,
    pub wrong: usize,
    pub failed: usize,
    pub open: usize,
    pub remote_tokens: Option<f64>,
    pub local_tokens: Option<f64>,
    pub remote_only_tokens: Option<f64>,
    /// `None` where a run has no price.
    pub usd: Option<f64>,
    pub rounds: Option<f64>,
    /// `None` in a replay.
    pub seconds: Option<f64>,
    pub egress_chars: Option<f64>,
    pub citations: u64,
    pub verified: u64,
    pub judge_tokens: u64,
    pub judge_usd: Option<f64>,
}

/// One configuration beside another, question by question.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Comparison {
    pub better: usize,
    pub worse: usize,
    pub same: usize,
    /// How often chance alone makes such a difference.
    pub p: f64,
}

impl Report {
    /// The runs of a configuration.
    pub(super) fn of(&self, configuration: usize) -> impl Iterator<Item = &RunReport> {
        self.runs.iter().filter(move |run| run.configuration == configuration)
    }

    pub(super) fn sums(&self, configuration: usize) -> Sums {
        let mut sums = Sums::default();
        let mut answered = Vec::new();
        for run in self.of(configuration) {
            sums.runs += 1;
            match &run.end {
                End::Failed(_) => sums.failed += 1,
                End::Open => sums.open += 1,
                End::Scored { outcome, score, mark } => {
                    match score.verdict {
                        Verdict::Right => sums.right += 1,
                        Verdict::Partly => sums.partly += 1,
                        Verdict::Wrong => sums.wrong += 1,
                    }
                    let evidence = outcome.evidence_summary.unwrap_or_default();
                    sums.citations += evidence.citations;
                    sums.verified += evidence.verified;
                    if let Some(mark) = mark {
                        sums.judge_tokens += mark.tokens;
                        sums.judge_usd =
                            mark.usd.map(|usd| usd + sums.judge_usd.unwrap_or_default()).or(sums.judge_usd);
                    }
                    answered.push(&**outcome);
                }
            }
        }
        let of = |number: &dyn Fn(&Outcome) -> f64| mean(answered.iter().map(|outcome| number(outcome)));
        sums.remote_tokens = of(&|it| it.remote_usage.total_tokens as f64);
        sums.local_tokens = of(&|it| it.local_usage.total_tokens as f64);
        sums.remote_only_tokens =
            of(&|it| it.savings.as_ref().map_or(0.0, |savings| savings.remote_only.total_tokens as f64));
        sums.rounds = of(&|it| f64::from(it.rounds));
        sums.seconds = of(&|it| it.timing.total_time).filter(|_| !self.is_replay);
        sums.egress_chars = of(&|it| it.egress.context_chars as f64);
        let dollars: Option<Vec<f64>> =
            answered.iter().map(|it| Some(it.savings.as_ref()?.usd?.remote)).collect();
        sums.usd = dollars.and_then(mean);
        sums
    }

    /// The mean worth of a configuration's answers to each question; a failure is worth nothing. `None` where not all were
    /// asked.
    fn worths(&self, configuration: usize, worth: impl Fn(Verdict) -> f64) -> Vec<Option<f64>> {
        let of_question = |question: usize| {
            let runs = self.of(configuration).filter(|run| run.question == question);
            let worths: Option<Vec<f64>> = runs
                .map(|run| match &run.end {
                    End::Scored { score, .. } => Some(worth(score.verdict)),
                    End::Failed(_) => Some(0.0),
                    End::Open => None,
                })
                .collect();
            worths.and_then(mean)
        };
        (0..self.questions.len()).map(of_question).collect()
    }

    /// Where the share of right answers probably lies, at 95%: `None` without a question that was asked.
    pub(super) fn interval(&self, configuration: usize) -> Option<(f64, f64)> {
        let right = |verdict| if verdict == Verdict::Right { 1.0 } else { 0.0 };
        let worths: Vec<f64> = self.worths(configuration, right).into_iter().flatten().collect();
        interval(worths.iter().sum(), worths.len())
    }

    /// How many questions have not the same verdict in all repeats.
    pub(super) fn varying(&self, configuration: usize) -> usize {
        let varies = |question: &usize| {
            let mut verdicts =
                self.of(configuration).filter(|run| run.question == *question).filter_map(|run| {
                    match &run.end {
                        End::Scored { score, .. } => Some(Some(score.verdict)),
                        End::Failed(_) => Some(None),
                        End::Open => None,
                    }
                });
            verdicts.next().is_some_and(|first| verdicts.any(|other| other != first))
        };
        (0..self.questions.len()).filter(varies).count()
    }

    /// A configuration beside the first.
    pub(super) fn comparison(&self, configuration: usize) -> Comparison {
        let (first, own) = (self.worths(0, Verdict::worth), self.worths(configuration, Verdict::worth));
        let (mut better, mut worse, mut same) = (0, 0, 0);
        for (first, own) in first.into_iter().zip(own).filter_map(|(first, own)| first.zip(own)) {
            match own.total_cmp(&first) {
                std::cmp::Ordering::Greater => better += 1,
                std::cmp::Ordering::Less => worse += 1,
                std::cmp::Ordering::Equal => same += 1,
            }
        }
        Comparison { better, worse, same, p: sign_test(better, worse) }
    }

    /// Runs that were not asked.
    pub(super) fn open(&self) -> usize {
        self.runs.iter().filter(|run| matches!(run.end, End::Open)).count()
    }

    pub(super) fn failed(&self) -> usize {
        self.runs.iter().filter(|run| matches!(run.end, End::Failed(_))).count()
    }
}
