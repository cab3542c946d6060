//! Replies that are damaged in every way: none is taken for a whole one.

use serde_json::{Value, json};

use super::dialect::Dialect;
use super::reader::{Fault, Reader};
use super::{ChatErrorKind as Kind, Finish, anthropic::Anthropic, ollama::Ollama, openai::OpenAi};

const TEXT: &str = "The light came in 1931 😀, it says.";

/// A reply of a dialect: its events, and how one is written.
struct Sample {
    name: &'static str,
    dialect: &'static dyn Dialect,
    events: Vec<Value>,
    write: fn(&Value) -> String,
    end: &'static str,
}

impl Sample {
    fn bytes(&self, events: &[Value]) -> Vec<u8> {
        (events.iter().map(self.write).collect::<String>() + self.end).into_bytes()
    }

    /// Reads `bytes` in pieces of `size`.
    fn read(&self, bytes: &[u8], size: usize) -> Result<(String, Finish), Fault> {
        let mut reader = Reader::new(self.dialect);
        for piece in bytes.chunks(size.max(1)) {
            if reader.push(piece)? {
                break;
            }
        }
        reader.finish()?;
        reader.answer(|_| false).map(|(text, finish)| (text.to_owned(), finish))
    }

    /// `bytes` are no reply, or the whole one, however they are cut into pieces. Gives whether they are one.
    fn check(&self, bytes: &[u8], what: &str) -> bool {
        let whole = self.read(bytes, bytes.len());
        if let Ok((text, Finish::Stop)) = &whole {
            assert_eq!(text, TEXT, "{}: {what}", self.name);
        }
        assert_eq!(self.read(bytes, 7), whole, "{}: {what}, in pieces", self.name);
        whole.is_ok()
    }
}

fn sse(event: &Value) -> String {
    format!("data: {event}\n\n")
}

fn line(event: &Value) -> String {
    format!("{event}\n")
}

fn document(event: &Value) -> String {
    format!("{event:#}")
}

fn samples() -> Vec<Sample> {
    let words: Vec<&str> = TEXT.split_inclusive(' ').collect();
    let openai = |key: &str, object: &str, message: Value, reason: Value| {
        let choice = json!({"index": 0, key: message, "finish_reason": reason, "logprobs": null});
        json!({"id": "c", "object": object, "created": 1, "model": "m", "choices": [choice]})
    };
    let usage =
        json!({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 2}});
    let chunk = |delta, reason| openai("delta", "chat.completion.chunk", delta, reason);
    let mut chunks: Vec<Value> =
        words.iter().map(|word| chunk(json!({"content": word}), Value::Null)).collect();
    chunks.push(chunk(json!({}), json!("stop")));
    chunks.push(json!({"object": "chat.completion.chunk", "choices": [], "usage": usage}));
    let mut completion =
        openai("message", "chat.completion", json!({"role": "assistant", "content": TEXT}), json!("stop"));
    completion["usage"] = usage;

    let counted = json!({"input_tokens": 10, "output_tokens": 1, "cache_read_input_tokens": 2});
    let mut events = vec![
        json!({"type": "message_start", "message": {"role": "assistant", "content": [], "usage": counted}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
    ];
    events.extend(words.iter().map(|word| {
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}})
    }));
    events.extend([
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}),
        json!({"type": "message_stop"}),
    ]);
    let message = json!({
        "type": "message", "role": "assistant", "content": [{"type": "text", "text": TEXT}],
        "stop_reason": "end_turn", "usage": counted,
    });

    let said = |text: &str, done: bool| json!({"model": "m", "message": {"role": "assistant", "content": text}, "done": done});
    let mut done = said("", true);
    done["done_reason"] = json!("stop");
    (done["prompt_eval_count"], done["eval_count"]) = (json!(10), json!(5));
    let mut lines: Vec<Value> = words.iter().map(|word| said(word, false)).collect();
    lines.push(done.clone());
    done["message"]["content"] = json!(TEXT);

    let sample = |name, dialect, events, write, end| Sample { name, dialect, events, write, end };
    vec![
        sample("openai, streamed", &OpenAi, chunks, sse as fn(&Value) -> String, "data: [DONE]\n\n"),
        sample("openai, whole", &OpenAi, vec![completion], document, ""),
        sample("anthropic, streamed", &Anthropic, events, sse, ""),
        sample("anthropic, whole", &Anthropic, vec![message], document, ""),
        sample("ollama, streamed", &Ollama, lines, line, ""),
        sample("ollama, whole", &Ollama, vec![done], document, ""),
    ]
}

/// The pointers to all values within `value`.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    let inner: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| (format!("{at}/{key}"), value)).collect(),
        Value::Array(values) => {
            values.iter().enumerate().map(|(n, value)| (format!("{at}/{n}"), value)).collect()
        }
        _ => Vec::new(),
    };
    for (pointer, value) in inner {
        pointers(value, &pointer, all);
        all.push(pointer);
    }
}

fn remove(event: &mut Value, pointer: &str) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    match event.pointer_mut(parent) {
        Some(Value::Object(fields)) => drop(fields.remove(key)),
        Some(Value::Array(values)) => drop(values.remove(key.parse().unwrap())),
        _ => {}
    }
}

