//! Recognises the documents in what leaves: the ledger counts by it. An estimate, as any text can be disguised.
//!
//! A text is searched twice. Its letters and digits are compared with those of the documents, so that escapes, case,
//! white space, marks and separators do not count, nor the order of lines. And all its characters are compared with
//! those of the documents, which also finds what has few letters. Every character of the text counts for one place in
//! the documents at most.
//!
//! Documents shorter than the shortest part count where they stand whole.

mod escapes;
mod letters;
mod reading;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use crate::Document;
use crate::verbatim::{self, Passage, SHORTEST, Scale};
use letters::{Letters, PART, Placed};
use reading::{BLOCK, LARGE_BLOCK, SMALL, blocks, readings};

/// The most letters at the edge of a part that are no whole word and may stand there by chance.
const STRAY: usize = 3;

/// Documents that are recognised.
pub struct Recogniser {
    documents: Arc<[Document]>,
    letters: Vec<Letters>,
    /// The documents that are shorter than the shortest part, by their letters.
    short: HashMap<String, usize>,
    /// Bytes of letters of the longest of them.
    longest_short: usize,
}

/// Letters that a text and a document share.
struct Part {
    /// Bytes of the letters read.
    read: Range<usize>,
    document: usize,
    /// Where its letters begin in those of the document.
    at: usize,
}

impl Recogniser {
    /// Reads the documents, which takes about a second for 100 MB.
    pub fn new(documents: Arc<[Document]>) -> Self {
        let letters: Vec<Letters> = documents.iter().map(|document| Letters::of(&document.text)).collect();
        let mut short = HashMap::new();
        for (number, Letters { text, .. }) in letters.iter().enumerate() {
            if !text.is_empty() && !Scale::Letters.holds(text) {
                short.entry(text.clone()).or_insert(number);
            }
        }
        let longest_short = short.keys().map(String::len).max().unwrap_or(0);
        Self { documents, letters, short, longest_short }
    }

    /// The parts of the documents that `text` holds. Outside of the ranges `others` it is not the documents' own, so
    /// there only what equals them character by character counts.
    pub fn passages(&self, text: &str, others: &[Range<usize>]) -> Vec<Passage> {
        let mut claims = Claims { text, taken: vec![false; text.len()], passages: Vec::new() };
        for block in blocks(text, others, LARGE_BLOCK) {
            self.search_long(&block, &mut claims);
        }
        for block in blocks(text, &claims.free(others, letters::has_letters), BLOCK) {
            self.search(&block, &mut claims);
        }
        let (rest, pieces) = claims.rest();
        for (at, passage) in verbatim::passages(&self.documents, &rest) {
            let piece = &pieces[pieces.partition_point(|piece| piece.in_rest <= at) - 1];
            // A document may hold what parts the pieces.
            let Some(within) = (piece.in_rest + piece.len).checked_sub(at) else { continue };
            let end = passage.end.min(passage.start + within);
            claims.verbatim(piece.in_text + at - piece.in_rest, Passage { end, ..passage });
        }
        claims.passages
    }

    /// Claims long parts that the letters of `block` have in common with the documents.
    fn search_long(&self, block: &[Range<usize>], claims: &mut Claims<'_>) {
        if block.iter().map(Range::len).sum::<usize>() < SMALL {
            return;
        }
        let placed = Placed::of(claims.text, block);
        let mut claim = |read: &Placed| {
            let found = verbatim::long_passages(&self.letters, &read.text);
            let mut parts = self.parts(read, found);
            parts.sort_by_key(|part| usize::MAX - part.read.len());
            parts.iter().for_each(|part| claims.letters(self, read, part));
            let free = claims.free(block, letters::has_letters).iter().map(Range::len).sum::<usize>();
            free < SMALL
        };
        if !claim(&placed) {
            let _ = readings(&placed).any(|other| claim(&other));
        }
    }

    /// Claims what the letters of `block` have in common with the documents.
    fn search(&self, block: &[Range<usize>], claims: &mut Claims<'_>) {
        let mut read = Placed::of(claims.text, block);
        let forward = read.text.len();
        // The documents are read once for all readings.
        let others: Vec<Placed> = readings(&read).collect();
        others.iter().for_each(|other| read.append(other));
        let found = verbatim::passages_of_block(&self.letters, &read.text, Scale::Letters);
        let mut parts = self.parts(&read, found);
        // The longest parts are the likeliest.
        parts.sort_by_key(|part| usize::MAX - part.read.len());
        parts.extend(self.short_parts(&read, forward));
        parts.iter().for_each(|part| claims.letters(self, &read, part));
    }

    /// The parts of these letters that were found in those of the documents, without strays at their edges.
    fn parts(&self, read: &Placed, found: Vec<(usize, Passage)>) -> Vec<Part> {
        let part = |(from, Passage { document, start, end })| {
            let part = Part { read: from..from + (end - start), document, at: start };
            self.without_strays(part, read)
        };
        found.into_iter().filter_map(part).collect()
    }

