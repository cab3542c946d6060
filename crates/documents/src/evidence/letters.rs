//! A text as its atoms alone, with an index of what stands where: a citation is found in it in about the time that it takes
//! to read the citation, however long the text is.

use std::ops::Range;
use std::sync::OnceLock;

use memchr::memmem;

use super::atoms;

/// Bytes of a gram.
const GRAM: usize = 5;
/// So many grams in a row have one that is noted.
const ROW: usize = 4;
/// So many noted grams of what is looked for are tried for the rarest.
const GRAMS: usize = 12;
/// Texts with fewer bytes of letters are read in place of an index.
const SMALL: usize = 1 << 15;

/// The letters of a text.
pub(super) struct Letters {
    pub text: String,
    /// For each byte of `text`, the offset of the character that it comes from.
    from: Vec<u32>,
    grams: OnceLock<Vec<u64>>,
}

impl Letters {
    pub(super) fn of(original: &str) -> Self {
        let mut text = String::with_capacity(original.len());
        let mut from = Vec::with_capacity(original.len());
        atoms::read(original, 0..original.len(), |atom| {
            text.push(atom.c);
            from.resize(text.len(), small(atom.start));
        });
        Self { text, from, grams: OnceLock::new() }
    }

    /// Where `wanted` stands, from the beginning.
    pub(super) fn find<'a>(&'a self, wanted: &'a str) -> Box<dyn Iterator<Item = usize> + 'a> {
        let rarest = (self.text.len() >= SMALL).then(|| {
            let noted = noted(wanted.as_bytes());
            noted.take(GRAMS).map(|(gram, at)| (self.places(gram), at)).min_by_key(|(places, _)| places.len())
        });
        match rarest.flatten() {
            None => Box::new(memmem::find_iter(self.text.as_bytes(), wanted.as_bytes())),
            Some((places, at)) => {
                let start = move |place: &u64| (*place as u32 as usize).checked_sub(at);
                let starts = places.iter().filter_map(start);
                Box::new(starts.filter(|start| self.text.as_bytes()[*start..].starts_with(wanted.as_bytes())))
            }
        }
    }

    /// The places of a gram, in order.
    pub(super) fn places(&self, gram: u32) -> &[u64] {
        let grams = self.grams.get_or_init(|| {
            let mut grams: Vec<u64> = noted(self.text.as_bytes())
                .map(|(gram, at)| u64::from(gram) << 32 | u64::from(small(at)))
                .collect();
            grams.sort_unstable();
            grams
        });
        let first = grams.partition_point(|place| (place >> 32) < u64::from(gram));
        let length = grams[first..].partition_point(|place| place >> 32 == u64::from(gram));
        &grams[first..first + length]
    }

    /// The bytes of `original` that these bytes of letters come from.
    pub(super) fn origin(&self, original: &str, letters: &Range<usize>) -> Range<usize> {
        let Some(last) = letters.end.checked_sub(1).filter(|_| letters.start < letters.end) else {
            return 0..0;
        };
        let last = self.from[last] as usize;
        let length = original[last..].chars().next().map_or(0, char::len_utf8);
        self.from[letters.start] as usize..last + length
    }

    /// The bytes of letters that come from these bytes of the original.
    pub(super) fn position(&self, original: &Range<usize>) -> Range<usize> {
        let of = |byte: usize| self.from.partition_point(|from| (*from as usize) < byte);
        of(original.start)..of(original.end)
    }
}

/// The grams of a text that are noted, with their places: of [`ROW`] in a row the one with the smallest hash. Which they
/// are depends on the text around them alone, so two texts that share [`ROW`] grams in a row share a noted one.
fn noted(text: &[u8]) -> impl Iterator<Item = (u32, usize)> {
    let rows = (text.len() + 1).saturating_sub(GRAM + ROW - 1);
    let mut last = None;
    (0..rows).filter_map(move |row| {
        let grams = (row..row + ROW).map(|at| (hash(&text[at..at + GRAM]), at));
        let (gram, at) = grams.min_by_key(|(gram, _)| *gram)?;
        (last.replace(at) != Some(at)).then_some((gram, at))
    })
}

/// All grams of a text, with their places.
pub(super) fn grams(text: &[u8]) -> impl Iterator<Item = (u32, usize)> {
    text.windows(GRAM).enumerate().map(|(at, gram)| (hash(gram), at))
}

fn hash(gram: &[u8]) -> u32 {
    let value = gram.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
    (value.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

/// An offset in 32 bits. No document is as long as 4 GB.
fn small(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
