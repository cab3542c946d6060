//! Where jobs are read from, and whether there is one or many.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, IsTerminal, Read};
use std::path::{Path, PathBuf};

use super::batch::BatchOptions;
use super::batch::json_splitter::{JsonPiece, JsonSplitter, newlines};
use minions::error::Failure;
use minions::{job, words};

/// Values on their way in.
pub(super) type Incoming = JsonSplitter<BufReader<Box<dyn Read + Send>>>;

/// Bytes read at once.
const BUFFER: usize = 1 << 16;

/// Where jobs are read from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Stdin,
    File(PathBuf),
}

/// What the input holds.
pub(super) enum Found {
    /// One job and the number of its first line.
    One(Vec<u8>, usize),
    /// A batch.
    Many(Incoming, Box<BatchOptions>),
}

impl Source {
    /// The file that the command line names; stdin without one, and for `-`.
    pub(crate) fn of(file: Option<PathBuf>) -> Self {
        file.filter(|file| file.as_os_str() != "-").map_or(Self::Stdin, Self::File)
    }

    /// A path under which it can be read a second time.
    pub(super) fn regular_file(&self) -> Option<PathBuf> {
        let path = match self {
            Self::Stdin => PathBuf::from("/proc/self/fd/0"),
            Self::File(path) => path.clone(),
        };
        path.is_file().then_some(path)
    }

    /// The folder of a job file, which the paths in it begin at; `None` where they begin at the working directory.
    pub(super) fn folder(&self) -> Option<PathBuf> {
        let Self::File(path) = self else { return None };
        // A pipe of the shell is a file of these folders, too.
        let is_device = ["/dev", "/proc"].iter().any(|folder| path.starts_with(folder));
        path.parent().filter(|folder| !is_device && !folder.as_os_str().is_empty()).map(Path::to_owned)
    }

    /// The values, one after the other.
    pub(super) fn pieces(&self) -> Result<Incoming, Failure> {
        let (input, is_terminal): (Box<dyn Read + Send>, _) = match self {
            Self::Stdin => {
                let stdin = io::stdin();
                let is_terminal = stdin.is_terminal();
                tracing::debug!("reading the job from stdin");
                if is_terminal {
                    tracing::info!("reading the job from the terminal; end it with Ctrl-D");
                }
                (Box::new(stdin), is_terminal)
            }
            Self::File(path) => (Box::new(File::open(path).map_err(|error| self.unreadable(&error))?), false),
        };
        let mut input = BufReader::with_capacity(BUFFER, input);
        let beginning = input.fill_buf().map_err(|error| self.unreadable(&error))?;
        if let Some(foreign) = job::foreign_file(job::Subject::Job, beginning) {
            return Err(foreign.into());
        }
        Ok(if is_terminal { JsonSplitter::of_terminal(input) } else { JsonSplitter::new(input) })
    }

    /// All of it as one job.
    pub(super) fn one(&self) -> Result<Found, Failure> {
        let mut bytes = Vec::new();
        self.pieces()?.read_rest(&mut bytes).map_err(|error| self.unreadable(&error))?;
        Ok(Found::One(bytes, 1))
    }

    /// Reads as far as it takes to know whether it is a batch: several jobs, a list of them, or a first one with a
    /// `custom_id`. One job with something around it is none.
    pub(super) fn look(&self) -> Result<Found, Failure> {
        let mut pieces = self.pieces()?;
        let (mut seen, mut jobs) = (Vec::<JsonPiece>::new(), 0);
        while let Some(piece) = pieces.next().map_err(|error| self.unreadable(&error))? {
            let is_object = piece.bytes.trim_ascii_start().starts_with(b"{");
            let value = is_object.then(|| job::value(&piece.bytes, piece.line));
            let is_job = match &value {
                None => false,
                Some(Ok(value)) => job::is_job(value),
                // Others may stand beside it.
                Some(Err(_)) => is_broken_job(&piece.bytes),
            };
            jobs += usize::from(is_job);
            let is_named = || matches!(&value, Some(Ok(value)) if job::custom_id(value).is_some());
            let is_named = seen.is_empty() && (piece.is_item || is_named());
            seen.push(piece);
            if jobs > 1 || is_named {
                seen.into_iter().rev().for_each(|piece| pieces.put_back(Some(piece)));
                return Ok(Found::Many(pieces, Box::default()));
            }
        }
        let line = seen.first().map_or(1, |first| first.line);
        Ok(Found::One(joined(seen), line))
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        match self {
            _ if error.kind() == io::ErrorKind::OutOfMemory => Failure::system(error.to_string()),
            Self::Stdin => Failure::input(format!("stdin can't be read: {}", words::of_io(error)))
                .hint("name a file, `minions job.json`"),
            Self::File(path) => {
                let problem =
                    format!("the job file {} can't be read: {}", path.display(), words::of_io(error));
                Failure::input(problem).hint(match error.kind() {
                    io::ErrorKind::NotFound => {
                        "a path counts from the folder in which minions was started; `minions run --help` shows how to make a job"
                    }
                    io::ErrorKind::IsADirectory => "name the file in it; several are a batch: `cat folder/*.json | minions batch`",
                    _ => "name a file that this user may read",
                })
            }
        }
    }
}

/// Whether what is no JSON was meant as a job.
fn is_broken_job(bytes: &[u8]) -> bool {
    let has = |key: &[u8]| bytes.windows(key.len()).any(|window| window == key);
    has(b"\"call_params\"") || has(b"\"body\"")
}

/// The pieces as they stood in the input, from the first one's line on.
fn joined(pieces: Vec<JsonPiece>) -> Vec<u8> {
    let mut line = pieces.first().map_or(1, |first| first.line);
    let mut pieces = pieces.into_iter();
    let mut bytes = pieces.next().map(|piece| piece.bytes).unwrap_or_default();
    line += newlines(&bytes);
    for piece in pieces {
        let missing = piece.line.saturating_sub(line);
        bytes.resize(bytes.len() + missing, b'\n');
        line += missing + newlines(&piece.bytes);
        bytes.extend(piece.bytes);
    }
    bytes
}