    /// The part without a few letters at an edge where the text or the document goes on in the middle of a word.
    fn without_strays(&self, part: Part, read: &Placed) -> Option<Part> {
        let Part { read: Range { start, end }, document, at } = part;
        let begins = |offset: usize| {
            self.letters[document].place(&self.documents[document].text, at + offset - start).begins
        };
        let is_whole = |edge: usize| read.begins(edge) && begins(edge);
        let is_edge = |edge: usize| read.begins(edge) || begins(edge);
        let letters = &read.text[start..end];
        let first = letters.char_indices().map(|(at, _)| start + at).skip(1).take(STRAY);
        let last = letters.char_indices().rev().map(|(at, _)| start + at).take(STRAY);
        let new_start =
            if is_whole(start) { start } else { first.into_iter().find(|at| is_edge(*at)).unwrap_or(start) };
        let new_end =
            if is_whole(end) { end } else { last.into_iter().find(|at| is_edge(*at)).unwrap_or(end) };
        let is_long = new_start < new_end && Scale::Letters.holds(&read.text[new_start..new_end]);
        is_long.then(|| Part { read: new_start..new_end, document, at: at + new_start - start })
    }

    /// The short documents that stand whole in the first `length` bytes of a text.
    fn short_parts(&self, read: &Placed, length: usize) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut next = 0;
        for (start, _) in read.text[..length].char_indices().filter(|_| !self.short.is_empty()) {
            if start < next || !read.begins(start) {
                continue;
            }
            let most = read.text.floor_char_boundary(start + self.longest_short).min(length);
            let mut ends =
                (start + 1..=most).rev().filter(|end| read.text.is_char_boundary(*end) && read.begins(*end));
            if let Some((end, document)) =
                ends.find_map(|end| self.short.get(&read.text[start..end]).map(|document| (end, *document)))
            {
                parts.push(Part { read: start..end, document, at: 0 });
                next = end;
            }
        }
        parts
    }
}

/// A part of a text, as it stands among others that are searched with it.
struct Piece {
    in_rest: usize,
    in_text: usize,
    len: usize,
}

/// What of a text has been found, and where in the documents.
struct Claims<'a> {
    text: &'a str,
    /// For each byte of the text, whether it has been found.
    taken: Vec<bool>,
    passages: Vec<Passage>,
}

impl Claims<'_> {
    /// Claims the letters of a part that nobody has claimed.
    fn letters(&mut self, recogniser: &Recogniser, read: &Placed, part: &Part) {
        let &Part { read: Range { start, end }, document, at } = part;
        let (text, letters_of_it) = (&recogniser.documents[document].text, &recogniser.letters[document]);
        let mut from = start;
        while from < end {
            if self.taken[read.from[from] as usize] {
                from += 1;
                continue;
            }
            let free = read.from[from..end].iter().take_while(|from| !self.taken[**from as usize]).count();
            let (first, last) = (at + from - start, at + from + free - 1 - start);
            let (first, last) =
                (letters_of_it.place(text, first).bytes, letters_of_it.place(text, last).bytes);
            self.passages.push(Passage { document, start: first.start, end: last.end });
            from += free;
        }
        let mut places = read.from[start..end].iter().map(|from| *from as usize).peekable();
        while let Some(this) = places.next() {
            let after = places.peek().copied().filter(|next| *next >= this);
            self.taken[this..after.unwrap_or_else(|| letters::end(self.text, this))].fill(true);
        }
    }

    /// What nobody has claimed of these ranges and `counts`, with as much before and after it in its range as a part may
    /// reach beyond it.
    fn free(&self, ranges: &[Range<usize>], counts: impl Fn(&str) -> bool) -> Vec<Range<usize>> {
        let mut free: Vec<Range<usize>> = Vec::new();
        for range in ranges {
            let (first, mut from) = (free.len(), range.start);
            for run in self.taken[range.clone()].chunk_by(|a, b| a == b) {
                let (start, end) = (from, from + run.len());
                from = end;
                if run[0] || !counts(&self.text[start..end]) {
                    continue;
                }
                let before = self.text[range.start..start].char_indices().rev().take(SHORTEST).last();
                let after = self.text[end..range.end].char_indices().nth(SHORTEST);
                let start = before.map_or(start, |(at, _)| range.start + at);
                let end = after.map_or(range.end, |(at, _)| end + at);
                match free[first..].last_mut() {
                    Some(last) if start <= last.end => last.end = end,
                    _ => free.push(start..end),
                }
            }
        }
        free
    }

    /// What nobody has claimed, as one text.
    fn rest(&self) -> (String, Vec<Piece>) {
        let (mut rest, mut pieces) = (String::new(), Vec::new());
        // In a long text, what stands between parts is not worth a search.
        let counts =
            |free: &str| self.text.len() < BLOCK || free.len() > SHORTEST || letters::has_letters(free);
        for range in self.free(std::slice::from_ref(&(0..self.text.len())), counts) {
            pieces.push(Piece { in_rest: rest.len(), in_text: range.start, len: range.len() });
            rest.push_str(&self.text[range]);
            rest.push(PART);
        }
        (rest, pieces)
    }

    /// Claims the characters of a passage, found at this byte of the text, that nobody has claimed.
    fn verbatim(&mut self, at: usize, Passage { document, start, end }: Passage) {
        let taken = &mut self.taken[at..at + (end - start)];
        let mut from = 0;
        for run in taken.chunk_by(|a, b| a == b) {
            if !run[0] {
                self.passages.push(Passage { document, start: start + from, end: start + from + run.len() });
            }
            from += run.len();
        }
        taken.fill(true);
    }
}

#[cfg(test)]
mod honest_tests;
#[cfg(test)]
mod tests;
