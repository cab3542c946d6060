//! Thirty jobs of different shape: what is chosen is what the table of costs says, never what can't work, and the reason
//! is true, which is found out here from the table anew.

use std::time::Duration;

use super::abilities::Abilities;
use super::choice::{CHOICES, Candidate, Choice, Pool, Reason, choose};
use super::measured::{MINION, MINIONS, ONE_CALL_REPLY, ONE_CALL_WORDS};
use super::situation::{Found, LeastSeconds, Side, Situation, Texts};
use crate::engine::egress::EgressLimits;
use crate::job::CostSensitivity::{self, High, Low, Medium, Uber};
use crate::job::ProtocolKind::{self, LocalOnly, Minion, Minions, RemoteOnly};
use crate::job::{Budget, Prices};

/// A job about one document of so many tokens, with a worker of 3 billion parameters that holds 128k and a vendor's
/// supervisor.
fn of(tokens: u64) -> Situation {
    let side = |billions: Option<f64>, is_remote: bool, window: Option<u32>| Side {
        abilities: Abilities { billions, is_hosted: is_remote },
        is_remote,
        reads_text_alone: false,
        found: Found { is_asked: true, window, holds_all: Some(Ok(())), ..Found::default() },
    };
    Situation {
        sensitivity: High,
        escalates: false,
        texts: Texts {
            documents: 1,
            tokens,
            chars: 4 * tokens,
            bytes: 4 * tokens + tokens / 20,
            own_tokens: 50,
            method: "m".to_owned(),
        },
        pictures: 0,
        max_rounds: 3,
        prices: None,
        budget: Budget::default(),
        egress: EgressLimits::default(),
        worker: side(Some(3.0), false, Some(131_072)),
        supervisor: side(None, true, None),
    }
}

fn with(tokens: u64, change: impl FnOnce(&mut Situation)) -> Situation {
    let mut situation = of(tokens);
    change(&mut situation);
    situation
}

fn level(tokens: u64, level: CostSensitivity) -> Situation {
    with(tokens, |job| job.sensitivity = level)
}

/// Jobs by what is special of them, and the protocol that they should run.
fn jobs() -> Vec<(&'static str, Situation, ProtocolKind)> {
    let strong = |job: &mut Situation| job.worker.abilities.billions = Some(32.0);
    // Two rounds at most: a chat is cheapest.
    let chat = |tokens: u64| with(tokens, |job| job.max_rounds = 2);
    let down = |side: &mut Side| side.found.unusable = Some("connection refused".to_owned());
    let prices = Prices { input: 2.5, cached_input: 2.5, output: 10.0 };
    vec![
        ("no document", with(0, |job| job.texts.documents = 0), RemoteOnly),
        ("a letter", of(500), RemoteOnly),
        ("ten pages: jobs cost less than sending them, and than three rounds of a chat", of(6000), Minions),
        ("two rounds of a chat cost less still", chat(6000), Minion),
        ("at the limit of what a small worker reads at once", chat(8000), Minion),
        ("above it", chat(8001), Minions),
        ("a report", of(20_000), Minions),
        ("more than any window", of(300_000), Minions),
        ("many short files", with(6000, |job| (job.texts.documents, job.max_rounds) = (20, 2)), Minions),
        ("four files", with(6000, |job| (job.texts.documents, job.max_rounds) = (4, 2)), Minion),
        ("one round alone, where a chat takes fewer tokens", with(3000, |job| job.max_rounds = 1), Minion),
        (
            "a larger worker reads more at once",
            with(14_000, |job| (job.worker.abilities.billions, job.max_rounds) = (Some(8.0), 2)),
            Minion,
        ),
        (
            "a tiny worker finds nothing",
            with(6000, |job| job.worker.abilities.billions = Some(0.135)),
            RemoteOnly,
        ),
        (
            "a slow worker is late for a chat, and the supervisor is not",
            with(6000, |job| {
                job.budget.deadline = Some(Duration::from_secs(60));
                job.worker.found.least =
                    LeastSeconds { minion: Some(90.0), minions: Some(90.0), local_only: Some(90.0) };
            }),
            RemoteOnly,
        ),
        (
            "one that is in time is not",
            with(6000, |job| {
                job.budget.deadline = Some(Duration::from_secs(60));
                job.worker.found.least = LeastSeconds { minion: Some(59.0), ..LeastSeconds::default() };
                job.max_rounds = 2;
            }),
            Minion,
        ),
        ("a strong worker answers alone", with(20_000, strong), LocalOnly),
        ("but not about too much", with(40_000, strong), Minions),
        ("quality alone counts", level(20_000, Low), RemoteOnly),
        ("quality alone, but the documents are too long for it", level(300_000, Low), Minions),
        ("quality at a price: less than twice the cheapest", level(5000, Medium), RemoteOnly),
        ("quality at a price: too dear", level(12_000, Medium), Minions),
        ("nothing is spent", level(20_000, Uber), LocalOnly),
        (
            "nothing is spent, but the worker can't hold it",
            with(200_000, |job| job.sensitivity = Uber),
            Minions,
        ),
        ("no worker", with(20_000, |job| down(&mut job.worker)), RemoteOnly),
        ("no supervisor", with(20_000, |job| down(&mut job.supervisor)), LocalOnly),
        ("a short window of the worker", with(6000, |job| job.worker.found.window = Some(4096)), Minions),
        ("nothing may leave", with(2000, |job| job.egress.chars = Some(0)), LocalOnly),
        ("little may leave: not the documents", with(2000, |job| job.egress.chars = Some(3000)), Minion),
        ("the same by bytes", with(2000, |job| job.egress.bytes = Some(3000)), Minion),
        ("pictures, which minions does not show", with(20_000, |job| job.pictures = 2), RemoteOnly),
        (
            "pictures that the worker does not see",
            with(500, |job| (job.pictures, job.worker.reads_text_alone) = (1, true)),
            RemoteOnly,
        ),
        (
            "a budget below a round of minions",
            with(20_000, |job| job.budget.remote_tokens = Some(1500)),
            Minion,
        ),
        ("prices, by which replies weigh more", with(2900, |job| job.prices = Some(prices)), RemoteOnly),
        (
            "dollars below any of it",
            with(20_000, |job| {
                job.prices = Some(prices);
                job.budget.usd = Some(0.001);
            }),
            LocalOnly,
        ),
        ("the worker first", with(20_000, |job| job.escalates = true), LocalOnly),
        ("the worker first, but it can't hold it", with(200_000, |job| job.escalates = true), Minions),
    ]
}

