//! Reads a text character by character, with what programs write in place of a character: the escapes of JSON and
//! Python, of HTML and of URLs, also where they were escaped again.
//!
//! A document is read in the same way. So it does no harm that it may hold what only looks like an escape.

/// One character as a text writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// Its bytes in the text.
    pub len: usize,
    /// The character that it stands for.
    pub char: char,
    /// How many backslashes it begins with.
    pub slashes: usize,
}

impl Unit {
    /// A character without backslashes.
    pub(super) fn new(len: usize, char: char) -> Self {
        Self { len, char, slashes: 0 }
    }
}

/// The most characters that an escape is read from.
const LONGEST: usize = 64;

/// The first character of `text`, which is not empty. An escape may itself be percent-encoded.
pub(super) fn unit(text: &str) -> Unit {
    let first = plain_or_percent(text);
    if !matches!(first.char, '\\' | '&') {
        return first;
    }
    let near = &text[..text.floor_char_boundary(LONGEST)];
    if !near.contains('%') {
        return backslash(near).or_else(|| entity(near)).unwrap_or(first);
    }
    let (mut decoded, mut ends) = (String::new(), vec![0]);
    while ends.len() <= LONGEST && ends[ends.len() - 1] < text.len() {
        let from = ends[ends.len() - 1];
        let Unit { len, char, .. } = plain_or_percent(&text[from..]);
        decoded.push(char);
        ends.push(from + len);
    }
    let escape = backslash(&decoded).or_else(|| entity(&decoded));
    escape.map_or(first, |escape| Unit { len: ends[decoded[..escape.len].chars().count()], ..escape })
}

fn plain_or_percent(text: &str) -> Unit {
    percent(text).unwrap_or_else(|| {
        let char = text.chars().next().unwrap_or_default();
        Unit::new(char.len_utf8(), char)
    })
}

/// An escape of JSON or Python. Each time a text is escaped again, its backslashes double.
fn backslash(text: &str) -> Option<Unit> {
    let slashes = text.len() - text.trim_start_matches('\\').len();
    if slashes == 0 {
        return None;
    }
    let rest = &text[slashes..];
    let unit = |len: usize, char| Some(Unit { len: slashes + len, char, slashes });
    match rest.as_bytes().first()? {
        b'n' | b'N' | b'r' | b'R' => unit(1, '\n'),
        b't' | b'T' | b'b' | b'B' | b'f' | b'F' => unit(1, ' '),
        b'u' | b'U' => {
            let (len, char) = code_point(rest)?;
            unit(len, char)
        }
        b'x' | b'X' => {
            let byte = |text: &str| hex(text, 2).map(|byte| (2, byte as u8));
            let next = |text: &str| {
                let rest = text.trim_start_matches('\\');
                let (len, byte) = byte(rest.strip_prefix(['x', 'X'])?)?;
                Some((text.len() - rest.len() + 1 + len, byte))
            };
            // Python writes the bytes of a text so, too.
            match utf8(text, next) {
                Some((len, char)) => Some(Unit::new(len, char)),
                None => unit(3, char::from(byte(&rest[1..])?.1)),
            }
        }
        _ => None,
    }
}

/// The character of `u` with four digits, or two such escapes for one character; `U` with eight; digits in braces.
fn code_point(text: &str) -> Option<(usize, char)> {
    let digits = &text[1..];
    if let Some(braced) = digits.strip_prefix('{') {
        let (digits, _) = braced.split_once('}').filter(|(digits, _)| digits.len() <= 6)?;
        return Some((digits.len() + 3, char::from_u32(hex(digits, digits.len())?)?));
    }
    if text.starts_with('U')
        && let Some(char) = hex(digits, 8).and_then(char::from_u32)
    {
        return Some((9, char));
    }
    let first = hex(digits, 4)?;
    if let Some(char) = char::from_u32(first) {
        return Some((5, char));
    }
    let rest = &digits[4..];
    let low = rest.trim_start_matches('\\');
    let second = low.strip_prefix(['u', 'U']).and_then(|digits| hex(digits, 4));
    match second.filter(|second| first < 0xdc00 && (0xdc00..0xe000).contains(second)) {
        Some(second) => {
            let char = char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))?;
            Some((5 + rest.len() - low.len() + 5, char))
        }
        None => Some((5, ' ')),
    }
}

/// The character that the first bytes of `text` are in UTF-8, if they are written as escapes and more than one. `next`
/// reads one byte, and says how long its escape is.
fn utf8(text: &str, next: impl Fn(&str) -> Option<(usize, u8)>) -> Option<(usize, char)> {
    let mut bytes = [0; 4];
    let (mut len, first) = next(text)?;
    bytes[0] = first;
    let count = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return None,
    };
    for byte in &mut bytes[1..count] {
        let (more, next) = next(&text[len..])?;
        (len, *byte) = (len + more, next);
    }
    Some((len, str::from_utf8(&bytes[..count]).ok()?.chars().next()?))
}

/// The value of the first `count` characters as hexadecimal digits.
fn hex(text: &str, count: usize) -> Option<u32> {
    let digits = text.get(..count).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
    u32::from_str_radix(digits, 16).ok()
}

