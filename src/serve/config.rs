//! `serve.toml`: what the operator of the service allows.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::error::Failure;
use crate::files;
use crate::job::{ModelId, ProtocolKind};

/// The most bytes of the file.
const LONGEST: usize = 1 << 20;

/// What the operator allows; every key has a default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServeFile {
    /// Names besides `localhost` and addresses by which the service may be called.
    pub hosts: Vec<String>,
    /// Pages of other origins that may send requests, such as `https://minions.example`.
    pub origins: Vec<String>,
    /// Where conversation logs go, each owner's in a folder of its own.
    pub log_dir: Option<PathBuf>,
    /// Models that jobs may name, by the pair's name; the first pair is the usual one.
    #[serde(deserialize_with = "in_order")]
    pub pairs: Vec<(String, PairTable)>,
    /// Limits of tokens, by the token's name; `default` holds for all that are not named.
    pub tokens: BTreeMap<String, TokenLimits>,
    /// How much at once, how large, how long.
    pub limits: Limits,
}

/// A pair of models.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PairTable {
    /// The worker, `provider/model`.
    pub local: String,
    /// The supervisor.
    pub remote: String,
}

/// What the owner of one token may do; without a key there is no limit.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TokenLimits {
    /// Runs under way at the same time.
    pub runs_at_once: Option<usize>,
    /// Runs begun in a day (UTC).
    pub runs_per_day: Option<u64>,
    /// Dollars in a day (UTC).
    pub usd_per_day: Option<f64>,
    /// Dollars of one run; a tenth of those of a day unless said.
    pub usd_per_run: Option<f64>,
    /// Characters of documents that may leave with one run.
    pub egress_chars: Option<u64>,
}

/// How much at once, how large, how long.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Limits {
    /// Runs under way at the same time.
    pub runs_at_once: usize,
    /// Runs that wait, those of batches apart.
    pub queue: usize,
    /// Bytes of a JSON body.
    pub body_bytes: usize,
    /// Bytes of one upload.
    pub upload_bytes: u64,
    /// Bytes of all uploads of one owner, with the texts that are read of them.
    pub owner_bytes: u64,
    /// Files of one owner.
    pub owner_files: usize,
    /// Connections at the same time.
    pub connections: usize,
    /// Ended runs that are kept.
    pub kept_runs: usize,
    /// Bytes that kept runs may take.
    pub kept_bytes: usize,
    /// Seconds that ended runs and unused uploads are kept.
    pub keep_s: u64,
    /// Seconds of one run at most.
    pub run_s: u64,
    /// Seconds that running jobs get to end after SIGTERM.
    pub grace_s: u64,
    /// Seconds for the head of a request.
    pub head_s: u64,
    /// Seconds without a byte from or to a client.
    pub stall_s: u64,
}

/// Tables by their names, in the order of the file.
fn in_order<'de, D: Deserializer<'de>>(file: D) -> Result<Vec<(String, PairTable)>, D::Error> {
    struct InOrder;
    impl<'de> Visitor<'de> for InOrder {
        type Value = Vec<(String, PairTable)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("tables of pairs")
        }

        fn visit_map<M: MapAccess<'de>>(self, mut tables: M) -> Result<Self::Value, M::Error> {
            std::iter::from_fn(|| tables.next_entry().transpose()).collect()
        }
    }
    file.deserialize_map(InOrder)
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            runs_at_once: 20,
            queue: 100,
            body_bytes: 64 << 20,
            upload_bytes: 512 << 20,
            owner_bytes: 2 << 30,
            owner_files: 10_000,
            connections: 2048,
            kept_runs: 200,
            kept_bytes: 512 << 20,
            keep_s: 24 * 3600,
            run_s: 3600,
            grace_s: 6,
            head_s: 10,
            stall_s: 30,
        }
    }
}

impl Limits {
    /// How long running jobs get after SIGTERM.
    pub(crate) fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_s)
    }

    /// How long a client may send and take nothing.
    pub(crate) fn stall(&self) -> Duration {
        Duration::from_secs(self.stall_s.max(1))
    }
}

impl ServeFile {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`FailureKind::Input`](crate::error::FailureKind::Input), with the line and the remedy.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let place = path.display();
        let text = files::read(path, LONGEST)
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned()))
            .map_err(|problem| {
                Failure::input(format!("{place} {problem}")).hint("--config names a file of TOML")
            })?;
        let file: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |at| 1 + text[..at.start].matches('\n').count());
            let words = error.message().trim_end().replace('\n', ", ");
            Failure::input(format!("{place}:{line}: {words}")).hint("docs/serve.md lists every key")
        })?;
        file.check(path)?;
        Ok(file)
    }

    fn check(&self, path: &Path) -> Result<(), Failure> {
        let bad = |key: &str, problem: &str| {
            Failure::input(format!("{}: `{key}` {problem}", path.display()))
                .hint("docs/serve.md lists every key")
        };
        for (name, pair) in &self.pairs {
            if ProtocolKind::ALL.iter().any(|kind| kind.name() == name.replace('-', "_")) {
                return Err(bad(&format!("pairs.{name}"), "has the name of a protocol: take another"));
            }
            for (side, model) in [("local", &pair.local), ("remote", &pair.remote)] {
                ModelId::parse(&format!("pairs.{name}.{side}"), model).map_err(|error| {
                    let failure = Failure::from(error);
                    Failure { message: format!("{}: {}", path.display(), failure.message), ..failure }
                })?;
            }
        }
        for (name, limits) in &self.tokens {
            let dollars = [("usd_per_day", limits.usd_per_day), ("usd_per_run", limits.usd_per_run)];
            for (key, value) in dollars {
                if value.is_some_and(|value| !value.is_finite() || value < 0.0) {
                    return Err(bad(&format!("tokens.{name}.{key}"), "must be a number from 0 on"));
                }
            }
            if limits.runs_at_once == Some(0) {
                return Err(bad(&format!("tokens.{name}.runs_at_once"), "must be at least 1"));
            }
        }
        for origin in &self.origins {
            let rest = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            if rest.is_none_or(|rest| rest.is_empty() || rest.contains(['/', '*'])) {
                return Err(bad("origins", "must hold origins such as \"https://minions.example\""));
            }
        }
        if self.hosts.iter().any(|host| host.is_empty() || host.contains(['/', ':', '*'])) {
            return Err(bad("hosts", "must hold bare names such as \"minions.example\""));
        }
        let Limits { runs_at_once, connections, body_bytes, .. } = self.limits;
        if runs_at_once == 0 || connections == 0 || body_bytes == 0 {
            return Err(bad("limits", "must leave room for one run, one connection and one body"));
        }
        Ok(())
    }
}
