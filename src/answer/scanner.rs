//! Finds the answer in the supervisor's JSON while it is still being written. Pure.
//!
//! In: the pieces of a reply. Out: the characters of its `answer`, as soon as its `decision` says that it is final. It
//! follows what `protocols::reply` takes: fences and prose around the object, single quotes, raw line breaks in strings.
//! Where the two differ after all, the result has the last word.

/// The decision that makes an answer final, in its plain spelling.
const FINAL: &str = "provide_final_answer";
/// Characters of a key or of a decision that are kept.
const LONGEST: usize = 64;

/// Reads one reply.
#[derive(Debug, Default)]
pub(super) struct AnswerScanner {
    place: Place,
    string: StringReader,
    /// What the string under way is.
    role: Role,
    key: String,
    decision: String,
    /// The answer so far, as long as it is not known to be final.
    held: String,
    /// White space that only counts if something follows.
    blank: String,
    /// Whether an answer is told whatever the decision is: there is no other.
    is_last: bool,
    is_final: bool,
    has_begun: bool,
}

/// Where the next character stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Place {
    /// Outside any object.
    #[default]
    Outside,
    /// Where a key, or the object's end, may stand.
    BeforeKey,
    AfterKey,
    BeforeValue,
    /// In a value that is no string; how many objects and lists are open in it.
    InValue(usize),
    InString,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Role {
    Key,
    Decision,
    Answer,
    /// A string that is not looked at; how many objects and lists are open around it, within the object.
    #[default]
    Other,
    Inner(usize),
}

impl AnswerScanner {
    /// One for a reply that is the last chance to answer, if `is_last`.
    pub(super) fn new(is_last: bool) -> Self {
        Self { is_last, is_final: is_last, ..Self::default() }
    }

    /// Takes the next piece; gives what it adds to the answer, without white space at its ends.
    pub(super) fn push(&mut self, piece: &str) -> String {
        let mut out = String::new();
        for c in piece.chars() {
            self.take(c, &mut out);
        }
        out
    }

    fn take(&mut self, c: char, out: &mut String) {
        match self.place {
            Place::Outside if c == '{' => self.open(),
            Place::Outside => {}
            Place::BeforeKey => match c {
                '"' | '\'' => self.begin(c, Role::Key),
                ',' | '}' if c == '}' => self.place = Place::Outside,
                '{' => self.open(),
                c if c.is_whitespace() || c == ',' => {}
                // It was a brace in prose.
                _ => self.place = Place::Outside,
            },
            Place::AfterKey => match c {
                ':' => self.place = Place::BeforeValue,
                c if c.is_whitespace() => {}
                _ => self.place = Place::Outside,
            },
            Place::BeforeValue => match c {
                '"' | '\'' => {
                    let role = match self.key.as_str() {
                        "decision" => Role::Decision,
                        "answer" => Role::Answer,
                        _ => Role::Other,
                    };
                    self.begin(c, role);
                }
                '{' | '[' => self.place = Place::InValue(1),
                c if c.is_whitespace() => {}
                _ => self.place = Place::InValue(0),
            },
            Place::InValue(depth) => match (c, depth) {
                ('"' | '\'', 1..) => self.begin(c, Role::Inner(depth)),
                ('{' | '[', _) => self.place = Place::InValue(depth + 1),
                ('}', 0) => self.place = Place::Outside,
                (',', 0) => self.place = Place::BeforeKey,
                ('}' | ']', _) => {
                    self.place = if depth > 1 { Place::InValue(depth - 1) } else { Place::InValue(0) };
                }
                _ => {}
            },
            Place::InString => match self.string.take(c) {
                Step::Nothing => {}
                Step::Text(text) => self.text(&text, out),
                Step::End(text) => {
                    self.text(&text, out);
                    self.end(out);
                }
            },
        }
    }

    /// An object begins. What an earlier one held counts no more.
    fn open(&mut self) {
        let Self { is_last, has_begun, .. } = *self;
        *self = Self { place: Place::BeforeKey, has_begun, ..Self::new(is_last) };
    }

    fn begin(&mut self, quote: char, role: Role) {
        self.string = StringReader::new(quote);
        self.role = role;
        self.place = Place::InString;
        if role == Role::Key {
            self.key.clear();
        }
    }

