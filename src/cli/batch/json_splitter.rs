//! Cuts a stream into JSON values: one a line, or several lines to a value, or the objects of a list. It does not
//! parse them.
//!
//! A piece that is no JSON is given out too, for the parser to complain of; the next one begins on the line
//! after, so that a bad line costs nothing but itself.

use std::io::{self, BufRead, Read};

use minions::memory;

/// Characters that Linux keeps of a line that is typed or pasted, N_TTY_BUF_SIZE less the line break (termios(3)).
const TERMINAL_LINE: usize = 4095;

pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Bytes that are read before the memory for more is looked at.
const STEP: u64 = 8 << 20;

/// One value of the input, or what stands in its place.
#[derive(Debug, PartialEq)]
pub(in crate::cli) struct JsonPiece {
    /// Number of its first line, from 1.
    pub line: usize,
    /// Which of those that begin on that line it is, from 1.
    pub nth: usize,
    /// Whether it is an item of a list of objects.
    pub is_item: bool,
    pub bytes: Vec<u8>,
}

impl JsonPiece {
    fn new(line: usize, nth: usize, bytes: Vec<u8>) -> Self {
        Self { line, nth, is_item: false, bytes }
    }

    /// The items of a list that holds objects alone.
    fn items(&self) -> Option<Vec<Self>> {
        let bytes = &self.bytes[..];
        let skip = |at: usize| at + bytes[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let (mut items, mut line, mut counted) = (Vec::<Self>::new(), self.line, 0);
        let mut at = skip(0);
        while bytes.get(at) == Some(if items.is_empty() { &b'[' } else { &b',' }) {
            let begin = skip(at + 1);
            let Seen::End(length) = Scan::default().feed(&bytes[begin..]) else { return None };
            if bytes[begin] != b'{' {
                return None;
            }
            line += newlines(&bytes[counted..begin]);
            counted = begin;
            let nth = items.last().filter(|last| last.line == line).map_or(1, |last| last.nth + 1);
            let item = bytes[begin..begin + length].to_vec();
            items.push(Self { is_item: true, ..Self::new(line, nth, item) });
            at = skip(begin + length);
        }
        (!items.is_empty() && bytes[at..].trim_ascii() == b"]").then_some(items)
    }

    /// Whether it is a line, as in JSON Lines.
    pub(in crate::cli) fn is_one_line(&self) -> bool {
        !self.bytes.trim_ascii().contains(&b'\n')
    }
}

/// The pieces of a stream. Holds no more than one of them and a line.
pub(in crate::cli) struct JsonSplitter<R> {
    input: R,
    /// Lines read.
    lines: usize,
    /// A line, or the rest of one, that was read too far.
    line_ahead: Option<JsonPiece>,
    put_back: Vec<JsonPiece>,
    /// A value that is one line was seen: the others probably are, too.
    is_json_lines: bool,
    /// Whether the input is a terminal.
    is_terminal: bool,
}

impl<R: BufRead> JsonSplitter<R> {
    pub(in crate::cli) fn new(input: R) -> Self {
        let put_back = Vec::new();
        Self { input, lines: 0, line_ahead: None, put_back, is_json_lines: false, is_terminal: false }
    }

    /// The same for what is typed or pasted: a line that the terminal may have cut is an error.
    pub(in crate::cli) fn of_terminal(input: R) -> Self {
        Self { is_terminal: true, ..Self::new(input) }
    }

    /// `piece` will be the next one.
    pub(in crate::cli) fn put_back(&mut self, piece: Option<JsonPiece>) {
        self.put_back.extend(piece);
    }

    /// Adds all that is left to `bytes`.
    pub(in crate::cli) fn read_rest(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        if let Some(ahead) = self.line_ahead.take() {
            bytes.extend(ahead.bytes);
        }
        while self.input.by_ref().take(STEP).read_to_end(bytes)? > 0 {
            has_room(bytes.len())?;
        }
        Ok(())
    }

