//! The file of results: lines as a batch writes them, and those of a judge. A run that ends early goes on with it.

use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use minions::chat::secrets::Redactor;
use minions::config::{self, Environment};
use minions::error::Failure;
use minions::words;
use serde::Deserialize;
use serde_json::{Value, json};

use super::options::EvalArgs;
use crate::cli::batch::Sink;

/// A file of results that no other run writes to.
pub(super) struct Results {
    pub path: PathBuf,
    file: File,
    /// Bytes that an earlier run has left.
    earlier: u64,
}

/// The `result` of a line, as far as it is needed here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Outcome {
    pub final_answer: String,
    pub status: String,
    pub rounds: u32,
    pub remote_usage: Tokens,
    pub local_usage: Tokens,
    pub timing: Timing,
    pub egress: Egress,
    pub evidence_summary: Option<Evidence>,
    pub savings: Option<Savings>,
    job_hash: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Tokens {
    pub total_tokens: u64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Timing {
    pub total_time: f64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Egress {
    pub context_chars: u64,
    pub bytes: u64,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Evidence {
    pub citations: u64,
    pub verified: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Savings {
    pub remote_only: Tokens,
    pub usd: Option<Dollars>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Dollars {
    pub remote: f64,
}

#[derive(Deserialize)]
struct Line {
    custom_id: String,
    success: bool,
    result: Option<Outcome>,
    error: Option<String>,
}

/// What the lines of a file say: answers by name and hash, failures of this run by name.
#[derive(Default)]
pub(super) struct Known {
    answers: HashMap<(String, String), Outcome>,
    failures: HashMap<String, String>,
}

impl Known {
    /// The answer of the job `id` with this hash.
    pub(super) fn answer(&self, id: &str, hash: &str) -> Option<&Outcome> {
        self.answers.get(&(id.to_owned(), hash.to_owned()))
    }

    /// Why the job `id` failed in this run.
    pub(super) fn failure(&self, id: &str) -> Option<&str> {
        self.failures.get(id).map(String::as_str)
    }
}

impl Results {
    /// The file that `args` name, or that of their questions in the log folder. Results of an earlier run stay, or go aside.
    ///
    /// # Errors
    /// It can't be made, another run writes to it, or it would be lost.
    pub(super) fn open(args: &EvalArgs, environment: &Environment) -> Result<Self, Failure> {
        let (path, is_named) = match &args.out {
            Some(path) => (path.clone(), true),
            None => (usual_path(args, environment)?, false),
        };
        let shown = path.display().to_string();
        let failed = |error: io::Error| {
            Failure::input(format!("the results {shown} can't be written: {}", words::of_io(&error)))
                .hint("--out FILE names another file")
        };
        let earlier = fs::metadata(&path).map_or(0, |meta| meta.len());
        if earlier == 0 && args.resume {
            return Err(Failure::input(format!("there are no earlier results in {shown}")).hint(
                "leave --resume out to begin; the file goes by the path of the questions, --out FILE names another",
            ));
        }
        if earlier > 0 && !args.resume && is_named {
            return Err(Failure::input(format!("{shown} has results of an earlier run"))
                .hint("--resume goes on with them, another --out leaves them as they are"));
        }
        let open = || File::options().read(true).append(true).create(true).open(&path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut file = open().map_err(failed)?;
        let lock = |file: &File| match file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => {
                Err(Failure::input(format!("another run writes its results to {shown}"))
                    .hint("wait for its end, or take another file with --out"))
            }
            // Not every file system has locks.
            Err(TryLockError::Error(_)) => Ok(()),
        };
        lock(&file)?;
        if earlier > 0 && !args.resume {
            let aside = aside(&path);
            fs::rename(&path, &aside).map_err(failed)?;
            tracing::info!(
                "the results of an earlier run are in {} now (--resume goes on with them instead)",
                aside.display()
            );
            file = open().map_err(failed)?;
            lock(&file)?;
        }
        let earlier = if args.resume { earlier } else { 0 };
        Ok(Self { path, file, earlier })
    }

    /// Where a batch writes its lines.
    pub(super) fn sink(&self) -> Result<Sink, Failure> {
        self.file.try_clone().map(Sink::File).map_err(|error| self.lost(&error))
    }

    /// What its lines say.
    pub(super) fn read(&self) -> Result<Known, Failure> {
        let mut known = Known::default();
        let mut file = File::open(&self.path).map_err(|error| self.lost(&error))?;
        file.seek(SeekFrom::Start(0)).map_err(|error| self.lost(&error))?;
        let mut input = BufReader::new(file);
        let (mut bytes, mut at) = (Vec::new(), 0_u64);
        while input.read_until(b'\n', &mut bytes).map_err(|error| self.lost(&error))? > 0 {
            // The batch has told of lines that are none of its own.
            if let Ok(line) = serde_json::from_slice::<Line>(bytes.trim_ascii()) {
                let is_of_this_run = at >= self.earlier;
                match line {
                    Line { custom_id, success: true, result: Some(outcome), .. } => {
                        if let Some(hash) = outcome.job_hash.clone() {
                            known.answers.insert((custom_id, hash), outcome);
                        }
                    }
                    Line { custom_id, success: false, error, .. } if is_of_this_run => {
                        known.failures.insert(custom_id, error.unwrap_or_default());
                    }
                    _ => {}
                }
            }
            at += bytes.len() as u64;
            bytes.clear();
        }
        Ok(known)
    }

    /// Adds the line of a judge: its reply stands as the answer.
    pub(super) fn add(&mut self, id: &str, result: &Value, redactor: &Redactor) -> Result<(), Failure> {
        let line = json!({"custom_id": id, "success": true, "result": result, "error": null});
        let bytes = redactor.clean_json(&line).map_err(Failure::defect)?;
        self.file.write_all(&[&bytes[..], b"\n"].concat()).map_err(|error| self.lost(&error))
    }

    fn lost(&self, error: &io::Error) -> Failure {
        Failure::system(format!("the results {} can't be used: {}", self.path.display(), words::of_io(error)))
    }
}

/// In the log folder, by the questions' own path, so that a later run finds it.
fn usual_path(args: &EvalArgs, environment: &Environment) -> Result<PathBuf, Failure> {
    let folder = Path::new(environment.get(config::ENV_LOG_DIR).unwrap_or(config::LOG_DIR));
    let stem = args.questions.file_stem().filter(|_| args.questions.as_os_str() != "-");
    let stem = stem.map_or_else(|| "stdin".into(), |stem| stem.to_string_lossy().into_owned());
    let path = args.questions.canonicalize().unwrap_or_else(|_| args.questions.clone());
    let hash = minions::job::digest(&json!(path.to_string_lossy()));
    Ok(folder.join(format!("eval-{stem}-{}.jsonl", &hash[..8])))
}

/// A name beside `path` that is free.
fn aside(path: &Path) -> PathBuf {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let numbered = |number| path.with_file_name(format!("{stem}.{number}.jsonl"));
    (1_u32..).map(numbered).find(|path| !path.exists()).unwrap_or_else(|| path.with_extension("old"))
}
