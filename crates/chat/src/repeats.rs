//! Whether a text repeats itself at its end: one block over and over, which small models run into and do not leave.
//!
//! In: the pieces of a reply as they come, a token or a few each. Out: where the loop begins. What people write over and
//! over is left alone: rules of dashes, leaders of dots, rows of tables, lists of equal numbers, closing brackets. Pure;
//! each byte is looked at a bounded number of times.

use std::collections::VecDeque;

/// Equal pieces in a row that are a loop: with a letter or of white space, and others, as numbers end in many zeros.
/// Ollama's guard ends a reply after 31 (`llm/llama_server.go`), from its version 0.34 on after 101.
const EQUAL_PIECES: usize = 64;
const EQUAL_SIGNS: usize = 112;
/// Equal pieces in a row after which a server that ended its stream without a reason has seen a loop.
const GUARDED_PIECES: usize = 25;
/// The fewest tokens of a loop of words, of long blocks, of lines, and of what people write over and over.
const WORD_TOKENS: usize = 112;
const LONG_TOKENS: usize = 56;
const LINE_TOKENS: usize = 112;
const PLAIN_TOKENS: usize = 256;
/// How often a block is there in a loop: a short one of words, a long one, a short line, a long line (logs have a few equal
/// ones), one that people write over and over.
const WORD_TIMES: usize = 6;
const LONG_TIMES: usize = 4;
const LINE_TIMES: usize = 12;
const LONG_LINE_TIMES: usize = 6;
const PLAIN_TIMES: usize = 16;
/// From how many bytes on a block is long, and a line is not short any more.
const LONG: usize = 64;
const SHORT_LINE: usize = 36;
/// The longest block, in bytes.
const LONGEST: usize = 1024;
/// The end of the text that is looked at, in bytes.
const WINDOW: usize = LONGEST * LONG_TIMES + LONG;
/// The bytes of a token where a piece has many.
const TOKEN: usize = 8;
/// How many pieces, or bytes, come between two looks.
const PIECES: usize = 8;
const BYTES: usize = PIECES * TOKEN;
/// The text after which nothing is looked at any more: it is no reply of a model that could be helped.
const MOST: usize = 1 << 20;
/// The pieces whose ends are known.
const ENDS: usize = 2 * PLAIN_TOKENS;

/// A loop at the end of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loop {
    /// The bytes of the text before the block comes for the second time.
    pub keeps: usize,
    /// The tokens from the beginning of the loop on.
    pub tokens: u64,
}

/// Watches a text that grows.
#[derive(Debug, Default)]
pub struct Repeats {
    /// The end of the text.
    recent: Vec<u8>,
    /// The bytes of the text.
    length: usize,
    /// Where the last pieces end.
    ends: VecDeque<usize>,
    /// The last piece, trimmed; where the first of the equal ones at the end begins and ends; how many they are.
    last: Vec<u8>,
    first: (usize, usize),
    equal: usize,
    /// The pieces and the length at the last look.
    looked: (usize, usize),
    pieces: usize,
}

impl Repeats {
    /// The text has grown by `piece`. Gives the loop once there is one.
    pub fn push(&mut self, piece: &[u8]) -> Option<Loop> {
        if piece.is_empty() || self.length > MOST {
            return None;
        }
        self.add(piece);
        if self.equal >= EQUAL_PIECES && self.equal >= equal_pieces(&String::from_utf8_lossy(&self.last)) {
            return Some(self.of_pieces());
        }
        let (pieces, length) = self.looked;
        if self.pieces < pieces + PIECES && self.length < length + BYTES {
            return None;
        }
        self.looked = (self.pieces, self.length);
        self.of_block()
    }

    /// The loop at the end of a text whose server ended it without a reason, as a guard against repetition does.
    pub fn guarded(&self) -> Option<Loop> {
        (self.equal >= GUARDED_PIECES).then(|| self.of_pieces())
    }

    fn add(&mut self, piece: &[u8]) {
        let begin = self.length;
        self.length += piece.len();
        self.pieces += 1;
        let trimmed = piece.trim_ascii();
        if self.pieces == 1 || self.last != trimmed {
            self.last = trimmed.to_owned();
            self.first = (begin, self.length);
            self.equal = 0;
        }
        self.equal += 1;
        self.ends.push_back(self.length);
        if self.ends.len() > ENDS {
            self.ends.pop_front();
        }
        self.recent.extend_from_slice(piece);
        if self.recent.len() > 4 * WINDOW {
            self.recent.drain(..self.recent.len() - WINDOW);
        }
    }

    fn of_pieces(&self) -> Loop {
        Loop { keeps: self.first.1, tokens: self.equal as u64 }
    }

    fn of_block(&self) -> Option<Loop> {
        let recent = &self.recent[self.recent.len().saturating_sub(WINDOW)..];
        let pieces = |region: usize| {
            let begin = self.length - region;
            self.ends.len() - self.ends.partition_point(|end| *end <= begin)
        };
        let (block, region, tokens) = block(recent, pieces)?;
        Some(Loop { keeps: self.length - region + block, tokens: tokens as u64 })
    }
}

/// The loop at the end of a text that came whole, if it has one.
pub fn of_text(text: &str) -> Option<Loop> {
    let bytes = text.as_bytes();
    let (block, ..) = block(&bytes[bytes.len().saturating_sub(WINDOW)..], |region| region / 4)?;
    let region = region(bytes, block);
    Some(Loop { keeps: text.floor_char_boundary(text.len() - region + block), tokens: (region / 4) as u64 })
}

