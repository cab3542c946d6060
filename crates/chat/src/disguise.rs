//! The ways in which texts write a credential: as it is, encoded, escaped, or cut off.
//!
//! In: a credential and texts. Out: its forms, and where a text has it in a form that cannot be listed.

use std::ops::Range;

use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD, Engine};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// The marks that this program puts where it has cut a text.
const CUTS: [&str; 2] = ["...", "\u{2026}"];
/// The shortest beginning of a credential that counts as the credential, where a text was cut.
const SHORTEST_BEGINNING: usize = 7;
/// The same where nothing says that a text was cut.
const SHORTEST_MOST: usize = 12;

/// `secret` as it is, within JSON, within JSON within JSON, with escaped slashes, in a URL, and in Base64.
pub(crate) fn forms(secret: &str) -> Vec<String> {
    let quoted = |text: &str| Value::from(text).to_string().trim_matches('"').to_owned();
    let once = quoted(secret);
    let url = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
    vec![
        secret.to_owned(),
        quoted(&once),
        once,
        secret.replace('/', "\\/"),
        url.to_lowercase(),
        url,
        BASE64_STANDARD_NO_PAD.encode(secret),
        BASE64_URL_SAFE_NO_PAD.encode(secret),
    ]
}

/// The first place in `text` that has one of `secrets` with any of its characters escaped, as JSON, Python, JavaScript,
/// URLs and HTML do, or a beginning of it at which the text was cut.
pub(crate) fn find(text: &str, secrets: &[String]) -> Option<Range<usize>> {
    if secrets.is_empty() {
        return None;
    }
    find_escaped(text, secrets).or_else(|| find_cut(text, secrets)).or_else(|| find_most(text, secrets))
}

/// Where most of a secret stands, from its beginning on, whatever follows: text may have been cut without a mark.
fn find_most(text: &str, secrets: &[String]) -> Option<Range<usize>> {
    let most = |secret: &String| {
        let least = secret.ceil_char_boundary((secret.len() * 3 / 4).max(SHORTEST_MOST));
        let at = text.find(secret.get(..least)?)?;
        let same = secret.char_indices().map(|(end, c)| end + c.len_utf8());
        let end = same.filter(|end| text[at..].starts_with(&secret[..*end])).max()?;
        Some(at..at + end)
    };
    secrets.iter().find_map(most)
}

fn find_escaped(text: &str, secrets: &[String]) -> Option<Range<usize>> {
    let starts_escape = |byte: &u8| matches!(byte, b'\\' | b'%' | b'&');
    let mut from = 0;
    while let Some(at) = text.as_bytes()[from..].iter().position(starts_escape).map(|found| from + found) {
        let Some((c, length)) = escaped(&text[at..]) else {
            from = at + 1;
            continue;
        };
        // It is the first escape of a match, so what is before it in the secret stands before it as it is.
        let match_of = |secret: &String| {
            let places = secret.match_indices(c).map(|(place, _)| place);
            let mut places = places.filter(|place| text[..at].ends_with(&secret[..*place]));
            places.find_map(|place| Some(at - place..matched(text, at, &secret[place..])?))
        };
        if let Some(found) = secrets.iter().find_map(match_of) {
            return Some(found);
        }
        from = at + length;
    }
    None
}

/// The end of `secret` in `text` from `at` on, where any character may be escaped.
fn matched(text: &str, at: usize, secret: &str) -> Option<usize> {
    secret.chars().try_fold(at, |at, wanted| {
        let rest = text.get(at..)?;
        match escaped(rest) {
            Some((c, length)) if c == wanted => Some(at + length),
            _ => rest.starts_with(wanted).then(|| at + wanted.len_utf8()),
        }
    })
}

