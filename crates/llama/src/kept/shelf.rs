//! Which states stay in memory, where there is none for all. Pure.
//!
//! The same chunks come again in the same order with every question. Where they don't all fit, a shelf that keeps the
//! latest would hold none of them when it comes again: each was put out just before. So what is on the shelf stays, until
//! something else has become worth more: by the cost to make it again, by how often it was asked for, and by how long ago.

use std::collections::HashMap;

use super::identity::Key;

/// The tokens of a part at which attention takes as long as all the rest of the model does.
const LONG: f64 = 8192.0;
/// Being asked for more often than this makes a state worth no more: it would outlive its document.
const USES: u32 = 2;
/// How much more a newcomer has to be worth than what it puts out, as a share of its own worth.
const MARGIN: f64 = 0.25;
/// After so many shelves full of newcomers that were turned away, what was not asked for meanwhile is worth one use less.
const AGES: f64 = 8.0;
/// The most states that are remembered without being there.
const REMEMBERED: usize = 1 << 14;

/// Items with a limit on their bytes.
pub(super) struct Shelf<T> {
    budget: u64,
    taken: u64,
    /// Rises as newcomers are turned away and as items go, so that items age.
    clock: f64,
    items: HashMap<Key, Item<T>>,
    /// How often what is not there was asked for.
    uses: HashMap<Key, u32>,
}

struct Item<T> {
    what: T,
    bytes: u64,
    /// The cost to make a byte of it again.
    worth: f64,
    uses: u32,
    value: f64,
}

impl<T> Shelf<T> {
    pub(super) fn new(budget: u64) -> Self {
        Self { budget, taken: 0, clock: 0.0, items: HashMap::new(), uses: HashMap::new() }
    }

    /// The item, which is asked for once more by this.
    pub(super) fn get(&mut self, key: Key) -> Option<&T> {
        let clock = self.clock;
        let item = self.items.get_mut(&key)?;
        item.uses = (item.uses + 1).min(USES);
        item.value = clock + item.worth * f64::from(item.uses);
        Some(&item.what)
    }

    /// Whether an item of `tokens` may be put there. What is worth less goes.
    pub(super) fn makes_room(&mut self, key: Key, bytes: u64, tokens: usize) -> bool {
        if self.budget == 0 || self.items.contains_key(&key) {
            return false;
        }
        if self.uses.len() >= REMEMBERED {
            self.uses.clear();
        }
        let uses = self.uses.entry(key).or_default();
        *uses = (*uses + 1).min(USES);
        let (worth, uses) = (worth(tokens), *uses);
        let mut by_value: Vec<_> =
            self.items.iter().map(|(key, item)| (item.value, *key, item.bytes)).collect();
        by_value.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (mut left, mut out) = (self.taken, Vec::new());
        for (value, key, size) in by_value {
            if left + bytes <= self.budget {
                break;
            }
            out.push((value, key));
            left -= size;
        }
        let least = out.last().map_or(f64::MIN, |(value, _)| *value);
        if left + bytes > self.budget
            || !out.is_empty() && self.clock + worth * (f64::from(uses) - MARGIN) <= least
        {
            self.clock += worth * bytes as f64 / self.budget as f64 / AGES;
            return false;
        }
        for (value, key) in out {
            self.clock = self.clock.max(value);
            if let Some(item) = self.items.remove(&key) {
                self.taken -= item.bytes;
                self.uses.insert(key, item.uses);
            }
        }
        true
    }

    /// Puts an item there, for which there is room.
    pub(super) fn put(&mut self, key: Key, what: T, bytes: u64, tokens: usize) {
        let (worth, uses) = (worth(tokens), self.uses.remove(&key).unwrap_or(1));
        let value = self.clock + worth * f64::from(uses);
        self.taken += bytes;
        self.items.insert(key, Item { what, bytes, worth, uses, value });
    }
}

/// The cost to read a token of a part of so many, in that of the first one. The bytes are as many as the tokens.
fn worth(tokens: usize) -> f64 {
    1.0 + tokens as f64 / LONG
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Questions about documents: the numbers of the document's chunks.
    fn trace() -> Vec<Key> {
        let document = |number: u128, chunks: u128| (0..chunks).map(move |chunk| number * 1000 + chunk);
        let mut trace = Vec::new();
        // A report twice as long as the shelf, then a short letter between questions about it, then a second report.
        for question in 0..5 {
            trace.extend(document(1, 20));
            if question % 2 == 0 {
                trace.extend(document(2, 3));
            }
        }
        for _ in 0..5 {
            trace.extend(document(3, 10));
        }
        for _ in 0..4 {
            trace.extend(document(4, 30));
        }
        trace
    }

    fn misses(shelf: &mut Shelf<()>, trace: &[Key]) -> usize {
        let mut misses = 0;
        for key in trace {
            if shelf.get(*key).is_none() {
                misses += 1;
                // No two chunks are of one length.
                let tokens = 700 + (*key % 7) as usize * 20;
                if shelf.makes_room(*key, tokens as u64, tokens) {
                    shelf.put(*key, (), tokens as u64, tokens);
                }
            }
            assert!(shelf.taken <= shelf.budget);
        }
        misses
    }

    /// What plain recency would read: a list of the latest.
    fn misses_by_recency(bytes: u64, trace: &[Key]) -> usize {
        let (mut list, mut misses) = (Vec::<Key>::new(), 0);
        let size = |key: &Key| 700 + (*key % 7) as u64 * 20;
        for key in trace {
            match list.iter().position(|other| other == key) {
                Some(at) => drop(list.remove(at)),
                None => misses += 1,
            }
            list.push(*key);
            while list.iter().map(size).sum::<u64>() > bytes {
                list.remove(0);
            }
        }
        misses
    }

    #[test]
    fn half_of_a_document_stays_where_half_fits() {
        let chunks: Vec<Key> = (0..20).collect();
        let mut shelf = Shelf::new(10 * 760);
        assert_eq!(misses(&mut shelf, &chunks), 20);
        for _ in 0..20 {
            assert!(misses(&mut shelf, &chunks) <= 11);
        }
        assert_eq!(misses_by_recency(10 * 760, &[&chunks[..], &chunks].concat()), 40);
    }

    #[test]
    fn another_document_takes_the_room_after_some_questions() {
        let mut shelf = Shelf::new(10 * 760);
        let (old, new): (Vec<Key>, Vec<Key>) = ((0..20).collect(), (100..110).collect());
        for _ in 0..5 {
            misses(&mut shelf, &old);
        }
        let read: Vec<usize> = (0..5).map(|_| misses(&mut shelf, &new)).collect();
        assert_eq!((read[0], read[4]), (10, 0), "{read:?}");
    }

    #[test]
    fn a_trace_of_questions_reads_less_than_by_recency() {
        let trace = trace();
        let (ours, recency) =
            (misses(&mut Shelf::new(10 * 760), &trace), misses_by_recency(10 * 760, &trace));
        assert!(ours * 5 < recency * 4, "{ours} of {}, {recency} by recency", trace.len());
    }

    #[test]
    fn what_is_larger_than_the_shelf_is_turned_away() {
        let mut shelf = Shelf::new(100);
        assert!(!shelf.makes_room(1, 101, 101));
        assert!(shelf.makes_room(1, 100, 100));
        shelf.put(1, 'a', 100, 100);
        assert!(!shelf.makes_room(1, 100, 100));
        assert_eq!(shelf.get(1), Some(&'a'));
        assert!(!Shelf::<()>::new(0).makes_room(1, 0, 0));
    }
}
