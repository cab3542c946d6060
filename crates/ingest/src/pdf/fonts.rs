//! The fonts of a PDF: from the bytes of a text operator to characters and widths.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use hayro_cmap::BfString;
use hayro_font::{CMapResolverFn, Font, FontCache, FontGlyph, FontQuery, FontResolverFn};
use hayro_syntax::object::{Array, Dict, Number, Object, Rect, Stream};
use unicode_normalization::UnicodeNormalization;

use super::cid::CidLetters;
use super::inflating::fits;

/// A code beyond this is in no font. Widths for more codes are a trap.
const CODES: u32 = 0xFFFF;

/// The fonts of one document.
pub(super) struct Fonts<'a> {
    cache: FontCache<'a>,
    programs: FontResolverFn,
    cmaps: CMapResolverFn,
    /// By where the font's dictionary lies in memory, which is one place for each font.
    loaded: HashMap<usize, Option<Rc<PageFont<'a>>>>,
    inflated: usize,
}

/// A font, and what its codes turned out to mean.
pub(super) struct PageFont<'a> {
    font: Font<'a>,
    letters: RefCell<HashMap<u32, Rc<Letters>>>,
    cid: Option<CidLetters>,
    /// How high an em is, in units of the font's size.
    pub(super) em: f64,
}

/// What one code draws.
pub(super) struct Letters {
    /// Its characters; none if the font doesn't say.
    pub(super) text: Option<Box<str>>,
    /// How far it moves the pen, in ems: to the right, or down (negative) in vertical writing.
    pub(super) advance: f64,
}

impl<'a> Fonts<'a> {
    /// `inflated` bounds what a font's stream may take.
    pub(super) fn new(inflated: usize) -> Self {
        Self {
            cache: FontCache::new(),
            programs: std::sync::Arc::new(|query: &FontQuery| match query {
                FontQuery::Standard(font) => Some(font.get_font_data()),
                FontQuery::Fallback(query) => Some(query.pick_standard_font().get_font_data()),
            }),
            cmaps: std::sync::Arc::new(hayro_cmap::load_embedded),
            loaded: HashMap::new(),
            inflated,
        }
    }

