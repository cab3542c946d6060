//! The cells of a sheet that are merged downwards. They stand behind the cells, and rows are written as they come: so they
//! are looked for first, without reading all the XML before them.

use std::io::Read;

use super::super::grid::{Merged, cell};
use crate::archive::{Archive, Entry};

/// The element that lists them. In a text its `<` would be escaped.
const ELEMENT: &[u8] = b"mergeCells";
/// How much is looked at together.
const BLOCK: usize = 256 << 10;
/// Bytes of the list at most.
const LONGEST: u64 = 64 << 20;

/// The merged cells of a sheet, as far as they are found at first sight.
pub(super) fn at_first_sight(archive: &Archive<'_>, entry: &Entry) -> Merged {
    tail(archive, entry).map_or_else(Merged::new, |tail| areas(&String::from_utf8_lossy(&tail)))
}

/// What stands behind the first mark of the list.
fn tail(archive: &Archive<'_>, entry: &Entry) -> Option<Vec<u8>> {
    let mut inflating = archive.inflate(entry).ok()?;
    let mut seen: Vec<u8> = Vec::with_capacity(2 * BLOCK);
    loop {
        let before = seen.len();
        if inflating.by_ref().take(BLOCK as u64).read_to_end(&mut seen).ok()? == 0 {
            return None;
        }
        let from = before.saturating_sub(ELEMENT.len());
        if let Some(at) = memchr::memmem::find(&seen[from..], ELEMENT) {
            let mut tail = seen.split_off(from + at + ELEMENT.len());
            inflating.take(LONGEST).read_to_end(&mut tail).ok()?;
            return Some(tail);
        }
        seen.drain(..seen.len() - seen.len().min(ELEMENT.len()));
    }
}

/// Those of the list, up to its end.
fn areas(list: &str) -> Merged {
    let end = list.find("mergeCells").unwrap_or(list.len());
    let mut merged = Merged::new();
    for element in list[..end].split("mergeCell").skip(1) {
        let area = element.split_once("ref").and_then(|(_, rest)| {
            let rest = rest.trim_start().strip_prefix('=')?.trim_start();
            let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
            rest[1..].split_once(quote)
        });
        if let Some((area, _)) = area {
            add(&mut merged, area);
        }
    }
    merged
}

/// Adds `A1:B3`, if it is merged downwards.
pub(super) fn add(merged: &mut Merged, area: &str) {
    if let Some((first, last)) = area.split_once(':')
        && let (Some(first), Some((last_row, _))) = (cell(first), cell(last))
        && last_row > first.0
    {
        merged.insert(first, last_row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_found_however_they_are_written() {
        for (list, expected) in [
            (
                r#" count="2"><mergeCell ref="A1:A3"/><mergeCell ref="B2:C2"/></mergeCells>"#,
                &[((1, 1), 3)][..],
            ),
            (
                "><x:mergeCell\n other='1' ref = 'A1:B2'></x:mergeCell></x:mergeCells><mergeCell ref='D1:D9'/>",
                &[((1, 1), 2)],
            ),
            ("/>", &[]),
            ("><mergeCell ref=A1:A3/><mergeCell ref=\"A1", &[]),
        ] {
            assert_eq!(areas(list), expected.iter().copied().collect::<Merged>(), "{list}");
        }
    }
}
