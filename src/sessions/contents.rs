//! What the file of a session says. Turns are read when they are asked for: a long session has many that nobody needs.

use std::ops::Range;

use super::line::{DocumentRecord, FileRecord, Kind, Line, TurnRecord, TurnUsage, VERSION};
use crate::history::{History, Turn};

/// The first line of a file that has one, up to which it can't be told what it is.
const HEADER_BEGINS: &[u8] = br#"{"type":"header","#;

/// What the file of a session says.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    bytes: Vec<u8>,
    /// The end of the last whole line.
    whole: usize,
    /// When it was made, in ISO 8601; empty where there is nothing.
    pub created: String,
    /// The turns that count, by where they are in `bytes`.
    turns: Vec<Range<usize>>,
    /// Those that were taken back.
    undone: Vec<Range<usize>>,
    summary: Option<(usize, String)>,
    /// The documents of the newest turns.
    pub documents: Vec<DocumentRecord>,
    /// The files from which they can be read again.
    pub files: Vec<FileRecord>,
    /// How many of them can't be read again, as jobs held them.
    pub texts: usize,
    /// The number of turns that rest on a document which has another content now.
    pub outdated: usize,
}

/// A turn of a session, by what tells it from another one in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnMark {
    /// Its number, from 1.
    pub number: usize,
    /// Its question.
    pub query: String,
    /// When it ended.
    pub timestamp: Option<String>,
}

/// Why the contents of a file can't be used, as words that follow the session's name.
type Problem = String;

impl Contents {
    /// Reads the bytes of a file. A last line without an end was cut off, unless it is whole JSON.
    ///
    /// # Errors
    /// A line that is not one of ours, and its number.
    pub(super) fn read(bytes: Vec<u8>) -> Result<Self, Problem> {
        let mut contents = Self { bytes, ..Self::default() };
        let lines = lines(&contents.bytes);
        let last = lines.len().saturating_sub(1);
        for (at, range) in lines.into_iter().enumerate() {
            let line = &contents.bytes[range.clone()];
            let has_end = contents.bytes.get(range.end) == Some(&b'\n');
            // A crash of the machine may leave blocks of nothing.
            let is_suspect = at == last && (!has_end || line.contains(&0));
            if is_suspect && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_err() {
                break;
            }
            let end = range.end + usize::from(has_end);
            contents.take(at, range)?;
            contents.whole = end;
        }
        if contents.created.is_empty() && !is_beginning_of_header(&contents.bytes) {
            return Err("is no session of minions: its first line has no header".to_owned());
        }
        Ok(contents)
    }

    fn take(&mut self, at: usize, range: Range<usize>) -> Result<(), Problem> {
        let line = &self.bytes[range.clone()];
        let unreadable =
            |problem: &dyn std::fmt::Display| format!("can't be read at line {}: {problem}", at + 1);
        let kind = match Kind::of(line) {
            Ok(kind) if (at == 0) == (kind == Kind::Header) => kind,
            _ if at == 0 => return Err("is no session of minions: its first line has no header".to_owned()),
            Ok(_) => return Err(unreadable(&"a second header")),
            Err(problem) => return Err(unreadable(&problem)),
        };
        if kind == Kind::Turn {
            self.turns.push(range);
            return Ok(());
        }
        if kind == Kind::Header {
            refuse_newer(line)?;
        }
        let line = serde_json::from_slice(line).map_err(|error| unreadable(&error))?;
        match line {
            Line::Header { created, .. } => self.created = created,
            Line::Documents { documents, files, texts } => {
                if documents.iter().any(|document| self.has_changed(document)) {
                    self.outdated = self.turns.len();
                }
                (self.documents, self.files, self.texts) = (documents, files, texts);
            }
            Line::Summary { turns, text } if turns <= self.turns.len() => self.summary = Some((turns, text)),
            Line::Summary { .. } => return Err(unreadable(&"a summary of turns that are not there")),
            Line::Undo {} if self.summarised() < self.turns.len() => self.undone.extend(self.turns.pop()),
            Line::Undo {} => return Err(unreadable(&"no turn is there to be undone")),
            Line::Turn(_) => {}
        }
        Ok(())
    }

    /// Whether the session has a document of this name with another content.
    pub fn has_changed(&self, document: &DocumentRecord) -> bool {
        let is_same = |old: &&DocumentRecord| old.name == document.name && old.name.is_some();
        let mut same = self.documents.iter().filter(is_same).peekable();
        same.peek().is_some() && !same.any(|old| old.sha256 == document.sha256)
    }

    /// The bytes that are whole lines.
    pub(super) fn whole(&self) -> usize {
        self.whole
    }

    /// Whether the last whole line lacks its end.
    pub(super) fn lacks_end(&self) -> bool {
        self.whole > 0 && self.bytes[self.whole - 1] != b'\n'
    }