/// The character that an escape at the start of `text` stands for, and the escape's length.
fn escaped(text: &str) -> Option<(char, usize)> {
    let hex = |from: usize, digits: usize| {
        let digits = text.get(from..from + digits)?;
        let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hex.then(|| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)).flatten()
    };
    match text.as_bytes().first()? {
        b'\\' => {
            // JSON within JSON has several.
            let start = text.find(|c| c != '\\')?;
            match text.as_bytes()[start] {
                b'u' => Some((hex(start + 1, 4)?, start + 5)),
                b'x' => Some((hex(start + 1, 2)?, start + 3)),
                byte if byte.is_ascii_punctuation() => Some((char::from(byte), start + 1)),
                _ => None,
            }
        }
        b'%' => {
            // A URL within a URL has %25 for each percent sign.
            let mut start = 1;
            while text[start..].starts_with("25") && hex(start + 2, 2).is_some() {
                start += 2;
            }
            Some((hex(start, 2)?, start + 2))
        }
        b'&' => {
            let end = text.bytes().take(10).position(|byte| byte == b';')?;
            let name = &text[1..end];
            let number = name.strip_prefix('#').and_then(|number| match number.strip_prefix(['x', 'X']) {
                Some(digits) => u32::from_str_radix(digits, 16).ok(),
                None => number.parse().ok(),
            });
            let named = [("amp", '&'), ("lt", '<'), ("gt", '>'), ("quot", '"'), ("apos", '\''), ("sol", '/')];
            let c = named.iter().find(|(known, _)| *known == name).map(|(_, c)| *c);
            Some((c.or_else(|| char::from_u32(number?))?, end + 1))
        }
        _ => None,
    }
}

fn find_cut(text: &str, secrets: &[String]) -> Option<Range<usize>> {
    let cuts = CUTS.iter().flat_map(|mark| text.match_indices(mark)).map(|(at, _)| at);
    let begins = |at: usize| {
        let ends = |secret: &String| {
            let ends = secret.char_indices().map(|(end, _)| end).skip(SHORTEST_BEGINNING);
            ends.filter(|end| text[..at].ends_with(&secret[..*end])).max()
        };
        let longest = secrets.iter().filter_map(ends).max()?;
        Some(at - longest..at)
    };
    cuts.filter_map(begins).min_by_key(|range| range.start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_found_however_it_is_escaped() {
        let secrets = ["another-one".to_owned(), "sk-ab/cd+EF=12".to_owned()];
        for (text, found) in [
            (r"a sk-ab\/cd+EF=12 b", r"sk-ab\/cd+EF=12"),
            (r"a sk-ab\\\/cd+EF=12 b", r"sk-ab\\\/cd+EF=12"),
            (r"sk-ab\u002Fcd\u002bEF=12", r"sk-ab\u002Fcd\u002bEF=12"),
            (r"\u0073k-ab\\u002fcd+EF\\u003D12!", r"\u0073k-ab\\u002fcd+EF\\u003D12"),
            (r"sk\x2dab/cd+EF\x3D12", r"sk\x2dab/cd+EF\x3D12"),
            ("x=sk-ab%2Fcd%2bEF%3d12&y", "sk-ab%2Fcd%2bEF%3d12"),
            ("x=sk-ab%252Fcd%252BEF%253D12", "sk-ab%252Fcd%252BEF%253D12"),
            ("<p>sk-ab&#x2F;cd&#43;EF&#x3d;12", "sk-ab&#x2F;cd&#43;EF&#x3d;12"),
            ("sk-ab/cd+E...", "sk-ab/cd+E"),
            ("sk-ab/sk-ab/cd\u{2026} and sk-ab/cd...", "sk-ab/cd"),
            ("it wrote: sk-ab/cd+EF=1. Hint", "sk-ab/cd+EF=1"),
            ("it wrote: sk-ab/cd+EF=", "sk-ab/cd+EF="),
        ] {
            assert_eq!(find(text, &secrets).map(|range| &text[range]), Some(found), "{text}");
        }
        for text in
            ["", "\\", "%", "&", "sk-ab\\", "%2", "&#x;", "&#99999999999;", "\\u00", "sk-ab...", "é\\é%é&é;"]
        {
            assert_eq!(find(text, &secrets), None, "{text}");
        }
    }
}
