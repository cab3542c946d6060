//! The folder: one file an exchange, named by a hash of the request.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::error::Failure;
use crate::job::digest;
use crate::secrets::Redactor;

/// A folder of exchanges.
pub(in crate::runner) struct Reel {
    dir: PathBuf,
    redactor: Redactor,
    /// How often each request came in this run.
    seen: Mutex<HashMap<String, usize>>,
}

impl Reel {
    pub(super) fn new(dir: &Path, redactor: Redactor) -> Self {
        Self { dir: dir.to_owned(), redactor, seen: Mutex::default() }
    }

    /// Makes the folder.
    pub(super) fn prepare(&self) -> Result<(), Failure> {
        let made = fs::create_dir_all(&self.dir);
        made.map_err(|error| {
            Failure::input(format!("--record {} can't be made: {error}", self.dir.display()))
        })
    }

    /// Writes an exchange, without credentials. What can't be written costs the recording, not the answer.
    pub(super) fn write(&self, request: &Value, answer: Value) {
        let mut exchange = json!({"request": request, "answer": answer});
        self.redactor.clean_value(&mut exchange);
        let name = self.turn(&name(&exchange["request"]));
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.dir)?;
            writeln!(file, "{exchange:#}")?;
            file.persist(self.dir.join(&name))?;
            Ok(())
        };
        if let Err(error) = write() {
            tracing::error!("the recording is not whole: {name} can't be written: {error}");
        }
    }

    /// The answer to a request. One that came before has the answer of its turn, or the first there is.
    pub(super) fn read(&self, request: &Value) -> Result<Value, String> {
        let mut request = request.clone();
        self.redactor.clean_value(&mut request);
        let first = name(&request);
        let turn = self.turn(&first);
        let text = fs::read(self.dir.join(&turn)).or_else(|_| fs::read(self.dir.join(&first)));
        let text = text.map_err(|_| format!("{} has no {first}", self.dir.display()))?;
        let exchange: Value = serde_json::from_slice(&text)
            .map_err(|error| format!("{turn} in {} is broken: {error}", self.dir.display()))?;
        Ok(exchange["answer"].clone())
    }

    /// The name of this turn of a request, which is `first` at first.
    fn turn(&self, first: &str) -> String {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let count = seen.entry(first.to_owned()).or_default();
        *count += 1;
        match *count {
            1 => first.to_owned(),
            count => format!("{}-{count}.json", first.trim_end_matches(".json")),
        }
    }
}

/// The name of a request as it is written: credentials struck out, as they are in what a replay gets to read.
fn name(request: &Value) -> String {
    format!("{}-{}.json", request["side"].as_str().unwrap_or_default(), digest(request))
}
