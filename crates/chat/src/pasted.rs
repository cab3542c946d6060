//! Keys and addresses as people paste them and as files leave them: taken out of what surrounds them.
//!
//! In: a text of a job or of the environment. Out: the part of it that is meant, or the problem, which never quotes the
//! text.

/// `text` without white space and invisible characters around it, without its quotes, without the `export NAME=` of a
/// shell or the `NAME=` of an env file before it, and without what separates it from what followed.
pub fn bare(text: &str) -> &str {
    let mut bare = text;
    loop {
        let ended = bare.trim_matches(is_blank).trim_end_matches([';', ',']);
        let shorter = unquoted(without_name(ended));
        if shorter.len() == bare.len() {
            return bare;
        }
        bare = shorter;
    }
}

/// The credential in `text`, which may be empty.
///
/// # Errors
/// The problem, in words that follow the credential's place: `has white space in it`.
pub fn key(text: &str) -> Result<&str, String> {
    let mut key = bare(text);
    for before in ["authorization:", "x-api-key:", "api-key:", "bearer "] {
        if let Some(rest) = strip_ignoring_case(key, before) {
            key = bare(rest);
        }
    }
    if is_placeholder(key) {
        return Err("is a placeholder, not a key: was a variable not filled in?".to_owned());
    }
    match key.chars().find(|c| !c.is_ascii_graphic() || is_quote(*c)) {
        None => Ok(key),
        Some(c) => Err(match c {
            '\n' | '\r' => "has a line break in it".to_owned(),
            c if is_quote(c) => "has a quotation mark in it".to_owned(),
            c if c.is_whitespace() => "has white space in it".to_owned(),
            char::REPLACEMENT_CHARACTER => "is no UTF-8 text".to_owned(),
            c => format!("has a character in it that no header can carry (U+{:04X})", u32::from(c)),
        }),
    }
}

fn is_blank(c: char) -> bool {
    let is_invisible = matches!(c, '\u{feff}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}');
    is_invisible || c.is_whitespace() || c.is_control()
}

fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'' | '`' | '\u{ab}' | '\u{bb}' | '\u{2018}'..='\u{201f}' | '\u{2039}' | '\u{203a}')
}

/// Whether `key` is what stood for a key in a template or an example.
pub(crate) fn is_placeholder(key: &str) -> bool {
    let within = |start, end| {
        let inner = key.strip_prefix(start).and_then(|rest: &str| rest.strip_suffix(end));
        inner.is_some_and(|inner| !inner.is_empty())
    };
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let is_variable = key.strip_prefix('$').is_some_and(|name| !name.is_empty() && name.chars().all(is_name));
    let is_dots = !key.is_empty() && key.chars().all(|c| matches!(c, '.' | '\u{2026}' | '*'));
    is_dots || is_variable || within("${", "}") || within("{{", "}}") || within("<", ">") || within("%", "%")
}

/// `text` without a quotation mark at each end.
fn unquoted(text: &str) -> &str {
    let inner = text.strip_prefix(is_quote).and_then(|rest| rest.strip_suffix(is_quote));
    inner.unwrap_or(text)
}

/// `text` without the name of a variable before it. Without a word of a shell, a name is one with an underscore.
fn without_name(text: &str) -> &str {
    let words = ["export ", "set ", "$env:", "env "];
    let told = words.iter().find_map(|word| strip_ignoring_case(text, word));
    let rest = told.unwrap_or(text).trim_start();
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    let (name, value) = rest.split_at(end);
    let is_of_an_environment = name.contains('_') && !name.contains(|c: char| c.is_ascii_lowercase());
    let is_name = is_of_an_environment || told.is_some() || ["api_key", "apikey", "key"].contains(&name);
    let value =
        value.trim_start().strip_prefix('=').or_else(|| value.strip_prefix(": ")).map(str::trim_start);
    match value {
        Some(value) if is_name && !name.is_empty() && value.contains(|c| c != '=') => value,
        _ => text,
    }
}

fn strip_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let start = text.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_taken_out_of_what_surrounds_it() {
        for text in [
            "sk-ab_c=12",
            " sk-ab_c=12\r\n",
            "\"sk-ab_c=12\"",
            "'sk-ab_c=12'",
            "`sk-ab_c=12`",
            "\u{201c}sk-ab_c=12\u{201d}",
            "\u{201e}sk-ab_c=12\u{201c}",
            "\u{ab}sk-ab_c=12\u{bb}",
            "\u{feff}sk-ab_c=12",
            "sk-ab_c=12\u{200b}",
            "\u{a0}\"\u{200b}sk-ab_c=12\"\n",
            "Bearer sk-ab_c=12",
            "sk-ab_c=12;",
            "\"sk-ab_c=12\",",
            "bearer   sk-ab_c=12",
            "Authorization: Bearer sk-ab_c=12",
            "x-api-key: sk-ab_c=12",
            "api_key=sk-ab_c=12",
            "export OPENAI_API_KEY=sk-ab_c=12",
            "export OPENAI_API_KEY=\"sk-ab_c=12\"",
            "OPENAI_API_KEY=sk-ab_c=12",
            "OPENAI_API_KEY = 'sk-ab_c=12'",
            "OPENAI_API_KEY: sk-ab_c=12",
            "$env:OPENAI_API_KEY = \"sk-ab_c=12\"",
            "set OPENAI_API_KEY=sk-ab_c=12",
        ] {
            assert_eq!(key(text), Ok("sk-ab_c=12"), "{text:?}");
        }
        for text in ["none", "EMPTY", "AB_C==", "a:b@c", "k/+=", "pa$$word", "\\x\\y"] {
            assert_eq!(key(text), Ok(text), "{text:?}");
        }
        assert_eq!(key(" \"\" \n"), Ok(""));
    }

    #[test]
    fn what_is_no_key_is_said_without_it() {
        for (text, problem) in [
            ("sk-1 sk-2", "has white space in it"),
            ("sk-\u{fffd}", "is no UTF-8 text"),
            ("sk-1\nsk-2", "has a line break in it"),
            ("\"sk-1", "has a quotation mark in it"),
            ("sk-\u{2019}1", "has a quotation mark in it"),
            ("sk-\u{200b}1", "has a character in it that no header can carry (U+200B)"),
            ("sk-\u{e9}", "has a character in it that no header can carry (U+00E9)"),
            ("sk\u{2011}1", "has a character in it that no header can carry (U+2011)"),
            ("${OPENAI_API_KEY}", "is a placeholder, not a key: was a variable not filled in?"),
            ("$OPENAI_API_KEY", "is a placeholder, not a key: was a variable not filled in?"),
            ("{{ api_key }}", "is a placeholder, not a key: was a variable not filled in?"),
            ("<your key>", "is a placeholder, not a key: was a variable not filled in?"),
            ("...", "is a placeholder, not a key: was a variable not filled in?"),
        ] {
            assert_eq!(key(text), Err(problem.to_owned()), "{text:?}");
        }
    }
}
