//! Which protocol a job runs. Pure.
//!
//! In: a situation. Out: the estimates of all protocols, those that can't work, and the one to run with the reason. First
//! what can't work is left out; then comes what may be doubted only where nothing else is left; then what the job says of
//! cost and quality decides.

use std::fmt;

use super::abilities::{DOCUMENTS_AT_ONCE, QUOTES_FACTS};
use super::measured::{MINION, MINIONS, Measured, ONE_CALL_REPLY, ONE_CALL_WORDS, OWN_WORDS};
use super::situation::{Side, Situation};
use crate::chat::Usage;
use crate::engine::window::{IMAGE_TOKENS, TALK_TOKENS};
use crate::events::ProtocolEstimate;
use crate::job::{CostSensitivity, ProtocolKind};

/// How many times as much as the cheapest protocol the supervisor's own reading may cost where cost and quality weigh alike.
const WORTH: f64 = 2.0;
/// The protocols among which is chosen, in the order in which they are listed.
pub(super) const CHOICES: [ProtocolKind; 4] =
    [ProtocolKind::Minion, ProtocolKind::Minions, ProtocolKind::RemoteOnly, ProtocolKind::LocalOnly];

/// What a protocol would cost, and what speaks against it.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub kind: ProtocolKind,
    pub usage: Usage,
    pub usd: Option<f64>,
    pub excluded: Option<String>,
    pub doubt: Option<String>,
}

/// The protocol to run.
#[derive(Clone, Debug)]
pub(super) struct Choice {
    pub kind: ProtocolKind,
    pub reason: Reason,
    /// What follows if the worker's own answer does not hold.
    pub next: Option<ProtocolKind>,
    pub candidates: Vec<Candidate>,
}

/// Which protocols were compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pool {
    /// Those that can work and are not doubted.
    All,
    /// The same, where the supervisor has a part.
    Supervised,
    /// Those that can work, where the supervisor has a part: all are doubted.
    Doubted,
}

/// Why a protocol was chosen.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reason {
    /// No other one can work.
    Only,
    /// It costs the least.
    Cheapest { cost: String, of: Pool },
    /// The job wants the best answer: the supervisor reads all itself.
    Quality,
    /// The same, but the supervisor can't.
    BestLeft,
    /// The job wants to spend nothing.
    Free,
    /// The supervisor's own reading costs little more than the cheapest.
    Worth { cost: String, cheapest: ProtocolKind, least: String },
    /// The worker is asked first.
    First { next: ProtocolKind },
}

impl Candidate {
    fn of(kind: ProtocolKind, situation: &Situation) -> Self {
        let usage = usage(kind, situation, situation.max_rounds);
        Self {
            kind,
            usage,
            usd: situation.prices.map(|prices| prices.cost(usage)),
            excluded: excluded(kind, situation),
            doubt: doubt(kind, situation),
        }
    }

    /// What is compared: dollars where they are known.
    fn cost(&self) -> f64 {
        self.usd.unwrap_or(self.usage.total_tokens as f64)
    }

    /// The same in words.
    fn cost_words(&self) -> String {
        match self.usd {
            Some(usd) => format!("${usd:.4}"),
            None => format!("{} remote tokens", self.usage.total_tokens),
        }
    }

    /// As the result shows it.
    pub(super) fn report(&self) -> ProtocolEstimate {
        ProtocolEstimate {
            protocol: self.kind.name(),
            remote_tokens: self.usage.total_tokens,
            usd: self.usd.map(|usd| (usd * 1e6).round() / 1e6),
            excluded: self.excluded.clone(),
            doubt: self.doubt.clone(),
        }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.kind.name();
        match &self.reason {
            Reason::Only => write!(f, "{name} is the only protocol that can do this job"),
            Reason::Cheapest { cost, of } => {
                let of = match of {
                    Pool::All => "of those that can do this job well",
                    Pool::Supervised => "of those that can do this job well and let the supervisor conclude",
                    Pool::Doubted => {
                        "of those that let the supervisor conclude, while each that can do this job may be doubted"
                    }
                };
                write!(f, "{name} is estimated to cost the least {of}: {cost}")
            }
            Reason::Quality => {
                write!(
                    f,
                    "with cost_sensitivity low quality counts alone, and in {name} the supervisor reads everything itself"
                )
            }
            Reason::BestLeft => {
                write!(
                    f,
                    "with cost_sensitivity low quality counts alone: remote_only can't do this job, and {name} is preferred among the others"
                )
            }
            Reason::Free => {
                write!(
                    f,
                    "{name} spends nothing, and with cost_sensitivity uber it is taken wherever it can work"
                )
            }
            Reason::Worth { cost, cheapest, least } => write!(
                f,
                "in {name} the supervisor reads everything itself, and with cost_sensitivity medium that may cost up to \
                 twice as much as the cheapest: {cost}, and {} {least}",
                cheapest.name()
            ),
            Reason::First { next } => write!(
                f,
                "the job asks for escalation: local_only answers first, and {} follows if its answer does not hold",
                next.name()
            ),
        }
    }
}