/// Remote tokens by the table, found anew: the mean over the measured jobs, cut at the most rounds.
fn by_the_table(kind: ProtocolKind, job: &Situation) -> f64 {
    let table = match kind {
        Minion => &MINION,
        Minions => &MINIONS,
        RemoteOnly => {
            let pictures = 1600 * job.pictures;
            return (job.texts.tokens + job.texts.own_tokens + pictures + ONE_CALL_WORDS + ONE_CALL_REPLY)
                as f64;
        }
        _ => return 0.0,
    };
    let all: u32 = table.rounds.iter().map(|of| of.jobs).sum();
    let sum: f64 =
        table.rounds.iter().map(|of| f64::from(of.jobs) * table.at(of.rounds.min(job.max_rounds))).sum();
    sum / f64::from(all)
}

/// Whether nothing speaks against a protocol for certain, found anew.
fn can_work(kind: ProtocolKind, job: &Situation) -> bool {
    let window = |side: &Side| side.found.window.map_or(100_000, u64::from);
    let prompt = job.texts.tokens + 1600 * job.pictures;
    let (worker, supervisor) = (&job.worker, &job.supervisor);
    let asked = match kind {
        RemoteOnly => supervisor.found.unusable.is_none(),
        LocalOnly => worker.found.unusable.is_none(),
        _ => supervisor.found.unusable.is_none() && worker.found.unusable.is_none(),
    };
    let fits = match kind {
        RemoteOnly => prompt < window(supervisor),
        Minion | LocalOnly => prompt < window(worker),
        _ => true,
    };
    let leaves = match kind {
        RemoteOnly => {
            job.egress.chars.is_none_or(|limit| limit >= job.texts.chars)
                && job.egress.bytes.is_none_or(|limit| limit >= job.texts.bytes)
        }
        LocalOnly => true,
        _ => job.egress.chars != Some(0) && job.egress.bytes != Some(0),
    };
    let seen = job.pictures == 0
        || match kind {
            Minions => false,
            RemoteOnly => true,
            _ => !worker.reads_text_alone,
        };
    asked && fits && leaves && seen
}

fn found(choice: &Choice, kind: ProtocolKind) -> &Candidate {
    choice.candidates.iter().find(|candidate| candidate.kind == kind).unwrap()
}

#[test]
fn thirty_jobs_run_what_the_table_says() {
    let jobs = jobs();
    assert!(jobs.len() >= 30);
    for (name, job, expected) in &jobs {
        let choice = choose(job).unwrap_or_else(|_| panic!("{name}: nothing is left"));
        assert_eq!(choice.kind, *expected, "{name}: {choice}\n{:#?}", choice.candidates);
        assert!(can_work(choice.kind, job), "{name}: {choice}");
        for kind in CHOICES {
            let candidate = found(&choice, kind);
            if job.prices.is_none() {
                let tokens = candidate.usage.total_tokens as f64;
                assert!((tokens - by_the_table(kind, job)).abs() <= 1.0, "{name}, {kind:?}: {tokens}");
            }
            assert!(can_work(kind, job) || candidate.excluded.is_some(), "{name}, {kind:?}");
        }
    }
}

