//! Columns of running text. They are read one after the other, while the rows of a table stay together.

use super::rows::{Row, rows};
use super::script::is_unspaced;
use super::words::Word;

/// How wide a gutter is at least, in ems.
const WIDTH: f32 = 0.8;
/// How many lines a gutter must span, with text on both of its sides.
const LINES: usize = 8;
/// The same beside a gutter that was found on the page: a picture across both columns may leave few lines.
const FEW_LINES: usize = 2;
/// The space above and below a column's lines that parts them from what is no line of it, in ems.
const APART: f32 = 2.6;
/// The space that parts the cells of a table, in ems.
const CELL: f32 = 1.5;
/// How many characters the pieces of a line of text have on average. Cells have fewer.
const PIECE: f32 = 12.0;
/// The share of lines that go on in the middle of a sentence, in scripts with capitals.
const GOING_ON: f32 = 0.2;
/// The share of a column that its lines fill, in scripts without capitals.
const FILLED: f32 = 0.6;
/// How deep columns may lie in each other.
const DEPTH: usize = 8;
/// How many gutters and gaps are followed at a time, and how many words a page may have to be searched for them.
const FOLLOWED: usize = 48;
const WORDS: usize = 30_000;

/// Rows that are read from top to bottom.
pub(crate) type Block = Vec<Row>;

/// The blocks of a page, in the order in which they are read.
pub(crate) fn blocks(words: Vec<Word>) -> Vec<Block> {
    let all = rows(words);
    if all.iter().map(|row| row.words.len()).sum::<usize>() > WORDS {
        return vec![all];
    }
    let mut blocks = Vec::new();
    split(all, &mut Vec::new(), DEPTH, &mut blocks);
    blocks
}

/// Splits rows at the best gutter, and the parts again.
fn split(rows: Vec<Row>, known: &mut Vec<Gutter>, depth: usize, blocks: &mut Vec<Block>) {
    let found = if depth == 0 { None } else { best(&rows, known) };
    let Some(gutter) = found else {
        if !rows.is_empty() {
            blocks.push(rows);
        }
        return;
    };
    known.push(gutter);
    let mut rows = rows;
    let below = rows.split_off(gutter.last + 1);
    let band = rows.split_off(gutter.first);
    split(rows, known, depth - 1, blocks);
    let (left, right) = parted(band, gutter);
    // A gutter within a column is none of the page's.
    split(left, &mut Vec::new(), depth - 1, blocks);
    split(right, &mut Vec::new(), depth - 1, blocks);
    split(below, known, depth - 1, blocks);
}

fn parted(band: Vec<Row>, gutter: Gutter) -> (Vec<Row>, Vec<Row>) {
    let middle = (gutter.x0 + gutter.x1) / 2.0;
    let words = band.into_iter().flat_map(|row| row.words);
    let (left, right) = words.partition(|word| word.x0 < middle);
    (rows(left), rows(right))
}

/// White space from a row to another, without words in it.
#[derive(Clone, Copy, Debug)]
struct Gutter {
    x0: f32,
    x1: f32,
    first: usize,
    last: usize,
}

impl Gutter {
    fn meets(&self, other: &Self) -> bool {
        self.x0 < other.x1 && other.x0 < self.x1
    }
}

/// The gutter that parts columns over the most rows.
fn best(rows: &[Row], known: &[Gutter]) -> Option<Gutter> {
    let found = gutters(rows).into_iter().map(|gutter| trimmed(rows, gutter));
    found
        .filter(|gutter| {
            let lines = if known.iter().any(|other| gutter.meets(other)) { FEW_LINES } else { LINES };
            parts_columns(&rows[gutter.first..=gutter.last], *gutter, lines)
        })
        .max_by(|a, b| {
            let rows = |gutter: &Gutter| gutter.last - gutter.first;
            rows(a).cmp(&rows(b)).then((a.x1 - a.x0).total_cmp(&(b.x1 - b.x0)))
        })
}

/// All white space that goes through two rows or more, each as tall as it can be.
fn gutters(rows: &[Row]) -> Vec<Gutter> {
    let mut done = Vec::new();
    let mut open: Vec<Gutter> = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        let gaps = gaps(row);
        let mut next: Vec<Gutter> = Vec::new();
        for gutter in open {
            let common = gaps.iter().map(|(x0, x1)| (gutter.x0.max(*x0), gutter.x1.min(*x1)));
            let wide: Vec<_> = common.filter(|(x0, x1)| x1 - x0 >= WIDTH * row.size).collect();
            if wide.is_empty() {
                done.push(gutter);
            }
            for (x0, x1) in wide {
                follow(&mut next, Gutter { x0, x1, last: index, ..gutter });
            }
        }
        for (x0, x1) in gaps {
            follow(&mut next, Gutter { x0, x1, first: index, last: index });
        }
        open = next;
    }
    done.extend(open);
    done.retain(|gutter| gutter.x0.is_finite() && gutter.x1.is_finite() && gutter.last > gutter.first);
    done
}

