//! `auto`: which protocol a job runs, settled before anything is paid.
//!
//! In: a job whose files are read. Out: the same job with a protocol, and the report that says why. Sides are asked only
//! for what a choice rests on: where sending the documents is cheapest, no worker is looked for. [`choice`] decides, on
//! what [`situation`] holds and [`measured`] knows; a recording keeps what the sides told, so that its replay chooses alike.

mod abilities;
mod choice;
mod measured;
mod situation;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use super::clients;
use super::egress::EgressLimits;
use super::servers::Servers;
use super::shared::SharedResources;
use super::side_config::{SideConfig, sides};
use super::speed;
use super::tape::Tape;
use crate::chat::{ChatError, ChatErrorKind};
use crate::documents::Document;
use crate::error::{Failure, FailureKind};
use crate::events::{EscalationReport, EventKind, Events, RoutingReport};
use crate::job::{AutoParams, Job, JobRole, Protocol, ProtocolKind, Rewrite};
use crate::runtimes::{RuntimeError, RuntimeErrorKind};
use crate::sync::beside_runtime;
use choice::{Candidate, Choice, choose};
use situation::{Found, LeastSeconds, Side, Situation, Texts};

/// How often the worker is asked whose answer is checked, if the job does not say.
const SAMPLES: u32 = 3;

/// How a job of the protocol `auto` runs.
#[derive(Clone, Debug)]
pub(super) struct Routing {
    pub report: RoutingReport,
    /// What follows if the worker's own answer does not hold.
    pub next: Option<Protocol>,
}

/// `job` with a protocol to run. `documents`: all that it is about.
///
/// # Errors
/// No protocol can do the job.
pub(super) async fn settle(
    job: Arc<Job>,
    documents: &Arc<[Document]>,
    shared: &SharedResources,
    events: &Events,
) -> Result<(Arc<Job>, Option<Routing>), Failure> {
    let Protocol::Auto(params) = &job.protocol else { return Ok((job, None)) };
    let whole = Job { context: Arc::clone(documents), ..Job::clone(&job) };
    let tape = shared.tape.of_job(job.line.as_deref());
    tape.recording().await?;
    let mut situation = known(&whole, params, shared).await?;
    let choice = match tape.recorded_sides::<[Found; 2]>().await? {
        Some([worker, supervisor]) => {
            (situation.worker.found, situation.supervisor.found) = (worker, supervisor);
            choose(&situation).map_err(|candidates| none_left(&candidates, &situation))?
        }
        None => {
            let waiting = shared.pulls.wait_with(events);
            let choice = asked(&whole, params, &mut situation, shared).await?;
            drop(waiting);
            tape.keep_sides(&[&situation.worker.found, &situation.supervisor.found]).await;
            choice
        }
    };
    let routing = routing(&choice, params, &situation);
    tracing::info!("auto: {}", routing.report.reason);
    events.emit(|| EventKind::Routing(routing.report.clone()));
    Ok((Arc::new(settled(&job, &choice, params)), Some(routing)))
}

/// The same, as far as it can be told without asking anybody.
///
/// # Errors
/// As [`settle`].
pub(super) async fn foresee(
    job: &Job,
    documents: &Arc<[Document]>,
    shared: &SharedResources,
) -> Result<(Job, Option<Routing>), Failure> {
    let Protocol::Auto(params) = &job.protocol else { return Ok((job.clone(), None)) };
    let whole = Job { context: Arc::clone(documents), ..job.clone() };
    let situation = known(&whole, params, shared).await?;
    let choice = choose(&situation).map_err(|candidates| none_left(&candidates, &situation))?;
    Ok((settled(job, &choice, params), Some(routing(&choice, params, &situation))))
}

/// The job with the protocol that was chosen.
fn settled(job: &Job, choice: &Choice, params: &AutoParams) -> Job {
    let protocol = protocol(choice.kind, params, samples_of(choice, params));
    let conversation = job.conversation.clone().map(|mut conversation| {
        // A side that is not asked makes no follow-up stand alone either.
        if conversation.rewrite.role().is_some_and(|role| !protocol.asks(role)) {
            conversation.rewrite = Rewrite::of(&protocol);
        }
        conversation
    });
    Job { protocol, conversation, ..job.clone() }
}

