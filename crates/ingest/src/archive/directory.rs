//! Where the entries of a zip stand: the directory at its end, or the headers before each entry if that is missing.
//! The layout is that of PKWARE's APPNOTE 6.3.10.

use super::entry::Entry;
use super::names;
use crate::reading::Problem;

const HEADER: &[u8] = b"PK\x03\x04";
const LISTED: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const LOCATOR_64: &[u8] = b"PK\x06\x07";

/// The sizes of these records without their names and extras.
const HEADER_SIZE: usize = 30;
const LISTED_SIZE: usize = 46;
const END_SIZE: usize = 22;

/// How far before the end the last record may stand: behind it follows a comment.
const END_WITHIN: usize = END_SIZE + 0xffff;

/// The bits of an entry's flags.
const ENCRYPTED: u16 = 1;
const SIZES_FOLLOW: u16 = 1 << 3;
const UTF8: u16 = 1 << 11;

/// The kind of a Unix file, and of a symbolic link.
const UNIX_KIND: u32 = 0o170_000;
const UNIX_LINK: u32 = 0o120_000;

/// The entries that the directory lists, if it is there, and whether these are as many as it says.
pub(super) fn listed(bytes: &[u8], limit: usize) -> Result<Option<(Vec<Entry>, bool)>, Problem> {
    let Some(end) = end_record(bytes) else { return Ok(None) };
    let Some((start, shift, claimed)) = directory_start(bytes, end) else { return Ok(None) };
    let mut entries = Vec::new();
    let mut at = start;
    while let Some(record) = bytes.get(at..end).filter(|rest| rest.starts_with(LISTED)) {
        let Some((entry, size)) = listed_entry(record, shift) else { break };
        if entries.len() == limit {
            return Err(Problem::TooManyEntries { limit });
        }
        entries.push(entry);
        at += size;
    }
    // Some programs write the count without what is beyond 16 bits of it.
    let is_whole = entries.len() as u64 & 0xffff >= claimed & 0xffff;
    Ok((claimed == 0 || !entries.is_empty()).then_some((entries, is_whole)))
}

/// The offset of the record that ends a zip.
fn end_record(bytes: &[u8]) -> Option<usize> {
    let from = bytes.len().saturating_sub(END_WITHIN);
    let last = bytes.len().checked_sub(END_SIZE)?;
    (from..=last).rev().find(|at| bytes[*at..].starts_with(END))
}

/// Where the directory begins, by how much all offsets are too low, as bytes were put before the zip, and how many
/// entries there are.
fn directory_start(bytes: &[u8], end: usize) -> Option<(usize, u64, u64)> {
    let mut claimed = number(bytes, end + 10, 2)?;
    let (mut size, mut start) = (number(bytes, end + 12, 4)?, number(bytes, end + 16, 4)?);
    let mut behind = end;
    let locator = end.checked_sub(20).filter(|at| bytes[*at..].starts_with(LOCATOR_64));
    if let Some(locator) = locator {
        let at = usize::try_from(number(bytes, locator + 8, 8)?).ok()?;
        let is_record = |at: &usize| bytes.get(*at..).is_some_and(|rest| rest.starts_with(END_64));
        let record = Some(at).filter(is_record).or_else(|| locator.checked_sub(56).filter(is_record))?;
        (size, start) = (number(bytes, record + 40, 8)?, number(bytes, record + 48, 8)?);
        claimed = number(bytes, record + 32, 8)?;
        behind = record;
    }
    let at = (behind as u64).checked_sub(size)?;
    let shift = at.checked_sub(start)?;
    let at = usize::try_from(at).ok()?;
    (size == 0 || bytes.get(at..)?.starts_with(LISTED)).then_some((at, shift, claimed))
}

