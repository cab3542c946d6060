//! The names of entries.

/// The characters of code page 437 from 0x80 on: what old zips call their files by.
const CODE_PAGE_437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀\
     αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// How much is read of a name, in bytes.
const LONGEST_READ: usize = 4096;

/// The longest name that is shown, in characters.
const LONGEST: usize = 255;

/// The name as the archive writes it. Backslashes divide folders, as some programs write them.
pub(super) fn decoded(raw: &[u8], is_utf8: bool) -> String {
    let raw = &raw[..raw.len().min(LONGEST_READ)];
    let name = match std::str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) if is_utf8 => String::from_utf8_lossy(raw).into_owned(),
        Err(_) => raw.iter().map(|byte| code_page_437(*byte)).collect(),
    };
    name.replace('\\', "/")
}

fn code_page_437(byte: u8) -> char {
    let above = usize::from(byte).checked_sub(0x80);
    above.and_then(|index| CODE_PAGE_437.chars().nth(index)).unwrap_or(char::from(byte))
}

/// A name that can be shown and never leads out of the archive: no `..`, no drive, no control characters.
pub(crate) fn shown(name: &str) -> String {
    let parts = name.split('/').filter(|part| !matches!(*part, "" | "." | "..") && !is_drive(part));
    let name: String = parts.collect::<Vec<_>>().join("/");
    let harmless = |letter: char| if is_harmful(letter) { '\u{fffd}' } else { letter };
    name.chars().take(LONGEST).map(harmless).collect()
}

fn is_drive(part: &str) -> bool {
    matches!(part.as_bytes(), [letter, b':'] if letter.is_ascii_alphabetic())
}

/// Control characters, and those that change the direction of what follows.
fn is_harmful(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_decoded_and_made_harmless() {
        assert_eq!(CODE_PAGE_437.chars().count(), 128);
        assert_eq!(decoded(b"Gr\x81\xe1e.txt", false), "Grüße.txt");
        assert_eq!(decoded("日本.txt".as_bytes(), false), "日本.txt");
        assert_eq!(decoded(b"a\\b.txt", true), "a/b.txt");
        for (name, harmless) in [
            ("a/b.txt", "a/b.txt"),
            ("../../etc/passwd", "etc/passwd"),
            ("/etc/passwd", "etc/passwd"),
            ("C:/Windows/x", "Windows/x"),
            ("a//./b", "a/b"),
            ("a\n\u{1b}[31m\u{202e}b", "a\u{fffd}\u{fffd}[31m\u{fffd}b"),
        ] {
            assert_eq!(shown(name), harmless);
        }
        assert_eq!(shown(&"é".repeat(300)).chars().count(), 255);
    }
}