/// An entity of HTML. Each time a text is escaped again, its `&` becomes `&amp;`.
fn entity(text: &str) -> Option<Unit> {
    let mut rest = text.strip_prefix('&')?;
    while let Some(more) = rest.strip_prefix("amp;").or_else(|| rest.strip_prefix("AMP;")) {
        rest = more;
    }
    let ampersands = text.len() - rest.len();
    let name = rest.bytes().take(10).position(|byte| byte == b';').map(|end| &rest[..end]);
    match name.and_then(named) {
        Some(char) => Some(Unit::new(ampersands + name.map_or(0, str::len) + 1, char)),
        None => (ampersands > 1).then(|| Unit::new(ampersands, '&')),
    }
}

/// The character of an entity's name or number. Marks on a letter do not count, nor which sign it is that is no letter.
fn named(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(digits) => hex(digits, digits.len()),
            None => number.parse().ok(),
        };
        return code.and_then(char::from_u32);
    }
    if name.len() < 2 || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    if let Ok(at) = LETTERS.binary_search_by_key(&lower.as_str(), |(name, _)| name) {
        return Some(LETTERS[at].1);
    }
    let marks = ["acute", "caron", "cedil", "circ", "grave", "ring", "tilde", "uml"];
    let marked = marks.iter().find_map(|mark| lower.strip_suffix(mark));
    Some(marked.filter(|letter| letter.len() == 1).and_then(|letter| letter.chars().next()).unwrap_or(' '))
}

/// The letters whose entities are not named after a letter and its mark.
const LETTERS: &[(&str, char)] = &[
    ("aelig", 'æ'),
    ("alpha", 'α'),
    ("beta", 'β'),
    ("chi", 'χ'),
    ("delta", 'δ'),
    ("epsilon", 'ε'),
    ("eta", 'η'),
    ("eth", 'ð'),
    ("gamma", 'γ'),
    ("iota", 'ι'),
    ("kappa", 'κ'),
    ("lambda", 'λ'),
    ("mu", 'μ'),
    ("nu", 'ν'),
    ("oelig", 'œ'),
    ("omega", 'ω'),
    ("omicron", 'ο'),
    ("oslash", 'ø'),
    ("phi", 'φ'),
    ("pi", 'π'),
    ("psi", 'ψ'),
    ("rho", 'ρ'),
    ("sigma", 'σ'),
    ("sigmaf", 'σ'),
    ("szlig", 'ß'),
    ("tau", 'τ'),
    ("theta", 'θ'),
    ("thorn", 'þ'),
    ("upsilon", 'υ'),
    ("xi", 'ξ'),
    ("zeta", 'ζ'),
];

/// Percent-encoding. Each time a text is encoded again, its `%` becomes `%25`.
fn percent(text: &str) -> Option<Unit> {
    let next = |text: &str| {
        let mut rest = text.strip_prefix('%')?;
        while let Some(more) = rest.strip_prefix("25") {
            rest = more;
        }
        Some((text.len() - rest.len() + 2, hex(rest, 2)? as u8))
    };
    if let Some((len, char)) = utf8(text, next) {
        return Some(Unit::new(len, char));
    }
    let (len, byte) = next(text)?;
    byte.is_ascii().then(|| Unit::new(len, char::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> String {
        let mut rest = text;
        let mut read = String::new();
        while !rest.is_empty() {
            let Unit { len, char, .. } = unit(rest);
            read.push(char);
            rest = &rest[len..];
        }
        read
    }

    #[test]
    fn what_stands_for_a_character_is_read_as_it() {
        for (written, char) in [
            (r"\u516c", "公"),
            (r"\\u516C\\\u53f8", "公司"),
            (r"\U0001f600\ud83d\ude00\\ud83d\\ude00", "😀😀😀"),
            (r"\u{e9}\xe9\xE9", "ééé"),
            (r"\xc3\xa9\\xe5\\x85\\xac", "é公"),
            (r"\xe9t\xe9", "été"),
            ("a\\nb\\\\tc\\rd", "a\nb c\nd"),
            ("&#39;&#x27;&#233;&#XE9;", "''éé"),
            ("&eacute;&Eacute;&szlig;&ccedil;&omega;&AMP;", "eeßcω&"),
            ("&amp;#233;&amp;amp;uuml;&amp;T", "éu&T"),
            ("%C3%A9%e5%85%ac%20%25C3%25A9", "é公 é"),
            (r"%5Cu516c%26eacute%3B%5C%5Cn\u00e9%20%26amp%3B", "公e\né &"),
        ] {
            assert_eq!(read(written), char, "{written}");
        }
    }

    #[test]
    fn what_only_looks_like_an_escape_stays() {
        for text in
            ["R&D; é & é;", "50% of 3%", "%zz%", r"\d\", r"\u12", r"\x", "&#;&#xzz;", "&;", "%", "&", "\\"]
        {
            assert_eq!(read(text), text, "{text}");
        }
        assert_eq!(read(r"\ud83d!"), " !");
    }
}