    fn text(&mut self, text: &str, out: &mut String) {
        match self.role {
            Role::Key if self.key.len() < LONGEST => self.key += text,
            Role::Decision if self.decision.len() < LONGEST => self.decision += text,
            Role::Answer if self.is_final => self.tell(text, out),
            Role::Answer => self.held += text,
            _ => {}
        }
    }

    fn end(&mut self, out: &mut String) {
        self.place = match self.role {
            Role::Key => Place::AfterKey,
            Role::Inner(depth) => Place::InValue(depth),
            _ => Place::InValue(0),
        };
        if self.role == Role::Decision {
            let said = self.decision.trim().to_lowercase().replace([' ', '-'], "_");
            self.is_final |= said == FINAL;
            if self.is_final {
                let held = std::mem::take(&mut self.held);
                self.tell(&held, out);
            }
        }
    }

    /// Gives `text` out, but for white space that may be the last.
    fn tell(&mut self, text: &str, out: &mut String) {
        let text = if self.has_begun { text } else { text.trim_start() };
        let end = text.trim_end().len();
        if end > 0 {
            self.has_begun = true;
            *out += &std::mem::take(&mut self.blank);
            *out += &text[..end];
        }
        self.blank += &text[end..];
    }
}

/// Reads a string of JSON character by character.
#[derive(Debug, Default)]
struct StringReader {
    quote: char,
    escape: Escape,
    /// The first half of a pair of surrogates, until the second comes.
    high: Option<u32>,
}

#[derive(Debug, Default)]
enum Escape {
    #[default]
    None,
    Begun,
    /// The digits of `\u` so far.
    Unicode(String),
}

enum Step {
    Nothing,
    Text(String),
    /// The string has ended with this.
    End(String),
}

impl StringReader {
    fn new(quote: char) -> Self {
        Self { quote, ..Self::default() }
    }

    fn take(&mut self, c: char) -> Step {
        match std::mem::take(&mut self.escape) {
            Escape::None if c == '\\' => {
                self.escape = Escape::Begun;
                Step::Nothing
            }
            Escape::None if c == self.quote => Step::End(self.lone()),
            Escape::None => Step::Text(self.lone() + c.encode_utf8(&mut [0; 4])),
            Escape::Begun => match c {
                'u' => {
                    self.escape = Escape::Unicode(String::new());
                    Step::Nothing
                }
                'n' => self.escaped("\n"),
                't' => self.escaped("\t"),
                'r' => self.escaped("\r"),
                'b' => self.escaped("\u{8}"),
                'f' => self.escaped("\u{c}"),
                '"' | '\'' | '\\' | '/' => self.escaped(c.encode_utf8(&mut [0; 4])),
                // As it is read where a model forgot to write the backslash twice.
                other => self.escaped(&format!("\\{other}")),
            },
            Escape::Unicode(mut digits) => {
                digits.push(c);
                if digits.len() < 4 {
                    self.escape = Escape::Unicode(digits);
                    return Step::Nothing;
                }
                self.unit(u32::from_str_radix(&digits, 16).unwrap_or(REPLACEMENT))
            }
        }
    }

    fn escaped(&mut self, text: &str) -> Step {
        Step::Text(self.lone() + text)
    }

    /// A unit of UTF-16.
    fn unit(&mut self, unit: u32) -> Step {
        match (self.high.take(), unit) {
            (Some(high), 0xdc00..=0xdfff) => {
                let scalar = 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00);
                Step::Text(char::from_u32(scalar).unwrap_or(char::REPLACEMENT_CHARACTER).into())
            }
            (before, 0xd800..=0xdbff) => {
                self.high = Some(unit);
                let lost = before.map_or(String::new(), |_| char::REPLACEMENT_CHARACTER.into());
                if lost.is_empty() { Step::Nothing } else { Step::Text(lost) }
            }
            (before, _) => {
                let lost = before.map_or(String::new(), |_| char::REPLACEMENT_CHARACTER.into());
                let c = char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER);
                Step::Text(lost + c.encode_utf8(&mut [0; 4]))
            }
        }
    }

    /// The first half of a pair whose second did not come.
    fn lone(&mut self) -> String {
        self.high.take().map_or(String::new(), |_| char::REPLACEMENT_CHARACTER.into())
    }
}

