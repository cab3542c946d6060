//! JSON that a strict parser refuses, though it can be read: halves of characters, Python's numbers, raw control
//! characters. Pure.

/// The sign that stands for what cannot be read.
const UNREADABLE: char = char::REPLACEMENT_CHARACTER;

/// JSON that was mended. Servers that cut their text between tokens write the two halves of a character, which JSON
/// has as two escapes (RFC 8259, 7), into two events.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mended {
    /// The JSON, with U+FFFD in place of each half of a character.
    pub text: String,
    /// The place of the first half, if that is a second one whose first half is missing.
    pub second: Option<Half>,
    /// The place of the last half, if that is a first one whose second half is missing.
    pub first: Option<Half>,
}

/// A half of a character in UTF-16.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Half {
    /// Where its U+FFFD stands.
    at: usize,
    unit: u16,
}

impl Mended {
    /// Joins the last half of this event with the first one of `next`. `false` if they are no two halves.
    pub(crate) fn join(&mut self, next: &mut Self) -> bool {
        let (Some(first), Some(second)) = (self.first, next.second) else { return false };
        let Some(Ok(whole)) = char::decode_utf16([first.unit, second.unit]).next() else { return false };
        let replace = |text: &mut String, at: usize, with: &str| {
            text.replace_range(at..at + UNREADABLE.len_utf8(), with);
        };
        replace(&mut self.text, first.at, whole.encode_utf8(&mut [0; 4]));
        replace(&mut next.text, second.at, "");
        // What follows in the next event has moved.
        let moved = |half: Half| Half { at: half.at.saturating_sub(UNREADABLE.len_utf8()), ..half };
        (self.first, next.second, next.first) = (None, None, next.first.map(moved));
        true
    }
}

/// Mends `json` as far as that is possible.
pub(crate) fn mend(json: &[u8]) -> Mended {
    let json = String::from_utf8_lossy(json);
    let mut mended = Mended { text: String::with_capacity(json.len() + 16), second: None, first: None };
    let mut rest: &str = &json;
    while let Some(quote) = rest.find('"') {
        outside(&rest[..quote], &mut mended.text);
        rest = string(&rest[quote..], &mut mended);
    }
    outside(rest, &mut mended.text);
    mended
}

/// Writes what stands between strings. `NaN` and numbers that are too large become null.
fn outside(json: &str, out: &mut String) {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let mut rest = json;
    while let Some(begin) = rest.find(is_word) {
        let end = rest[begin..].find(|c| !is_word(c)).map_or(rest.len(), |length| begin + length);
        let word = &rest[begin..end];
        let is_lost = word.parse::<f64>().is_ok_and(|number| !number.is_finite());
        out.push_str(&rest[..begin]);
        out.push_str(if is_lost { "null" } else { word });
        rest = &rest[end..];
    }
    out.push_str(rest);
}

/// Writes the string at the beginning of `json`, and gives what follows it.
fn string<'a>(json: &'a str, mended: &mut Mended) -> &'a str {
    mended.text.push('"');
    let mut rest = &json[1..];
    while let Some(at) = rest.find(|c: char| matches!(c, '"' | '\\') || c.is_ascii_control()) {
        mended.text.push_str(&rest[..at]);
        rest = &rest[at..];
        match rest.as_bytes()[0] {
            b'"' => {
                mended.text.push('"');
                return &rest[1..];
            }
            b'\\' => rest = escape(rest, mended),
            control => {
                mended.text.push_str(&format!("\\u{control:04x}"));
                rest = &rest[1..];
            }
        }
    }
    mended.text.push_str(rest);
    ""
}

/// Writes the escape at the beginning of `json`, and gives what follows it.
fn escape<'a>(json: &'a str, mended: &mut Mended) -> &'a str {
    let Some(unit) = unit(json) else {
        let length = 1 + json[1..].chars().next().map_or(0, char::len_utf8);
        mended.text.push_str(&json[..length]);
        return &json[length..];
    };
    let pair = unit_pair(unit, &json[6..]);
    if pair || !is_half(unit) {
        let length = if pair { 12 } else { 6 };
        mended.text.push_str(&json[..length]);
        return &json[length..];
    }
    let half = Half { at: mended.text.len(), unit };
    let is_first = unit < 0xDC00;
    if !is_first && mended.first.is_none() && mended.second.is_none() {
        mended.second = Some(half);
    }
    mended.first = is_first.then_some(half);
    mended.text.push(UNREADABLE);
    &json[6..]
}

/// The unit of UTF-16 that `\uXXXX` at the beginning of `json` stands for.
fn unit(json: &str) -> Option<u16> {
    let digits = json.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

fn is_half(unit: u16) -> bool {
    (0xD800..0xE000).contains(&unit)
}

/// Whether `first` and the escape at the beginning of `json` are a character.
fn unit_pair(first: u16, json: &str) -> bool {
    unit(json).is_some_and(|second| is_half(first) && char::decode_utf16([first, second]).all(|c| c.is_ok()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn value(json: &[u8]) -> Option<Value> {
        serde_json::from_str(&mend(json).text).ok()
    }

    #[test]
    fn what_can_be_read_is_read() {
        for (text, expected) in [
            (r#"{"a": "x\ud83d"}"#, json!({"a": "x\u{fffd}"})),
            (r#"{"a": "\ude00\ud83d", "b": "\ud83d\ude00"}"#, json!({"a": "\u{fffd}\u{fffd}", "b": "😀"})),
            (r#"{"a": "\ud83dA\u0041"}"#, json!({"a": "\u{fffd}AA"})),
            (
                r#"{"a": NaN, "b": [-Infinity, 1e999, -1.5e3], "c": "NaN"}"#,
                json!({"a": null, "b": [null, null, -1500.0], "c": "NaN"}),
            ),
            ("{\"a\": \"tab\there\", \"b\": true}", json!({"a": "tab\there", "b": true})),
            (r#"{"a": "q\"\\", "b": 2}"#, json!({"a": "q\"\\", "b": 2})),
        ] {
            assert_eq!(value(text.as_bytes()), Some(expected), "{text}");
        }
        assert_eq!(value(b"{\"a\": \"\xf0\x9f\"}"), Some(json!({"a": "\u{fffd}"})));
        for broken in [r#"{"a": "\ud83"}"#, r#"{"a": "#, r#"{"a" 1}"#, r#"{"a": "\"#, "\"\\é"] {
            assert_eq!(value(broken.as_bytes()), None, "{broken}");
        }
    }

    #[test]
    fn two_halves_are_joined_wherever_they_stand() {
        let mut first = mend(br#"{"a": "\ude00 x\ud83d"}"#);
        let mut second = mend(br#"{"b": 1, "a": "\ude00y\ud83d"}"#);
        assert!(first.join(&mut second));
        assert_eq!(first.text, "{\"a\": \"\u{fffd} x😀\"}");
        assert_eq!(second.text, "{\"b\": 1, \"a\": \"y\u{fffd}\"}");
        let mut third = mend(br#"{"a": "\ude00"}"#);
        assert!(second.join(&mut third));
        assert_eq!((&*second.text, &*third.text), ("{\"b\": 1, \"a\": \"y😀\"}", "{\"a\": \"\"}"));
        assert!(!mend(br#""\ude00""#).join(&mut mend(br#""\ude00""#)));
        assert!(!mend(br#""\ud83d""#).join(&mut mend(br#""\ud83d\ude00""#)));
    }
}
