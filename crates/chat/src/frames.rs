//! Cuts a byte stream into JSON values: server-sent events, JSON lines, or one plain JSON document.
//!
//! In: bytes as they come from the socket, split anywhere. Out: frames in order. The bytes alone decide how they are
//! read, not the Content-Type, so that servers that ignore `stream: true` or mislabel their reply are understood, too.
//! Each byte is looked at a fixed number of times. An event ends at its blank line and a JSON line at its end, whether
//! they can be read or not.
//!
//! Source: "Server-sent events" of the HTML standard, 9.2.6.

use serde_json::{Value, json};

use super::keep_alive;
use super::mend::{Mended, mend};

/// One message of the server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    /// An event's data, a line, or the whole document.
    Json(Value),
    /// OpenAI's `data: [DONE]`.
    Done,
    /// Bytes that are none of these: their beginning.
    Garbage(String),
    /// The stream has ended within a frame.
    Part,
}

/// Collects bytes until they make a frame.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// Bytes after the last line feed.
    line: Vec<u8>,
    /// Lines that do not make a frame yet: an event of several data lines, or a document of several lines.
    open: Vec<u8>,
    /// How much of the JSON in `open` is closed.
    brackets: Brackets,
    /// Whether `open` is an event's data.
    is_event: bool,
    /// Whether there was an event.
    has_events: bool,
    /// Whether each line is a frame of its own, as one before was.
    has_lines: bool,
    /// Whether the bytes have ended, so that the last line may be a part of one.
    has_ended: bool,
    /// An event that ends with half a character, whose other half the next one may have.
    held: Option<Mended>,
    /// The frames that are complete.
    ready: Vec<Frame>,
}

impl Frames {
    /// Takes the next bytes and gives the frames that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Frame> {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.end_of_line(&line);
            }
        }
        std::mem::take(&mut self.ready)
    }

    /// The end of the stream: the frames of what is left.
    pub(crate) fn finish(mut self) -> Vec<Frame> {
        let line = std::mem::take(&mut self.line);
        let is_torn = !line.is_empty() && (self.has_events || self.has_lines);
        self.has_ended = true;
        self.end_of_line(&line);
        if self.brackets.are_open() || is_torn && !self.open.is_empty() && parse(&self.open).is_none() {
            self.open.clear();
            self.release();
            self.ready.push(Frame::Part);
        }
        self.close();
        self.release();
        self.ready
    }

    /// Whether the bytes so far had events in them, so that they are no single document.
    pub(crate) fn has_events(&self) -> bool {
        self.has_events
    }

    fn end_of_line(&mut self, line: &[u8]) {
        let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line).trim_ascii();
        let is_document = !self.open.is_empty() && !self.is_event;
        if line.is_empty() {
            // Ends an event, but not a document that is laid out with blank lines.
            if !is_document || !self.brackets.are_open() {
                self.close();
            }
        } else if is_document {
            self.extend(line);
        } else if let Some(error) = line.strip_prefix(b"error:") {
            // llama.cpp's server sends this for an error after the stream began.
            self.close();
            let frame =
                parse(error).map_or_else(|| garbage(line), |error| Frame::Json(json!({"error": error})));
            self.emit(frame);
        } else if let Some(data) = line.strip_prefix(b"data:") {
            self.data(data.trim_ascii());
        } else if ![&b":"[..], b"event:", b"id:", b"retry:"].iter().any(|field| line.starts_with(field)) {
            self.close();
            self.text(line);
        }
    }

    /// A line of an event's data.
    fn data(&mut self, data: &[u8]) {
        self.has_events = true;
        match single(data) {
            Some(frame) if self.open.is_empty() || frame == Some(Frame::Done) => {
                self.close();
                frame.into_iter().for_each(|frame| self.emit(frame));
            }
            _ => {
                self.is_event = true;
                self.extend(data);
            }
        }
    }

    /// A line that is no field of an event.
    fn text(&mut self, line: &[u8]) {
        match single(line) {
            Some(frame) => frame.into_iter().for_each(|frame| self.emit(frame)),
            None => {
                self.extend(line);
                if self.has_lines && !self.has_ended {
                    self.close();
                }
            }
        }
    }

    /// Appends a line to what is open, and closes that where it is complete or cannot become so.
    fn extend(&mut self, line: &[u8]) {
        let is_first = self.open.is_empty();
        self.open.extend_from_slice(line);
        self.open.push(b'\n');
        self.brackets.read(line);
        let is_closed = self.brackets.are_closed();
        self.has_lines |= is_closed && is_first && !self.is_event;
        // A string does not go on in the next line.
        if is_closed || self.brackets.are_torn() && !self.has_ended {
            self.close();
        }
    }

    /// Ends what is open.
    fn close(&mut self) {
        (self.brackets, self.is_event) = (Brackets::default(), false);
        let open = std::mem::take(&mut self.open);
        if open.is_empty() {
            return;
        }
        if let Some(value) = parse(&open) {
            return self.emit(Frame::Json(value));
        }
        let mut mended = mend(&open);
        if parse(mended.text.as_bytes()).is_none() {
            return self.emit(garbage(&open));
        }
        if let Some(held) = &mut self.held {
            held.join(&mut mended);
        }
        self.release();
        self.held = Some(mended);
        if self.held.as_ref().is_some_and(|held| held.first.is_none()) {
            self.release();
        }
    }

    /// Gives up waiting for the other half of a character.
    fn release(&mut self) {
        let held = self.held.take().and_then(|held| parse(held.text.as_bytes()));
        self.ready.extend(held.map(Frame::Json));
    }

    fn emit(&mut self, frame: Frame) {
        self.release();
        self.ready.push(frame);
    }
}

