//! Plain texts. Their lines are not listed as places: whoever has an offset can count the line breaks before it.

use minions_documents::Places;

use crate::Kind;
use crate::reading::{Limits, Problem, Reading};

pub(crate) fn read(bytes: Vec<u8>, limits: &Limits) -> Result<Reading, Problem> {
    if bytes.len() > limits.text {
        return Err(Problem::TooLarge { bytes: bytes.len(), limit: limits.text });
    }
    let mut notes = Vec::new();
    let text = decode(bytes, &mut notes);
    Ok(Reading { kind: Kind::Text, text, places: Places::default(), notes, scans: Vec::new() })
}

pub(crate) fn decode(bytes: Vec<u8>, notes: &mut Vec<String>) -> String {
    if let Some(text) = utf16(&bytes) {
        return text;
    }
    match String::from_utf8(bytes) {
        Ok(mut text) => {
            if text.starts_with('\u{feff}') {
                text.remove(0);
            }
            text
        }
        Err(error) => {
            notes.push(
                "It is no valid UTF-8: it was read as Latin-1 (Windows-1252), so letters with accents may be wrong."
                    .to_owned(),
            );
            error.into_bytes().into_iter().map(windows_1252).collect()
        }
    }
}

/// The text of UTF-16 that begins with a byte order mark.
fn utf16(bytes: &[u8]) -> Option<String> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let units = bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    Some(char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect())
}

/// The characters of Windows-1252 that Latin-1 lacks, from 0x80 on.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The character of a byte in Windows-1252.
fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => WINDOWS[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_known() {
        let cases: &[(&[u8], &str, usize)] = &[
            (b"plain", "plain", 0),
            (b"\xEF\xBB\xBFwith a mark", "with a mark", 0),
            (b"\xFF\xFEa\0\xFC\0", "aü", 0),
            (b"\xFE\xFF\0a\x20\xAC", "a€", 0),
            (b"Gr\xFC\xDFe \x80 5", "Grüße € 5", 1),
            (b"", "", 0),
        ];
        for (bytes, text, notes) in cases {
            assert_eq!(Kind::of(bytes), Kind::Text);
            let reading = read(bytes.to_vec(), &Limits::default()).unwrap();
            assert_eq!((reading.text.as_str(), reading.notes.len()), (*text, *notes));
        }
    }
}
