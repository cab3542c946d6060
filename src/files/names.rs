//! Names of files as people can see them.

use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;

/// A file's name without what a terminal or a reader would not show as it is: bytes that are no UTF-8, line breaks and
/// other control characters, marks that turn the direction of writing.
pub(crate) fn shown(name: &OsStr) -> String {
    let mut shown = String::with_capacity(name.len());
    for chunk in name.as_bytes().utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    shown.extend(letter.escape_unicode());
                }
                _ if letter.is_control() => shown.extend(letter.escape_default()),
                _ => shown.push(letter),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_safely() {
        let cases: [(&[u8], &str); 5] = [
            (b"a.txt", "a.txt"),
            ("Größe 日本.md".as_bytes(), "Größe 日本.md"),
            (b"a\nb\x1b[31m", "a\\nb\\u{1b}[31m"),
            (b"caf\xe9", "caf\\xe9"),
            ("gpj.\u{202e}exe".as_bytes(), "gpj.\\u{202e}exe"),
        ];
        for (name, expected) in cases {
            assert_eq!(shown(OsStr::from_bytes(name)), expected);
        }
    }
}
