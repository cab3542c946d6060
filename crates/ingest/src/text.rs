//! Plain texts: their characters, with line ends as `\n`.

use minions_documents::Places;

use crate::Kind;
use crate::encoding::decode;
use crate::reading::{Limits, Problem, Reading};

pub(crate) fn read(bytes: Vec<u8>, _: &Limits) -> Result<Reading, Problem> {
    let mut notes = Vec::new();
    let text = clean(decode(bytes, None, &mut notes), &mut notes);
    Ok(Reading { kind: Kind::Text, text, places: Places::of_lines(), notes, scans: Vec::new() })
}

/// Makes each line end a line feed, and so each run of zeros, which some programs write between texts or leave in logs.
pub(crate) fn clean(text: String, notes: &mut Vec<String>) -> String {
    let Some(first) = memchr::memchr2(b'\r', b'\0', text.as_bytes()) else { return text };
    let mut bytes = text.into_bytes();
    let (mut to, mut zeros, mut last) = (first, 0, b'\n');
    for from in first..bytes.len() {
        let byte = bytes[from];
        match byte {
            b'\n' if last == b'\r' => {}
            b'\0' if last == b'\0' => zeros += 1,
            _ => {
                zeros += usize::from(byte == b'\0');
                bytes[to] = if matches!(byte, b'\r' | b'\0') { b'\n' } else { byte };
                to += 1;
            }
        }
        last = byte;
    }
    bytes.truncate(to);
    if zeros > 0 {
        notes.push(format!("{zeros} zero bytes in it were read as line ends."));
    }
    // Only ASCII was changed or left out.
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_with_a_line_feed() {
        let cases: &[(&[u8], &str, usize)] = &[
            (b"plain", "plain", 0),
            (b"\xEF\xBB\xBFwith a mark", "with a mark", 0),
            (b"a\r\nb\r\n", "a\nb\n", 0),
            (b"a\rb\r\rc", "a\nb\n\nc", 0),
            (b"a\n\rb", "a\n\nb", 0),
            ("é\r\nü\0\0x".as_bytes(), "é\nü\nx", 1),
            (b"\xFF\xFEa\0\r\0\n\0\xFC\0", "a\nü", 0),
            (b"a\x0cb", "a\x0cb", 0),
            (b"", "", 0),
        ];
        for (bytes, text, notes) in cases {
            let reading = read(bytes.to_vec(), &Limits::default()).unwrap();
            assert_eq!((reading.text.as_str(), reading.notes.len()), (*text, *notes));
        }
    }

    #[test]
    fn places_are_lines() {
        let reading = read(b"a\r\nb\r\nc".to_vec(), &Limits::default()).unwrap();
        assert_eq!(reading.into_document("a.rs").place_at(4).unwrap().to_string(), "line 3");
    }

    #[test]
    fn a_text_may_be_longer_than_that_of_other_kinds() {
        let limits = Limits { bytes: 4, text: 1, ..Limits::default() };
        assert_eq!(crate::read("a", b"1234".to_vec(), &limits).unwrap().text, "1234");
        let error = crate::read("a", b"12345".to_vec(), &limits).unwrap_err();
        assert_eq!(error.problem, Problem::TooLarge { bytes: 5, limit: 4 });
    }
}
