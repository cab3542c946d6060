//! RTF: its words and lines, without tables of fonts, pictures and the like.

use encoding_rs::{Encoding, WINDOWS_1252};
use minions_documents::Places;

use crate::Kind;
use crate::reading::{Limits, Problem, Reading};

/// Groups that hold no text of the document. Those that begin with `\*` hold none either.
const SILENT: &[&str] = &[
    "fonttbl",
    "colortbl",
    "stylesheet",
    "info",
    "pict",
    "object",
    "header",
    "headerl",
    "headerr",
    "headerf",
    "footer",
    "footerl",
    "footerr",
    "footerf",
    "filetbl",
    "listtable",
    "listoverridetable",
    "revtbl",
    "fldinst",
    "xe",
    "tc",
    "themedata",
    "datastore",
    "latentstyles",
    "bkmkstart",
    "bkmkend",
    "nonshppict",
];

/// Control words that stand for a character.
const CHARACTERS: &[(&str, &str)] = &[
    ("par", "\n"),
    ("line", "\n"),
    ("sect", "\n"),
    ("row", "\n"),
    ("page", "\n"),
    ("cell", " | "),
    ("nestcell", " | "),
    ("nestrow", "\n"),
    ("tab", "\t"),
    ("emdash", "—"),
    ("endash", "–"),
    ("lquote", "‘"),
    ("rquote", "’"),
    ("ldblquote", "“"),
    ("rdblquote", "”"),
    ("bullet", "•"),
    ("emspace", " "),
    ("enspace", " "),
];

pub(crate) fn read(bytes: Vec<u8>, limits: &Limits) -> Result<Reading, Problem> {
    if bytes.len() > limits.text {
        return Err(Problem::TooLarge { bytes: bytes.len(), limit: limits.text });
    }
    let text = text_of(&bytes);
    if text.is_empty() {
        return Err(Problem::Damaged("none of its text can be read"));
    }
    Ok(Reading { kind: Kind::Rtf, text, places: Places::default(), notes: Vec::new(), scans: Vec::new() })
}

/// What a group passes on to the groups in it.
#[derive(Clone, Copy)]
struct State {
    is_silent: bool,
    /// How many characters stand for one of Unicode, for programs that don't know it.
    substitutes: usize,
}

struct Reader<'b> {
    rest: &'b [u8],
    text: String,
    /// Bytes in the document's encoding that are no character yet.
    pending: Vec<u8>,
    /// The first half of a character of Unicode.
    half: Option<u16>,
    encoding: &'static Encoding,
    state: State,
    outer: Vec<State>,
    /// How many substitutes are left out next.
    skipped: usize,
}

fn text_of(bytes: &[u8]) -> String {
    let state = State { is_silent: false, substitutes: 1 };
    let mut reader = Reader {
        rest: bytes,
        text: String::new(),
        pending: Vec::new(),
        half: None,
        encoding: WINDOWS_1252,
        state,
        outer: Vec::new(),
        skipped: 0,
    };
    while let Some((first, rest)) = reader.rest.split_first() {
        reader.rest = rest;
        match first {
            b'{' => reader.outer.push(reader.state),
            b'}' => {
                reader.settle();
                reader.state = reader.outer.pop().unwrap_or(state);
            }
            b'\\' => reader.control(),
            b'\r' | b'\n' => {}
            byte => reader.byte(*byte),
        }
    }
    reader.settle();
    let lines = reader.text.split('\n').map(|line| line.trim_end().trim_end_matches(" |").trim_end());
    lines.collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}

