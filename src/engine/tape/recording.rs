//! The folder: one file an exchange, named by a hash of the request.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};

use crate::chat::secrets::Redactor;
use crate::error::Failure;
use crate::job::digest;

/// A folder of exchanges, as one job uses it.
pub(in crate::engine) struct Recording {
    dir: PathBuf,
    redactor: Redactor,
    /// The job's name in a batch: what two jobs ask alike may be answered differently.
    job: Option<String>,
    /// How often each request came.
    seen: Mutex<HashMap<String, usize>>,
}

/// A request that is made, and which time it is.
pub(super) struct Exchange {
    request: Value,
    hash: String,
    turn: usize,
}

impl Exchange {
    /// The file of the request's `turn`, from 1.
    fn file(&self, turn: usize) -> String {
        let side = self.request["side"].as_str().unwrap_or_default();
        match turn {
            1 => format!("{side}-{}.json", self.hash),
            turn => format!("{side}-{}-{turn}.json", self.hash),
        }
    }
}

impl Recording {
    pub(super) fn new(dir: &Path, redactor: Redactor) -> Self {
        Self { dir: dir.to_owned(), redactor, job: None, seen: Mutex::default() }
    }

    /// The same folder for a job.
    pub(super) fn of_job(&self, job: Option<&str>) -> Arc<Self> {
        Arc::new(Self { job: job.map(str::to_owned), ..Self::new(&self.dir, self.redactor.clone()) })
    }

    /// Makes the folder.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        let made = fs::create_dir_all(&self.dir);
        made.map_err(|error| {
            Failure::input(format!("--record {} can't be made: {error}", self.dir.display()))
        })
    }

    /// Begins an exchange: equal ones keep the order in which they begin, whichever is answered first.
    pub(super) fn begin(&self, mut request: Value) -> Exchange {
        if let Some(job) = &self.job {
            request["job"] = json!(job);
        }
        self.redactor.clean_value(&mut request);
        let hash = digest(&request);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = seen.entry(hash.clone()).or_default();
        *turn += 1;
        Exchange { request, hash, turn: *turn }
    }

    /// Writes an exchange, without credentials. What can't be written costs the recording, not the answer.
    pub(super) fn write(&self, exchange: &Exchange, mut answer: Value) {
        self.redactor.clean_value(&mut answer);
        let (name, whole) =
            (exchange.file(exchange.turn), json!({"request": exchange.request, "answer": answer}));
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
            writeln!(file, "{whole:#}")?;
            file.persist(self.dir.join(&name))?;
            Ok(())
        };
        if let Err(error) = write() {
            tracing::error!("the recording is not whole: {name} can't be written: {error}");
        }
    }

    /// The answer to a request. One that came before has the answer of its turn, or the first there is.
    pub(super) fn read(&self, exchange: &Exchange) -> Result<Value, String> {
        let (first, name) = (exchange.file(1), exchange.file(exchange.turn));
        let text = fs::read(self.dir.join(&name)).or_else(|_| fs::read(self.dir.join(&first)));
        let text = text.map_err(|_| format!("{} has no {first}", self.dir.display()))?;
        let exchange: Value = serde_json::from_slice(&text)
            .map_err(|error| format!("{name} in {} is broken: {error}", self.dir.display()))?;
        Ok(exchange["answer"].clone())
    }

    /// Whether the request was made once more.
    pub(super) fn has_next(&self, exchange: &Exchange) -> bool {
        self.dir.join(exchange.file(exchange.turn + 1)).exists()
    }
}