    /// What stands for the last line that was read.
    pub(super) fn unread(&self) -> JsonPiece {
        JsonPiece::new(self.lines, 1, Vec::new())
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`io::ErrorKind::OutOfMemory`] for a line that memory does not hold; the next piece follows it.
    pub(in crate::cli) fn next(&mut self) -> io::Result<Option<JsonPiece>> {
        if let Some(piece) = self.put_back.pop() {
            return Ok(Some(piece));
        }
        let piece = self.value()?;
        if let Some(items) = piece.as_ref().and_then(JsonPiece::items) {
            self.put_back.extend(items.into_iter().rev());
            return Ok(self.put_back.pop());
        }
        Ok(piece)
    }

    /// The next value of the input itself.
    fn value(&mut self) -> io::Result<Option<JsonPiece>> {
        let mut piece = loop {
            match self.line()? {
                None => return Ok(None),
                Some(line) if line.bytes.trim_ascii().is_empty() => {}
                Some(line) => break line,
            }
        };
        let mut scan = Scan::default();
        let mut scanned = 0;
        loop {
            match scan.feed(&piece.bytes[scanned..]) {
                Seen::End(length) => {
                    self.cut(&mut piece, scanned + length);
                    return Ok(Some(piece));
                }
                Seen::Nothing => return Ok(Some(piece)),
                Seen::Defect | Seen::Open => {}
            }
            if self.is_line_of_its_own(&piece) {
                return Ok(Some(piece));
            }
            match self.line()? {
                None => return Ok(Some(piece)),
                Some(line) if scan.is_followed_by(&line.bytes) => {
                    self.line_ahead = Some(line);
                    return Ok(Some(piece));
                }
                Some(line) => {
                    scanned = piece.bytes.len();
                    piece.bytes.extend(line.bytes);
                }
            }
        }
    }

    /// Ends `piece` at `end`. A value that begins behind it on the same line is the next piece; anything else
    /// there is a defect of this one.
    fn cut(&mut self, piece: &mut JsonPiece, end: usize) {
        let rest = piece.bytes[end..].trim_ascii_start();
        if rest.starts_with(b"{") {
            // It is on the line where this one ends.
            let nth = if self.lines == piece.line { piece.nth + 1 } else { 1 };
            self.line_ahead = Some(JsonPiece::new(self.lines, nth, rest.to_vec()));
            piece.bytes.truncate(end);
        } else {
            self.is_json_lines |= piece.is_one_line();
        }
    }

    /// Whether an unfinished value that is one line so far can't go on in the next.
    fn is_line_of_its_own(&self, piece: &JsonPiece) -> bool {
        let begins_a_value = matches!(piece.bytes.trim_ascii(), b"{" | b"[");
        self.is_json_lines && piece.is_one_line() && !begins_a_value
    }

    fn line(&mut self) -> io::Result<Option<JsonPiece>> {
        if self.line_ahead.is_some() {
            return Ok(self.line_ahead.take());
        }
        let mut bytes = Vec::new();
        while self.input.by_ref().take(STEP).read_until(b'\n', &mut bytes)? > 0 && !bytes.ends_with(b"\n") {
            if let Err(error) = has_room(bytes.len()) {
                self.lines += 1;
                skip_line(&mut self.input)?;
                return Err(error);
            }
        }
        if bytes.is_empty() {
            return Ok(None);
        }
        self.lines += 1;
        if self.lines == 1 && bytes.starts_with(BYTE_ORDER_MARK) {
            bytes.drain(..BYTE_ORDER_MARK.len());
        }
        if self.is_terminal && bytes.strip_suffix(b"\n").unwrap_or(&bytes).len() >= TERMINAL_LINE {
            return Err(io::Error::other(format!(
                "line {} may have been cut off, as a terminal takes no more than {TERMINAL_LINE} characters a line; put the \
                 job into a file: `minions job.json` or `minions --job job.json`",
                self.lines
            )));
        }
        Ok(Some(JsonPiece::new(self.lines, 1, bytes)))
    }
}

/// Whether the memory that is left takes twice as much as was read: a buffer that grows moves into one of that size.
fn has_room(read: usize) -> io::Result<()> {
    memory::check(read, memory::OF_JSON)
        .map_err(|failure| io::Error::new(io::ErrorKind::OutOfMemory, failure.to_string()))
}

/// Reads to the end of the line and keeps nothing.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let bytes = input.fill_buf()?;
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (length, is_last) = (end.map_or(bytes.len(), |end| end + 1), bytes.is_empty() || end.is_some());
        input.consume(length);
        if is_last {
            return Ok(());
        }
    }
}

