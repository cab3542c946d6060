//! From characters on pages to text: characters make words, words make rows, gutters part columns, and what pages repeat
//! is kept once.

mod accents;
mod columns;
mod furniture;
mod glyph;
mod hyphens;
mod lines;
mod rows;
mod script;
mod tables;
mod words;
mod writing;

pub(crate) use glyph::{Glyph, angle_of};
pub(crate) use lines::Line;
pub(crate) use script::is_right_to_left;
pub(crate) use writing::written;

/// The text of a page, before it is seen beside other pages.
#[derive(Clone, Debug, Default)]
pub(crate) struct PageText {
    pub(crate) lines: Vec<Line>,
    /// What readers wrote on it.
    pub(crate) notes: Vec<String>,
    /// The height of the page in points, with its text upright.
    pub(crate) height: f32,
}

impl PageText {
    /// Lays out what a page of this width and height draws. Text that is turned follows the text that is not.
    pub(crate) fn of(glyphs: Vec<Glyph>, size: (f32, f32)) -> Self {
        let mut lines = Vec::new();
        let mut height = size.1;
        for (index, (angle, mut glyphs)) in by_angle(glyphs).into_iter().enumerate() {
            let turned_height = glyph::straightened(&mut glyphs, angle, size);
            if index == 0 {
                height = turned_height;
            }
            let blocks = columns::blocks(words::words(&glyphs));
            let found = blocks.into_iter().flat_map(lines::lines);
            lines.extend(found.map(|line| Line { turned: index > 0, ..line }));
        }
        Self { lines, notes: Vec::new(), height }
    }

    /// About how many bytes its text takes.
    pub(crate) fn size(&self) -> usize {
        self.lines.iter().map(|line| line.text.len() + 1).sum::<usize>()
            + self.notes.iter().map(String::len).sum::<usize>()
    }

    /// What stands between spaces.
    pub(crate) fn words(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().flat_map(|line| line.text.split_whitespace())
    }
}

/// The glyphs by the angle of their baselines, the angle of most first.
fn by_angle(glyphs: Vec<Glyph>) -> Vec<(i16, Vec<Glyph>)> {
    let mut groups: Vec<(i16, Vec<Glyph>)> = Vec::new();
    for glyph in glyphs {
        match groups.iter_mut().find(|(angle, _)| *angle == glyph.angle) {
            Some((_, group)) => group.push(glyph),
            None => groups.push((glyph.angle, vec![glyph])),
        }
    }
    groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.len()));
    groups
}