#[test]
fn the_reason_is_true() {
    for (name, job, _) in jobs() {
        let choice = choose(&job).unwrap();
        let cost = |kind: ProtocolKind| {
            let usage = found(&choice, kind).usage;
            job.prices.map_or(usage.total_tokens as f64, |prices| prices.cost(usage))
        };
        let usable = |kind: &ProtocolKind| found(&choice, *kind).excluded.is_none();
        let trusted = |kind: &ProtocolKind| usable(kind) && found(&choice, *kind).doubt.is_none();
        let said = choice.to_string();
        assert!(said.contains(choice.kind.name()), "{name}: {said}");
        assert!(!said.contains('\n') && !said.ends_with('.'), "{name}: {said}");
        match &choice.reason {
            Reason::Only => assert!(CHOICES.iter().filter(|kind| usable(kind)).eq([&choice.kind]), "{name}"),
            Reason::Cheapest { cost: told, of } => {
                let of_pool = |kind: &ProtocolKind| match of {
                    Pool::All => trusted(kind),
                    Pool::Supervised => trusted(kind) && *kind != LocalOnly,
                    Pool::Doubted => usable(kind) && *kind != LocalOnly,
                };
                assert_eq!(*of == Pool::Doubted, !CHOICES.iter().any(trusted), "{name}");
                let pool: Vec<_> = CHOICES.into_iter().filter(of_pool).collect();
                assert!(pool.contains(&choice.kind), "{name}: {said}");
                assert!(pool.iter().all(|kind| cost(choice.kind) <= cost(*kind)), "{name}: {said}");
                let number = match job.prices {
                    Some(_) => format!("${:.4}", cost(choice.kind)),
                    None => format!("{:.0} remote tokens", cost(choice.kind)),
                };
                assert!(told == &number && said.ends_with(told.as_str()), "{name}: {said}");
            }
            Reason::Quality => assert_eq!((job.sensitivity, choice.kind), (Low, RemoteOnly), "{name}"),
            Reason::BestLeft => assert!(job.sensitivity == Low && !usable(&RemoteOnly), "{name}"),
            Reason::Free => assert_eq!((job.sensitivity, choice.kind), (Uber, LocalOnly), "{name}"),
            Reason::Worth { cheapest, .. } => {
                assert!(job.sensitivity == Medium && choice.kind == RemoteOnly, "{name}");
                assert!(
                    cost(RemoteOnly) <= 2.0 * cost(*cheapest) && cost(*cheapest) <= cost(RemoteOnly),
                    "{name}: {said}"
                );
            }
            Reason::First { next } => {
                assert!(
                    job.escalates && choice.next == Some(*next) && usable(next) && usable(&LocalOnly),
                    "{name}"
                );
            }
        }
    }
}

#[test]
fn what_speaks_against_a_protocol_is_said_in_words() {
    let against = |job: Situation, kind: ProtocolKind| {
        let choice = choose(&job).map(|choice| choice.candidates).unwrap_or_else(|candidates| candidates);
        let candidate = choice.into_iter().find(|candidate| candidate.kind == kind).unwrap();
        candidate.excluded.or(candidate.doubt).unwrap_or_default()
    };
    for (job, kind, words) in [
        (
            of(300_000),
            RemoteOnly,
            "needs about 301736 tokens, and the window of the supervisor, as far as is known, has 100000",
        ),
        (
            of(20_000),
            Minion,
            "20000 tokens, and a worker of 3 billion parameters is not trusted with more than 8000 at once",
        ),
        (
            with(6000, |job| job.texts.documents = 9),
            Minion,
            "a chat is for up to 4 documents at once, and there are 9",
        ),
        (
            with(20_000, |job| job.egress.chars = Some(500)),
            RemoteOnly,
            "all 80000 characters of the documents, and the egress limit is 500",
        ),
        (with(20_000, |job| job.egress.chars = Some(500)), Minions, "such jobs send about 3569 characters"),
        (
            with(20_000, |job| job.budget.remote_tokens = Some(1500)),
            Minions,
            "about 2446 remote tokens, and budget.remote_tokens is 1500",
        ),
        (of(20_000), LocalOnly, "a worker of 3 billion parameters is not trusted to answer alone"),
        (with(9, |job| job.pictures = 1), Minions, "it shows no pictures"),
        (
            with(9, |job| job.worker.found.unusable = Some("no server".into())),
            Minion,
            "the worker can't be used: no server",
        ),
        (with(9, |job| job.worker.found.holds_all = Some(Err("too long".into()))), LocalOnly, "too long"),
    ] {
        let said = against(job, kind);
        assert!(said.contains(words), "{words}: {said}");
    }
}

#[test]
fn a_job_that_nothing_can_do_is_told_why() {
    let job = with(20_000, |job| {
        job.worker.found.unusable = Some("no server".to_owned());
        job.supervisor.found.unusable = Some("no key".to_owned());
    });
    let failure = super::none_left(&choose(&job).unwrap_err(), &job);
    for words in
        ["minion: the worker can't be used: no server", "remote_only: the supervisor can't be used: no key"]
    {
        assert!(failure.message.contains(words), "{}", failure.message);
    }
}
