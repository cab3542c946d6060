//! RTF: its words and lines, without tables of fonts, pictures and the like.

mod fonts;
mod words;

use minions_documents::Places;

use crate::Kind;
use crate::raised::Rise;
use crate::reading::{Limits, Problem, Reading};
use crate::runs::struck;

use fonts::Fonts;
use words::{ASIDES, Aside, CHARACTERS, SILENT, SPEAKING};

pub(crate) fn read(bytes: Vec<u8>, limits: &Limits) -> Result<Reading, Problem> {
    if bytes.len() > limits.text {
        return Err(Problem::TooLarge { bytes: bytes.len(), limit: limits.text });
    }
    let (text, notes) = text_of(&bytes);
    if text.is_empty() {
        return Err(Problem::Damaged("none of its text can be read"));
    }
    Ok(Reading { kind: Kind::Rtf, text, places: Places::default(), notes, scans: Vec::new() })
}

/// Whether a group is of the text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Silence {
    /// It is.
    No,
    /// It is not, but a group in it may be.
    Outer,
    /// Neither it nor any in it.
    All,
}

/// What a group passes on to the groups in it.
#[derive(Clone, Copy)]
struct State {
    silence: Silence,
    /// Whether the text is hidden, and whether it is a change that takes it away.
    is_hidden: bool,
    is_deleted: bool,
    is_struck: bool,
    rise: Rise,
    font: Option<i64>,
    /// How many characters stand for one of Unicode, for programs that don't know it.
    substitutes: usize,
}

const BEGINNING: State = State {
    silence: Silence::No,
    is_hidden: false,
    is_deleted: false,
    is_struck: false,
    rise: Rise::Level,
    font: None,
    substitutes: 1,
};

struct Reader<'b> {
    rest: &'b [u8],
    text: String,
    /// Where the raised or lowered text begins that is read, and the one that is struck out.
    risen: usize,
    struck: usize,
    /// Bytes in the font's encoding that are no character yet.
    pending: Vec<u8>,
    /// The first half of a character of Unicode.
    half: Option<u16>,
    fonts: Fonts,
    state: State,
    outer: Vec<State>,
    /// The texts beside each other's that are open: how many groups are around each, and the text that it interrupts.
    asides: Vec<(usize, Aside, String)>,
    /// Headers and footers, each once.
    edges: Vec<String>,
    author: String,
    /// How many substitutes are left out next.
    skipped: usize,
}

/// The text, and what the user should know of it.
fn text_of(bytes: &[u8]) -> (String, Vec<String>) {
    let mut reader = Reader {
        rest: bytes,
        text: String::new(),
        risen: 0,
        struck: 0,
        pending: Vec::new(),
        half: None,
        fonts: Fonts::default(),
        state: BEGINNING,
        outer: Vec::new(),
        asides: Vec::new(),
        edges: Vec::new(),
        author: String::new(),
        skipped: 0,
    };
    while let Some((first, rest)) = reader.rest.split_first() {
        reader.rest = rest;
        match first {
            b'{' => {
                // What came before is in the font of this group.
                reader.settle_bytes();
                reader.outer.push(reader.state);
            }
            b'}' => reader.close(),
            b'\\' => reader.control(),
            b'\r' | b'\n' => {}
            byte => reader.byte(*byte),
        }
    }
    while !reader.asides.is_empty() {
        reader.close();
    }
    reader.settle();
    reader.set_rise(Rise::Level);
    reader.set_struck(false);
    let mut notes = Vec::new();
    if reader.fonts.unknown {
        notes.push("It has an encoding that is not known: letters with accents may be wrong.".to_owned());
    }
    let edges = reader.edges.iter().map(|edge| format!("{edge}\n\n")).collect::<String>();
    (edges + &lines(&reader.text), notes)
}

/// The lines without what ends a row.
fn lines(text: &str) -> String {
    let lines = text.split('\n').map(|line| line.trim_end().trim_end_matches(" |").trim_end());
    lines.collect::<Vec<_>>().join("\n").trim_matches('\n').to_owned()
}