/// How far a value is known.
#[derive(Default)]
struct Scan {
    /// Brackets that are open.
    open: Vec<u8>,
    in_string: bool,
    escaped: bool,
    /// The last byte outside of strings that is no white space.
    last: u8,
    is_defect: bool,
}

/// What a scan has seen.
enum Seen {
    /// The value ended after so many of the bytes fed.
    End(usize),
    /// It goes on.
    Open,
    /// It is no JSON, whatever follows.
    Defect,
    /// Neither an object nor a list begins here.
    Nothing,
}

impl Scan {
    fn feed(&mut self, bytes: &[u8]) -> Seen {
        for (at, byte) in bytes.iter().copied().enumerate() {
            if self.is_defect {
                break;
            }
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    b'\n' => self.is_defect = true,
                    _ => {}
                }
                continue;
            }
            if byte.is_ascii_whitespace() {
                continue;
            }
            match byte {
                b'{' | b'[' => self.open.push(byte),
                _ if self.open.is_empty() => return Seen::Nothing,
                b'"' => self.in_string = true,
                b'}' | b']' => {
                    let begin = if byte == b'}' { b'{' } else { b'[' };
                    self.is_defect = self.open.pop() != Some(begin);
                    if self.open.is_empty() && !self.is_defect {
                        return Seen::End(at + 1);
                    }
                }
                _ => {}
            }
            self.last = byte;
        }
        if self.is_defect { Seen::Defect } else { Seen::Open }
    }

    /// Whether `line`, which follows an unfinished value, begins a new one.
    fn is_followed_by(&self, line: &[u8]) -> bool {
        if !line.starts_with(b"{") {
            return false;
        }
        let in_list = self.open.last() == Some(&b'[');
        // An item of a list.
        if self.open == *b"[" && !self.is_defect && matches!(self.last, b',' | b'[') {
            return false;
        }
        let may_hold_an_object = self.last == b':' || in_list && matches!(self.last, b',' | b'[');
        // Within a job an object holds no other job.
        let is_job = || {
            let name = b"\"call_params\"";
            line.windows(name.len()).any(|bytes| bytes == name)
                && matches!(Self::default().feed(line), Seen::End(_))
        };
        self.is_defect || !may_hold_an_object || is_job()
    }
}