/// Whether an event without text, as each dialect has, is what is left: nobody can tell that there was one.
fn leaves_no_trace(pointer: &str, with: Option<&Value>) -> bool {
    let key = pointer.rsplit_once('/').unwrap().1;
    let is_empty =
        with.is_none_or(|with| [json!({}), json!([]), json!(""), json!(null), json!("x")].contains(with));
    match key {
        "content" | "text" => is_empty,
        "delta" | "message" => with.is_some_and(Value::is_object),
        // An element of a list, or all of them.
        "choices" => with.is_some_and(|with| [json!([]), json!(null)].contains(with)) || with.is_none(),
        "0" => with.is_none() || with == Some(&json!([])),
        // By their documentation other types are to be ignored, and by ours other choices.
        "type" => with == Some(&json!("x")),
        "index" => with.is_some_and(Value::is_number),
        _ => false,
    }
}

#[test]
fn whole_samples_are_read() {
    for sample in samples() {
        let bytes = sample.bytes(&sample.events);
        let expected = Ok((TEXT.to_owned(), Finish::Stop));
        for size in [1, 2, 3, 5, 64, bytes.len()] {
            assert_eq!(sample.read(&bytes, size), expected, "{} in pieces of {size}", sample.name);
        }
    }
}

#[test]
fn a_reply_that_breaks_off_anywhere_is_none() {
    for sample in samples() {
        let bytes = sample.bytes(&sample.events);
        let whole =
            (0..bytes.len()).filter(|&end| sample.check(&bytes[..end], &format!("cut at {end}"))).count();
        // Only what follows the end of the reply may be missing.
        assert!(whole < bytes.len() / 3, "{}: {whole} of {}", sample.name, bytes.len());
    }
}

#[test]
fn a_field_that_is_missing_or_of_another_type_makes_no_part_whole() {
    let others = [
        json!(null),
        json!(true),
        json!(7),
        json!(-1),
        json!(1e308),
        json!(u64::MAX),
        json!("x"),
        json!(""),
        json!([]),
        json!({}),
        json!([1]),
        json!({"type": "x"}),
    ];
    for sample in samples() {
        let mut tried = 0;
        for (at, event) in sample.events.iter().enumerate() {
            let mut all = Vec::new();
            pointers(event, "", &mut all);
            for pointer in &all {
                for with in [None].into_iter().chain(others.iter().map(Some)) {
                    if leaves_no_trace(pointer, with) {
                        continue;
                    }
                    let mut events = sample.events.clone();
                    match with {
                        None => remove(&mut events[at], pointer),
                        Some(with) => *events[at].pointer_mut(pointer).unwrap() = with.clone(),
                    }
                    let what = format!("event {at}, {pointer} is {with:?}");
                    sample.check(&sample.bytes(&events), &what);
                    tried += 1;
                }
            }
        }
        assert!(tried >= 90, "{}: {tried}", sample.name);
    }
}

#[test]
fn every_other_reason_is_cut_refused_or_failed() {
    for sample in samples() {
        for (reason, expected) in [
            ("length", Ok(Finish::Length)),
            ("MAX_TOKENS", Ok(Finish::Length)),
            ("content_filter", Err(Kind::Refused)),
            ("SAFETY", Err(Kind::Refused)),
            ("error", Err(Kind::Server)),
            ("network_error", Err(Kind::Server)),
            ("because", Err(Kind::Server)),
            ("END_TURN", Ok(Finish::Stop)),
        ] {
            let mut events = sample.events.clone();
            for pointer in ["/choices/0/finish_reason", "/delta/stop_reason", "/stop_reason", "/done_reason"]
            {
                for found in events.iter_mut().filter_map(|event| event.pointer_mut(pointer)) {
                    if !found.is_null() {
                        *found = json!(reason);
                    }
                }
            }
            let bytes = sample.bytes(&events);
            let read = sample.read(&bytes, bytes.len());
            let outcome = read.map(|(_, finish)| finish).map_err(|fault| fault.kind);
            assert_eq!(outcome, expected, "{}: {reason}", sample.name);
        }
    }
}

#[test]
fn random_damage_is_no_panic_and_reads_the_same_in_any_pieces() {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut below = |limit: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % limit as u64) as usize
    };
    let pieces: [&[u8]; 8] = [b"\n", b"\"", b"{", b"}", b"\\ud83d", b"\xff", b"data: ", b"[DONE]"];
    for sample in samples() {
        let whole = sample.bytes(&sample.events);
        for _ in 0..1000 {
            let mut bytes = whole.clone();
            for _ in 0..=below(3) {
                let at = below(bytes.len());
                match below(3) {
                    0 => bytes[at] ^= 1 << below(8),
                    1 => drop(bytes.splice(at..at, pieces[below(pieces.len())].iter().copied())),
                    _ => drop(bytes.drain(at..(at + 1 + below(9)).min(bytes.len()))),
                }
                if bytes.is_empty() {
                    break;
                }
            }
            let once = sample.read(&bytes, bytes.len());
            let size = 1 + below(20);
            assert_eq!(sample.read(&bytes, size), once, "{}", String::from_utf8_lossy(&bytes));
        }
    }
}