impl Reader<'_> {
    fn control(&mut self) {
        let letters = self.rest.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
        if letters == 0 {
            return self.symbol();
        }
        let (word, rest) = self.rest.split_at(letters);
        let sign = usize::from(rest.first() == Some(&b'-'));
        let digits = rest[sign..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, rest) = rest.split_at(if digits > 0 { sign + digits } else { 0 });
        self.rest = rest.strip_prefix(b" ").unwrap_or(rest);
        let number = std::str::from_utf8(number).ok().and_then(|number| number.parse::<i64>().ok());
        self.word(std::str::from_utf8(word).unwrap_or_default(), number);
    }

    /// A control symbol: a backslash with what is no letter.
    fn symbol(&mut self) {
        let Some((symbol, rest)) = self.rest.split_first() else { return };
        self.rest = rest;
        match symbol {
            b'\'' => {
                let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    self.rest = &rest[2..];
                    self.byte(byte);
                }
            }
            b'*' => self.state.is_silent = true,
            b'~' => self.push(" "),
            b'_' => self.push("-"),
            b'\\' | b'{' | b'}' => self.byte(*symbol),
            b'\r' | b'\n' => self.push("\n"),
            _ => {}
        }
    }

    fn word(&mut self, word: &str, number: Option<i64>) {
        match (word, number) {
            ("u", Some(number)) => self.unit(number),
            ("uc", Some(number)) => self.state.substitutes = usize::try_from(number).unwrap_or(1),
            ("ansicpg", Some(page)) => self.encoding = code_page(page).unwrap_or(self.encoding),
            ("bin", Some(length)) => {
                let length = usize::try_from(length).unwrap_or(0).min(self.rest.len());
                self.rest = &self.rest[length..];
            }
            _ if SILENT.contains(&word) => self.state.is_silent = true,
            _ => {
                if let Some((_, characters)) = CHARACTERS.iter().find(|(name, _)| *name == word) {
                    self.push(characters);
                }
            }
        }
    }

    /// A unit of UTF-16, which a signed number stands for.
    fn unit(&mut self, number: i64) {
        self.settle_bytes();
        self.skipped = self.state.substitutes;
        let unit = number as u16;
        let units = [self.half.take(), Some(unit)].into_iter().flatten();
        for letter in char::decode_utf16(units) {
            match letter {
                Ok(letter) if !self.state.is_silent => self.text.push(letter),
                Ok(_) => {}
                Err(error) if (0xd800..0xdc00).contains(&error.unpaired_surrogate()) => {
                    self.half = Some(error.unpaired_surrogate());
                }
                Err(_) => self.text.push('\u{fffd}'),
            }
        }
    }

    fn byte(&mut self, byte: u8) {
        if self.skipped > 0 {
            self.skipped -= 1;
        } else if !self.state.is_silent {
            self.pending.push(byte);
        }
    }

    fn push(&mut self, characters: &str) {
        self.settle();
        if !self.state.is_silent {
            self.text.push_str(characters);
        }
    }

    fn settle(&mut self) {
        self.skipped = 0;
        self.settle_bytes();
    }

    /// Decodes the bytes that came together.
    fn settle_bytes(&mut self) {
        if !self.pending.is_empty() {
            self.text.push_str(&self.encoding.decode_without_bom_handling(&self.pending).0);
            self.pending.clear();
        }
    }
}

/// The encoding of a code page of Windows.
fn code_page(page: i64) -> Option<&'static Encoding> {
    let label = match page {
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        65001 => "utf-8".to_owned(),
        866 => "ibm866".to_owned(),
        10000 => "macintosh".to_owned(),
        page => format!("windows-{page}"),
    };
    Encoding::for_label(label.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_lines_are_read() {
        let cases: &[(&str, &str)] = &[
            (r"{\rtf1\ansi{\fonttbl{\f0 Arial;}}\f0 Hello \b world\b0 .\par Second}", "Hello world.\nSecond"),
            (r"{\rtf1\ansi\ansicpg1252 Gr\'fc\'dfe \'80 5\~EUR}", "Grüße € 5 EUR"),
            (r"{\rtf1\ansicpg1251 \'cf\'f0\'e8\'e2\'e5\'f2}", "Привет"),
            (r"{\rtf1\ansicpg932 \'93\'fa\'96\'7b}", "日本"),
            (r"{\rtf1\uc1 \u8364?5 \u-10179?\u-8704? {\uc0 \u228 x}}", "€5 😀 äx"),
            (r"{\rtf1{\*\generator x;}{\pict 00ff}{\info{\title t}}a\{b\}\\c\line d\tab e}", "a{b}\\c\nd\te"),
            (r"{\rtf1 a\cell b\cell\row c\cell d\cell\row}", "a | b\nc | d"),
            (r"{\rtf1 {\field{\*\fldinst HYPERLINK x}{\fldrslt link}}{\bin3 }}}x}", "linkx"),
            (r"{\rtf1 \ldblquote a\rdblquote  \emdash  b", "“a” — b"),
            (r"{\rtf1 never}}} closed \'zz\", "never closed zz"),
        ];
        for (rtf, text) in cases {
            assert_eq!(Kind::of(rtf.as_bytes()), Kind::Rtf);
            assert_eq!(read(rtf.as_bytes().to_vec(), &Limits::default()).unwrap().text, *text, "{rtf}");
        }
        assert!(read(br"{\rtf1 }".to_vec(), &Limits::default()).is_err());
    }
}