/// Chooses.
///
/// # Errors
/// No protocol can do the job; with the reasons.
pub(super) fn choose(situation: &Situation) -> Result<Choice, Vec<Candidate>> {
    let candidates: Vec<_> = CHOICES.iter().map(|kind| Candidate::of(*kind, situation)).collect();
    let usable: Vec<&Candidate> = candidates.iter().filter(|option| option.excluded.is_none()).collect();
    let Some((kind, mut reason)) = best(&usable, situation) else { return Err(candidates) };
    let local = usable.iter().any(|option| option.kind == ProtocolKind::LocalOnly);
    if situation.escalates && local {
        let others: Vec<_> =
            usable.iter().copied().filter(|option| option.kind != ProtocolKind::LocalOnly).collect();
        let minions =
            others.iter().find(|option| option.kind == ProtocolKind::Minions).map(|option| option.kind);
        if let Some(next) = minions.or_else(|| best(&others, situation).map(|(kind, _)| kind)) {
            let (kind, reason) = (ProtocolKind::LocalOnly, Reason::First { next });
            return Ok(Choice { kind, reason, next: Some(next), candidates });
        }
    }
    if usable.len() == 1 {
        reason = Reason::Only;
    }
    Ok(Choice { kind, reason, next: None, candidates })
}

/// The best of `usable`, if there is one.
fn best(usable: &[&Candidate], situation: &Situation) -> Option<(ProtocolKind, Reason)> {
    let find = |kind: ProtocolKind| usable.iter().copied().find(|option| option.kind == kind);
    let trusted: Vec<&Candidate> = usable.iter().copied().filter(|option| option.doubt.is_none()).collect();
    let supervised = || trusted.iter().copied().filter(|option| option.kind != ProtocolKind::LocalOnly);
    match situation.sensitivity {
        CostSensitivity::Uber => match find(ProtocolKind::LocalOnly) {
            Some(local) => Some((local.kind, Reason::Free)),
            None => cheapest(trusted.iter().copied(), Pool::All, usable),
        },
        CostSensitivity::High => cheapest(trusted.iter().copied(), Pool::All, usable),
        CostSensitivity::Medium => {
            let (kind, reason) = cheapest(supervised(), Pool::Supervised, usable)?;
            let least = find(kind)?;
            let remote = supervised().find(|option| option.kind == ProtocolKind::RemoteOnly);
            match remote.filter(|remote| remote.kind != kind && remote.cost() <= WORTH * least.cost()) {
                Some(remote) => {
                    let (cost, least) = (remote.cost_words(), least.cost_words());
                    Some((remote.kind, Reason::Worth { cost, cheapest: kind, least }))
                }
                None => Some((kind, reason)),
            }
        }
        CostSensitivity::Low => {
            if let Some(remote) = find(ProtocolKind::RemoteOnly) {
                return Some((remote.kind, Reason::Quality));
            }
            let order = [ProtocolKind::Minions, ProtocolKind::Minion, ProtocolKind::LocalOnly];
            let of = |options: &[&Candidate]| {
                order.into_iter().find(|kind| options.iter().any(|option| option.kind == *kind))
            };
            Some((of(&trusted).or_else(|| of(usable))?, Reason::BestLeft))
        }
    }
}

