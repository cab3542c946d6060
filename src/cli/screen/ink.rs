//! Light colours for Markdown that is still being written: bold, code, headings, the marks of lists.
//!
//! No character is held back, changed or left out: without the colours the text is the one that came in. So nothing has
//! ever to be drawn a second time, and what is copied from the terminal is what the model wrote.

use super::clean::clean_char;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Style {
    #[default]
    Plain,
    Bold,
    Code,
    /// A mark of Markdown's.
    Mark,
}

impl Style {
    fn sequence(self) -> &'static str {
        match self {
            Self::Plain => "\x1b[0m",
            Self::Bold => "\x1b[1m",
            Self::Code => "\x1b[36m",
            Self::Mark => "\x1b[2m",
        }
    }
}

/// Colours a text that comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Ink {
    has_colours: bool,
    /// What the terminal writes in now.
    style: Style,
    is_bold: bool,
    is_heading: bool,
    /// The backticks that a piece of code in the line began with.
    code: usize,
    is_fenced: bool,
    /// The marks of one kind that have come one after the other, and whether they began their line.
    run: (char, usize, bool),
    /// Whether only white space has come in this line.
    is_at_start: bool,
}

impl Ink {
    pub(super) fn new(has_colours: bool) -> Self {
        Self { has_colours, is_at_start: true, ..Self::default() }
    }

    /// `piece` for the terminal, harmless. It ends in no colour, as others may write next.
    pub(super) fn push(&mut self, piece: &str) -> String {
        let mut out = String::with_capacity(piece.len() + 16);
        for c in piece.chars().filter_map(clean_char) {
            self.take(c, &mut out);
        }
        self.change(Style::Plain, &mut out);
        out
    }

    fn take(&mut self, c: char, out: &mut String) {
        if self.run.0 != c {
            self.end_run(c);
        }
        if c == '\n' {
            self.change(Style::Plain, out);
            (self.is_bold, self.is_heading, self.code) = (false, false, 0);
            self.is_at_start = true;
            out.push(c);
            return;
        }
        let is_open = self.code == 0 && !self.is_fenced;
        let is_mark = match c {
            '`' => self.count(c),
            '*' if is_open => self.count(c),
            '#' if is_open && self.is_at_start => {
                self.is_heading = true;
                true
            }
            '-' | '+' | '>' => is_open && self.is_at_start,
            _ => false,
        };
        let style = match is_mark {
            true => Style::Mark,
            false if !is_open => Style::Code,
            false if self.is_bold || self.is_heading => Style::Bold,
            false => Style::Plain,
        };
        if !c.is_whitespace() {
            self.is_at_start = self.is_at_start && c == '#';
            self.change(style, out);
        }
        out.push(c);
    }

    /// Counts a mark, whose meaning shows when the next character comes.
    fn count(&mut self, mark: char) -> bool {
        self.run = match self.run {
            (same, times, began) if same == mark => (mark, times + 1, began),
            _ => (mark, 1, self.is_at_start),
        };
        true
    }

    /// `next` follows the marks that were counted.
    fn end_run(&mut self, next: char) {
        let (mark, times, began) = std::mem::take(&mut self.run);
        match mark {
            '`' if times >= 3 && began => self.is_fenced = !self.is_fenced,
            '`' if self.is_fenced => {}
            '`' if self.code == times => self.code = 0,
            '`' if self.code == 0 => self.code = times,
            '*' if times >= 2 => self.is_bold = !self.is_bold && !next.is_whitespace(),
            _ => {}
        }
    }

    fn change(&mut self, style: Style, out: &mut String) {
        if !self.has_colours || self.style == style {
            return;
        }
        if self.style != Style::Plain {
            *out += Style::Plain.sequence();
        }
        if style != Style::Plain {
            *out += style.sequence();
        }
        self.style = style;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text that is in this colour.
    fn coloured(text: &str, sequence: &str) -> String {
        let out = Ink::new(true).push(text);
        let parts = out.split(sequence).skip(1).filter_map(|part| part.split('\x1b').next());
        parts.collect::<Vec<_>>().join("|")
    }

    #[test]
    fn colours_change_nothing_of_the_text() {
        let text = "# Title\n\n- **bold** and `co**de`\n* 2 ** 3\n```rust\nlet a = \"**\";\n```\n**open\n中文 \x1b[2J\r\n";
        let expected = super::super::clean(text);
        for size in [1, 2, 3, 7, 1000] {
            let mut ink = Ink::new(true);
            let chars: Vec<char> = text.chars().collect();
            let out: String =
                chars.chunks(size).map(|piece| ink.push(&piece.iter().collect::<String>())).collect();
            let mut plain = out.clone();
            for style in [Style::Plain, Style::Bold, Style::Code, Style::Mark] {
                plain = plain.replace(style.sequence(), "");
            }
            assert_eq!(plain, expected);
        }
        assert_eq!(Ink::new(false).push(text), expected);
    }

    #[test]
    fn marks_colour_what_they_enclose() {
        for (text, bold, code) in [
            ("a **bold** word", "bold|", ""),
            ("**two words** end", "two words", ""),
            ("2 ** 3 ** 4", "", ""),
            ("# Title here\nplain", "Title here", ""),
            ("run `ls -l` now", "", "ls -l"),
            ("``a ` b`` c", "", "a |b"),
            ("```\nlet a = **b;\n```\nplain **x**", "x", "let a = **b;"),
            ("**open\nplain", "open", ""),
            ("`open\nplain", "", "open"),
        ] {
            assert_eq!(coloured(text, "\x1b[1m").trim_end_matches('|'), bold.trim_end_matches('|'), "{text}");
            assert_eq!(coloured(text, "\x1b[36m"), code, "{text}");
        }
    }

    #[test]
    fn each_piece_ends_without_colour() {
        assert_eq!(Ink::new(true).push("**a"), "\x1b[2m**\x1b[0m\x1b[1ma\x1b[0m");
    }
}
