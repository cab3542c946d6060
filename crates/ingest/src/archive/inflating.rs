//! An entry as it is inflated, with what comes out counted.

use std::cell::Cell;
use std::io::{self, Read};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::entry::Entry;
use crate::reading::{Limits, Problem};

/// The methods of compression that are read.
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// What is larger than this may be at most so many times the size of what it is inflated from.
const SMALL: u64 = 1 << 20;
const RATIO: u64 = 200;

/// How often an entry is opened for the price of once.
const FREE: u32 = 2;

/// How much may still come out of a file and of what is in it.
pub(crate) struct Budget {
    left: Cell<u64>,
    limit: usize,
}

impl Budget {
    /// The budget of a file.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { left: Cell::new(limits.archive as u64), limit: limits.archive }
    }

    fn spend(&self, bytes: u64) -> Result<(), Problem> {
        let left = self.left.get().checked_sub(bytes).ok_or(Problem::TooMuchInside { limit: self.limit })?;
        self.left.set(left);
        Ok(())
    }
}

/// The content of an entry. Its errors hold a [`Problem`] where a limit was passed; others are damage.
pub(crate) struct Inflating<'a> {
    source: Source<'a>,
    entry: &'a Entry,
    budget: &'a Budget,
    crc: Crc,
    given: u64,
}

enum Source<'a> {
    Stored { rest: &'a [u8] },
    Deflated(DeflateDecoder<&'a [u8]>),
}

impl<'a> Inflating<'a> {
    pub(super) fn new(raw: &'a [u8], entry: &'a Entry, budget: &'a Budget) -> Result<Self, Problem> {
        let source = match entry.method {
            STORED => Source::Stored { rest: raw },
            DEFLATED => Source::Deflated(DeflateDecoder::new(raw)),
            _ => return Err(Problem::Compression(method_name(entry.method))),
        };
        entry.opened.set(entry.opened.get().saturating_add(1));
        Ok(Self { source, entry, budget, crc: Crc::new(), given: 0 })
    }

    /// All of it, at most `limit` bytes.
    pub(crate) fn whole(mut self, limit: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.by_ref().take(limit as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > limit {
            return Err(io::Error::other(Problem::TooMuchInside { limit }));
        }
        Ok(bytes)
    }

    /// Counts what came out. What is read a second time costs nothing, but more often it does.
    fn count(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        self.crc.update(bytes);
        self.given += bytes.len() as u64;
        if let Source::Deflated(decoder) = &self.source
            && self.given > SMALL
            && self.given / RATIO > decoder.total_in()
        {
            return Err(Problem::Bomb("a part of it swells to more than 200 times its size"));
        }
        if self.entry.opened.get() > FREE {
            return self.budget.spend(bytes.len() as u64);
        }
        let charged = self.entry.charged.get();
        if self.given > charged {
            self.budget.spend(self.given - charged)?;
            self.entry.charged.set(self.given);
        }
        Ok(())
    }
}

impl Read for Inflating<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.source {
            Source::Stored { rest } => rest.read(buffer)?,
            Source::Deflated(decoder) => decoder.read(buffer)?,
        };
        if count > 0 {
            self.count(&buffer[..count]).map_err(io::Error::other)?;
        } else if !buffer.is_empty() && self.entry.crc.is_some_and(|crc| crc != self.crc.sum()) {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the checksum is wrong"));
        }
        Ok(count)
    }
}

/// The problem of a failed read.
pub(crate) fn problem_of(error: &io::Error) -> Option<Problem> {
    error.get_ref()?.downcast_ref::<Problem>().cloned()
}

fn method_name(method: u16) -> &'static str {
    match method {
        1..=6 => "a method of before 1993",
        9 => "Deflate64",
        12 => "bzip2",
        14 => "LZMA",
        93 => "Zstandard",
        95 => "XZ",
        98 => "PPMd",
        _ => "a method that is not known",
    }
}
