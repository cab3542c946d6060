//! Which encoding a text has, and its characters.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, GBK, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How much of a text is looked at to know its encoding, from its first letter that is no ASCII on.
const LOOKED_AT: usize = 256 << 10;

/// What texts begin with, longer marks first.
const MARKS: &[(&[u8], Wide)] = &[
    (b"\xff\xfe\0\0", Wide::Utf32Le),
    (b"\0\0\xfe\xff", Wide::Utf32Be),
    (b"\xff\xfe", Wide::Utf16Le),
    (b"\xfe\xff", Wide::Utf16Be),
];

/// An encoding whose units have several bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wide {
    Utf16Le,
    Utf16Be,
    Utf32Le,
    Utf32Be,
}

impl Wide {
    const ALL: [Self; 4] = [Self::Utf32Le, Self::Utf32Be, Self::Utf16Le, Self::Utf16Be];

    /// The encoding of a text with a mark, or of one whose beginning is a text in no other.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let marked = MARKS.iter().find(|(mark, _)| bytes.starts_with(mark)).map(|(_, wide)| *wide);
        marked.or_else(|| Self::ALL.into_iter().find(|wide| wide.fits(bytes)))
    }

    fn width(self) -> usize {
        match self {
            Self::Utf16Le | Self::Utf16Be => 2,
            Self::Utf32Le | Self::Utf32Be => 4,
        }
    }

    /// Whether the beginning of a text without a mark is one in this encoding: there are zeros, which no other text has,
    /// and all characters are of the usual ones, with white space or punctuation among them.
    fn fits(self, bytes: &[u8]) -> bool {
        const WITHIN: usize = 4096;
        if !bytes.len().is_multiple_of(self.width()) || !bytes[..bytes.len().min(WITHIN)].contains(&0) {
            return false;
        }
        let cut = bytes.len() > WITHIN;
        let mut characters: Vec<char> = self.decode(&bytes[..bytes.len().min(WITHIN)]).chars().collect();
        if cut {
            characters.pop();
        }
        let plain =
            characters.iter().filter(|letter| matches!(letter, '\t' | '\n' | '\r' | ' '..='~')).count();
        plain > 0
            && plain * 50 >= characters.len()
            && characters.iter().all(|letter| is_usual(*letter))
            && !is_divided(&bytes[..bytes.len().min(WITHIN)], &characters)
    }

    fn decode(self, bytes: &[u8]) -> String {
        match self {
            Self::Utf16Le => UTF_16LE.decode_without_bom_handling(bytes).0.into_owned(),
            Self::Utf16Be => UTF_16BE.decode_without_bom_handling(bytes).0.into_owned(),
            Self::Utf32Le | Self::Utf32Be => {
                let unit = |four: &[u8; 4]| match self {
                    Self::Utf32Le => u32::from_le_bytes(*four),
                    _ => u32::from_be_bytes(*four),
                };
                let (units, rest) = bytes.as_chunks::<4>();
                let characters = units.iter().map(|four| char::from_u32(unit(four)).unwrap_or('\u{fffd}'));
                characters.chain((!rest.is_empty()).then_some('\u{fffd}')).collect()
            }
        }
    }
}

/// Whether the bytes are rather a text whose parts zeros divide than these characters: nearly all others are ASCII, but
/// most of the characters are not, or fewer than would be if the zeros did not stand anywhere.
fn is_divided(bytes: &[u8], characters: &[char]) -> bool {
    let others = bytes.iter().filter(|byte| **byte != 0).count();
    let ascii = bytes.iter().filter(|byte| matches!(byte, b'\t'..=b'\r' | b' '..=b'~')).count();
    let plain = characters.iter().filter(|letter| letter.is_ascii()).count();
    let misplaced = characters.iter().filter(|letter| u32::from(**letter).is_multiple_of(256)).count();
    ascii * 20 >= others * 17
        && (plain * 2 < characters.len() || plain * 5 < characters.len() * 4 && misplaced * 4 > plain)
}

/// Whether a letter is one that texts have, and chance seldom makes.
fn is_usual(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\u{c}' | '\r' | ' '..='~' | '\u{a0}'..='\u{17f}'
        | '\u{1a0}'..='\u{1b0}' | '\u{218}'..='\u{1fff}' | '\u{2000}'..='\u{22ff}'
        | '\u{2500}'..='\u{27ff}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}'
        | '\u{fe10}'..='\u{fe6f}' | '\u{ff00}'..='\u{ffef}' | '\u{1f000}'..='\u{1faff}' | '\u{20000}'..='\u{3ffff}')
}