/// The cheapest of `trusted`, which are `of` a pool, else of those that are `usable`.
fn cheapest<'a>(
    trusted: impl Iterator<Item = &'a Candidate>,
    of: Pool,
    usable: &[&'a Candidate],
) -> Option<(ProtocolKind, Reason)> {
    let least = |a: &&Candidate, b: &&Candidate| a.cost().total_cmp(&b.cost());
    let (candidate, of) = match trusted.min_by(least) {
        Some(candidate) => (candidate, of),
        None => {
            let supervised =
                usable.iter().copied().filter(|candidate| candidate.kind != ProtocolKind::LocalOnly);
            (supervised.min_by(least).or_else(|| usable.first().copied())?, Pool::Doubted)
        }
    };
    Some((candidate.kind, Reason::Cheapest { cost: candidate.cost_words(), of }))
}

/// What the supervisor's calls would cost in the mean, if there are so many rounds at most.
fn usage(kind: ProtocolKind, situation: &Situation, most: u32) -> Usage {
    let texts = &situation.texts;
    let of_rounds = |measured: &Measured| {
        let (rounds, tokens) = measured.mean(most);
        let calls = f64::from(measured.calls.0) + rounds * f64::from(measured.calls.1);
        let longer = texts.own_tokens.saturating_sub(OWN_WORDS) as f64 * calls;
        let reply = tokens * measured.reply_share;
        Usage::of_call((tokens - reply + longer).round() as u64, reply.round() as u64, 0)
    };
    match kind {
        ProtocolKind::Minion => of_rounds(&MINION),
        ProtocolKind::LocalOnly => Usage::default(),
        ProtocolKind::RemoteOnly => Usage::of_call(one_call(situation), ONE_CALL_REPLY, 0),
        ProtocolKind::Minions | ProtocolKind::Auto => of_rounds(&MINIONS),
    }
}

/// Tokens of a prompt that holds everything.
fn one_call(situation: &Situation) -> u64 {
    let texts = &situation.texts;
    texts.tokens + texts.own_tokens + ONE_CALL_WORDS + situation.pictures * u64::from(IMAGE_TOKENS)
}

/// Why a protocol can't work.
fn excluded(kind: ProtocolKind, situation: &Situation) -> Option<String> {
    let Situation { worker, supervisor, .. } = situation;
    let asks_worker = kind != ProtocolKind::RemoteOnly;
    let asks_supervisor = kind != ProtocolKind::LocalOnly;
    let unusable = |side: &Side, name: &str| {
        side.found.unusable.as_ref().map(|why| format!("the {name} can't be used: {why}"))
    };
    asks_worker
        .then(|| unusable(worker, "worker"))
        .flatten()
        .or_else(|| asks_supervisor.then(|| unusable(supervisor, "supervisor")).flatten())
        .or_else(|| no_pictures(kind, situation))
        .or_else(|| match kind {
            ProtocolKind::Minion => too_long(worker, "worker", situation, situation.max_rounds),
            ProtocolKind::LocalOnly => too_long(worker, "worker", situation, 1),
            ProtocolKind::RemoteOnly => too_long(supervisor, "supervisor", situation, 1),
            ProtocolKind::Minions | ProtocolKind::Auto => None,
        })
        .or_else(|| may_not_leave(kind, situation))
        .or_else(|| too_dear(kind, situation))
}

fn no_pictures(kind: ProtocolKind, situation: &Situation) -> Option<String> {
    let (side, name) = match kind {
        _ if situation.pictures == 0 => return None,
        ProtocolKind::Minions | ProtocolKind::Auto => {
            return Some("it shows no pictures to anybody, and the job has some".to_owned());
        }
        ProtocolKind::RemoteOnly => (&situation.supervisor, "supervisor"),
        ProtocolKind::Minion | ProtocolKind::LocalOnly => (&situation.worker, "worker"),
    };
    let sees = !side.reads_text_alone && side.found.sees != Some(false);
    (!sees).then(|| format!("the {name} sees no pictures, and the job has some"))
}

/// Why a side can't read everything at once and reply so often.
fn too_long(side: &Side, name: &str, situation: &Situation, replies: u32) -> Option<String> {
    if let Some(Err(why)) = &side.found.holds_all {
        return Some(why.clone());
    }
    let needed = one_call(situation) + u64::from(TALK_TOKENS) * u64::from(replies);
    let window = side.window().filter(|window| needed > *window)?;
    let assumed = if side.found.window.is_none() { ", as far as is known," } else { "" };
    Some(format!(
        "with its replies it needs about {needed} tokens, and the window of the {name}{assumed} has {window}"
    ))
}