/// Adds a gutter, unless one that is much the same began before.
fn follow(open: &mut Vec<Gutter>, gutter: Gutter) {
    let near = |a: f32, b: f32| a == b || (a - b).abs() < 1.0;
    if open.len() < FOLLOWED
        && !open.iter().any(|other| near(other.x0, gutter.x0) && near(other.x1, gutter.x1))
    {
        open.push(gutter);
    }
}

/// The wide gaps of a row, with the endless ones at its ends.
fn gaps(row: &Row) -> Vec<(f32, f32)> {
    let mut gaps = Vec::new();
    let mut end = f32::NEG_INFINITY;
    for word in &row.words {
        if word.x0 - end >= WIDTH * row.size {
            gaps.push((end, word.x0));
        }
        end = end.max(word.x1);
    }
    gaps.push((end, f32::INFINITY));
    if gaps.len() > FOLLOWED {
        gaps.sort_by(|a, b| (b.1 - b.0).total_cmp(&(a.1 - a.0)));
        gaps.truncate(FOLLOWED);
    }
    gaps
}

/// The gutter without the rows at its ends that stand apart, such as a header.
fn trimmed(rows: &[Row], mut gutter: Gutter) -> Gutter {
    let apart = |upper: usize| {
        let (above, below) = (&rows[upper], &rows[upper + 1]);
        below.y - above.y > APART * above.size.max(below.size)
    };
    while gutter.first < gutter.last && apart(gutter.first) {
        gutter.first += 1;
    }
    while gutter.last > gutter.first && apart(gutter.last - 1) {
        gutter.last -= 1;
    }
    gutter
}

/// Whether there is running text on both sides.
fn parts_columns(band: &[Row], gutter: Gutter, lines: usize) -> bool {
    let middle = (gutter.x0 + gutter.x1) / 2.0;
    let left = Side::of(band, |word| word.x0 < middle);
    let right = Side::of(band, |word| word.x0 >= middle);
    left.lines.min(right.lines) * 2 >= lines.min(LINES)
        && left.lines.max(right.lines) >= lines
        && left.is_text()
        && right.is_text()
}

/// What stands on one side of a gutter.
#[derive(Default)]
struct Side {
    lines: usize,
    /// Pieces of lines that gaps part, as gaps part the cells of a table.
    pieces: usize,
    characters: usize,
    /// Lines that begin with a small letter, and with a letter that could be one.
    small: usize,
    cased: usize,
    unspaced: usize,
    /// The lengths of the lines, summed up.
    filled: f32,
    x0: f32,
    x1: f32,
}

impl Side {
    fn of(band: &[Row], belongs: impl Fn(&Word) -> bool) -> Self {
        let mut side = Self { x0: f32::INFINITY, x1: f32::NEG_INFINITY, ..Self::default() };
        for row in band {
            let words: Vec<&Word> = row.words.iter().filter(|word| belongs(word)).collect();
            if let (Some(first), Some(last)) = (words.first(), words.last()) {
                side.add(&words, first, last, row.size);
            }
        }
        side
    }

    fn add(&mut self, words: &[&Word], first: &Word, last: &Word, size: f32) {
        self.lines += 1;
        self.pieces += 1 + words.windows(2).filter(|pair| pair[1].x0 - pair[0].x1 > CELL * size).count();
        self.characters += words.iter().map(|word| word.length()).sum::<usize>();
        if let Some(letter) = first.text.chars().find(|letter| letter.is_alphabetic()) {
            self.small += usize::from(letter.is_lowercase());
            self.cased += usize::from(letter.is_lowercase() || letter.is_uppercase());
        }
        self.unspaced += usize::from(first.text.chars().any(is_unspaced));
        self.filled += last.x1 - first.x0;
        self.x0 = self.x0.min(first.x0);
        self.x1 = self.x1.max(last.x1);
    }

