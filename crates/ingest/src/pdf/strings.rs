//! Texts in a PDF's dictionaries.

/// The characters of PDFDocEncoding that Latin-1 lacks, from 0x18 and from 0x80 on.
const LOW: [char; 8] = ['˘', 'ˇ', 'ˆ', '˙', '˝', '˛', '˚', '˜'];
const HIGH: [char; 33] = [
    '•', '†', '‡', '…', '—', '–', 'ƒ', '⁄', '‹', '›', '−', '‰', '„', '“', '”', '‘', '’', '‚', '™', 'ﬁ', 'ﬂ',
    'Ł', 'Œ', 'Š', 'Ÿ', 'Ž', 'ı', 'ł', 'œ', 'š', 'ž', '\u{9f}', '€',
];

/// A text string: UTF-16 or UTF-8 with a mark, else PDFDocEncoding.
pub(super) fn text_of(bytes: &[u8]) -> String {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        char::decode_utf16(units).map(|letter| letter.unwrap_or('\u{fffd}')).collect()
    };
    match bytes {
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => bytes.iter().map(|&byte| document_encoding(byte)).collect(),
    }
}

fn document_encoding(byte: u8) -> char {
    match byte {
        0x18..=0x1f => LOW[usize::from(byte - 0x18)],
        0x80..=0xa0 => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_encodings_are_read() {
        let cases: &[(&[u8], &str)] = &[
            (b"plain \x80 \xfc", "plain • ü"),
            (b"\xa0 5", "€ 5"),
            (b"\xfe\xff\x05\xd0\0a", "אa"),
            (b"\xff\xfea\0", "a"),
            (b"\xef\xbb\xbf\xc3\xbc", "ü"),
            (b"", ""),
        ];
        for (bytes, text) in cases {
            assert_eq!(text_of(bytes), *text);
        }
    }
}