fn may_not_leave(kind: ProtocolKind, situation: &Situation) -> Option<String> {
    let whole = match kind {
        ProtocolKind::RemoteOnly => situation.supervisor.is_remote,
        ProtocolKind::Minion | ProtocolKind::LocalOnly => situation.worker.is_remote,
        ProtocolKind::Minions | ProtocolKind::Auto => false,
    };
    let quotes =
        kind != ProtocolKind::LocalOnly && situation.supervisor.is_remote && situation.texts.chars > 0;
    let limits = situation.egress;
    let of_all = || limits.forbids_all(situation.texts.chars, situation.texts.bytes);
    let of_all = whole.then(of_all).flatten();
    of_all.or_else(|| limits.forbids_quotes().filter(|_| quotes))
}

/// Why the budget does not cover the least that a protocol costs: one round.
fn too_dear(kind: ProtocolKind, situation: &Situation) -> Option<String> {
    let least = usage(kind, situation, 1);
    let tokens = situation.budget.remote_tokens.filter(|limit| least.total_tokens > *limit);
    if let Some(limit) = tokens {
        let tokens = least.total_tokens;
        return Some(format!(
            "one round of it takes about {tokens} remote tokens, and budget.remote_tokens is {limit}"
        ));
    }
    let usd = situation.prices?.cost(least);
    let limit = situation.budget.usd.filter(|limit| usd > *limit)?;
    Some(format!("one round of it takes about ${usd:.4}, and budget.usd is {limit}"))
}

/// Why a protocol is taken only where nothing else can work.
fn doubt(kind: ProtocolKind, situation: &Situation) -> Option<String> {
    unfit(kind, situation).or_else(|| situation.too_slow(kind))
}

/// Why the worker, or a limit, is likely to be no match for a protocol.
fn unfit(kind: ProtocolKind, situation: &Situation) -> Option<String> {
    let Situation { texts, worker, .. } = situation;
    let abilities = worker.abilities;
    let too_much = || {
        (texts.tokens > abilities.reads()).then(|| {
            let (tokens, limit) = (texts.tokens, abilities.reads());
            format!("the documents have {tokens} tokens, and a worker {} is not trusted with more than {limit} at once", abilities.words())
        })
    };
    match kind {
        ProtocolKind::Minion => too_much()
            .or_else(|| {
                let many = texts.documents;
                (many > DOCUMENTS_AT_ONCE).then(|| {
                    format!("a chat is for up to {DOCUMENTS_AT_ONCE} documents at once, and there are {many}")
                })
            })
            .or_else(|| likely_refused(&MINION, situation)),
        ProtocolKind::Minions | ProtocolKind::Auto => {
            let tiny = abilities.billions.is_some_and(|billions| billions < QUOTES_FACTS);
            let too_small = || format!("a worker {} is not trusted to find facts", abilities.words());
            tiny.then(too_small).or_else(|| likely_refused(&MINIONS, situation))
        }
        ProtocolKind::LocalOnly => match abilities.answers_alone() {
            None => Some(format!("a worker {} is not trusted to answer alone", abilities.words())),
            Some(limit) if texts.tokens > limit => Some(format!(
                "the documents have {} tokens, and a worker {} is not trusted to answer alone about more than {limit}",
                texts.tokens,
                abilities.words()
            )),
            Some(_) => None,
        },
        ProtocolKind::RemoteOnly => None,
    }
}

/// Whether a limit of what may leave is lower than what such jobs have sent.
fn likely_refused(measured: &Measured, situation: &Situation) -> Option<String> {
    let usual = measured.egress_chars.min(situation.texts.chars);
    let limits = [(situation.egress.chars, "characters"), (situation.egress.bytes, "bytes")];
    let is_remote = situation.supervisor.is_remote;
    limits.into_iter().find_map(|(limit, unit)| {
        let limit = limit.filter(|limit| is_remote && *limit < usual)?;
        Some(format!(
            "such jobs send about {usual} characters of the documents, and the egress limit is {limit} {unit}"
        ))
    })
}