fn protocol(kind: ProtocolKind, params: &AutoParams, samples: u32) -> Protocol {
    match kind {
        ProtocolKind::Minion => Protocol::Minion(params.minion),
        ProtocolKind::Minions | ProtocolKind::Auto => Protocol::Minions(params.minions.clone()),
        ProtocolKind::RemoteOnly => Protocol::RemoteOnly,
        ProtocolKind::LocalOnly => Protocol::LocalOnly { samples },
    }
}

/// How often the worker is asked that answers alone: once, if nothing follows.
fn samples_of(choice: &Choice, params: &AutoParams) -> u32 {
    match params.minions.num_samples_per_task {
        _ if choice.next.is_none() => 1,
        asked if asked > 1 => asked,
        _ => SAMPLES,
    }
}

/// The protocol that gives neither side a long prompt.
fn short_prompts(params: &AutoParams) -> Protocol {
    Protocol::Minions(params.minions.clone())
}

fn with(job: &Job, protocol: Protocol) -> Job {
    Job { protocol, ..job.clone() }
}

fn routing(choice: &Choice, params: &AutoParams, situation: &Situation) -> Routing {
    let escalation = choice.next.map(|next| EscalationReport {
        to: next.name(),
        escalated: None,
        reason: None,
        samples: samples_of(choice, params),
        agreed: 0,
        citations: 0,
        verified: 0,
    });
    Routing {
        next: choice.next.map(|next| protocol(next, params, 1)),
        report: RoutingReport {
            chosen: choice.kind.name(),
            reason: choice.to_string(),
            cost_sensitivity: params.cost_sensitivity.name(),
            estimates: choice.candidates.iter().map(Candidate::report).collect(),
            method: format!(
                "rounds as measured (docs/routing.md), at most {}; the documents' tokens by {}",
                situation.max_rounds, situation.texts.method
            ),
            escalation,
        },
    }
}

/// What is known of `job` before anybody is asked.
async fn known(job: &Job, params: &AutoParams, shared: &SharedResources) -> Result<Situation, Failure> {
    // Long texts take a while to count.
    let texts = beside_runtime({
        let job = job.clone();
        move || Texts::of(&job)
    })
    .await;
    let short = with(job, short_prompts(params));
    let (worker, supervisor) = sides(&short, &shared.config.environment, shared.is_for_many())?;
    let is_replay = matches!(shared.tape, Tape::Replay(_));
    let side = |config: &SideConfig<'_>| {
        let unusable = if is_replay { None } else { clients::why_unusable(config, shared) };
        Side::of(config, unusable)
    };
    let mut worker = side(&worker);
    if job.budget.deadline.is_some() && !is_replay {
        worker.found.least = least(job, params, texts.tokens, shared).await;
    }
    let supervisor = side(&supervisor);
    Ok(Situation {
        sensitivity: params.cost_sensitivity,
        escalates: params.escalates,
        texts,
        pictures: job.images.len() as u64,
        max_rounds: job.max_rounds,
        prices: job.prices,
        budget: job.budget,
        egress: EgressLimits::of(job, &shared.config.jobs),
        worker,
        supervisor,
    })
}

/// How long the worker is likely to need at least, for documents of so many tokens.
async fn least(job: &Job, params: &AutoParams, tokens: u64, shared: &SharedResources) -> LeastSeconds {
    let of = async |kind| {
        let time = speed::local_time(&with(job, protocol(kind, params, 1)), tokens, shared).await;
        time.map(|time| time.least_seconds)
    };
    LeastSeconds {
        minion: of(ProtocolKind::Minion).await,
        minions: of(ProtocolKind::Minions).await,
        local_only: of(ProtocolKind::LocalOnly).await,
    }
}

/// Chooses, and asks the sides for what the choice rests on, until it rests on nothing unknown.
async fn asked(
    job: &Job,
    params: &AutoParams,
    situation: &mut Situation,
    shared: &SharedResources,
) -> Result<Choice, Failure> {
    loop {
        let choice = choose(situation).map_err(|candidates| none_left(&candidates, situation))?;
        let kinds = [Some(choice.kind), choice.next].into_iter().flatten();
        let needs = kinds.flat_map(|kind| rests_on(kind).into_iter().map(move |need| (kind, need)));
        let open = needs.into_iter().find(|(_, (role, holds_all))| {
            let found = &situation.side(*role).found;
            !found.is_asked || *holds_all && found.holds_all.is_none()
        });
        let Some((kind, need)) = open else { return Ok(choice) };
        let whole = with(job, protocol(kind, params, samples_of(&choice, params)));
        let found = ask(&whole, &with(job, short_prompts(params)), need, shared).await?;
        let side = situation.side(need.0);
        side.found = Found { least: side.found.least, ..found };
    }
}

