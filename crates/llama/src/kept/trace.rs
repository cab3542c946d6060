//! Questions about documents, and how many chunks are read for them: by our rules, and by plain recency. For the tests and for
//! `examples/what_stays.rs`.

use super::identity::Key;
use super::shelf::Shelf;

/// The mean tokens of a chunk.
pub(super) const MEAN: u64 = 760;

/// The chunks of a document.
pub(super) fn document(number: Key, chunks: Key) -> Vec<Key> {
    (0..chunks).map(|chunk| number * 1000 + chunk).collect()
}

/// A number that looks like chance: SplitMix64.
fn chance(seed: u64) -> u64 {
    let mut mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

/// A question about a document. Its chunks come in an order that is the question's own, as those do that probably hold the
/// answer first.
pub(super) fn question(number: u64, document: &[Key]) -> Vec<Key> {
    let mut chunks = document.to_vec();
    chunks.sort_by_key(|chunk| chance(chance(number) ^ *chunk as u64));
    chunks
}

/// Thirty questions about six documents of 3 to 40 chunks; of five that follow one another four are about the same one.
pub(super) fn questions(seed: u64) -> Vec<Vec<Key>> {
    let draw = |number: u64, of: u64| (chance(chance(seed) ^ number) % of) as usize;
    let documents: Vec<_> =
        (0..6).map(|name| document(name, [3, 5, 10, 15, 20, 30, 40][draw(name as u64, 7)])).collect();
    let mut about = 0;
    let mut questions = Vec::new();
    for number in 100..130 {
        if number == 100 || draw(number, 5) == 0 {
            about = draw(number + 1000, 6);
        }
        questions.push(question(seed << 32 | number, &documents[about]));
    }
    questions
}

/// No two chunks beside each other are of one length.
fn tokens(chunk: Key) -> u64 {
    MEAN - 60 + (chunk % 7) as u64 * 20
}

/// How many chunks are read where `budget` tokens have room on our shelf.
pub(super) fn shelf(budget: u64, questions: &[Vec<Key>]) -> usize {
    let (mut shelf, mut read) = (Shelf::new(budget), 0);
    for chunk in questions.iter().flatten() {
        if shelf.get(*chunk).is_none() {
            read += 1;
            let tokens = tokens(*chunk);
            if shelf.makes_room(*chunk, tokens) {
                shelf.put(*chunk, (), tokens, tokens as usize);
            }
        }
    }
    read
}

/// The same where what was used last is there.
pub(super) fn recency(budget: u64, questions: &[Vec<Key>]) -> usize {
    let (mut latest, mut read) = (Vec::<Key>::new(), 0);
    for chunk in questions.iter().flatten() {
        match latest.iter().position(|other| other == chunk) {
            Some(at) => drop(latest.remove(at)),
            None => read += 1,
        }
        latest.push(*chunk);
        while latest.iter().map(|chunk| tokens(*chunk)).sum::<u64>() > budget {
            latest.remove(0);
        }
    }
    read
}