pub(in crate::cli) fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<JsonPiece> {
        let mut pieces = JsonSplitter::new(text.as_bytes());
        std::iter::from_fn(|| pieces.next().unwrap()).collect()
    }

    fn expect(text: &str, expected: &[(usize, &str)]) {
        let of =
            |piece: JsonPiece| (piece.line, String::from_utf8(piece.bytes).unwrap().trim_end().to_owned());
        let expected: Vec<_> = expected.iter().map(|(line, piece)| (*line, (*piece).to_owned())).collect();
        assert_eq!(pieces(text).into_iter().map(of).collect::<Vec<_>>(), expected, "{text}");
    }

    #[test]
    fn values_are_lines_or_take_several() {
        expect("", &[]);
        expect(" \n\n", &[]);
        expect("\u{feff}{\"a\": 1}\r\n\n{\"b\": \"}\"}", &[(1, r#"{"a": 1}"#), (3, r#"{"b": "}"}"#)]);
        expect(
            "{\n  \"a\": [\n    1\n  ]\n}\n{\n  \"b\": {}\n}\n",
            &[(1, "{\n  \"a\": [\n    1\n  ]\n}"), (6, "{\n  \"b\": {}\n}")],
        );
        expect("{\"a\": 1} {\"b\": 2}{\n}", &[(1, r#"{"a": 1}"#), (1, r#"{"b": 2}"#), (1, "{\n}")]);
        expect(
            "{\"a\": 1}\n{\n \"b\": 2\n}\n{\"c\": 3}",
            &[(1, r#"{"a": 1}"#), (2, "{\n \"b\": 2\n}"), (5, r#"{"c": 3}"#)],
        );
        // By hand, without indentation.
        expect("{\n\"a\":\n{\"b\": [\n{},\n{}\n]\n}\n}", &[(1, "{\n\"a\":\n{\"b\": [\n{},\n{}\n]\n}\n}")]);
    }

    #[test]
    fn those_of_a_line_are_counted() {
        let places = |text| pieces(text).iter().map(|piece| (piece.line, piece.nth)).collect::<Vec<_>>();
        assert_eq!(places("{}{} {}\n{}\n"), [(1, 1), (1, 2), (1, 3), (2, 1)]);
        // Files without a last newline, one after the other.
        assert_eq!(places("{\n\n}{\n\n}{\n}{}"), [(1, 1), (3, 1), (5, 1), (6, 1)]);
        assert_eq!(places("{}{\n}{}{}\n\n{}"), [(1, 1), (1, 2), (2, 1), (2, 2), (4, 1)]);
    }

    #[test]
    fn a_list_of_objects_is_its_items() {
        let places = |text| pieces(text).iter().map(|piece| (piece.line, piece.nth)).collect::<Vec<_>>();
        expect("[{\"a\": 1}, {\"b\": [{}, 2]}]", &[(1, r#"{"a": 1}"#), (1, r#"{"b": [{}, 2]}"#)]);
        assert_eq!(places("[{}, {},\n{}\n]\n"), [(1, 1), (1, 2), (2, 1)]);
        // A job a line, with the commas that a list needs.
        let job = r#"{"call_params": {"task": "t"}}"#;
        expect(&format!("[\n{job},\n{job}\n]\n"), &[(2, job), (3, job)]);
        expect("\n [\n{\n\"a\":\n1}\n,\n{}]", &[(3, "{\n\"a\":\n1}"), (7, "{}")]);
        for other in ["[]", "[1, 2]", "[{}, 1]", "[{},]", "[{} {}]", "[{}, {}] x"] {
            expect(other, &[(1, other)]);
        }
    }

    #[test]
    fn a_terminal_cuts_lines() {
        let next = |text: String| JsonSplitter::of_terminal(text.as_bytes()).next();
        assert!(next(format!("\"{}\"\n", "x".repeat(4000))).is_ok());
        let error = next(format!("\"{}\n", "x".repeat(4094))).unwrap_err().to_string();
        assert!(error.contains("line 1") && error.contains("--job"), "{error}");
    }

    #[test]
    fn a_bad_line_costs_itself() {
        let good = r#"{"call_params": {"task": "\"}{"}}"#;
        for bad in [
            "nonsense",
            r#"{"a": "cut off"#,
            r#"{"a": {"b": 1}"#,
            r#"{"a":"#,
            r#"{"a": ["#,
            r#"{"a": [1,"#,
            r#"{"a": 1]"#,
            "}",
            "42",
            "\"text\"",
            "{} more",
        ] {
            expect(&format!("{good}\n{bad}\nmore\n{good}\n"), &[(1, good), (2, bad), (3, "more"), (4, good)]);
            expect(&format!("{bad}\n{good}\n"), &[(1, bad), (2, good)]);
        }
    }

    #[test]
    fn a_broken_value_of_many_lines_ends_where_the_next_begins() {
        for broken in ["{\n \"a\": \"\n \"\n", "{\n \"a\": [1\n}\n", "{\n \"a\": 1,\n"] {
            let good = "{\n \"b\": 1\n}";
            let lines = broken.lines().count();
            expect(&format!("{broken}{good}\n"), &[(1, broken.trim_end()), (lines + 1, good)]);
        }
    }
}
