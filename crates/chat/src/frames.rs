//! Cuts a byte stream into JSON values: server-sent events, JSON lines, or one plain JSON document.
//!
//! In: bytes as they come from the socket, split anywhere. Out: frames in order. The bytes alone decide how they are
//! read, not the Content-Type, so that servers that ignore `stream: true` or mislabel their reply are understood, too.

use serde_json::{Value, json};

/// One message of the server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    /// An event's data, a line, or the whole document.
    Json(Value),
    /// OpenAI's `data: [DONE]`.
    Done,
    /// Bytes that are none of these: their beginning.
    Garbage(String),
}

/// Collects bytes until they make a frame.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// Bytes after the last line feed.
    line: Vec<u8>,
    /// Lines that do not make a frame yet: an event of several data lines, or a document of several lines.
    open: Vec<u8>,
}

impl Frames {
    /// Takes the next bytes and gives the frames that they complete.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.line.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                frames.extend(self.end_of_line(&line));
            }
        }
        frames
    }

    /// The end of the stream: the frame of a last line without line feed, if there is one.
    pub(crate) fn finish(mut self) -> Vec<Frame> {
        let line = std::mem::take(&mut self.line);
        let mut frames: Vec<Frame> = self.end_of_line(&line).into_iter().collect();
        frames.extend(self.close());
        frames
    }

    fn end_of_line(&mut self, line: &[u8]) -> Option<Frame> {
        let line = line.trim_ascii();
        if line.is_empty() {
            // Ends an event, but not a document that is laid out with blank lines.
            return if self.open.starts_with(b"{") { None } else { self.close() };
        }
        if let Some(error) = line.strip_prefix(b"error:") {
            // llama.cpp's server sends this for an error after the stream began.
            return Some(
                parse(error).map_or_else(|| garbage(line), |error| Frame::Json(json!({"error": error}))),
            );
        }
        if [&b":"[..], b"event:", b"id:", b"retry:"].iter().any(|field| line.starts_with(field)) {
            return None;
        }
        let data = line.strip_prefix(b"data:").map_or(line, <[u8]>::trim_ascii);
        if data == b"[DONE]" {
            return Some(Frame::Done);
        }
        self.open.extend_from_slice(data);
        self.open.push(b'\n');
        // Only a closing brace can complete it: a long document is not parsed anew at each line.
        if data.ends_with(b"}")
            && let Some(value) = parse(&self.open)
        {
            self.open.clear();
            return Some(Frame::Json(value));
        }
        None
    }

    fn close(&mut self) -> Option<Frame> {
        let open = std::mem::take(&mut self.open);
        (!open.is_empty()).then(|| parse(&open).map_or_else(|| garbage(&open), Frame::Json))
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
            ("{\"a\":\"ü€😀\"}\n{\"b\":1}\n", vec![a, b.clone()]),
            ("{\n  \"b\":\n\n  1\n}\n", vec![b.clone()]),
            ("{\n \"c\": {\"d\": 2},\n \"b\": {\n }\n}", vec![Frame::Json(json!({"c": {"d": 2}, "b": {}}))]),
            ("error: {\"code\":500}\n\n", vec![Frame::Json(json!({"error": {"code": 500}}))]),
            ("<html>\nno\n", vec![Frame::Garbage("<html>\nno".into())]),
            ("data: {\"b\":1\n\n", vec![Frame::Garbage("{\"b\":1".into())]),
            ("\n\n", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(frames(text), expected, "{text}");
        }
    }
}