    /// The font of a dictionary, if it can be loaded.
    pub(super) fn load(&mut self, dict: &Dict<'a>) -> Option<Rc<PageFont<'a>>> {
        let key = dict.data().as_ptr() as usize;
        if let Some(font) = self.loaded.get(&key) {
            return font.clone();
        }
        let font = self.open(dict).map(Rc::new);
        self.loaded.insert(key, font.clone());
        font
    }

    fn open(&self, dict: &Dict<'a>) -> Option<PageFont<'a>> {
        if !is_sane(dict, self.inflated) {
            return None;
        }
        let font = self.cache.font(dict, &self.programs, &self.cmaps)?;
        let cid = CidLetters::of(dict, &self.cmaps);
        Some(PageFont { font, letters: RefCell::default(), cid, em: em_of(dict) })
    }
}

impl PageFont<'_> {
    /// Whether its text runs to the right.
    pub(super) fn is_horizontal(&self) -> bool {
        self.font.is_horizontal()
    }

    /// The code at the start of `bytes`, which are not empty, and how many bytes it has.
    pub(super) fn code(&self, bytes: &[u8]) -> (u32, usize) {
        self.font.read_code(bytes, 0)
    }

    /// What a code draws.
    pub(super) fn letters(&self, code: u32) -> Rc<Letters> {
        if let Some(letters) = self.letters.borrow().get(&code) {
            return letters.clone();
        }
        let letters = Rc::new(self.look_up(code));
        self.letters.borrow_mut().insert(code, letters.clone());
        letters
    }

    fn look_up(&self, code: u32) -> Letters {
        let advance = self.font.code_advance(code);
        let along = if self.is_horizontal() { advance.x } else { advance.y };
        let text = self.text(code).map(|text| spelled(&text)).filter(|text| !text.is_empty());
        Letters { text, advance: along / 1000.0 }
    }

    fn text(&self, code: u32) -> Option<String> {
        let said = match self.font.glyph(self.font.map_code(code), code) {
            FontGlyph::Outline(glyph) => glyph.as_unicode(),
            FontGlyph::Type3(glyph) => glyph.as_unicode(),
        };
        let said = said.map(|text| match text {
            BfString::Char(letter) => letter.to_string(),
            BfString::String(text) => text,
        });
        said.filter(|text| !text.chars().all(is_nothing)).or_else(|| self.cid.as_ref()?.text(code))
    }
}

/// Whether a font maps a code to this where it doesn't know the character.
fn is_nothing(letter: char) -> bool {
    letter == '\u{fffd}' || (letter.is_control() && !letter.is_whitespace())
}

/// The characters in their usual form: ligatures and Arabic presentation forms as letters, accents composed, bullets
/// of symbol fonts as bullets.
pub(super) fn spelled(text: &str) -> Box<str> {
    let usual: String = text
        .chars()
        .filter(|letter| !is_nothing(*letter) && *letter != '\0')
        .flat_map(|letter| match letter {
            '\u{fb00}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}' => {
                letter.to_string().nfkc().collect::<Vec<_>>()
            }
            '\u{f0b7}' | '\u{f0a7}' | '\u{f06c}' | '\u{f06e}' | '\u{f0d8}' => vec!['•'],
            '\u{f0fc}' => vec!['✓'],
            '\u{f020}'..='\u{f07e}' => vec![char::from((u32::from(letter) - 0xf000) as u8)],
            _ if letter.is_whitespace() => vec![' '],
            _ => vec![letter],
        })
        .collect();
    usual.nfc().collect::<String>().into()
}

/// How high an em of a Type 3 font is in its glyphs' space; 1 for all others.
fn em_of(dict: &Dict<'_>) -> f64 {
    let Some(matrix) = dict.get::<[f32; 6]>("FontMatrix") else { return 1.0 };
    let height = dict.get::<Rect>("FontBBox").map_or(0.0, |bbox| bbox.y1 - bbox.y0);
    let em = (height * f64::from(matrix[3])).abs();
    if em.is_finite() && em > 1e-3 { em } else { 1.0 }
}

/// Whether loading the font is safe: no list of billions of widths, no stream that swells beyond the limit.
fn is_sane(dict: &Dict<'_>, inflated: usize) -> bool {
    let descendant =
        dict.get::<Array<'_>>("DescendantFonts").and_then(|fonts| fonts.iter::<Dict<'_>>().next());
    [Some(dict), descendant.as_ref()].into_iter().flatten().all(|dict| {
        let descriptor = dict.get::<Dict<'_>>("FontDescriptor").unwrap_or_default();
        let stream =
            |dict: &Dict<'_>, key: &str| dict.get::<Stream<'_>>(key).is_none_or(|it| fits(&it, inflated));
        let code = |key: &str| {
            dict.get::<Number>(key).is_none_or(|code| (0..=i64::from(CODES)).contains(&code.as_i64()))
        };
        code("FirstChar")
            && code("LastChar")
            && ["W", "W2"]
                .iter()
                .all(|key| dict.get::<Array<'_>>(key).is_none_or(|widths| is_sane_list(&widths)))
            && ["ToUnicode", "Encoding", "CIDToGIDMap"].iter().all(|key| stream(dict, key))
            && ["FontFile", "FontFile2", "FontFile3"].iter().all(|key| stream(&descriptor, key))
    })
}

/// Whether a list of widths names only codes that can be.
fn is_sane_list(widths: &Array<'_>) -> bool {
    widths.iter::<Object<'_>>().all(|item| match item {
        Object::Number(number) => number.as_i64() <= i64::from(CODES),
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_take_their_usual_form() {
        let cases = [
            ("\u{fb01}", "fi"),
            ("\u{fb03}", "ffi"),
            ("e\u{301}", "é"),
            ("\u{fefb}", "\u{644}\u{627}"),
            ("\u{f0b7}", "•"),
            ("\u{f041}", "A"),
            ("\u{a0}", " "),
            ("\u{0}\u{fffd}", ""),
            ("ﾞ", "ﾞ"),
        ];
        for (drawn, usual) in cases {
            assert_eq!(&*spelled(drawn), usual, "{drawn:?}");
        }
    }
}
