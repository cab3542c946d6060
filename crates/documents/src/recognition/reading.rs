//! The orders in which the lines of a text are read.

use std::ops::Range;

use super::letters::Placed;

/// Bytes of a text whose parts of any length are searched at once.
pub(super) const BLOCK: usize = 1 << 20;
/// Bytes of a text whose long parts are searched at once.
pub(super) const LARGE_BLOCK: usize = 16 << 20;
/// Bytes of a text in which long parts are not looked for by themselves.
pub(super) const SMALL: usize = 64 << 10;
/// The most digits of a line's number.
const DIGITS: usize = 7;
/// The most backslashes of a line break, as a text has that was escaped twice.
const SLASHES: usize = 2;

/// Ranges of a text in blocks of so many bytes, or not many more; long ranges are cut between lines.
pub(super) fn blocks(text: &str, ranges: &[Range<usize>], bytes: usize) -> Vec<Vec<Range<usize>>> {
    let mut blocks = vec![Vec::new()];
    let mut length = 0;
    for range in ranges {
        let mut start = range.start;
        while start < range.end {
            let most = text.floor_char_boundary(start + bytes).min(range.end);
            let line = text[start..most].rfind('\n').map_or(most, |at| start + at + 1);
            let end = if most < range.end { line } else { most };
            if length + (end - start) > bytes && length > 0 {
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
pub(super) fn readings(placed: &Placed) -> impl Iterator<Item = Placed> + '_ {
    let items = (placed.items.len() > 1)
        .then(|| read(placed, placed.parted(placed.items.iter().copied()).iter().rev()));
    items.into_iter().chain((0..=SLASHES).flat_map(|slashes| of_lines(placed, slashes)))
}

/// The ways to read lines whose breaks have so many backslashes, or fewer.
fn of_lines(placed: &Placed, slashes: usize) -> impl Iterator<Item = Placed> + '_ {
    let breaks = placed.lines.iter().filter(|(_, of_it)| *of_it == slashes).count();
    let starts = placed.lines.iter().filter(|(_, of_it)| *of_it <= slashes);
    let lines = if breaks < 2 { Vec::new() } else { placed.parted(starts.map(|(start, _)| *start)) };
    let bare: Vec<Range<usize>> = lines.iter().map(|line| without_number(placed, line.clone())).collect();
    let has_numbers = lines.iter().zip(&bare).filter(|(line, bare)| line != bare).count() > 1;
    (0..3).filter_map(move |way| match way {
        0 => (breaks >= 2).then(|| read(placed, lines.iter().rev())),
        1 => has_numbers.then(|| read(placed, bare.iter())),
        _ => has_numbers.then(|| read(placed, bare.iter().rev())),
    })
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
