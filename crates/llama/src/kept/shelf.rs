//! What stays in memory, where there is none for all that was read. Pure. `turnover` has the rules.

use std::collections::HashMap;

use super::identity::Key;
use super::turnover;

/// The tokens of a part at which attention takes as long as all the rest of the model does.
const LONG: f64 = 8192.0;

/// Items with a limit on their bytes.
pub(super) struct Shelf<T> {
    budget: u64,
    /// Counts what was asked for.
    clock: u64,
    items: HashMap<Key, Item<T>>,
    /// When what had to go was asked for last.
    gone: HashMap<Key, u64>,
}

struct Item<T> {
    what: T,
    bytes: u64,
    /// The cost to make a byte of it again.
    worth: f64,
    used: u64,
}

impl<T> Shelf<T> {
    pub(super) fn new(budget: u64) -> Self {
        Self { budget, clock: 0, items: HashMap::new(), gone: HashMap::new() }
    }

    /// The item, which is asked for by this.
    pub(super) fn get(&mut self, key: Key) -> Option<&T> {
        self.clock += 1;
        let item = self.items.get_mut(&key)?;
        item.used = self.clock;
        Some(&item.what)
    }

    /// Whether an item of so many bytes may be put there. What goes for it is gone then.
    pub(super) fn makes_room(&mut self, key: Key, bytes: u64) -> bool {
        if bytes > self.budget || self.items.contains_key(&key) {
            return false;
        }
        let since = |then: u64| self.clock.saturating_sub(then) as f64;
        let kept = self.items.iter().map(|(key, item)| turnover::Item {
            key: *key,
            bytes: item.bytes,
            unused: since(item.used),
            worth: item.worth,
        });
        let out = turnover::out(kept.collect(), bytes, self.budget);
        let comes = turnover::comes(self.gone.get(&key).map(|then| since(*then)), &out);
        if comes {
            self.gone.remove(&key);
            for turnover::Item { key, .. } in out {
                self.gone.extend(self.items.remove(&key).map(|item| (key, item.used)));
            }
        } else {
            self.gone.insert(key, self.clock);
        }
        self.forget();
        comes
    }

    /// Puts an item of `tokens` there, for which there is room.
    pub(super) fn put(&mut self, key: Key, what: T, bytes: u64, tokens: usize) {
        self.items.insert(key, Item { what, bytes, worth: worth(tokens), used: self.clock });
    }

    fn forget(&mut self) {
        let count = turnover::forgotten(self.gone.len(), self.items.len());
        let mut oldest: Vec<_> = self.gone.iter().map(|(key, then)| (*then, *key)).collect();
        oldest.sort_unstable();
        for (_, key) in oldest.into_iter().take(count) {
            self.gone.remove(&key);
        }
    }
}

/// The cost to read a token of a part of so many, in that of the first one. The bytes are as many as the tokens.
fn worth(tokens: usize) -> f64 {
    1.0 + tokens as f64 / LONG
}

#[cfg(test)]
mod tests {
    use super::super::trace::{self, recency, shelf};
    use super::*;

    /// Room for about so many chunks.
    fn of(chunks: u64) -> u64 {
        chunks * trace::MEAN
    }

    #[test]
    fn half_of_a_document_stays_where_half_fits() {
        let questions: Vec<Vec<Key>> = (0..20).map(|n| trace::question(n, &trace::document(1, 20))).collect();
        assert_eq!(shelf(of(10), &questions[..1]), 20);
        assert!(shelf(of(10), &questions[..2]) <= 31);
        let (ours, recency) = (shelf(of(10), &questions), recency(of(10), &questions));
        assert!(ours * 5 < recency * 4, "{ours}, {recency} by recency");
    }

    #[test]
    fn another_document_has_the_room_at_once_and_an_old_one_after_some_questions() {
        let new = trace::document(2, 9);
        let mut questions = vec![trace::document(1, 20); 5];
        questions.extend(vec![new.clone(); 2]);
        let before = shelf(of(10), &questions[..5]);
        assert_eq!(shelf(of(10), &questions) - before, 9);
        let mut questions = vec![new.clone(); 3];
        questions.extend(vec![trace::document(3, 9); 3]);
        let before = shelf(of(10), &questions);
        questions.extend(vec![new; 5]);
        let again = shelf(of(10), &questions) - before;
        assert!((9..=27).contains(&again), "{again}");
    }

    #[test]
    fn questions_read_less_than_by_recency_where_a_document_has_no_room() {
        let traces: Vec<_> = (0..20).map(trace::questions).collect();
        for chunks in [6, 12, 20, 30] {
            let read =
                |by: fn(u64, &[Vec<Key>]) -> usize| traces.iter().map(|t| by(of(chunks), t)).sum::<usize>();
            let (ours, recency) = (read(shelf), read(recency));
            assert!(ours * 100 < recency * 97, "{ours}, {recency} by recency, with room for {chunks} chunks");
        }
    }

    #[test]
    fn what_is_larger_than_the_shelf_is_turned_away() {
        let mut shelf = Shelf::new(100);
        assert!(!shelf.makes_room(1, 101));
        assert!(shelf.makes_room(1, 100));
        shelf.put(1, 'a', 100, 100);
        assert!(!shelf.makes_room(1, 100));
        assert_eq!(shelf.get(1), Some(&'a'));
        assert!(!Shelf::<()>::new(0).makes_room(1, 1));
    }
}
