//! The supervisor writes a program until one yields jobs, or a text without any.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::reply_code::{AGGREGATE, code_of, defines};
use super::{Memory, Minions};
use crate::chat::{ChatReply, Finish, Format, Message};
use crate::documents::Document;
use crate::events::{EventKind, Purpose};
use crate::prompts::{self, Filled, Slot};
use crate::protocols::ask::Supervisor;
use crate::protocols::error::one_line;
use crate::protocols::{ProtocolError, Transcript, reply};
use crate::sandbox::{JobManifest, SandboxError, Search, Session, Transformed, Warm};
use crate::words::count;

/// What the author of a program is told that was cut off: its first part may run, but it is not the program.
const LOOPED_PROGRAM: &str = "your reply repeats itself, so that the program has no end: write a shorter one";
const CUT_PROGRAM: &str = "the token limit cut your program off before its end, so write a shorter one";
/// Documents whose lengths are told one by one.
const LISTED_DOCUMENTS: usize = 20;

/// A program that ran, and what it asks for.
pub(super) struct Program {
    pub code: String,
    pub session: Session,
    pub manifests: Vec<JobManifest>,
    /// What `transform_outputs` made where there are no jobs.
    pub made: Option<Transformed>,
    /// Why the programs before it failed.
    pub failed: Vec<String>,
}

/// A program whose jobs are made, with its session, and what it made without any.
type Made = (Session, Vec<JobManifest>, Option<Transformed>);

impl Program {
    /// Tells that the program ran, or why it goes back.
    pub(super) fn tell(&self, round: u32, error: Option<&str>, transcript: &Transcript) {
        tell(transcript, (round, self.failed.len() + 1), &self.code, self.manifests.len(), error);
    }
}