/// Whom a protocol needs, and whether that side has to hold all documents at once.
fn rests_on(kind: ProtocolKind) -> Vec<(JobRole, bool)> {
    match kind {
        ProtocolKind::Minion => vec![(JobRole::Worker, true), (JobRole::Supervisor, false)],
        ProtocolKind::Minions | ProtocolKind::Auto => {
            vec![(JobRole::Worker, false), (JobRole::Supervisor, false)]
        }
        ProtocolKind::RemoteOnly => vec![(JobRole::Supervisor, true)],
        ProtocolKind::LocalOnly => vec![(JobRole::Worker, true)],
    }
}

/// Makes the side of `role` ready for the job of this protocol, and gives what it tells. `short` is the same job, which
/// gives that side no long prompts.
async fn ask(
    whole: &Job,
    short: &Job,
    (role, holds_all): (JobRole, bool),
    shared: &SharedResources,
) -> Result<Found, Failure> {
    match look(if holds_all { whole } else { short }, role, holds_all, shared).await? {
        Err(why) if holds_all && is_too_long(&why) => Ok(match look(short, role, false, shared).await? {
            Ok(found) => Found { holds_all: Some(Err(why.message)), ..found },
            Err(why) => unusable(why),
        }),
        Err(why) => Ok(unusable(why)),
        Ok(found) => Ok(found),
    }
}

fn unusable(why: Failure) -> Found {
    Found { unusable: Some(why.message), is_asked: true, ..Found::default() }
}

/// What the side of `role` tells of itself when it is made ready for `probe`, or why it can't be.
async fn look(
    probe: &Job,
    role: JobRole,
    holds_all: bool,
    shared: &SharedResources,
) -> Result<Result<Found, Failure>, Failure> {
    let (worker, supervisor) = sides(probe, &shared.config.environment, shared.is_for_many())?;
    let config = if role == JobRole::Supervisor { &supervisor } else { &worker };
    let servers = match Servers::open(config, shared, None).await {
        Ok(servers) => servers,
        Err(why) => return Ok(Err(why)),
    };
    if holds_all && let Err(why) = config.check_window(servers.window()) {
        return Ok(Err(why));
    }
    let has_window_of_ours = config.base_urls.iter().any(|url| config.key(url).has_window_of_ours());
    let sees = match probe.images.is_empty() {
        true => None,
        false => clients::sees(config).await,
    };
    Ok(Ok(Found {
        unusable: None,
        is_asked: true,
        holds_all: holds_all.then_some(Ok(())),
        // A window that is chosen for short prompts says nothing of long ones.
        window: servers.window().filter(|_| holds_all || !has_window_of_ours),
        sees,
        ..Found::default()
    }))
}

/// Whether `why` says that a prompt is too long for the model or for the memory that it would take.
fn is_too_long(why: &Failure) -> bool {
    let Some(source) = why.source.as_deref() else { return false };
    let of_runtime = source.downcast_ref::<RuntimeError>().map(|error| error.kind);
    let of_chat = source.downcast_ref::<ChatError>().map(|error| error.kind);
    matches!(of_runtime, Some(RuntimeErrorKind::ContextTooLong | RuntimeErrorKind::OutOfMemory))
        || of_chat == Some(ChatErrorKind::ContextTooLong)
}

/// The failure of a job that no protocol can do.
fn none_left(candidates: &[Candidate], situation: &Situation) -> Failure {
    let why = |candidate: &Candidate| {
        Some(format!("{}: {}", candidate.kind.name(), candidate.excluded.as_deref()?))
    };
    let why: Vec<_> = candidates.iter().filter_map(why).collect();
    let is_asked = situation.worker.found.is_asked || situation.supervisor.found.is_asked;
    let kind = if is_asked { FailureKind::Runtime } else { FailureKind::Input };
    Failure::new(kind, format!("no protocol can do this job: {}", why.join("; "))).hint(
        "mend the first that can be mended: a server that answers, a key, a longer window, a higher limit",
    )
}