/// The characters of a text. What was guessed, and what is no text in its encoding, is told in `notes`.
/// `label` is the encoding that the text names itself, if it does.
pub(crate) fn decode(bytes: Vec<u8>, label: Option<&[u8]>, notes: &mut Vec<String>) -> String {
    if let Some(wide) = Wide::of(&bytes) {
        let text = wide.decode(&bytes);
        let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
        tell_lost(text.matches('\u{fffd}').count(), notes);
        return text;
    }
    if has_japanese_escapes(&bytes) {
        return decoded(&bytes, ISO_2022_JP, notes);
    }
    match String::from_utf8(bytes) {
        Ok(mut text) => {
            if text.starts_with('\u{feff}') {
                text.remove(0);
            }
            text
        }
        Err(error) => {
            let bytes = error.into_bytes();
            if is_broken_utf8(&bytes) {
                return decoded(&bytes, UTF_8, notes);
            }
            let named = label.and_then(Encoding::for_label).filter(|named| *named != UTF_8);
            let encoding = named.unwrap_or_else(|| guessed(&bytes));
            if named.is_none() {
                let name = if encoding == GBK { "GB18030" } else { encoding.name() };
                let sure =
                    if encoding == WINDOWS_1252 { ", so letters with accents may be wrong" } else { "" };
                notes.push(format!("It is no UTF-8: it was read as {name}{sure}."));
            }
            decoded(&bytes, encoding, notes)
        }
    }
}

/// Whether the bytes switch between character sets as mail from Japan does.
fn has_japanese_escapes(bytes: &[u8]) -> bool {
    memchr::memchr(0x1b, bytes).is_some()
        && bytes.is_ascii()
        && [&b"\x1b$B"[..], b"\x1b$@"].iter().any(|escape| memchr::memmem::find(bytes, escape).is_some())
}

/// Whether most of what is no ASCII is UTF-8, so that the rest is damage.
fn is_broken_utf8(bytes: &[u8]) -> bool {
    let (mut valid, mut broken) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        valid += chunk.valid().bytes().filter(|byte| *byte >= 0xc0).count();
        broken += usize::from(!chunk.invalid().is_empty());
    }
    valid > 2 * broken
}

fn guessed(bytes: &[u8]) -> &'static Encoding {
    let first = bytes.iter().position(|byte| !byte.is_ascii()).unwrap_or_default();
    let part = &bytes[first..bytes.len().min(first + LOOKED_AT)];
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(part, part.len() == bytes.len() - first);
    detector.guess(None, Utf8Detection::Deny)
}

fn decoded(bytes: &[u8], encoding: &'static Encoding, notes: &mut Vec<String>) -> String {
    let (text, _) = encoding.decode_with_bom_removal(bytes);
    tell_lost(text.matches('\u{fffd}').count(), notes);
    text.into_owned()
}

