//! What a terminal shows of the bytes that it gets: as much of a terminal as our program uses. Anything else fails the
//! test, as it would do something on a real one.

use unicode_width::UnicodeWidthChar;

/// A screen that keeps the lines that have gone up.
pub(crate) struct Screen {
    columns: usize,
    rows: usize,
    /// Each cell; the second of a wide character is empty.
    lines: Vec<Vec<String>>,
    /// The lines that have gone up.
    top: usize,
    row: usize,
    column: usize,
    /// Bytes that are no whole character or sequence yet.
    rest: Vec<u8>,
    /// Sequences that it does not know, and control characters.
    pub strange: Vec<String>,
}

impl Screen {
    pub(crate) fn new(columns: usize, rows: usize) -> Self {
        let lines = vec![Vec::new()];
        Self { columns, rows, lines, top: 0, row: 0, column: 0, rest: Vec::new(), strange: Vec::new() }
    }

    pub(crate) fn resize(&mut self, columns: usize, rows: usize) {
        (self.columns, self.rows) = (columns, rows);
        self.column = self.column.min(columns);
        self.top = self.lines.len().saturating_sub(rows);
    }

    /// All lines without blanks at their ends.
    pub(crate) fn text(&self) -> String {
        let lines = self.lines.iter().map(|line| line.concat().trim_end().to_owned());
        lines.collect::<Vec<_>>().join("\n").trim_end().to_owned()
    }

    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.rest.extend(bytes);
        let rest = std::mem::take(&mut self.rest);
        let valid = match std::str::from_utf8(&rest) {
            Ok(text) => text,
            Err(error) if error.error_len().is_none() => {
                std::str::from_utf8(&rest[..error.valid_up_to()]).unwrap()
            }
            Err(_) => panic!("no UTF-8 on the terminal: {:?}", String::from_utf8_lossy(&rest)),
        };
        let mut chars = valid.chars();
        let mut taken = 0;
        while let Some(c) = chars.next() {
            if c == '\u{1b}' {
                let Some(length) = sequence(chars.as_str()) else { break };
                let (sequence, _) = chars.as_str().split_at(length);
                self.obey(sequence);
                chars = chars.as_str()[length..].chars();
            } else {
                self.put(c);
            }
            taken = valid.len() - chars.as_str().len();
        }
        self.rest = rest[taken..].to_vec();
    }

    fn put(&mut self, c: char) {
        match c {
            '\r' => self.column = 0,
            '\n' => self.down(),
            '\u{8}' => self.column = self.column.saturating_sub(1),
            '\t' => self.column = (self.column / 8 + 1) * 8,
            '\u{7}' => {}
            c if c.is_control() => self.strange.push(format!("{c:?}")),
            c => {
                let width = c.width().unwrap_or_default();
                if width == 0 {
                    let at = self.column.saturating_sub(1);
                    if let Some(cell) = self.lines[self.row].get_mut(at) {
                        cell.push(c);
                    }
                    return;
                }
                if self.column + width > self.columns {
                    self.column = 0;
                    self.down();
                }
                let line = &mut self.lines[self.row];
                while line.len() < self.column + width {
                    line.push(" ".to_owned());
                }
                line[self.column] = c.to_string();
                (1..width).for_each(|more| line[self.column + more] = String::new());
                self.column += width;
            }
        }
    }

    fn down(&mut self) {
        self.row += 1;
        while self.lines.len() <= self.row {
            self.lines.push(Vec::new());
        }
        self.top = self.top.max((self.row + 1).saturating_sub(self.rows));
    }

    /// Does what a sequence says, which begins behind the escape character.
    fn obey(&mut self, sequence: &str) {
        let Some(body) = sequence.strip_prefix('[') else { return self.strange.push(sequence.to_owned()) };
        let (numbers, end) = body.split_at(body.len() - 1);
        let count = numbers.parse().unwrap_or(1).max(1);
        match end {
            "m" => {}
            "K" if numbers.is_empty() || numbers == "0" => self.lines[self.row].truncate(self.column),
            "K" if numbers == "2" => self.lines[self.row].clear(),
            "J" if numbers.is_empty() || numbers == "0" => {
                self.lines[self.row].truncate(self.column);
                self.lines.truncate(self.row + 1);
            }
            "J" if numbers == "2" => {
                self.lines.truncate(self.top);
                self.lines.resize(self.row + 1, Vec::new());
            }
            "H" if numbers.is_empty() => (self.row, self.column) = (self.top, 0),
            "A" => self.row = self.row.saturating_sub(count).max(self.top),
            "B" => (0..count).for_each(|_| self.down()),
            "C" => self.column = (self.column + count).min(self.columns - 1),
            "D" => self.column = self.column.saturating_sub(count),
            "G" => self.column = count - 1,
            // Bracketed paste, the cursor's look.
            "h" | "l" if numbers.starts_with('?') => {}
            _ => self.strange.push(sequence.to_owned()),
        }
    }
}

/// The bytes of the sequence that `text` begins with, behind its escape character; `None` if it is not whole.
fn sequence(text: &str) -> Option<usize> {
    match text.chars().next()? {
        '[' => text[1..].find(|c: char| ('@'..='~').contains(&c)).map(|end| end + 2),
        c => Some(c.len_utf8()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_shown_as_a_terminal_shows_them() {
        let mut screen = Screen::new(6, 3);
        screen.take(b"abcdefgh\r\n\x1b[1mbold\x1b[0m\r\n12\x1b[");
        screen.take("K345\r\x1b[K中文中文\u{1b}[A!".as_bytes());
        assert_eq!(screen.text(), "abcdef\ngh\nbold\n中!中\n文");
        assert!(screen.strange.is_empty());
        screen.take(b"\x1b]0;t");
        assert_eq!(screen.strange, ["]"]);
    }
}
