//! Places in the text of a page: its headings, and the elements that links may lead to.

/// The places in the order of the text, each with its offset in bytes.
#[derive(Default)]
pub(super) struct Marks(Vec<(usize, Mark)>);

/// Names with their offsets.
pub(super) type Named = Vec<(usize, String)>;

pub(super) enum Mark {
    Heading(String),
    Anchor(String),
}

impl Marks {
    /// Adds a place. It may stand before those that were added last: a heading is known when it ends.
    pub(super) fn add(&mut self, offset: usize, mark: Mark) {
        let after = self.0.iter().rev().take_while(|(other, _)| *other > offset).count();
        self.0.insert(self.0.len() - after, (offset, mark));
    }

    /// Forgets the places from an offset on.
    pub(super) fn back_to(&mut self, offset: usize) {
        self.0.truncate(self.0.partition_point(|(mark, _)| *mark < offset));
    }

    pub(super) fn all(&mut self) -> &mut [(usize, Mark)] {
        &mut self.0
    }

    /// The headings and the anchors with their offsets in characters.
    pub(super) fn in_characters(self, text: &str) -> (Named, Named) {
        let (mut bytes, mut characters) = (0, 0);
        let (mut headings, mut anchors) = (Vec::new(), Vec::new());
        for (offset, mark) in self.0 {
            let offset = offset.min(text.len());
            characters += text.get(bytes..offset).map_or(0, |between| between.chars().count());
            bytes = offset;
            match mark {
                Mark::Heading(title) => headings.push((characters, title)),
                Mark::Anchor(name) => anchors.push((characters, name)),
            }
        }
        (headings, anchors)
    }
}
