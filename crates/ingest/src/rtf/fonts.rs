//! The encodings of RTF: that of the document, and those of its fonts.

use std::collections::HashMap;

use encoding_rs::Encoding;

use crate::office::symbols;

/// The code pages of the character sets that fonts name, as the specification lists them (RTF 1.9.1, "Font Table").
const CHARSETS: &[(i64, i64)] = &[
    (0, 1252),
    (77, 10000),
    (128, 932),
    (129, 949),
    (130, 1361),
    (134, 936),
    (136, 950),
    (161, 1253),
    (162, 1254),
    (163, 1258),
    (177, 1255),
    (178, 1256),
    (186, 1257),
    (204, 1251),
    (222, 874),
    (238, 1250),
    (254, 437),
    (255, 850),
];

/// The character sets that leave it to the document, and that of fonts of symbols.
const OF_DOCUMENT: i64 = 1;
const SYMBOLS: i64 = 2;

/// How the bytes of a text are read.
#[derive(Clone, Copy)]
enum Coding {
    Page(i64),
    Symbols { is_greek: bool },
}

/// What is known of the fonts.
#[derive(Default)]
pub(super) struct Fonts {
    /// The code page of the document.
    page: Option<i64>,
    codings: HashMap<i64, Coding>,
    /// The font that texts have which name none.
    usual: i64,
    /// The font whose entry in the table is read.
    open: i64,
    /// Whether bytes were read whose encoding is not known.
    pub(super) unknown: bool,
}

impl Fonts {
    /// Takes a control word of the document or, with `in_table`, of the table of fonts.
    pub(super) fn take(&mut self, word: &str, number: i64, in_table: bool) {
        match word {
            "ansicpg" => self.page = Some(number),
            "deff" => self.usual = number,
            _ if !in_table => {}
            "f" => self.open = number,
            "fcharset" if number == SYMBOLS => {
                self.codings.insert(self.open, Coding::Symbols { is_greek: false });
            }
            "fcharset" if number != OF_DOCUMENT => {
                let page = CHARSETS.iter().find(|(charset, _)| *charset == number);
                self.codings.insert(self.open, Coding::Page(page.map_or(0, |(_, page)| *page)));
            }
            "cpg" => {
                self.codings.insert(self.open, Coding::Page(number));
            }
            _ => {}
        }
    }

    /// Takes the name of the font whose entry is read.
    pub(super) fn name(&mut self, name: &[u8]) {
        if let Some(Coding::Symbols { is_greek }) = self.codings.get_mut(&self.open) {
            *is_greek |= name.to_ascii_lowercase().windows(6).any(|part| part == b"symbol");
        }
    }

    /// A character in a font, which may be one that only a font of symbols has.
    pub(super) fn shown(&self, letter: char, font: Option<i64>) -> char {
        let coding = self.codings.get(&font.unwrap_or(self.usual));
        match letter {
            '\u{f000}'..='\u{f0ff}' => {
                let is_greek = matches!(coding, Some(Coding::Symbols { is_greek: true }));
                symbols::letter(symbol_font(is_greek), u32::from(letter))
            }
            _ => letter,
        }
    }

    /// The characters of bytes in a font.
    pub(super) fn decode(&mut self, bytes: &[u8], font: Option<i64>) -> String {
        let coding = self.codings.get(&font.unwrap_or(self.usual)).copied();
        match coding.unwrap_or(Coding::Page(self.page.unwrap_or(1252))) {
            Coding::Symbols { is_greek } => {
                let symbol = |byte: &u8| match byte {
                    0..=b' ' => char::from(*byte),
                    _ => symbols::letter(symbol_font(is_greek), u32::from(*byte)),
                };
                bytes.iter().map(symbol).collect()
            }
            Coding::Page(page) => match encoding(page) {
                Some(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
                None => {
                    self.unknown |= !bytes.is_ascii();
                    encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned()
                }
            },
        }
    }
}

fn symbol_font(is_greek: bool) -> &'static str {
    if is_greek { "symbol" } else { "wingdings" }
}

/// The encoding of a code page of Windows.
fn encoding(page: i64) -> Option<&'static Encoding> {
    let label = match page {
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        65001 => "utf-8".to_owned(),
        866 => "ibm866".to_owned(),
        10000 => "macintosh".to_owned(),
        page => format!("windows-{page}"),
    };
    Encoding::for_label(label.as_bytes())
}