const REPLACEMENT: u32 = char::REPLACEMENT_CHARACTER as u32;

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of `reply` in pieces of every size; it must not depend on where it is cut.
    fn answer(reply: &str, is_last: bool) -> String {
        let read = |size: usize| {
            let mut scanner = AnswerScanner::new(is_last);
            let chars: Vec<char> = reply.chars().collect();
            chars
                .chunks(size)
                .map(|piece| scanner.push(&piece.iter().collect::<String>()))
                .collect::<String>()
        };
        let whole = read(reply.len().max(1));
        for size in 1..8 {
            assert_eq!(read(size), whole, "{reply} in pieces of {size}");
        }
        whole
    }

    #[test]
    fn the_answer_comes_once_the_decision_is_final() {
        for (reply, expected) in [
            (
                r#"{"reasoning": "r", "decision": "provide_final_answer", "message": null, "answer": "Ada"}"#,
                "Ada",
            ),
            (r#"{"answer": "Ada", "decision": "provide_final_answer"}"#, "Ada"),
            (r#"{"decision": "Provide-final answer", "answer": "Ada"}"#, "Ada"),
            (r#"{"decision": "request_additional_info", "message": "m", "answer": "Ada"}"#, ""),
            (
                r#"{"reasoning": "\"answer\": \"no\"", "decision": "provide_final_answer", "answer": "yes"}"#,
                "yes",
            ),
            (
                r#"{"x": {"decision": "provide_final_answer", "answer": "no"}, "decision": "d", "answer": "Ada"}"#,
                "",
            ),
            (r#"{"x": ["}", {"a": "]"}, []], "decision": "provide_final_answer", "answer": "Ada"}"#, "Ada"),
            (
                "Sure {well}!\n```json\n{\"decision\": \"provide_final_answer\", \"answer\": \"Ada\"}\n```\n",
                "Ada",
            ),
            (r#"{"decision": "provide_final_answer", "answer": null}"#, ""),
            (r#"{"decision": "provide_final_answer", "answer": ["a", "b"]}"#, ""),
            (r#"{"decision": "provide_final_answer", "answer": 4.5}"#, ""),
            ("{'decision': 'provide_final_answer', 'answer': 'it\\'s \"Ada\"'}", "it's \"Ada\""),
            (
                r#"{"decision": "provide_final_answer", "answer": "  \n Ada \n\n Lovelace \n "}"#,
                "Ada \n\n Lovelace",
            ),
            ("{\"decision\": \"provide_final_answer\", \"answer\": \"a\nb\"}", "a\nb"),
            (r#"{"decision": "provide_final_answer", "answer": "cut o"#, "cut o"),
            (r#"{"plan": 1} {"decision": "provide_final_answer", "answer": "two"}"#, "two"),
        ] {
            assert_eq!(answer(reply, false), expected, "{reply}");
        }
    }

    #[test]
    fn a_last_reply_needs_no_decision() {
        assert_eq!(answer(r#"{"decision": "request_additional_info", "answer": "Ada"}"#, true), "Ada");
        assert_eq!(answer(r#"{"answer": "Ada"}"#, true), "Ada");
    }

    #[test]
    fn escapes_are_read_wherever_they_are_cut() {
        let said =
            |answer: &str| format!("{{\"decision\":\"provide_final_answer\",\"answer\":\"{answer}\"}}");
        for (written, read) in [
            (r#"a\"b\\c\/d"#, "a\"b\\c/d"),
            (r"1\n2\t3\r4", "1\n2\t3\r4"),
            (r"\u00fcber \u4e2d\u6587", "über 中文"),
            (r"\ud83d\ude00!", "😀!"),
            (r"\uD83D\uDE00\uD83D\uDE00", "😀😀"),
            (r"a\ud83dz", "a\u{fffd}z"),
            (r"a\ud83d", "a\u{fffd}"),
            (r"\ude00", "\u{fffd}"),
            (r"\ud83d\ud83d\ude00", "\u{fffd}😀"),
            (r"\zeta", "\\zeta"),
            ("ü😀", "ü😀"),
        ] {
            assert_eq!(answer(&said(written), false), read, "{written}");
        }
    }
}
