//! The folder of a recording: one file for each exchange, named by a hash of its request.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use serde_json::{Value, json};

use crate::chat::secrets::Redactor;
use crate::error::Failure;
use crate::job::digest;
use crate::sync::{beside_runtime, lock};
use crate::words;

/// A folder of exchanges, as one job uses it.
pub(in crate::engine) struct Recording {
    dir: PathBuf,
    redactor: Redactor,
    /// The job's name in a batch: two jobs that ask the same may get different answers.
    job: Option<String>,
    /// How often each request was made, by its hash.
    seen: Mutex<HashMap<String, usize>>,
    /// Set once it was told that an exchange is missing.
    is_broken: OnceLock<()>,
}

/// A request, and how many times the job has made it by now.
pub(super) struct Exchange {
    request: Value,
    hash: String,
    turn: usize,
}

impl Exchange {
    /// The name of the file for the request's `turn`, from 1.
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
        Self { dir: dir.to_owned(), redactor, job: None, seen: Mutex::default(), is_broken: OnceLock::new() }
    }

    /// The recording of one job in the same folder.
    pub(super) fn of_job(&self, job: Option<&str>) -> Arc<Self> {
        Arc::new(Self { job: job.map(str::to_owned), ..Self::new(&self.dir, self.redactor.clone()) })
    }

    /// Makes the folder.
    ///
    /// # Errors
    /// [`FailureKind::Input`](crate::error::FailureKind::Input) if the folder cannot be made.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        // What it holds are documents and answers: nobody else's business.
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.dir);
        made.map_err(|error| {
            let words = words::of_io(&error);
            Failure::input(format!("the folder {} of --record can't be made: {words}", self.dir.display()))
                .hint("name a folder, new or not, that this user may write to")
        })
    }

    /// Checks that there is a folder to replay.
    ///
    /// # Errors
    /// [`FailureKind::Input`](crate::error::FailureKind::Input) if there is none.
    pub(super) fn check(&self) -> Result<(), Failure> {
        if self.dir.is_dir() {
            return Ok(());
        }
        Err(Failure::input(format!("there is no folder {} to replay", self.dir.display())).hint(
            "name the folder that --record wrote; a path counts from the folder in which minions was started",
        ))
    }

    /// Begins an exchange. Equal requests are numbered in the order in which they begin, whichever is answered first.
    pub(super) fn begin(&self, mut request: Value) -> Exchange {
        if let Some(job) = &self.job {
            request["job"] = json!(job);
        }
        self.redactor.clean_value(&mut request);
        let hash = digest(&request);
        let mut seen = lock(&self.seen);
        let turn = seen.entry(hash.clone()).or_default();
        *turn += 1;
        Exchange { request, hash, turn: *turn }
    }

    /// Writes an exchange, without credentials. If that fails, the recording is incomplete, and the job goes on.
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
        if let Err(error) = write()
            && self.is_broken.set(()).is_ok()
        {
            let (dir, words) = (self.dir.display(), words::of_io(&error));
            tracing::error!("the recording in {dir} is not whole, and no replay of this job can be: {words}");
        }
    }

    /// The recorded answer to a request: that of its turn, or else of its first turn.
    ///
    /// # Errors
    /// The problem as text, if there is no such file or it is broken.
    pub(super) fn read(&self, exchange: &Exchange) -> Result<Value, String> {
        let (first, name) = (exchange.file(1), exchange.file(exchange.turn));
        let text = fs::read(self.dir.join(&name)).or_else(|_| fs::read(self.dir.join(&first)));
        let text = text.map_err(|_| format!("{} has no {first}", self.dir.display()))?;
        let exchange: Value = serde_json::from_slice(&text)
            .map_err(|error| format!("{name} in {} is broken: {error}", self.dir.display()))?;
        Ok(exchange["answer"].clone())
    }

    /// Whether the recording has the request once more after this exchange.
    pub(super) fn has_next(&self, exchange: &Exchange) -> bool {
        self.dir.join(exchange.file(exchange.turn + 1)).exists()
    }
}

/// [`Recording::write`] beside the runtime: the folder may be on a network mount.
pub(super) async fn write(recording: &Arc<Recording>, exchange: Arc<Exchange>, answer: Value) {
    let recording = Arc::clone(recording);
    beside_runtime(move || recording.write(&exchange, answer)).await;
}

/// [`Recording::read`] beside the runtime.
pub(super) async fn read(recording: &Arc<Recording>, exchange: &Arc<Exchange>) -> Result<Value, String> {
    let (recording, exchange) = (Arc::clone(recording), Arc::clone(exchange));
    beside_runtime(move || recording.read(&exchange)).await
}