/// What a line means that is no JSON of the dialect: `[DONE]`, or nothing, as it keeps the connection alive. `None` if
/// it is something else.
fn single(line: &[u8]) -> Option<Option<Frame>> {
    let word = line.trim_ascii();
    let bare = word.strip_prefix(b"\"").and_then(|word| word.strip_suffix(b"\"")).unwrap_or(word);
    if bare.eq_ignore_ascii_case(b"[DONE]") {
        return Some(Some(Frame::Done));
    }
    let is_pause = bare.is_empty()
        || bare.starts_with(b":")
        || [&b"null"[..], b"{}", b"[]"].contains(&bare)
        || std::str::from_utf8(bare).is_ok_and(keep_alive::is_word);
    is_pause.then_some(None)
}

/// Whether the brackets of a JSON document are closed, read line by line.
#[derive(Debug, Default)]
struct Brackets {
    depth: usize,
    /// Whether there was one.
    any: bool,
    in_string: bool,
}

impl Brackets {
    fn read(&mut self, line: &[u8]) {
        let mut escaped = false;
        for &byte in line {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if self.in_string => escaped = true,
                b'"' => self.in_string = !self.in_string,
                b'{' | b'[' if !self.in_string => {
                    self.depth += 1;
                    self.any = true;
                }
                b'}' | b']' if !self.in_string => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn are_open(&self) -> bool {
        self.any && self.depth > 0
    }

    fn are_closed(&self) -> bool {
        self.any && self.depth == 0 && !self.in_string
    }

    fn are_torn(&self) -> bool {
        self.any && self.in_string
    }
}

fn parse(bytes: &[u8]) -> Option<Value> {
    serde_json::from_slice(bytes).ok()
}

fn garbage(bytes: &[u8]) -> Frame {
    Frame::Garbage(String::from_utf8_lossy(&bytes[..bytes.len().min(500)]).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames of `text`, which are the same whether the bytes come in one piece or one by one.
    fn frames(text: &str) -> Vec<Frame> {
        let read = |size: usize| {
            let mut reader = Frames::default();
            let mut frames: Vec<Frame> =
                text.as_bytes().chunks(size).flat_map(|chunk| reader.push(chunk)).collect();
            frames.extend(reader.finish());
            frames
        };
        let whole = read(text.len().max(1));
        for size in 1..5 {
            assert_eq!(read(size), whole, "in pieces of {size}");
        }
        whole
    }

    #[test]
    fn every_shape_of_stream_is_cut_right() {
        let (a, b) = (Frame::Json(json!({"a": "ü€😀"})), Frame::Json(json!({"b": 1})));
        for (text, expected) in [
            (
                "data: {\"a\":\"ü€😀\"}\n\ndata: {\"b\":1}\n\ndata: [DONE]\n\n",
                vec![a.clone(), b.clone(), Frame::Done],
            ),
            ("event: x\r\nid: 7\r\ndata:{\"b\":1}\r\n\r\n: ping\r\n\r\n", vec![b.clone()]),
            ("data: {\"b\":\ndata: 1}\n\n", vec![b.clone()]),
            ("data: {\"b\":1}", vec![b.clone()]),
            ("{\"a\":\"ü€😀\"}\n{\"b\":1}\n", vec![a.clone(), b.clone()]),
            ("{\n  \"b\":\n\n  1\n}\n", vec![b.clone()]),
            ("{\n \"c\": {\"d\": 2},\n \"b\": {\n }\n}", vec![Frame::Json(json!({"c": {"d": 2}, "b": {}}))]),
            ("error: {\"code\":500}\n\n", vec![Frame::Json(json!({"error": {"code": 500}}))]),
            ("<html>\nno\n", vec![Frame::Garbage("<html>\nno".into())]),
            ("data: {\"b\":1\n\n", vec![Frame::Garbage("{\"b\":1".into())]),
            ("\u{feff}data: {\"b\":1}\n\n", vec![b.clone()]),
            ("[{\"b\":1}]", vec![Frame::Json(json!([{"b": 1}]))]),
            ("data: oh\ndata: no\n\n", vec![Frame::Garbage("oh\nno".into())]),
            ("\n\n", vec![]),
            ("", vec![]),
            // Events without blank lines between them.
            ("data: {\"a\":\"ü€😀\"}\ndata: {\"b\":1}\ndata: [DONE]\n", vec![a, b, Frame::Done]),
        ] {
            assert_eq!(frames(text), expected, "{text}");
        }
    }

    #[test]
    fn what_keeps_a_connection_alive_is_passed_over() {
        let b = Frame::Json(json!({"b": 1}));
        for pause in
            ["", ":", ": GATEWAY PROCESSING", "ping", "[PING]", "Keep-Alive", "null", "{}", "\"\"", "[]"]
        {
            let text = format!("data: {pause}\n\ndata: {{\"b\":1}}\n\ndata: {pause}\n\ndata: [done]\n\n");
            assert_eq!(frames(&text), [b.clone(), Frame::Done], "{pause:?}");
            let lines = format!("{{\"b\":1}}\n{pause}\n{{\"b\":1}}\n");
            assert_eq!(frames(&lines), [b.clone(), b.clone()], "{pause:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_swallows_nothing() {
        let b = Frame::Json(json!({"b": 1}));
        let garbage = |text: &str| Frame::Garbage(text.into());
        for (text, expected) in [
            ("data: {\"a\":\"x\n\ndata: {\"b\":1}\n\n", vec![garbage("{\"a\":\"x"), b.clone()]),
            ("data: {\"a\":1}}\n\ndata: {\"b\":1}\n\n", vec![garbage("{\"a\":1}}"), b.clone()]),
            ("{\"b\":1}\n{\"a\":\n{\"b\":1}\n", vec![b.clone(), garbage("{\"a\":"), b.clone()]),
            ("{\"b\":1}\nno\n{\"b\":1}\n", vec![b.clone(), garbage("no"), b.clone()]),
            ("{\"a\": \"x\n\"}\n", vec![garbage("{\"a\": \"x"), garbage("\"}")]),
        ] {
            assert_eq!(frames(text), expected, "{text}");
        }
        // The two halves of a character, in events and in lines; and one whose other half never comes.
        let text = |text: &str| Frame::Json(json!({"t": text}));
        for (before, after) in [("data: ", "\n\n"), ("", "\n")] {
            let stream = |texts: &[&str]| -> String {
                texts.iter().map(|text| format!("{before}{{\"t\":\"{text}\"}}{after}")).collect()
            };
            let halves = stream(&["a", "b\\ud83d", "\\ude00c", "d"]);
            assert_eq!(frames(&halves), [text("a"), text("b😀"), text("c"), text("d")]);
            let half = stream(&["b\\ud83d", "c", "\\ude00", "\\ud83d"]);
            assert_eq!(frames(&half), [text("b\u{fffd}"), text("c"), text("\u{fffd}"), text("\u{fffd}")]);
        }
    }

    #[test]
    fn a_stream_that_breaks_off_ends_with_a_part() {
        let b = Frame::Json(json!({"b": 1}));
        for (text, expected) in [
            ("data: {\"b\":1}\n\ndata: {\"b\":", vec![b.clone(), Frame::Part]),
            ("data: {\"b\":1}\n\nda", vec![b.clone(), Frame::Part]),
            ("data: {\"b\":1}\n\ndata: [DON", vec![b.clone(), Frame::Part]),
            ("{\"b\":1}\n{\"b\"", vec![b.clone(), Frame::Part]),
            ("{\"b\": {\n\"c\":", vec![Frame::Part]),
            ("{\"b", vec![Frame::Part]),
        ] {
            assert_eq!(frames(text), expected, "{text}");
        }
    }

    #[test]
    fn a_document_that_never_ends_is_read_once() {
        let mut text = "{\"a\":[{}\n".to_owned();
        text.push_str(&",{}\n".repeat(1_000_000));
        let mut reader = Frames::default();
        assert_eq!(text.as_bytes().chunks(4096).flat_map(|chunk| reader.push(chunk)).count(), 0);
        assert_eq!(reader.finish(), [Frame::Part]);
    }
}
