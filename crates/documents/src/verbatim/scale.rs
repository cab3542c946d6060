//! How long a part of a text has to be.

use super::{GRAM, SHORTEST};

/// What the length of a part is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// Any characters: [`SHORTEST`] of them are a part.
    Characters,
    /// Letters and digits, with nothing between them: 16 are a part, or 8 of a script that writes a word or a syllable
    /// with each, or 20 of the parts that Korean syllables are taken apart into.
    Letters,
}

/// The weight of a part of letters.
const WHOLE: u32 = 80;

impl Scale {
    /// The weight that the shortest part has or exceeds.
    pub(super) fn shortest(self) -> u32 {
        match self {
            Self::Characters => SHORTEST as u32,
            Self::Letters => WHOLE,
        }
    }

    /// What a character adds to the weight of a part.
    pub(super) fn weight(self, c: char) -> u32 {
        match (self, c) {
            (Self::Characters, _) => 1,
            (Self::Letters, ..'\u{1100}') => WHOLE / 16,
            (Self::Letters, '\u{1100}'..='\u{11ff}') => WHOLE / 20,
            // Kana, bopomofo, Chinese characters, Yi.
            (Self::Letters, '\u{3040}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..) => WHOLE / 8,
            (Self::Letters, _) => WHOLE / 16,
        }
    }

    /// Bytes from one gram to the next: any shortest part holds one.
    pub(super) fn stride(self) -> usize {
        let bytes = match self {
            Self::Characters => SHORTEST,
            Self::Letters => 16,
        };
        bytes - GRAM + 1
    }

    /// Whether the text is as long as the shortest part.
    pub(crate) fn holds(self, text: &str) -> bool {
        let mut weight = 0;
        text.chars().any(|c| {
            weight += self.weight(c);
            weight >= self.shortest()
        })
    }

    /// The byte offset where the last shortest part of the text begins; 0 if it is shorter.
    pub(super) fn last(self, text: &str) -> usize {
        let mut weight = 0;
        let mut chars = text.char_indices().rev();
        let reached = chars.find(|(_, c)| {
            weight += self.weight(*c);
            weight >= self.shortest()
        });
        reached.map_or(0, |(at, _)| at)
    }
}