    /// The bytes of a last line that was cut off.
    pub fn cut_off(&self) -> usize {
        self.bytes.len() - self.whole
    }

    /// Whether there is nothing yet, not even a header.
    pub fn is_new(&self) -> bool {
        self.created.is_empty()
    }

    /// How many turns there are.
    pub fn len(&self) -> usize {
        self.turns.len()
    }

    /// Whether there are no turns.
    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    /// How many of the oldest turns the summary stands for.
    pub fn summarised(&self) -> usize {
        self.summary.as_ref().map_or(0, |(turns, _)| *turns)
    }

    /// The summary of the oldest turns.
    pub fn summary(&self) -> Option<&str> {
        self.summary.as_ref().map(|(_, text)| text.as_str())
    }

    /// The turns of these numbers, from 0.
    ///
    /// # Errors
    /// One of them can't be read.
    pub fn turns(&self, numbers: Range<usize>) -> Result<Vec<TurnRecord>, Problem> {
        let read = |range: &Range<usize>| match serde_json::from_slice(&self.bytes[range.clone()]) {
            Ok(Line::Turn(turn)) => Ok(*turn),
            Ok(_) => Err("is no session of minions".to_owned()),
            Err(error) => {
                let line = 1 + self.bytes[..range.start].iter().filter(|byte| **byte == b'\n').count();
                Err(format!("can't be read at line {line}: {error}"))
            }
        };
        self.turns[numbers].iter().map(read).collect()
    }

    /// The mark of the turn `number`, from 1; `None` if it is not there.
    pub fn mark(&self, number: usize) -> Option<TurnMark> {
        let at = number.checked_sub(1).filter(|at| *at < self.len())?;
        let Turn { query, timestamp, .. } = self.turns(at..number).ok()?.pop()?.turn;
        Some(TurnMark { number, query, timestamp })
    }

    /// What each turn took, with those that were taken back: they were paid, too.
    pub fn usage(&self) -> impl Iterator<Item = TurnUsage> {
        #[derive(serde::Deserialize)]
        struct Used {
            #[serde(default)]
            usage: TurnUsage,
        }
        let turns = self.turns.iter().chain(&self.undone);
        turns.filter_map(|range| Some(serde_json::from_slice::<Used>(&self.bytes[range.clone()]).ok()?.usage))
    }

    /// What was said so far: the summary, and the turns that are not in it.
    ///
    /// # Errors
    /// A turn can't be read.
    pub fn history(&self) -> Result<History, Problem> {
        let summarized_turns = self.summarised();
        let turns: Vec<_> =
            self.turns(summarized_turns..self.len())?.into_iter().map(|record| record.turn).collect();
        Ok(History {
            turns_since_last_summary: turns.len() as u64,
            turns,
            summary: self.summary().unwrap_or_default().to_owned(),
            summarized_turns,
            ..History::default()
        })
    }

    /// The lines of a session that has the first `turns` turns of this one, without its header.
    pub(super) fn up_to(&self, turns: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut written = 0;
        for range in lines(&self.bytes[..self.whole]).into_iter().skip(1) {
            let line = &self.bytes[range.clone()];
            let is_kept = match Kind::of(line) {
                Ok(Kind::Turn) => self.turns[..turns].contains(&range),
                Ok(Kind::Documents) => written < turns,
                Ok(Kind::Summary) => {
                    matches!(serde_json::from_slice(line), Ok(Line::Summary { turns: of, .. }) if of <= written)
                }
                Ok(Kind::Header | Kind::Undo) | Err(_) => false,
            };
            if is_kept {
                written += usize::from(Kind::of(line) == Ok(Kind::Turn));
                bytes.extend_from_slice(line);
                bytes.push(b'\n');
            }
        }
        bytes
    }
}

/// Where the lines of `bytes` are, without their ends and without empty ones.
fn lines(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut start = 0;
    let each = bytes.split(|byte| *byte == b'\n').map(|line| {
        let range = start..start + line.len();
        start = range.end + 1;
        range
    });
    each.filter(|range| !range.is_empty()).collect()
}

/// Whether a header may have been begun in `bytes`, which have no whole line.
fn is_beginning_of_header(bytes: &[u8]) -> bool {
    let length = bytes.len().min(HEADER_BEGINS.len());
    bytes[..length] == HEADER_BEGINS[..length] || bytes.iter().all(|byte| *byte == 0)
}

fn refuse_newer(header: &[u8]) -> Result<(), Problem> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        version: u32,
    }
    match serde_json::from_slice::<Versioned>(header) {
        Ok(Versioned { version }) if version > VERSION => Err(format!(
            "was written by a newer minions (version {version} of its file; this one knows {VERSION}): install that one, or \
             take another session"
        )),
        _ => Ok(()),
    }
}
