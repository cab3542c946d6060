//! The supervisor's program turns the replies into the text that the supervisor reads.
//!
//! A `transform_outputs` that fails goes back to the supervisor once. The mended program runs from its beginning, so that
//! its globals are there, but nothing that the worker has answered is asked again.

use super::answers::{beginning, plain};
use super::decompose::{Program, cut_short};
use super::reply_code::{AGGREGATE, defines, mended};
use super::{Memory, Minions};
use crate::chat::{ChatReply, Format};
use crate::events::Purpose;
use crate::prompts::{self, Slot};
use crate::protocols::ask::Supervisor;
use crate::protocols::error::one_line;
use crate::protocols::{ProtocolError, Transcript, excerpt};
use crate::sandbox::{JobRecord, SandboxError, Transformed};

/// The most characters of an aggregate. It is limited because the supervisor's prompts are what costs.
const LONGEST: usize = 200_000;
/// The most characters of a failure in the line that says so.
const LONGEST_FAILURE: usize = 200;

/// What the supervisor reads.
pub(super) struct Aggregate {
    pub text: String,
    /// Why the program's own aggregate is not used, or what is left out.
    pub error: Option<String>,
    /// The program shows something itself, so that there may be more of the documents than the workers cite.
    pub shows_more: bool,
    /// The text was too long, so the supervisor reads a part of it.
    pub is_cut: bool,
}

/// The answers as a plain list, behind what the program showed.
pub(super) fn listed(shown: &str, jobs: &[JobRecord]) -> Aggregate {
    let (list, error) = plain(jobs, LONGEST);
    let shows_more = !shown.is_empty();
    let text = if shows_more { format!("{shown}\n{list}") } else { list };
    Aggregate { text: text.trim_end().to_owned(), is_cut: error.is_some(), error, shows_more }
}

impl Minions<'_> {
    /// Runs `transform_outputs`. If the program has none, or it fails again when it was mended, or drops every answer, the
    /// answers are listed plainly.
    pub(super) async fn aggregate(
        &self,
        round: u32,
        program: &mut Program,
        jobs: &mut [JobRecord],
        memory: &Memory,
        transcript: &Transcript,
    ) -> Result<Aggregate, ProtocolError> {
        let has_answers = jobs.iter().any(|job| job.output.answer.is_some());
        let (text, failure) = match self.transformed(round, program, jobs, memory, transcript).await? {
            None => (None, None),
            Some(Ok(made)) => {
                for (job, include) in jobs.iter_mut().zip(made.include) {
                    job.include = include;
                }
                match made.text.trim() {
                    "" if has_answers => (None, Some(format!("{AGGREGATE} returned an empty text"))),
                    text => (Some(text.to_owned()), None),
                }
            }
            // The answers are there, whoever is to blame.
            Some(Err(problem)) => (None, Some(problem)),
        };
        if let Some(failure) = &failure {
            tracing::warn!("the answers are listed plainly: {failure}");
        }
        let shown = &program.session.shown().text;
        let shows_more = text.is_some() || !shown.is_empty();
        let (mut text, left_out) = text.map_or_else(|| plain(jobs, LONGEST), |text| beginning(text, LONGEST));
        if let Some(failure) = &failure {
            let failure = excerpt(&one_line(failure), LONGEST_FAILURE);
            text = format!("[{AGGREGATE} failed, so this is the plain list of answers: {failure}]\n{text}");
        }
        if !shown.is_empty() {
            text = format!("{shown}\n{text}");
        }
        if let Some(left_out) = &left_out {
            tracing::warn!("the supervisor can't read all that the workers found: {left_out}");
        }
        let is_cut = left_out.is_some();
        let error = failure.into_iter().chain(left_out).reduce(|first, second| format!("{first}; {second}"));
        Ok(Aggregate { text: text.trim_end().to_owned(), error, shows_more, is_cut })
    }

    /// What `transform_outputs` makes of the jobs, or why it fails; `None` if the program has none.
    async fn transformed(
        &self,
        round: u32,
        program: &mut Program,
        jobs: &[JobRecord],
        memory: &Memory,
        transcript: &Transcript,
    ) -> Result<Option<Result<Transformed, String>>, ProtocolError> {
        // Without jobs it was what the program was looked at for.
        if let Some(made) = program.made.take() {
            return Ok(Some(Ok(made)));
        }
        if !defines(&program.code, AGGREGATE) {
            return Ok(None);
        }
        Ok(Some(match program.session.transform_outputs(jobs).await {
            Ok(made) => Ok(made),
            Err(SandboxError::Code(error)) if self.may_try_again(program) => {
                let problem = error.to_string();
                self.mend(round, program, problem, jobs, memory, transcript).await?
            }
            Err(error) => Err(error.to_string()),
        }))
    }

    fn may_try_again(&self, program: &Program) -> bool {
        program.failed.len() + 1 < self.params.max_code_attempts as usize
    }

    /// Has the supervisor mend its `transform_outputs`, and runs it. The inner error says why that failed, too.
    async fn mend(
        &self,
        round: u32,
        program: &mut Program,
        problem: String,
        jobs: &[JobRecord],
        memory: &Memory,
        transcript: &Transcript,
    ) -> Result<Result<Transformed, String>, ProtocolError> {
        program.tell(round, Some(&problem), transcript);
        tracing::warn!("{AGGREGATE} goes back to the supervisor with: {}", one_line(&problem));
        let slots = [("program", Slot::Own(&program.code)), ("problem", Slot::Other(&problem))];
        let prompt = self.assignment.prompts.fill(&prompts::MINIONS_MEND_OUTPUTS, &slots);
        // It comes up while the supervisor writes.
        let warm = self.sandbox.warm().await;
        let mut supervisor = Supervisor::new(&self.assignment, Purpose::Program, transcript);
        let ChatReply { text, finish, .. } = supervisor.say(prompt, &Format::Text).await?;
        program.failed.push(problem);
        let code = match (cut_short(finish, &text), mended(&program.code, &text)) {
            (Some(problem), _) => return Ok(Err(problem.to_owned())),
            (None, None) => return Ok(Err("the supervisor sent no Python".to_owned())),
            (None, Some(code)) => code,
        };
        let run = async {
            let (mut session, manifests) = self.run_program(warm?, &code, memory).await?;
            let asked = |jobs: &[crate::sandbox::JobManifest]| -> Vec<_> {
                jobs.iter().map(|job| (job.chunk.clone(), job.task.clone())).collect()
            };
            if asked(&manifests) != asked(&program.manifests) {
                return Ok(None);
            }
            session.transform_outputs(jobs).await.map(Some)
        };
        let ran: Result<Option<Transformed>, SandboxError> = run.await;
        let made = match ran {
            Ok(Some(made)) => Ok(made),
            Ok(None) => Err("the mended program makes other jobs than those that were done".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        program.code = code;
        program.tell(round, made.as_ref().err().map(String::as_str), transcript);
        Ok(made)
    }
}
