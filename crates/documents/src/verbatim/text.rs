//! Indexes the grams and windows of a text for the search in the parent module.

use std::hash::BuildHasher;
use std::ops::Range;

use foldhash::fast::RandomState;

use super::{GRAM, OFTEN, Scale, before, gram};

/// A filter of the grams of a text. One absent gram in some thousands passes it.
pub(super) struct Grams(Vec<u64>);

impl Grams {
    pub(super) fn of(text: &str) -> Self {
        let mut words = vec![0; text.len().div_ceil(2).next_power_of_two()];
        for at in 0..text.len() {
            let Some(gram) = gram(text, at) else { break };
            let (word, bits) = place(gram, words.len());
            words[word] |= bits;
        }
        Self(words)
    }

    pub(super) fn may_have(&self, gram: u64) -> bool {
        let (word, bits) = place(gram, self.0.len());
        self.0[word] & bits == bits
    }

    /// Whether the text may contain both the first and the last gram of `window`.
    pub(super) fn may_have_ends_of(&self, window: &str) -> bool {
        let ends = [0, window.len() - GRAM];
        ends.into_iter().all(|at| gram(window, at).is_some_and(|gram| self.may_have(gram)))
    }
}

/// The index of a filter word, and three of its bits, for a gram. `words` is a power of two.
fn place(gram: u64, words: usize) -> (usize, u64) {
    let product = u128::from(gram).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835);
    let hash = (product >> 64) as u64 ^ product as u64;
    let bit = |at: u32| 1 << ((hash >> at) & 63);
    (hash as usize & (words - 1), bit(46) | bit(52) | bit(58))
}

/// The places of each window in a text.
pub(super) struct Windows<'a> {
    text: &'a str,
    hasher: RandomState,
    /// The first place of a window in each slot, counted from 1; 0 is an empty slot.
    slots: Vec<u32>,
    /// For each byte of the text, the next place with the same window.
    next: Vec<u32>,
    /// For each byte of the text, whether any two neighbouring occurrences of its window, from here on, have different
    /// characters before them.
    differs: Vec<bool>,
    /// For each byte of the text, how many more times its window may be looked up amid what the text and a document
    /// have in common: 0 if the text has it nowhere else. In a list the first place counts for all.
    chances: Vec<u8>,
}

impl<'a> Windows<'a> {
    pub(super) fn of(text: &'a str, scale: Scale) -> Self {
        let slots = vec![0; (2 * text.len()).next_power_of_two()];
        let mut windows = Self {
            text,
            hasher: RandomState::default(),
            slots,
            next: vec![0; text.len()],
            differs: vec![false; text.len()],
            chances: vec![0; text.len()],
        };
        // Backwards, so that each list begins with the first place.
        let all: Vec<_> = self::windows(text, scale).map(|(start, end)| (start as u32, end as u32)).collect();
        for (start, end) in all.into_iter().rev().map(|(start, end)| (start as usize, end as usize)) {
            let slot = windows.slot(&text[start..end]);
            windows.next[start] = windows.slots[slot];
            if let Some(next) = windows.next(start) {
                windows.differs[start] = windows.differs[next] || before(text, start) != before(text, next);
                windows.chances[start] = OFTEN;
                windows.chances[next] = OFTEN;
            }
            windows.slots[slot] = start as u32 + 1;
        }
        windows
    }

    /// The first place of this window in the text.
    pub(super) fn first(&self, window: &str) -> Option<usize> {
        place_of(self.slots[self.slot(window)])
    }

    /// The next place of the window that begins at `here`.
    pub(super) fn next(&self, here: usize) -> Option<usize> {
        place_of(self.next[here])
    }

    /// Whether all places of the window that first begins at `first` have the same character before them.
    pub(super) fn follow_one(&self, first: usize) -> bool {
        !self.differs[first]
    }

    /// Counts a look-up of the window that first begins at `first`.
    pub(super) fn ask(&mut self, first: usize) {
        if self.chances[first] == 1 {
            let mut place = Some(first);
            while let Some(at) = place {
                self.chances[at] = 0;
                place = self.next(at);
            }
        }
        self.chances[first] = self.chances[first].saturating_sub(1);
    }

    /// How many bytes at the beginning of this range begin no window that may tell anything.
    pub(super) fn dull(&self, range: Range<usize>) -> usize {
        self.chances[range].iter().take_while(|chances| **chances == 0).count()
    }

    /// The slot of a window, or the empty slot for it.
    fn slot(&self, window: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = self.hasher.hash_one(window) as usize & mask;
        while place_of(self.slots[slot]).is_some_and(|at| !self.text[at..].starts_with(window)) {
            slot = (slot + 1) & mask;
        }
        slot
    }
}

fn place_of(number: u32) -> Option<usize> {
    (number as usize).checked_sub(1)
}

/// The byte ranges of all windows: the shortest part that begins at each character.
pub(super) fn windows(text: &str, scale: Scale) -> impl Iterator<Item = (usize, usize)> {
    let mut ends = text.char_indices().map(move |(at, c)| (at + c.len_utf8(), scale.weight(c)));
    let (mut weight, mut end) = (0, 0);
    text.char_indices().map_while(move |(start, c)| {
        while weight < scale.shortest() {
            let (next, more) = ends.next()?;
            (end, weight) = (next, weight + more);
        }
        weight -= scale.weight(c);
        Some((start, end))
    })
}
