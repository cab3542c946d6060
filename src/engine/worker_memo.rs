//! Whether a job's worker has a memo of its answers, and where.

use std::path::PathBuf;
use std::sync::Arc;

use super::session_turn::sessions;
use super::shared::SharedResources;
use super::side_config::{SideConfig, sides};
use super::tape::Tape;
use crate::chat::Generation;
use crate::error::Failure;
use crate::job::{Job, Protocol};
use crate::memo::Memo;
use crate::protocols::Transcript;

/// Said where the protocol keeps no answers.
pub(super) const NOT_OF_MINION: &str = "the memo has no effect: it keeps the answers to worker jobs, which the protocol minions has and minion has not";

/// The memo of `job`, if it has one. One that was asked for and has no effect is told of.
///
/// # Errors
/// There is no place for the job's session.
pub(super) fn open(
    job: &Job,
    shared: &SharedResources,
    transcript: &Transcript,
) -> Result<Option<Arc<Memo>>, Failure> {
    let Protocol::Minions(params) = &job.protocol else { return Ok(None) };
    let asked = params.memo.clone().or_else(|| shared.config.jobs.memo.clone());
    let is_asked_for = asked.is_some();
    let dir: PathBuf = match (asked, job.session()) {
        (Some(dir), _) => dir,
        (None, Some(session)) => sessions(session, &shared.config.environment)?.memo(&session.name),
        (None, None) => {
            if params.renew_memo {
                transcript.warn(
                    "protocol.kwargs.renew_memo has no effect without a memo: `memo`, --memo or a session"
                        .to_owned(),
                );
            }
            return Ok(None);
        }
    };
    let (worker, _) = sides(job, &shared.config.environment, shared.is_for_many())?;
    let why_not = match &shared.tape {
        Tape::Off => why_not_the_same(&worker),
        Tape::Record(_) => Some("this run is recorded, and a recording has every answer".to_owned()),
        Tape::Replay(_) => Some("this run is a replay".to_owned()),
    };
    if let Some(why_not) = why_not {
        if is_asked_for {
            transcript.warn(format!("the memo has no effect: {why_not}"));
        }
        return Ok(None);
    }
    let memo = Memo::new(dir, settings(&worker), shared.config.redactor.clone());
    Ok(Some(Arc::new(if params.renew_memo { memo.renewed() } else { memo })))
}

/// Why the same question may get another answer the next time.
fn why_not_the_same(worker: &SideConfig<'_>) -> Option<String> {
    let Generation { temperature, seed, .. } = worker.generation;
    let provider = worker.spec.provider;
    let unsent: Vec<_> =
        worker.base_urls.iter().flat_map(|base_url| provider.unsent(base_url, &worker.model)).collect();
    let is_cold = temperature.is_some_and(|temperature| temperature <= provider.min_temperature);
    if is_cold && !unsent.contains(&"temperature") || seed.is_some() && !unsent.contains(&"seed") {
        return None;
    }
    let warmth = temperature.map_or(String::new(), |temperature| format!(" (temperature {temperature})"));
    let remedy = "set local_client.kwargs.temperature to 0, or a seed";
    Some(format!("the worker's answers are drawn by chance{warmth}; {remedy}"))
}

/// All that makes an answer besides the request: which model it is, as far as that is known, and how it replies.
fn settings(worker: &SideConfig<'_>) -> String {
    let Generation { temperature, max_tokens, seed, thinking, .. } = worker.generation;
    let file = worker.spec.model_path.as_deref().map(|path| {
        let found = std::fs::metadata(path);
        (path, found.as_ref().map(std::fs::Metadata::len).ok(), found.and_then(|found| found.modified()).ok())
    });
    format!(
        "{} {} {:?} {file:?} {temperature:?} {max_tokens:?} {seed:?} {thinking:?} {:?}",
        worker.spec.provider.name, worker.model, worker.base_urls, worker.vendor
    )
}