/// The same for a server that ended its reply without a reason, as a guard against repetition does.
pub fn guarded_text(text: &str) -> Option<Loop> {
    let bytes = text.as_bytes();
    let recent = &bytes[bytes.len().saturating_sub(WINDOW)..];
    let same = same_before(recent);
    let block = (1..=LONGEST.min(recent.len())).find(|block| {
        let region = block + same.get(*block).copied().unwrap_or_default();
        region / block >= GUARDED_PIECES
    })?;
    let region = region(bytes, block);
    let keeps = text.floor_char_boundary(text.len() - region + block);
    Some(Loop { keeps, tokens: (region / block) as u64 })
}

/// The bytes at the end of `text` that are copies of its last `block` bytes.
fn region(text: &[u8], block: usize) -> usize {
    let later = text[block..].iter().rev();
    block + later.zip(text[..text.len() - block].iter().rev()).take_while(|(a, b)| a == b).count()
}

/// The shortest block that the end of a text repeats as only a loop does: its bytes, those of the loop, and the loop's
/// tokens. `pieces`: how many pieces so many bytes at the end have.
fn block(recent: &[u8], pieces: impl Fn(usize) -> usize) -> Option<(usize, usize, usize)> {
    if !may_repeat(recent) {
        return None;
    }
    let same = same_before(recent);
    // Blocks and their bytes with all copies.
    let mut shorter: Vec<(usize, usize)> = Vec::new();
    (1..=LONGEST.min(recent.len() / LONG_TIMES)).find_map(|block| {
        let region = block + same[block];
        let times = region / block;
        // Several copies of a block are no block of their own.
        let is_known = || shorter.iter().any(|(part, whole)| block % part == 0 && *whole == region);
        if times < LONG_TIMES || is_known() {
            return None;
        }
        shorter.push((block, region));
        let tokens = pieces(region).max(region / TOKEN);
        let (least_tokens, least_times) = limits(&recent[recent.len() - block..]);
        (tokens >= least_tokens && times >= least_times).then_some((block, region, tokens))
    })
}

/// Whether the last bytes are there a second time, not further before them than a block is long.
fn may_repeat(recent: &[u8]) -> bool {
    let last = &recent[recent.len().saturating_sub(TOKEN)..];
    let before = &recent[recent.len().saturating_sub(LONGEST + TOKEN)..recent.len().saturating_sub(1)];
    before.windows(last.len().max(1)).rev().any(|window| window == last)
}

/// For each distance, how many bytes at the end of `recent` are the same as the bytes so far before them (the Z function
/// of the text from its end to its beginning).
fn same_before(recent: &[u8]) -> Vec<usize> {
    let length = recent.len();
    let at = |place: usize| recent[length - 1 - place];
    let mut same = vec![0; length.max(1)];
    let (mut left, mut right) = (0, 0);
    for distance in 1..length {
        let mut known = if distance < right { same[distance - left].min(right - distance) } else { 0 };
        while distance + known < length && at(known) == at(distance + known) {
            known += 1;
        }
        same[distance] = known;
        if distance + known > right {
            (left, right) = (distance, distance + known);
        }
    }
    same
}

/// How many of these pieces in a row are a loop.
fn equal_pieces(piece: &str) -> usize {
    match piece {
        _ if is_rule(piece) => usize::MAX,
        "" => EQUAL_PIECES,
        _ if piece.chars().any(char::is_alphabetic) => EQUAL_PIECES,
        _ => EQUAL_SIGNS,
    }
}

/// The fewest tokens and copies that make a loop of this block.
fn limits(block: &[u8]) -> (usize, usize) {
    let text = String::from_utf8_lossy(block);
    if text.trim().is_empty() {
        return (EQUAL_PIECES, WORD_TIMES);
    }
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let signs = text.chars().filter(|c| !c.is_whitespace()).count();
    // A comma between words is none between cells.
    let mut pairs = text.chars().zip(text.chars().cycle().skip(1));
    let has_cells = text.contains(CELLS) || pairs.any(|(c, next)| c == ',' && !next.is_whitespace());
    if is_rule(&text) || letters * 2 < signs || has_cells {
        (PLAIN_TOKENS, PLAIN_TIMES)
    } else if text.contains('\n') {
        let least = if block.len() >= LONG { LONG_TOKENS } else { LINE_TOKENS };
        // The longer the line, the fewer copies.
        (least, (LINE_TIMES * SHORT_LINE / block.len()).clamp(LONG_LINE_TIMES, LINE_TIMES))
    } else if block.len() >= LONG {
        (LONG_TOKENS, LONG_TIMES)
    } else {
        (WORD_TOKENS, WORD_TIMES)
    }
}

/// Signs of tables, code and JSON.
const CELLS: [char; 14] = ['|', '{', '}', '[', ']', '(', ')', ';', '=', '\t', '"', '<', '>', '\\'];

/// Whether `text` is of signs alone with which people draw lines and leaders.
fn is_rule(text: &str) -> bool {
    let is_drawn = |c: char| "-=_*.~#+·•…/\\|:^`'".contains(c) || ('\u{2500}'..='\u{259f}').contains(&c);
    !text.trim().is_empty() && text.chars().all(|c| is_drawn(c) || c.is_whitespace())
}

#[cfg(test)]
mod tests;