impl Reader<'_> {
    fn close(&mut self) {
        self.settle();
        let depth = self.outer.len();
        let state = self.outer.pop();
        while self.asides.last().is_some_and(|(begun, ..)| *begun >= depth) {
            self.set_rise(Rise::Level);
            self.set_struck(false);
            self.end_aside();
        }
        let state = state.unwrap_or(BEGINNING);
        if state.is_struck != self.state.is_struck {
            self.set_rise(Rise::Level);
            self.set_struck(state.is_struck);
        }
        self.set_rise(state.rise);
        self.state = state;
    }

    /// Whether what is read is text that is shown.
    fn is_shown(&self) -> bool {
        self.state.silence == Silence::No && !self.state.is_hidden && !self.state.is_deleted
    }

    fn begin_aside(&mut self, aside: Aside) {
        self.settle();
        self.set_rise(Rise::Level);
        self.set_struck(false);
        self.asides.push((self.outer.len(), aside, std::mem::take(&mut self.text)));
        self.state.silence = Silence::No;
        (self.risen, self.struck) = (0, 0);
    }

    /// Puts a text beside another where it belongs.
    fn end_aside(&mut self) {
        let Some((_, aside, outer)) = self.asides.pop() else { return };
        let text = lines(&std::mem::replace(&mut self.text, outer));
        let inline = text.split_whitespace().collect::<Vec<_>>().join(" ");
        match aside {
            Aside::Edge if !text.trim().is_empty() && !self.edges.contains(&text) => self.edges.push(text),
            Aside::Note if !inline.is_empty() => self.text += &format!(" [note: {inline}]"),
            Aside::Comment if !inline.is_empty() => {
                let by = std::mem::take(&mut self.author);
                let by = if by.is_empty() { by } else { format!(" by {by}") };
                self.text += &format!(" [comment{by}: {inline}]");
            }
            Aside::Author => self.author = inline,
            _ => {}
        }
        self.risen = self.text.len();
    }

    fn is_in_fonts(&self) -> bool {
        self.asides.last().is_some_and(|(_, aside, _)| *aside == Aside::Fonts)
    }

    /// Ends a raised or lowered text, and begins the next.
    fn set_rise(&mut self, rise: Rise) {
        if rise == self.state.rise {
            return;
        }
        self.settle();
        let text = self.text.get(self.risen..).unwrap_or_default();
        let formed = self.state.rise.written(text.trim());
        if let Some(formed) = formed {
            self.text.truncate(self.risen);
            self.text += &formed;
        }
        self.state.rise = rise;
        self.risen = self.text.len();
    }

    /// Ends a text that is struck out, or begins one.
    fn set_struck(&mut self, is_struck: bool) {
        if is_struck == self.state.is_struck {
            return;
        }
        let rise = self.state.rise;
        self.settle();
        self.set_rise(Rise::Level);
        if self.state.is_struck {
            let text = self.text.split_off(self.struck.min(self.text.len()));
            self.text += &struck(&text);
        }
        self.state.is_struck = is_struck;
        (self.struck, self.risen) = (self.text.len(), self.text.len());
        self.set_rise(rise);
    }

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
            b'*' if self.state.silence == Silence::No => self.state.silence = Silence::Outer,
            b'~' => self.push(" "),
            b'_' => self.push("-"),
            b'\\' | b'{' | b'}' => self.byte(*symbol),
            b'\r' | b'\n' => self.push("\n"),
            _ => {}
        }
    }

    fn word(&mut self, word: &str, number: Option<i64>) {
        let is_on = number != Some(0);
        match word {
            "u" => self.unit(number.unwrap_or_default()),
            "uc" => {
                self.state.substitutes = number.and_then(|number| usize::try_from(number).ok()).unwrap_or(1)
            }
            "mac" => self.fonts.take("ansicpg", 10000, false),
            "pc" => self.fonts.take("ansicpg", 437, false),
            "pca" => self.fonts.take("ansicpg", 850, false),
            "v" | "deleted" | "plain" | "f" => {
                self.settle();
                self.look(word, number);
            }
            "strike" | "striked" => self.set_struck(is_on),
            "super" | "sub" | "up" | "dn" if is_on => {
                let raises = matches!(word, "super" | "up");
                self.set_rise(if raises { Rise::Raised } else { Rise::Lowered });
            }
            "super" | "sub" | "up" | "dn" | "nosupersub" => self.set_rise(Rise::Level),
            "bin" => {
                let length = number.and_then(|number| usize::try_from(number).ok()).unwrap_or(0);
                self.rest = &self.rest[length.min(self.rest.len())..];
            }
            _ => self.group(word, number),
        }
    }

    /// A control word that changes how the text looks.
    fn look(&mut self, word: &str, number: Option<i64>) {
        match word {
            "v" => self.state.is_hidden = number != Some(0),
            "deleted" => self.state.is_deleted = number != Some(0),
            "f" if self.is_in_fonts() => self.fonts.take(word, number.unwrap_or_default(), true),
            "f" => self.state.font = number,
            _ => {
                self.set_rise(Rise::Level);
                self.set_struck(false);
                self.state = State { is_hidden: false, is_deleted: false, font: None, ..self.state };
            }
        }
    }

    /// A control word that says what a group is, or stands for a character.
    fn group(&mut self, word: &str, number: Option<i64>) {
        if let Some(number) = number {
            self.fonts.take(word, number, self.is_in_fonts());
        }
        let is_open = self.state.silence != Silence::All;
        if SILENT.contains(&word) {
            self.state.silence = Silence::All;
        } else if word == "object" && is_open {
            self.state.silence = Silence::Outer;
        } else if SPEAKING.contains(&word) && self.state.silence == Silence::Outer {
            self.state.silence = Silence::No;
            self.push("\n");
        } else if let Some((_, aside)) = ASIDES.iter().find(|(name, _)| *name == word && is_open) {
            self.begin_aside(*aside);
        } else if let Some((_, characters)) = CHARACTERS.iter().find(|(name, _)| *name == word) {
            self.push(characters);
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
                Ok(letter) if self.is_shown() => self.text.push(self.fonts.shown(letter, self.state.font)),
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
        } else if self.is_shown() {
            self.pending.push(byte);
        }
    }

    fn push(&mut self, characters: &str) {
        self.settle();
        if self.is_shown() {
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
            if self.is_in_fonts() {
                self.fonts.name(&self.pending);
            } else {
                self.text += &self.fonts.decode(&self.pending, self.state.font);
            }
            self.pending.clear();
        }
    }
}

#[cfg(test)]
mod tests;
