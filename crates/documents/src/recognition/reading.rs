//! The orders in which the lines of a text are read.

use std::ops::Range;

use super::letters::Placed;

/// Bytes of a text that are searched at once.
const BLOCK: usize = 2 << 20;
/// Bytes of letters that are read in every order, even if most of them have been found in one.
pub(super) const SMALL: usize = 256 << 10;
/// The most digits of a line's number.
const DIGITS: usize = 7;
/// The most backslashes of a line break, as a text has that was escaped twice.
const SLASHES: usize = 2;

/// Ranges of a text in blocks that are not much longer than [`BLOCK`]; long ranges are cut between lines.
pub(super) fn blocks(text: &str, ranges: &[Range<usize>]) -> Vec<Vec<Range<usize>>> {
    let mut blocks = vec![Vec::new()];
    let mut length = 0;
    for range in ranges {
        let mut start = range.start;
        while start < range.end {
            let most = text.floor_char_boundary(start + BLOCK).min(range.end);
            let line = text[start..most].rfind('\n').map_or(most, |at| start + at + 1);
            let end = if most < range.end { line } else { most };
            if length + (end - start) > BLOCK && length > 0 {
                blocks.push(Vec::new());
                length = 0;
            }
            length += end - start;
            if let Some(block) = blocks.last_mut() {
                block.push(start..end);
            }
            start = end;
        }
    }
    blocks
}

/// The other ways to read the letters of a text: with its lines in reverse order, or the quoted items of
/// a list, and without the lines' numbers.
pub(super) fn readings(placed: &Placed) -> Vec<Placed> {
    let mut readings = Vec::new();
    if placed.items.len() > 1 {
        readings.push(read(placed, placed.parted(placed.items.iter().copied()).iter().rev()));
    }
    for slashes in 0..=SLASHES {
        if placed.lines.iter().filter(|(_, of_it)| *of_it == slashes).count() < 2 {
            continue;
        }
        let starts = placed.lines.iter().filter(|(_, of_it)| *of_it <= slashes);
        let lines = placed.parted(starts.map(|(start, _)| *start));
        let bare: Vec<Range<usize>> = lines.iter().map(|line| without_number(placed, line.clone())).collect();
        readings.push(read(placed, lines.iter().rev()));
        if lines.iter().zip(&bare).filter(|(line, bare)| line != bare).count() > 1 {
            readings.push(read(placed, bare.iter()));
            readings.push(read(placed, bare.iter().rev()));
        }
    }
    readings
}

/// The letters of these lines in this order.
fn read<'a>(placed: &Placed, lines: impl Iterator<Item = &'a Range<usize>>) -> Placed {
    let mut reading = Placed::default();
    lines.for_each(|line| reading.take(placed, line.clone()));
    reading
}

/// The letters of a line without a first word that is a number.
fn without_number(placed: &Placed, line: Range<usize>) -> Range<usize> {
    let end = (line.start + 1..line.end).find(|at| placed.begins(*at)).unwrap_or(line.end);
    let word = &placed.text.as_bytes()[line.start..end];
    let is_number = word.len() <= DIGITS && word.iter().all(u8::is_ascii_digit);
    if is_number { end..line.end } else { line }
}