/// An entry of the directory, and how many bytes it takes there.
fn listed_entry(record: &[u8], shift: u64) -> Option<(Entry, usize)> {
    let field = |at, size| number(record, at, size);
    let flags = field(8, 2)? as u16;
    let (name, extra, comment) = (field(28, 2)? as usize, field(30, 2)? as usize, field(32, 2)? as usize);
    let (whole, mut compressed) = (field(24, 4)?, field(20, 4)?);
    let mut header = field(42, 4)?;
    let extras = record.get(LISTED_SIZE + name..LISTED_SIZE + name + extra)?;
    if let Some(long) = extra_field(extras, 1) {
        // Only the values that do not fit into the record are there, in this order.
        let mut at = if whole == 0xffff_ffff { 8 } else { 0 };
        if compressed == 0xffff_ffff {
            compressed = number(long, at, 8).unwrap_or(compressed);
            at += 8;
        }
        if header == 0xffff_ffff {
            header = number(long, at, 8).unwrap_or(header);
        }
    }
    let made_by_unix = record[5] == 3;
    let mode = (field(38, 4)? >> 16) as u32;
    let entry = Entry {
        name: names::decoded(record.get(LISTED_SIZE..LISTED_SIZE + name)?, flags & UTF8 != 0),
        link: made_by_unix && mode & UNIX_KIND == UNIX_LINK,
        encrypted: flags & ENCRYPTED != 0,
        method: field(10, 2)? as u16,
        crc: Some(field(16, 4)? as u32),
        compressed,
        header: header.saturating_add(shift),
        ..Entry::default()
    };
    Some((entry, LISTED_SIZE + name + extra + comment))
}

/// The content of an extra field with this number.
fn extra_field(mut extras: &[u8], wanted: u64) -> Option<&[u8]> {
    loop {
        let (id, size) = (number(extras, 0, 2)?, number(extras, 2, 2)? as usize);
        let content = extras.get(4..4 + size)?;
        if id == wanted {
            return Some(content);
        }
        extras = &extras[4 + size..];
    }
}

/// The entries of a zip without a directory, by the headers before them.
pub(super) fn searched(bytes: &[u8], limit: usize) -> Result<Vec<Entry>, Problem> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut at = 0;
    while let Some(found) = find(&bytes[at..], HEADER).map(|offset| at + offset) {
        let Some((entry, data)) = headed_entry(bytes, found) else { break };
        if entries.len() == limit {
            return Err(Problem::TooManyEntries { limit });
        }
        let size = usize::try_from(entry.compressed).unwrap_or(usize::MAX);
        at = data.saturating_add(size).min(bytes.len());
        entries.push(entry);
    }
    if entries.is_empty() { Err(Problem::Damaged("nothing can be found in it")) } else { Ok(entries) }
}

/// The entry whose header stands at this offset, and the offset of its data.
fn headed_entry(bytes: &[u8], at: usize) -> Option<(Entry, usize)> {
    let flags = number(bytes, at + 6, 2)? as u16;
    let name = number(bytes, at + 26, 2)? as usize;
    let data = data_start(bytes, at)?;
    let rest = bytes.get(data..)?;
    let (crc, compressed) = if flags & SIZES_FOLLOW == 0 {
        (Some(number(bytes, at + 14, 4)? as u32), number(bytes, at + 18, 4)?.min(rest.len() as u64))
    } else {
        let end = [HEADER, LISTED].iter().filter_map(|mark| find(rest, mark)).min();
        (None, end.unwrap_or(rest.len()) as u64)
    };
    let entry = Entry {
        name: names::decoded(bytes.get(at + HEADER_SIZE..at + HEADER_SIZE + name)?, flags & UTF8 != 0),
        encrypted: flags & ENCRYPTED != 0,
        method: number(bytes, at + 8, 2)? as u16,
        crc,
        compressed,
        header: at as u64,
        ..Entry::default()
    };
    Some((entry, data))
}

/// The compressed bytes of an entry, or those of them that are there.
pub(super) fn raw<'a>(bytes: &'a [u8], entry: &Entry) -> Option<&'a [u8]> {
    let header = usize::try_from(entry.header).ok()?;
    bytes.get(header..)?.starts_with(HEADER).then_some(())?;
    let rest = bytes.get(data_start(bytes, header)?..)?;
    let size = usize::try_from(entry.compressed).unwrap_or(usize::MAX);
    Some(&rest[..size.min(rest.len())])
}

/// Where the data of the entry begins whose header stands at this offset.
fn data_start(bytes: &[u8], at: usize) -> Option<usize> {
    let (name, extra) = (number(bytes, at + 26, 2)? as usize, number(bytes, at + 28, 2)? as usize);
    Some(at + HEADER_SIZE + name + extra)
}

/// A little-endian number of this many bytes.
fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(size)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, mark)
}