impl Minions<'_> {
    pub(super) async fn decompose(
        &self,
        round: u32,
        memory: &Memory,
        transcript: &Transcript,
    ) -> Result<Program, ProtocolError> {
        let mut supervisor = Supervisor::new(&self.assignment, Purpose::Program, transcript);
        let mut prompt = self.decompose_prompt(round, memory);
        let mut written = memory.program.as_deref();
        let mut failed = Vec::new();
        loop {
            // It comes up while the supervisor writes.
            let warm = self.sandbox.warm().await.map_err(ProtocolError::Sandbox)?;
            let (text, finish) = match written.take() {
                // It came with the last verdict. What asks for one is read only if this one has to be mended.
                Some(program) => {
                    supervisor.messages.push(Message::user(prompt.text).owning(prompt.own));
                    supervisor.messages.push(Message::assistant(program).own());
                    (program.to_owned(), Finish::Stop)
                }
                None => {
                    let ChatReply { text, finish, .. } = supervisor.say(prompt, &Format::Text).await?;
                    (text, finish)
                }
            };
            let code = code_of(&text);
            let ran = match cut_short(finish, &text) {
                Some(problem) => Err(problem.to_owned()),
                None => self.run_reply(warm, code.as_deref(), memory).await?,
            };
            let problem = match ran {
                Ok((session, manifests, made)) => {
                    let code = code.unwrap_or_default();
                    let program = Program { code, session, manifests, made, failed };
                    program.tell(round, None, transcript);
                    return Ok(program);
                }
                Err(problem) => problem,
            };
            let code = code.unwrap_or_default();
            tell(transcript, (round, failed.len() + 1), &code, 0, Some(&problem));
            tracing::warn!("the supervisor's program goes back to it with: {}", one_line(&problem));
            failed.push(problem.clone());
            if failed.len() >= self.params.max_code_attempts as usize {
                return Err(ProtocolError::Program { attempts: self.params.max_code_attempts, problem });
            }
            prompt =
                self.assignment.prompts.fill(&prompts::MINIONS_MEND, &[("problem", Slot::Other(&problem))]);
            // The first prompt and the newest program are enough to mend it; older ones only cost.
            keep_first_prompt_and_last_reply(&mut supervisor.messages);
        }
    }

    /// Runs the program of a reply. The inner error is in words for the supervisor, who may mend it.
    async fn run_reply(
        &self,
        warm: Warm,
        code: Option<&str>,
        memory: &Memory,
    ) -> Result<Result<Made, String>, ProtocolError> {
        let Some(code) = code else { return Ok(Err("your reply holds no Python block".to_owned())) };
        let run = async {
            let (mut session, manifests) = self.run_program(warm, code, memory).await?;
            let is_text = manifests.is_empty() && defines(code, AGGREGATE);
            let made = if is_text { Some(session.transform_outputs(&[]).await?) } else { None };
            Ok((session, manifests, made))
        };
        match run.await {
            Ok((session, manifests, made)) => match self.complaint_about(&session, &manifests, made.as_ref())
            {
                None => Ok(Ok((session, manifests, made))),
                Some(complaint) => Ok(Err(complaint)),
            },
            Err(SandboxError::Code(error)) => Ok(Err(error.to_string())),
            Err(error) => Err(ProtocolError::Sandbox(error)),
        }
    }

    pub(super) async fn run_program(
        &self,
        warm: Warm,
        code: &str,
        memory: &Memory,
    ) -> Result<(Session, Vec<JobManifest>), SandboxError> {
        let mut session = self.sandbox.start_in(warm, code, self.assignment.context).await?;
        let manifests = session.prepare_jobs(&memory.manifests, &memory.outputs).await?;
        Ok((session, manifests))
    }

    /// What the jobs must be that Python does not check, and the text that is made without any.
    fn complaint_about<'a>(
        &self,
        session: &Session,
        manifests: &'a [JobManifest],
        made: Option<&Transformed>,
    ) -> Option<String> {
        if manifests.is_empty() {
            let why = match made {
                Some(made) if !made.text.trim().is_empty() => return None,
                _ if session.shown().places > 0 => return None,
                Some(_) => "transform_outputs an empty text",
                None if !session.shown().text.is_empty() => "show found nothing",
                None => "nothing was shown",
            };
            return Some(format!(
                "prepare_jobs returned no jobs, and {why}: search more loosely, or take all chunks"
            ));
        }
        let limit = self.max_chunk_bytes?;
        let texts = |job: &'a JobManifest| [&*job.chunk, &job.task, &job.advice];
        let bytes = |job| texts(job).map(str::len).iter().sum::<usize>();
        let (at, longest) = manifests.iter().enumerate().max_by_key(|(_, job)| bytes(job))?;
        (bytes(longest) > limit).then(|| {
            let texts = texts(longest);
            format!(
                "job {at} has {} characters of chunk, task and advice, but the small model can read {} at once: cut \
                 the documents into smaller chunks",
                texts.map(|text| text.chars().count()).iter().sum::<usize>(),
                characters(limit, texts)
            )
        })
    }

    fn decompose_prompt(&self, round: u32, memory: &Memory) -> Filled {
        let program = self.assignment.prompts.fill(
            &prompts::MINIONS_PROGRAM,
            &[("chunker", Slot::Own(&self.params.chunk_fn)), ("search", Slot::Own(&self.search()))],
        );
        // How many characters these bytes are depends on the documents.
        let chunk_limit = self.max_chunk_bytes.map(|bytes| {
            let chars = characters(bytes, self.assignment.context.iter().map(Document::as_ref));
            format!("chunks of at most {chars} characters (1,500 to 4,000 work best)")
        });
        let chunk_limit = chunk_limit
            .as_deref()
            .map_or(Slot::Own("chunks of 1,500 to 4,000 characters work best"), Slot::Other);
        let samples = match self.params.num_samples_per_task {
            1 => String::new(),
            n => format!(
                "; each job is answered {n} times: a job's `output` is the answer that most of them gave in the same words, `agreed` of \
                 `samples` (shown as `| 2 of {n} samples`), so ask for one bare value in a fixed form"
            ),
        };
        let tasks = match self.params.num_tasks_per_round {
            Some(tasks) => format!("at most {tasks} different tasks, "),
            None => String::new(),
        };
        self.assignment.prompts.fill(
            &prompts::MINIONS_DECOMPOSE,
            &[
                ("program", Slot::Filled(&program)),
                ("task", self.assignment.task()),
                ("metadata", Slot::Filled(&self.metadata())),
                ("documents", Slot::Other(&described(self.assignment.context))),
                ("tasks", Slot::Own(&tasks)),
                ("jobs", Slot::Own(&self.params.max_jobs_per_round.to_string())),
                ("chunk_limit", chunk_limit),
                ("samples", Slot::Own(&samples)),
                ("round", Slot::Own(&round.to_string())),
                ("rounds", Slot::Own(&self.assignment.max_rounds.to_string())),
                ("earlier", Slot::Filled(&self.earlier(round, memory))),
            ],
        )
    }

    /// The search in the code's scope.
    fn search(&self) -> String {
        match self.sandbox.search {
            Search::Off => String::new(),
            Search::Bm25 => self.assignment.prompts.fill(&prompts::MINIONS_BM25, &[]).text + "\n",
            Search::Embedding => self.assignment.prompts.fill(&prompts::MINIONS_EMBEDDING, &[]).text + "\n",
        }
    }

    fn earlier(&self, round: u32, memory: &Memory) -> Filled {
        let mut earlier = Filled::default();
        if round == 1 {
            return earlier;
        }
        let mut answered: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
        for (job, output) in memory.manifests.iter().zip(&memory.outputs) {
            let (with, all) = answered.entry(&job.task).or_default();
            *with += usize::from(output.answer.is_some());
            *all += 1;
        }
        let tasks: Vec<_> =
            answered.iter().take(10).map(|(task, (with, all))| format!("{task} ({with} of {all})")).collect();
        let nothing = "nothing";
        let filled = self.assignment.prompts.fill(
            &prompts::MINIONS_EARLIER,
            &[
                ("scratchpad", Slot::Own(memory.scratchpad.as_deref().unwrap_or(nothing))),
                ("feedback", Slot::Own(memory.feedback.as_deref().unwrap_or(nothing))),
                // The program wrote them, and it had the documents.
                (
                    "tasks",
                    Slot::Other(&if tasks.is_empty() { no_jobs(&memory.shown) } else { tasks.join(" / ") }),
                ),
            ],
        );
        earlier.push(Slot::Own("\n\n"));
        earlier.push(Slot::Filled(&filled));
        earlier
    }
}

