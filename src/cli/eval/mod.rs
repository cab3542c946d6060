//! `minions eval`: questions with known answers, asked of one or several configurations, and compared.
//!
//! In: a file of questions, configurations. Out: a table, JSON or CSV on stdout; a line for each result in a file, as soon
//! as it is there. The questions become the jobs of a batch, which runs, resumes, records and replays them; scores are
//! those of `minions::evaluation`.

mod configurations;
mod estimate;
mod export;
mod judging;
mod options;
mod plan;
mod questions;
mod report;
mod results;
mod table;
mod tape;

use std::io::{self, BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use minions::config;
use minions::engine::{Engine, MissingKey, RunLimits};
use minions::error::{Exit, Failure};
use minions::evaluation::{Gold, JudgeCase};
use minions::settings::Settings;
use serde_json::Value;

use super::ask;
use super::batch::json_splitter::JsonSplitter;
use super::batch::{self, BatchOptions, FailOn, Feed, Origin, Stopped, Total};
use super::events_file::EventsFile;
use super::interrupt::RunDeadline;
use super::program::Program;
use super::run::RunOutcome;
use configurations::Configuration;
use judging::Judging;
use plan::Run;
use questions::Asked;
use report::{End, Known, Report, RunReport};
use results::Results;
use tape::Recorded;

pub(crate) use options::{EXAMPLES, EvalArgs};

/// Jobs at the same time where nobody says it: one, as several would make each other slower.
const JOBS: u16 = 1;

/// What is asked, of whom.
struct Exam {
    configurations: Vec<Configuration>,
    /// The judge as a job.
    judge: Option<Value>,
    asked: Vec<Asked>,
    /// Where paths of questions begin.
    folder: Option<PathBuf>,
    runs: Vec<Run>,
}

impl Program {
    /// Asks all questions of all configurations and prints what came of it.
    ///
    /// # Errors
    /// What can't be used of questions, configurations and files; nothing was spent then.
    pub(super) async fn evaluate(
        mut self,
        args: EvalArgs,
        events: Option<Arc<EventsFile>>,
    ) -> Result<RunOutcome, Failure> {
        let settings = ask::settings(&self.environment)?;
        self.environment = settings.environment();
        let (reading, record, redactor) = (args.clone(), self.options.record.clone(), self.redactor.clone());
        let (replay, is_dry) = (self.options.replay.clone(), self.options.dry_run);
        let exam = self
            .beside(RunDeadline::of(None), move || Exam::of(&reading, &settings, replay.as_deref(), is_dry))
            .await?;
        let engine = self.engine(true, RunLimits::default());
        let is_replay = self.options.replay.is_some();
        let of = (&exam.configurations[..], &exam.asked[..]);
        plan::check(&engine, &exam.runs, of, exam.folder.as_ref(), is_replay)?;
        if self.options.dry_run {
            let estimate = estimate::of(&self, &engine, &exam.runs, of, exam.folder.as_ref()).await?;
            let judged = exam.runs.iter().filter(|run| exam.is_judged(run)).count();
            return printed(&match args.json {
                true => format!("{estimate:#}\n"),
                false => estimate::text(&estimate, judged),
            });
        }
        if !is_replay {
            exam.check_sides(&self, &engine).await?;
        }
        let mut results = Results::open(&args, &self.environment)?;
        if let Some(folder) = self.options.replay.as_ref().filter(|_| args.resume) {
            let known = results.read()?;
            let open = exam.runs.iter().filter(|run| known.answer(&run.id, &run.hash).is_none());
            tape::check(folder, &open.collect::<Vec<_>>())?;
        }
        if let Some(folder) = &record {
            let recorded =
                Recorded { configurations: exam.configurations.clone(), judge: exam.judge.clone() };
            tape::write(folder, &recorded, &redactor)?;
        }
        let stopped = Stopped::default();
        let exit = self.ask_all(&args, &exam, &results, events, &stopped).await?;
        let is_stopped = !matches!(exit, Exit::Success | Exit::SomeFailed);
        let (report, last) = self.marked(&exam, &args, &mut results, is_stopped.then_some(&stopped)).await?;
        let exit = last.unwrap_or(exit);
        let text = match () {
            () if args.json => format!("{:#}\n", export::json(&report)),
            () if args.csv => export::csv(&report),
            () => table::text(&report),
        };
        tracing::info!("the results are in {}", results.path.display());
        let printed = printed(&self.redactor.clean(&text))?;
        let exit = match (exit, report.open(), report.failed()) {
            (Exit::Success, 0, 0) => return Ok(printed),
            (Exit::Success, ..) => Exit::SomeFailed,
            (exit, ..) => exit,
        };
        Ok(match printed {
            RunOutcome::Told(Exit::Success) => RunOutcome::Told(exit),
            failed => failed,
        })
    }

    /// Runs all jobs that have no answer yet.
    async fn ask_all(
        &self,
        args: &EvalArgs,
        exam: &Exam,
        results: &Results,
        events: Option<Arc<EventsFile>>,
        stopped: &Stopped,
    ) -> Result<Exit, Failure> {
        let lines: Box<dyn Read + Send> = Box::new(Cursor::new(plan::lines(&exam.runs)));
        let feed = Feed {
            origin: Origin::Input {
                pieces: JsonSplitter::new(BufReader::new(lines)),
                folder: exam.folder.clone(),
            },
            total: Total::Known(exam.runs.len()),
            sink: results.sink()?,
            stopped: stopped.clone(),
        };
        let usual = if self.options.replay.is_some() { config::BATCH_JOBS } else { JOBS };
        let options = BatchOptions {
            resume: args.resume.then(|| results.path.clone()),
            max_jobs: args.max_jobs.unwrap_or(usual),
            // Which of them failed is in the table.
            fail_on: FailOn::Never,
            each: self.options.clone(),
            ..BatchOptions::default()
        };
        batch::run(self.clone(), feed, options, RunDeadline::of(None), events).await
    }

    /// What came of all runs, with their scores, and the exit code where a signal stops it here. A judge is asked where one
    /// has to be, unless the run was ended already, which `by_end` stopped jobs.
    async fn marked(
        &self,
        exam: &Exam,
        args: &EvalArgs,
        results: &mut Results,
        by_end: Option<&Stopped>,
    ) -> Result<(Report, Option<Exit>), Failure> {
        let known = results.read()?;
        let mut judging = exam.judge.as_ref().map(|judge| Judging {
            program: self,
            engine: self.engine(true, RunLimits::default()),
            judge,
            results,
        });
        let mut stopped = None;
        let mut runs = Vec::new();
        for run in &exam.runs {
            let question = &exam.asked[run.question].question;
            let end = match (known.answer(&run.id, &run.hash), known.failure(&run.id)) {
                (None, None) => End::Open,
                (None, Some(_)) if by_end.is_some_and(|stopped| stopped.has(&run.id)) => End::Open,
                (None, Some(why)) => End::Failed(why.to_owned()),
                (Some(outcome), _) => {
                    let outcome = Box::new(outcome.clone());
                    match (question.answer.score(&outcome.final_answer), &mut judging, &question.answer) {
                        (Some(score), ..) => End::Scored { outcome, score, mark: None },
                        (None, Some(judging), Gold::Judge(gold)) if by_end.is_none() && stopped.is_none() => {
                            let case = JudgeCase {
                                question: &question.task,
                                known: gold,
                                given: &outcome.final_answer,
                            };
                            match judging.mark(&run.id, case, &known).await {
                                Ok(mark) => {
                                    End::Scored { outcome, score: mark.score.clone(), mark: Some(mark) }
                                }
                                Err(failure)
                                    if failure.kind.exit() != Exit::Failed
                                        && failure.kind.exit() != Exit::Input =>
                                {
                                    stopped = Some(failure.kind.exit());
                                    End::Open
                                }
                                Err(failure) => End::Failed(format!("the judge: {failure}")),
                            }
                        }
                        _ => End::Open,
                    }
                }
            };
            runs.push(RunReport {
                configuration: run.configuration,
                question: run.question,
                repeat: run.repeat,
                end,
            });
        }
        let report = Report {
            configurations: exam.configurations.iter().map(|it| it.name.clone()).collect(),
            questions: exam.asked.iter().map(known_of).collect(),
            repeats: args.repeat,
            runs,
            is_replay: self.options.replay.is_some(),
            judge: exam.judge.as_ref().map(judge_name),
        };
        Ok((report, stopped))
    }
}

impl Exam {
    /// What `args` ask. A replay has the configurations of its recording, unless others are named.
    fn of(
        args: &EvalArgs,
        settings: &Settings,
        replay: Option<&Path>,
        is_dry: bool,
    ) -> Result<Self, Failure> {
        let asked = questions::read(&args.questions, args.limit)?;
        let folder = questions::folder(&args.questions);
        let recorded = replay.map(tape::read).transpose()?.flatten();
        let names_any = !args.config.is_empty()
            || [&args.local, &args.remote, &args.protocol].into_iter().any(Option::is_some)
            || args.rounds.is_some();
        let (configurations, recorded_judge) = match recorded {
            Some(Recorded { configurations, judge }) if !names_any => (configurations, judge),
            recorded => (configurations::of(args, settings, is_dry)?, recorded.and_then(|it| it.judge)),
        };
        let judge = match &args.judge {
            Some(model) => Some(judging::of(model, settings)?),
            None => recorded_judge,
        };
        let needs = asked.iter().find(|it| matches!(it.question.answer, Gold::Judge(_)));
        if let Some(it) = needs.filter(|_| judge.is_none()) {
            let problem =
                format!("{} ({}): its answer has to be judged by a model", it.place, it.question.id);
            return Err(Failure::input(problem)
                .hint("name one, --judge provider/model, or give another kind of answer"));
        }
        if args.judge.is_some() && needs.is_none() {
            return Err(Failure::input("--judge: no question is marked by a judge").hint(
                "give questions {\"judge\": \"what is known\"} as their answer, or leave --judge out",
            ));
        }
        let runs = plan::runs(&configurations, &asked, args.repeat, folder.clone());
        // What is answered already is not replayed.
        if let Some(folder) = replay.filter(|_| !args.resume) {
            tape::check(folder, &runs.iter().collect::<Vec<_>>())?;
        }
        Ok(Self { configurations, judge: judge.filter(|_| needs.is_some()), asked, folder, runs })
    }

    fn is_judged(&self, run: &Run) -> bool {
        matches!(self.asked[run.question].question.answer, Gold::Judge(_))
    }

    /// Whether each configuration and the judge could be asked, as far as that needs no call: keys, addresses.
    async fn check_sides(&self, program: &Program, engine: &Engine) -> Result<(), Failure> {
        for (at, Configuration { name, job }) in self.configurations.iter().enumerate() {
            let mut job = job.clone();
            let first = self.runs.iter().find(|run| run.configuration == at);
            let task = first.map_or(Value::Null, |run| run.job["call_params"]["task"].clone());
            job["call_params"]["task"] = task;
            check_side(program, engine, &engine.job(job)?).await.map_err(|failure| Failure {
                message: format!("configuration {name}: {}", failure.message),
                ..failure
            })?;
        }
        if let Some(judge) = &self.judge {
            check_side(program, engine, &engine.job(judge.clone())?)
                .await
                .map_err(|failure| Failure { message: format!("--judge: {}", failure.message), ..failure })?;
        }
        Ok(())
    }
}

async fn check_side(program: &Program, engine: &Engine, job: &minions::job::Job) -> Result<(), Failure> {
    let estimate = program.estimate(engine, job).await?;
    match estimate.missing_keys.into_iter().next() {
        None => Ok(()),
        Some(MissingKey { problem, hint }) => Err(Failure { hint, ..Failure::input(problem) }),
    }
}

fn known_of(asked: &Asked) -> Known {
    let question = &asked.question;
    Known {
        id: question.id.clone(),
        task: question.task.clone(),
        gold: question.answer.shown(),
        note: question.note.clone(),
    }
}

fn judge_name(judge: &Value) -> String {
    let client = &judge["remote_client"];
    let words: Vec<&str> =
        ["type", "model_name"].into_iter().filter_map(|key| client[key].as_str()).collect();
    words.join("/")
}

/// Prints `text` to stdout; a reader that has gone has seen enough.
fn printed(text: &str) -> Result<RunOutcome, Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(RunOutcome::Told(Exit::Success)),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(RunOutcome::Told(Exit::Failed)),
        Err(error) => Err(Failure::system(format!("stdout can't be written to: {error}"))),
    }
}
