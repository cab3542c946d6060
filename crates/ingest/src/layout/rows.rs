//! From words to rows: what stands on one line of a column, or in one row of a table.

use super::words::Word;

/// How far the baselines of a row's words may differ, in ems of the smaller.
const OFF: f32 = 0.25;
/// How much of the smaller word's height must lie within the row, for raised and lowered words.
const OVERLAP: f32 = 0.5;
/// How much smaller a raised or lowered word is.
const SMALLER: f32 = 0.87;
/// How many rows and words back a place for a word is searched.
const ROWS_BACK: usize = 8;
const WORDS_BACK: usize = 256;

/// Words of one line, from left to right.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) words: Vec<Word>,
    /// The baseline of most of it.
    pub(crate) y: f32,
    /// The font's size of most of it.
    pub(crate) size: f32,
    /// How many characters the word with that baseline has.
    weight: usize,
}

impl Row {
    fn new(word: Word) -> Self {
        Self { y: word.y, size: word.size, weight: word.length(), words: vec![word] }
    }

    /// How far off the word is, if it belongs to this row.
    fn distance(&self, word: &Word) -> Option<f32> {
        let off = (word.y - self.y).abs();
        let (smaller, larger) = (word.size.min(self.size), word.size.max(self.size));
        if off <= 0.1 * smaller {
            return Some(off);
        }
        let on_line = off <= OFF * smaller;
        let beside = smaller <= SMALLER * larger && self.overlap(word) >= OVERLAP;
        ((on_line || beside) && !self.collides(word)).then_some(off)
    }

    /// How much of the smaller one's height both share.
    fn overlap(&self, word: &Word) -> f32 {
        let (top, bottom) = (self.y - 0.75 * self.size, self.y + 0.2 * self.size);
        let (word_top, word_bottom) = word.extent();
        let shared = bottom.min(word_bottom) - top.max(word_top);
        shared / (bottom - top).min(word_bottom - word_top)
    }

    fn collides(&self, word: &Word) -> bool {
        self.words.iter().rev().take(WORDS_BACK).any(|other| {
            let shared = other.x1.min(word.x1) - other.x0.max(word.x0);
            shared > 0.3 * (other.x1 - other.x0).min(word.x1 - word.x0)
        })
    }

    fn take(&mut self, word: Word) {
        let length = word.length();
        if word.size > 1.1 * self.size || (word.size > 0.9 * self.size && length > self.weight) {
            (self.y, self.size, self.weight) = (word.y, word.size, length);
        }
        self.words.push(word);
    }
}

/// The rows of words, from top to bottom.
pub(crate) fn rows(mut words: Vec<Word>) -> Vec<Row> {
    words.sort_by(|a, b| a.y.total_cmp(&b.y).then(a.x0.total_cmp(&b.x0)));
    let mut rows: Vec<Row> = Vec::new();
    for word in words {
        let near = rows.iter().enumerate().rev().take(ROWS_BACK);
        let best = near
            .filter_map(|(index, row)| Some((index, row.distance(&word)?)))
            .min_by(|a, b| a.1.total_cmp(&b.1));
        match best {
            Some((index, _)) => rows[index].take(word),
            None => rows.push(Row::new(word)),
        }
    }
    for row in &mut rows {
        row.words.sort_by(|a, b| a.x0.total_cmp(&b.x0));
        row.words.dedup_by(|next, word| is_shadow(next, word));
    }
    rows.sort_by(|a, b| a.y.total_cmp(&b.y));
    rows
}

/// Whether a word is drawn again in nearly the same place.
fn is_shadow(next: &Word, word: &Word) -> bool {
    let shared = next.x1.min(word.x1) - next.x0.max(word.x0);
    next.text == word.text && shared > 0.7 * (word.x1 - word.x0) && (next.y - word.y).abs() < 0.3 * word.size
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, x0: f32, y: f32, size: f32) -> Word {
        let x1 = x0 + 0.5 * size * text.len() as f32;
        Word { text: text.to_owned(), x0, x1, y, size, spaced: false }
    }

    fn texts(words: Vec<Word>) -> Vec<String> {
        let text = |row: Row| row.words.into_iter().map(|word| word.text).collect::<Vec<_>>().join("|");
        rows(words).into_iter().map(text).collect()
    }

    #[test]
    fn words_on_a_line_make_a_row() {
        let cases = [
            (
                "a table, drawn by columns",
                vec![
                    word("Cash", 0.0, 100.0, 10.0),
                    word("Debt", 0.0, 112.0, 10.0),
                    word("12", 90.0, 100.5, 10.0),
                    word("7", 90.0, 112.0, 10.0),
                ],
                vec!["Cash|12", "Debt|7"],
            ),
            (
                "a raised figure",
                vec![
                    word("note", 0.0, 100.0, 10.0),
                    word("1", 20.0, 96.0, 6.0),
                    word("next", 0.0, 111.0, 10.0),
                ],
                vec!["note|1", "next"],
            ),
            (
                "tight lines",
                vec![word("one", 0.0, 100.0, 10.0), word("two", 0.0, 107.0, 10.0)],
                vec!["one", "two"],
            ),
            (
                "a shadow",
                vec![word("Title", 0.0, 100.0, 10.0), word("Title", 0.5, 100.5, 10.0)],
                vec!["Title"],
            ),
            (
                "a small label beside a large figure",
                vec![word("42", 0.0, 100.0, 24.0), word("percent", 30.0, 98.0, 9.0)],
                vec!["42|percent"],
            ),
        ];
        for (name, words, expected) in cases {
            assert_eq!(texts(words), expected, "{name}");
        }
    }
}
