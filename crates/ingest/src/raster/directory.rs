//! The directories of a TIFF, one for each page (TIFF 6.0, section 2). EXIF is one as well.

use std::collections::HashSet;

/// A directory: what each tag says.
#[derive(Clone, Copy)]
pub(crate) struct Directory<'b> {
    bytes: &'b [u8],
    is_little: bool,
    /// Where its entries begin, and how many there are.
    at: usize,
    count: usize,
}

/// The bytes of an entry.
const ENTRY: usize = 12;
/// The most numbers that one tag has.
const NUMBERS: usize = 1 << 20;

impl<'b> Directory<'b> {
    /// The first one of a file.
    pub(crate) fn first(bytes: &'b [u8]) -> Option<Self> {
        let is_little = bytes.starts_with(b"II*\0");
        if !is_little && !bytes.starts_with(b"MM\0*") {
            return None;
        }
        let none = Self { bytes, is_little, at: 0, count: 0 };
        none.at(none.four(4)?)
    }

    fn at(self, offset: usize) -> Option<Self> {
        let count = self.two(offset)?;
        self.bytes.get(offset + 2..offset + 2 + count * ENTRY)?;
        Some(Self { at: offset + 2, count, ..self })
    }

    /// All directories of a file, but for small versions of others. A file whose directories go round ends.
    pub(crate) fn all(bytes: &'b [u8]) -> impl Iterator<Item = Self> {
        let mut seen = HashSet::new();
        let mut next = Self::first(bytes);
        let each = std::iter::from_fn(move || {
            let directory = next.take().filter(|directory| seen.insert(directory.at))?;
            let behind = directory.at + directory.count * ENTRY;
            next =
                directory.four(behind).filter(|offset| *offset > 0).and_then(|offset| directory.at(offset));
            Some(directory)
        });
        each.filter(|directory| directory.number(SUBFILE).is_none_or(|kind| kind & 1 == 0))
    }

    fn two(&self, at: usize) -> Option<usize> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(usize::from(if self.is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) }))
    }

    fn four(&self, at: usize) -> Option<usize> {
        let bytes = *self.bytes.get(at..)?.first_chunk()?;
        Some(if self.is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) } as usize)
    }

    /// Whether numbers begin with their lowest byte.
    pub(crate) fn is_little(&self) -> bool {
        self.is_little
    }

    /// The type, the count and the place of what a tag says.
    fn entry(&self, tag: u16) -> Option<(usize, usize, usize)> {
        let entries = (0..self.count).map(|entry| self.at + entry * ENTRY);
        let at = entries.into_iter().find(|at| self.two(*at) == Some(usize::from(tag)))?;
        let (kind, count) = (self.two(at + 2)?, self.four(at + 4)?);
        let size = match kind {
            3 => 2,
            4 => 4,
            _ => 1,
        };
        let place = if count.checked_mul(size)? <= 4 { at + 8 } else { self.four(at + 8)? };
        Some((size, count, place))
    }

    /// The numbers that a tag says.
    pub(crate) fn numbers(&self, tag: u16) -> Vec<usize> {
        let Some((size, count, place)) = self.entry(tag) else { return Vec::new() };
        let number = |at: usize| match size {
            2 => self.two(at),
            4 => self.four(at),
            _ => self.bytes.get(at).map(|byte| usize::from(*byte)),
        };
        (0..count.min(NUMBERS)).map_while(|index| number(place.checked_add(index * size)?)).collect()
    }

    /// The first of them.
    pub(crate) fn number(&self, tag: u16) -> Option<u64> {
        let (size, count, place) = self.entry(tag)?;
        let number = match size {
            _ if count == 0 => None,
            2 => self.two(place),
            4 => self.four(place),
            _ => self.bytes.get(place).map(|byte| usize::from(*byte)),
        };
        number.map(|number| number as u64)
    }

    /// The bytes that a tag says.
    pub(crate) fn data(&self, tag: u16) -> Option<&'b [u8]> {
        let (size, count, place) = self.entry(tag)?;
        self.bytes.get(place..place.checked_add(count.checked_mul(size)?)?)
    }

    /// The bytes of the file from `at` on.
    pub(crate) fn part(&self, at: usize, length: usize) -> Option<&'b [u8]> {
        self.bytes.get(at..at.checked_add(length)?.min(self.bytes.len()))
    }
}

/// The tag that says whether it is a small version of another.
const SUBFILE: u16 = 254;
