//! The characters of CID-keyed fonts that carry no map of their own: by their character collection, or by the embedded
//! font's own table.

use std::collections::HashMap;

use hayro_cmap::{BfString, CMap, CMapName, CidFamily};
use hayro_font::CMapResolverFn;
use hayro_syntax::object::{Array, Dict, Name, Object, Stream, String as PdfString};
use skrifa::MetadataProvider;

/// What turns a code of such a font into characters.
pub(super) struct CidLetters {
    encoding: Option<CMap>,
    way: Way,
}

enum Way {
    /// By the character collection's map of CIDs.
    Collection(Box<CMap>),
    /// By the glyphs of the embedded font, whose numbers are the CIDs.
    Glyphs(HashMap<u32, char>),
}

impl CidLetters {
    /// For a composite font without `ToUnicode`.
    pub(super) fn of(dict: &Dict<'_>, cmaps: &CMapResolverFn) -> Option<Self> {
        if dict.contains_key("ToUnicode") {
            return None;
        }
        let descendant = dict.get::<Array<'_>>("DescendantFonts")?.iter::<Dict<'_>>().next()?;
        let encoding = match dict.get::<Object<'_>>("Encoding")? {
            Object::Name(name) if name.as_ref().starts_with(b"Identity") => None,
            Object::Name(name) => parsed(CMapName::from_bytes(name.as_ref()), cmaps),
            Object::Stream(stream) => {
                let resolver = cmaps.clone();
                CMap::parse(&stream.decoded_data().ok()?, move |name| resolver(name))
            }
            _ => return None,
        };
        let way = collection(&descendant, encoding.as_ref(), cmaps)
            .map(|map| Way::Collection(Box::new(map)))
            .or_else(|| Some(Way::Glyphs(glyphs(&descendant)?)))?;
        Some(Self { encoding, way })
    }

    /// The characters of a code.
    pub(super) fn text(&self, code: u32) -> Option<String> {
        let cid = match &self.encoding {
            Some(encoding) => (1..=4).find_map(|length| encoding.lookup_cid_code(code, length))?,
            None => code,
        };
        match &self.way {
            Way::Collection(map) => match map.lookup_bf_string(cid)? {
                BfString::Char(letter) => Some(letter.to_string()),
                BfString::String(text) => Some(text),
            },
            Way::Glyphs(letters) => letters.get(&cid).map(char::to_string),
        }
    }
}

fn parsed(name: CMapName<'_>, cmaps: &CMapResolverFn) -> Option<CMap> {
    let resolver = cmaps.clone();
    CMap::parse(cmaps(name)?, move |name| resolver(name))
}

/// The map from CIDs of the font's character collection to characters, if it is one of Adobe's.
fn collection(descendant: &Dict<'_>, encoding: Option<&CMap>, cmaps: &CMapResolverFn) -> Option<CMap> {
    let said = descendant.get::<Dict<'_>>("CIDSystemInfo").and_then(|info| {
        let registry = info.get::<PdfString<'_>>("Registry")?;
        let ordering = info.get::<PdfString<'_>>("Ordering")?;
        CidFamily::from_registry_ordering(&registry, &ordering).ucs2_cmap()
    });
    let meant = || encoding?.metadata().character_collection.as_ref()?.family.ucs2_cmap();
    parsed(said.or_else(meant)?, cmaps)
}

/// The characters of the embedded TrueType font's glyphs, read backwards from its table of characters.
fn glyphs(descendant: &Dict<'_>) -> Option<HashMap<u32, char>> {
    let numbered = descendant.get::<Name<'_>>("CIDToGIDMap").is_none_or(|name| name.as_ref() == b"Identity");
    if !numbered || descendant.get::<Stream<'_>>("CIDToGIDMap").is_some() {
        return None;
    }
    let file = descendant.get::<Dict<'_>>("FontDescriptor")?.get::<Stream<'_>>("FontFile2")?;
    let data = file.decoded_data().ok()?;
    let font = skrifa::FontRef::new(&data).ok()?;
    let mut letters = HashMap::new();
    for (code, glyph) in font.charmap().mappings().take(1 << 20) {
        if let Some(letter) = char::from_u32(code) {
            letters.entry(glyph.to_u32()).or_insert(letter);
        }
    }
    (!letters.is_empty()).then_some(letters)
}