fn tell_lost(lost: usize, notes: &mut Vec<String>) {
    if lost > 0 {
        notes.push(format!("At {lost} places its bytes are no text in its encoding: they became \u{fffd}."));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }

    fn utf32(text: &str, unit: fn(u32) -> [u8; 4]) -> Vec<u8> {
        text.chars().flat_map(|letter| unit(u32::from(letter))).collect()
    }

    #[test]
    fn unicode_is_known_with_and_without_a_mark() {
        for text in [
            "plain text\r\n",
            "Grüße, 5 €\n",
            "Привет, мир. Это текст.\n",
            "你好，世界。\n这是一个文本。\n",
            "مرحبا بالعالم\n",
            "😀 smile",
        ] {
            for mark in ["", "\u{feff}"] {
                let marked = format!("{mark}{text}");
                for bytes in [
                    marked.clone().into_bytes(),
                    utf16(&marked, u16::to_le_bytes),
                    utf16(&marked, u16::to_be_bytes),
                    utf32(&marked, u32::to_le_bytes),
                    utf32(&marked, u32::to_be_bytes),
                ] {
                    let mut notes = Vec::new();
                    assert_eq!(decode(bytes, None, &mut notes), text, "{mark:?}");
                    assert_eq!(notes, Vec::<String>::new());
                }
            }
        }
    }

    #[test]
    fn texts_that_zeros_divide_are_not_wide() {
        let cases: [&[u8]; 8] = [
            b"Ada Lovelace\0Alan Turing\0Grace Hopper\0Kurt Goedel\0",
            b"alpha\0beta\0gammas\0",
            b"a\0\0b\nline two\0end\n",
            b"one\0two\0three\0four",
            b"PATH=/bin:/usr/bin\0HOME=/root\0A=1\0\0",
            b"0123\0abcd\0efgh\0",
            "Grüße\0Ada Lovelace\0Zürich, Hauptbahnhof\0x\0".as_bytes(),
            b"M\xfcller, Ada\0Alan Turing of London\0",
        ];
        for bytes in cases {
            for bytes in [bytes, &bytes[1..], &[b"x", bytes].concat(), &[b"xyz", bytes].concat()] {
                assert_eq!(Wide::of(bytes), None, "{}", String::from_utf8_lossy(bytes));
                assert_ne!(crate::Kind::of(bytes), crate::Kind::Unknown);
            }
        }
        // Chinese with much ASCII among it, and Cyrillic with more.
        for text in [
            "let x = 1; // 变量的值是一\nlet 名 = x;\n",
            "имя: Ada Lovelace, год: 1815, страна: UK\n",
            "文件 a.txt\n",
        ] {
            assert_eq!(decode(utf16(text, u16::to_le_bytes), None, &mut Vec::new()), text);
        }
    }

    #[test]
    fn other_encodings_are_guessed_and_told() {
        let cases = [
            (
                "windows-1252",
                "Les élèves préfèrent être à l’école — « où ? » — le garçon a payé 5 €.",
                "windows-1252",
            ),
            ("shift_jis", "これは日本語のテキストです。漢字とカタカナもあります。", "Shift_JIS"),
            ("gb18030", "这是一个中文文本。它用旧的编码保存，应该能够正确地读出来。", "GB18030"),
            ("koi8-r", "Это русский текст, который сохранён в старой кодировке.", "KOI8-U"),
            ("windows-1251", "Это русский текст, который сохранён в старой кодировке.", "windows-1251"),
            ("euc-kr", "이것은 한국어 텍스트입니다. 오래된 인코딩으로 저장되었습니다.", "EUC-KR"),
            ("big5", "這是一個中文文本。它用舊的編碼保存，應該能夠正確地讀出來。", "Big5"),
        ];
        for (label, text, name) in cases {
            let encoding = Encoding::for_label(label.as_bytes()).unwrap();
            let (bytes, _, unmappable) = encoding.encode(text);
            assert!(!unmappable, "{label}");
            let mut notes = Vec::new();
            assert_eq!(decode(bytes.to_vec(), None, &mut notes), text, "{label}");
            assert!(notes.len() == 1 && notes[0].contains(name), "{label}: {notes:?}");
            let mut notes = Vec::new();
            assert_eq!(decode(bytes.to_vec(), Some(label.as_bytes()), &mut notes), text);
            assert_eq!(notes, Vec::<String>::new(), "{label} names itself");
        }
        let (japanese, ..) = ISO_2022_JP.encode("日本語 text");
        assert_eq!(decode(japanese.to_vec(), None, &mut Vec::new()), "日本語 text");
    }

    #[test]
    fn damage_is_told_and_does_not_change_the_encoding() {
        for (bytes, text) in [
            (&b"Gr\xc3\xbc\xc3\x9fe aus K\xc3\xb6ln\xff und Bonn"[..], "Grüße aus Köln\u{fffd} und Bonn"),
            (b"Gr\xc3\xb6\xc3\x9fe, L\xc3\xa4nge \xc3", "Größe, Länge \u{fffd}"),
            (b"\xff\xfea\0\0\xd8b\0", "a\u{fffd}b"),
        ] {
            let mut notes = Vec::new();
            assert_eq!(decode(bytes.to_vec(), None, &mut notes), text);
            assert!(notes.len() == 1 && notes[0].contains("At 1 places"), "{notes:?}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_no_wide_one() {
        let mut state = 7_u32;
        let mut noise = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        };
        for _ in 0..100 {
            let bytes: Vec<u8> = (0..512).map(|_| noise()).collect();
            assert_eq!(Wide::of(&[&b"\0"[..], &bytes[1..]].concat()), None);
        }
        for bytes in [
            &b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0"[..],
            b"a\0b\0\x01\x02",
            b"\0\0\0\0",
            b"",
            b"plain",
            b"odd\0\0",
        ] {
            assert_eq!(Wide::of(bytes), None, "{bytes:?}");
        }
    }
}