    fn is_text(&self) -> bool {
        let lines = self.lines as f32;
        let piece = if self.unspaced * 2 > self.lines { PIECE / 2.0 } else { PIECE };
        let goes_on = if self.cased * 2 > self.lines {
            self.small as f32 >= GOING_ON * self.cased as f32
        } else {
            self.filled >= FILLED * lines * (self.x1 - self.x0)
        };
        self.characters as f32 >= piece * self.pieces as f32 && goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROSE: [&str; 4] = [
        "The river rose in the night and",
        "nobody heard it come, as the wind",
        "was louder than water. In the",
        "morning the bridge had gone",
    ];

    /// A line of words of 10 points, from `x` on; `|` goes to the next of `stops`.
    fn line(y: f32, x: f32, stops: &[f32], text: &str) -> Vec<Word> {
        let mut words = Vec::new();
        for (cell, start) in text.split('|').zip(std::iter::once(x).chain(stops.iter().copied())) {
            let mut x0 = start;
            for word in cell.split_whitespace() {
                let x1 = x0 + 5.0 * word.len() as f32;
                words.push(Word { text: word.to_owned(), x0, x1, y, size: 10.0, spaced: true });
                x0 = x1 + 2.5;
            }
        }
        words
    }

    fn prose(x: f32, from: f32, lines: usize) -> Vec<Word> {
        (0..lines).flat_map(|index| line(from + 12.0 * index as f32, x, &[], PROSE[index % 4])).collect()
    }

    fn texts(blocks: Vec<Block>) -> Vec<Vec<String>> {
        let text = |row: Row| row.words.into_iter().map(|word| word.text).collect::<Vec<_>>().join(" ");
        blocks.into_iter().map(|block| block.into_iter().map(text).collect()).collect()
    }

    #[test]
    fn two_columns_are_read_one_after_the_other() {
        let title =
            line(80.0, 60.0, &[], "A title that runs across both of the columns and is long enough for it");
        let footer =
            line(320.0, 60.0, &[], "A footer that runs across both of the columns and is long enough for it");
        for (name, offset) in [("aligned", 0.0), ("not aligned", 5.0)] {
            let words =
                [title.clone(), prose(0.0, 120.0, 10), prose(220.0, 120.0 + offset, 10), footer.clone()];
            let found = texts(blocks(words.concat()));
            assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [1, 10, 10, 1], "{name}");
            assert!(
                found[1][0].starts_with("The river rose in the night and")
                    && found[1][1].starts_with("nobody")
            );
        }
    }

    #[test]
    fn three_columns_are_three() {
        let words = [prose(0.0, 100.0, 12), prose(220.0, 100.0, 12), prose(440.0, 100.0, 9)].concat();
        assert_eq!(texts(blocks(words)).iter().map(Vec::len).collect::<Vec<_>>(), [12, 12, 9]);
    }

    #[test]
    fn columns_go_on_below_a_picture() {
        let across = line(
            240.0,
            20.0,
            &[],
            "Figure 1 shows what cannot be seen from either column alone but from both",
        );
        let words = [
            prose(0.0, 100.0, 10),
            prose(220.0, 100.0, 10),
            across,
            prose(0.0, 270.0, 3),
            prose(220.0, 270.0, 3),
        ];
        assert_eq!(texts(blocks(words.concat())).iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 1, 3, 3]);
    }

    #[test]
    fn the_rows_of_a_table_stay_together() {
        let tables: &[(&str, &[f32], &str)] = &[
            ("figures", &[200.0, 260.0], "Total current assets|41,327|36,474"),
            ("people", &[200.0, 260.0], "Jeffrey Preston Bezos|53|Chairman and Chief Executive Officer"),
            ("exhibits", &[60.0], "10.1|Form of Indemnification Agreement between the company and"),
            ("two texts", &[220.0], "Seattle office and campus|Leased until the end of 2027"),
            ("contents", &[300.0], "Management's Discussion and Analysis of Financial Condition|18"),
        ];
        for (name, stops, row) in tables {
            let words =
                (0..12).flat_map(|index| line(100.0 + 12.0 * index as f32, 0.0, stops, row)).collect();
            let found = texts(blocks(words));
            assert_eq!(found.len(), 1, "{name}");
            assert_eq!(found[0].len(), 12, "{name}");
        }
    }

    #[test]
    fn few_lines_and_many_words_are_not_split() {
        let words = [prose(0.0, 100.0, 4), prose(220.0, 100.0, 4)].concat();
        assert_eq!(texts(blocks(words)).len(), 1);
        let many =
            (0..400).flat_map(|index| line(12.0 * index as f32, 0.0, &[], &"ab ".repeat(100))).collect();
        assert_eq!(blocks(many).len(), 1);
    }
}