/// Why a reply that did not end by itself holds no whole program.
pub(super) fn cut_short(finish: Finish, reply: &str) -> Option<&'static str> {
    let problem = match finish {
        Finish::Stop => return None,
        Finish::Length => CUT_PROGRAM,
        Finish::Looped => LOOPED_PROGRAM,
    };
    reply::cuts_code(reply).then_some(problem)
}

/// Tells of the `attempt` of a round, both from 1.
fn tell(
    transcript: &Transcript,
    (round, attempt): (u32, usize),
    code: &str,
    jobs: usize,
    error: Option<&str>,
) {
    transcript.events.emit_detail(|| EventKind::Program {
        round,
        attempt,
        code: code.to_owned(),
        jobs,
        error: error.map(str::to_owned),
    });
}

fn keep_first_prompt_and_last_reply(messages: &mut Vec<Message>) {
    if messages.len() > 2 {
        messages.drain(1..messages.len() - 1);
    }
}

/// How many characters so many bytes are, in texts like these.
fn characters<'a>(bytes: usize, texts: impl IntoIterator<Item = &'a str>) -> usize {
    let (mut all_bytes, mut all_chars) = (0, 0);
    for text in texts {
        all_bytes += text.len();
        all_chars += text.chars().count();
    }
    if all_bytes == 0 { bytes } else { (bytes as f64 * all_chars as f64 / all_bytes as f64) as usize }
}

/// The documents whose names the supervisor is told: none where there are many.
pub(in crate::protocols) fn listed(context: &[Document]) -> &[Document] {
    if context.len() <= LISTED_DOCUMENTS { context } else { &[] }
}

/// What a program knows the documents by: by their numbers where the supervisor is not told their names.
pub(crate) fn names(context: &[Document]) -> Vec<String> {
    let listed = listed(context);
    let name = |at: usize| listed.get(at).and_then(Document::told_name).map(str::to_owned);
    (0..context.len()).map(|at| name(at).unwrap_or_else(|| format!("document {}", at + 1))).collect()
}

/// What stands for the tasks of a round without jobs: the patterns that it showed, with their numbers of places.
fn no_jobs(shown: &str) -> String {
    let patterns: Vec<_> =
        shown.lines().filter(|line| line.starts_with('/') && line.contains("/: ")).collect();
    match patterns.is_empty() {
        true => "none, as there were no jobs".to_owned(),
        false => format!("none, as there were no jobs; the patterns were {}", patterns.join("; ")),
    }
}

/// How many documents there are, how long, and what they are called.
fn described(context: &[Document]) -> String {
    if context.is_empty() {
        return "none; make jobs with the empty chunk \"\", which the copies answer from what they know"
            .into();
    }
    let mut text = format!("{}, of ", context.len());
    if listed(context).len() == context.len() {
        let listed = |document: &Document| {
            let name = document.told_name().map(|name| format!(" ({name})")).unwrap_or_default();
            format!(
                "{} characters in {}{name}",
                document.chars(),
                count(document.text.lines().count(), "line")
            )
        };
        text.push_str(&context.iter().map(listed).collect::<Vec<_>>().join(", "));
    } else {
        let lengths: Vec<usize> = context.iter().map(Document::chars).collect();
        let (least, most) = (lengths.iter().min().unwrap_or(&0), lengths.iter().max().unwrap_or(&0));
        let _ = write!(text, "{least} to {most} characters, {} in all", lengths.iter().sum::<usize>());
    }
    text
}
