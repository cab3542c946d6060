//! A session that a turn is being added to. Nobody else writes to it meanwhile.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use super::contents::Contents;
use super::line::{Line, VERSION};
use super::name::Name;
use crate::error::Failure;
use crate::words;

/// A session that is locked. Dropping it lets others in.
#[derive(Debug)]
pub struct OpenSession {
    name: Name,
    file: File,
    contents: Contents,
    /// The file's length, which a line that can't be written leaves as it is.
    length: u64,
}

impl OpenSession {
    /// Reads the session in `file`, which is locked.
    ///
    /// # Errors
    /// The file can't be read, or is no session of this version.
    pub(super) fn read(name: &Name, mut file: File) -> Result<Self, Failure> {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.read_to_end(&mut bytes))
            .map_err(|error| unreadable(name, &words::of_io(&error)))?;
        let contents = Contents::read(bytes).map_err(|problem| bad(name, &problem))?;
        let length = contents.whole() as u64;
        Ok(Self { name: name.clone(), file, contents, length })
    }

    /// What it says, as it was when it was opened.
    pub fn contents(&self) -> &Contents {
        &self.contents
    }

    /// The failure of a session that can't be used because of `problem`.
    pub fn unusable(&self, problem: &str) -> Failure {
        bad(&self.name, problem)
    }

    /// What to say of a last line that was cut off, if there is one.
    pub fn warning(&self) -> Option<String> {
        (self.contents.cut_off() > 0).then(|| {
            let name = &self.name;
            format!("the last line of the session {name} was cut off while it was written: that line is lost, and no other")
        })
    }

    /// Adds `lines`; they are on the disk when this returns.
    ///
    /// # Errors
    /// They can't be written; the session is then as it was.
    pub fn append(&mut self, lines: &[Line]) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        if self.contents.lacks_end() && self.length == self.contents.whole() as u64 {
            bytes.push(b'\n');
        }
        let header = (self.length == 0).then(|| header(&self.name));
        for line in header.iter().chain(lines) {
            line.write(&mut bytes).map_err(|error| Failure::defect(format!("a session's line: {error}")))?;
        }
        let written = self.file.set_len(self.length).and_then(|()| self.write(&bytes));
        if written.is_err() {
            // What is left of the line would be in the way of the next one. The next turn drops it if this fails, too.
            let _ = self.file.set_len(self.length);
        }
        written.map_err(|error| unwritable(&self.name, &words::of_io(&error)))?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.file.sync_data()
    }
}

/// The first line of the session `name`.
pub(super) fn header(name: &Name) -> Line {
    let created = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string();
    Line::Header { version: VERSION, name: name.to_string(), created }
}

pub(super) fn bad(name: &Name, problem: &str) -> Failure {
    Failure::input(format!("the session {name} {problem}"))
        .hint("`minions sessions` lists them all; another name begins a new one")
}

fn unreadable(name: &Name, problem: &str) -> Failure {
    Failure::system(format!("the session {name} can't be read: {problem}"))
}

fn unwritable(name: &Name, problem: &str) -> Failure {
    Failure::system(format!("the session {name} can't be written: {problem}"))
}
