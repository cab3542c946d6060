//! The marks in which models think, and the answer among them: the one parser for all families of models.
//!
//! In: the text of a reply, whole or as far as it has come. Out: the part of it that is the answer. Thoughts stand
//! before the answer, so a text that only speaks of such marks stays as it is. Pure.
//!
//! Sources: vLLM's "Reasoning Outputs", SGLang's "Reasoning Parser", the templates that llama.cpp knows, OpenAI's
//! "Harmony response format", and the chat templates of the models named below.

/// How a family of models opens and closes a thought.
pub(crate) const FAMILIES: &[(&str, &str)] = &[
    // DeepSeek R1, Qwen 3, QwQ, GLM 4.5, MiniMax M2, Granite 4, Nemotron, OLMo 3, SmolLM 3 and most others.
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    // EXAONE.
    ("<thought>", "</thought>"),
    ("<thoughts>", "</thoughts>"),
    ("<reasoning>", "</reasoning>"),
    // Hermes.
    ("<REASONING_SCRATCHPAD>", "</REASONING_SCRATCHPAD>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<inner_monologue>", "</inner_monologue>"),
    // Claude, where a gateway writes its thoughts into the text.
    ("<antThinking>", "</antThinking>"),
    ("<reflection>", "</reflection>"),
    // Seed OSS, MiniMax M3, LongCat.
    ("<seed:think>", "</seed:think>"),
    ("<mm:think>", "</mm:think>"),
    ("<longcat_think>", "</longcat_think>"),
    // Magistral.
    ("[THINK]", "[/THINK]"),
    // Kimi.
    ("◁think▷", "◁/think▷"),
    // Command A and R.
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    // OpenThinker.
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    // Apertus.
    ("<|inner_prefix|>", "<|inner_suffix|>"),
    // Gemma 4.
    ("<|channel>thought", "<channel|>"),
    // MedGemma.
    ("<unused94>", "<unused95>"),
    // Pangu.
    ("[unused16]", "[unused17]"),
    // Granite 3.
    (PLAIN_WORDS, "Here is my response:"),
];
/// The mark that is a sentence: where nothing closes it, it is the answer's.
pub(crate) const PLAIN_WORDS: &str = "Here is my thought process:";

/// How the answer is framed that follows a thought: Hunyuan, ERNIE, Reflection, Command, OpenThinker, Gemma 4.
const FRAMES: &[(&str, &str)] = &[
    ("<answer>", "</answer>"),
    ("<response>", "</response>"),
    ("<output>", "</output>"),
    ("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    ("<|begin_of_solution|>", "<|end_of_solution|>"),
    ("<|channel>final", "<channel|>"),
];

/// How a text in channels (gpt-oss) begins.
const CHANNELS: &[&str] =
    &["<|channel|>", "<|start|>", "<|message|>", "analysis<|message|>", "final<|message|>"];
const MESSAGE: &str = "<|message|>";
const CHANNEL: &str = "<|channel|>";
/// What ends a message of a channel.
const ENDS: &[&str] = &["<|end|>", "<|return|>", "<|call|>", "<|start|>", CHANNEL];
/// The same channels where the server has left their marks out.
const BARE_CHANNEL: (&str, &str) = ("analysis", "assistantfinal");

/// `text` without the thoughts before its answer, and trimmed. Empty where only thoughts are there.
pub fn without_thoughts(text: &str) -> &str {
    let mut thoughts = Thoughts::default();
    loop {
        let Some((begin, end)) = thoughts.answer(text, true) else { return "" };
        match unopened(&text[begin..end]) {
            Some(length) => thoughts = Thoughts::behind(begin + length),
            None => return text[begin..end].trim(),
        }
    }
}

/// Looks for the answer in a text that grows. Each byte is looked at a fixed number of times.
#[derive(Debug, Default)]
pub(crate) struct Thoughts {
    /// Where the part begins that is not understood yet.
    at: usize,
    /// How far that part was searched.
    searched: usize,
    /// Whether a thought was found before.
    any: bool,
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// A mark may stand here.
    #[default]
    Marks,
    /// Within a thought, which the mark at `from` has opened and `close` ends.
    Thought { from: usize, close: &'static str },
    /// In the channels of gpt-oss: the message under way, and the newest message of the channel `final`.
    Channels { message: Option<(usize, bool)>, last: Option<(usize, usize)> },
    /// In the answer, which `close` may end.
    Answer { close: Option<&'static str> },
}

impl Thoughts {
    /// Begins at `at`, where a thought has ended.
    fn behind(at: usize) -> Self {
        Self { at, searched: at, any: true, state: State::Marks }
    }

    /// The place of the answer in `text`, as far as it is certain; `None` if no answer has begun. `is_whole`: nothing
    /// follows any more.
    pub(crate) fn answer(&mut self, text: &str, is_whole: bool) -> Option<(usize, usize)> {
        loop {
            match self.state {
                State::Marks => self.marks(text, is_whole)?,
                State::Thought { from, close } => self.thought(text, is_whole, from, close)?,
                State::Channels { message, last } => {
                    return self.channels(text, is_whole, message, last);
                }
                State::Answer { close } => return self.end(text, is_whole, close),
            }
        }
    }

    /// Moves past one mark. `None` if more text is needed.
    fn marks(&mut self, text: &str, is_whole: bool) -> Option<()> {
        self.go(text.len() - text[self.at..].trim_start().len());
        let rest = &text[self.at..];
        if rest.is_empty() && !is_whole {
            return None;
        }
        if let Some(&(open, close)) = FAMILIES.iter().find(|(open, _)| begins(rest, open)) {
            self.state = State::Thought { from: self.at, close };
            self.go(self.at + open.len());
        } else if CHANNELS.iter().any(|mark| begins(rest, mark)) {
            self.state = State::Channels { message: None, last: None };
        } else if let Some(after) = rest.strip_prefix(BARE_CHANNEL.0)
            && after.starts_with(|c: char| c.is_ascii_uppercase())
        {
            self.state = State::Thought { from: self.at, close: BARE_CHANNEL.1 };
        } else if let Some(close) = closers().find(|close| begins(rest, close)) {
            let after = &rest[close.len()..];
            if is_undecided(after) && !is_whole {
                return None;
            }
            if is_within_a_sentence("", after) {
                self.state = State::Answer { close: None };
            } else {
                self.any = true;
                self.go(self.at + close.len());
            }
        } else if let Some(&(open, close)) = FRAMES.iter().find(|(open, _)| self.any && begins(rest, open)) {
            self.go(self.at + open.len());
            self.state = State::Answer { close: Some(close) };
        } else if !is_whole && marks().any(|mark| rest.len() < mark.len() && begins(mark, rest)) {
            return None;
        } else {
            self.state = State::Answer { close: None };
        }
        Some(())
    }

    /// Moves past a thought. `None` if its end has not come.
    fn thought(&mut self, text: &str, is_whole: bool, from: usize, close: &str) -> Option<()> {
        let is_sentence = begins(&text[from..], PLAIN_WORDS);
        let found = find(&text[self.searched..], close).map(|offset| self.searched + offset);
        let Some(end) = found else {
            self.searched = self.at.max(text.floor_char_boundary(text.len().saturating_sub(close.len())));
            if is_whole && is_sentence {
                self.go(from);
                self.state = State::Answer { close: None };
                return Some(());
            }
            return None;
        };
        let after = &text[end + close.len()..];
        if is_undecided(after) && !is_whole {
            return None;
        }
        let speaks = text[self.at..end].starts_with(' ') && is_within_a_sentence(&text[..end], after);
        self.any |= !speaks;
        self.go(if speaks { from } else { end + close.len() });
        self.state = if speaks { State::Answer { close: None } } else { State::Marks };
        Some(())
    }

    /// The newest answer in the channels.
    fn channels(
        &mut self,
        text: &str,
        is_whole: bool,
        mut message: Option<(usize, bool)>,
        mut last: Option<(usize, usize)>,
    ) -> Option<(usize, usize)> {
        let overlap = |text: &str| text.floor_char_boundary(text.len().saturating_sub(MESSAGE.len()));
        loop {
            match message {
                None => {
                    let Some(offset) = find(&text[self.searched..], MESSAGE) else {
                        // A text without any message only speaks of channels.
                        if is_whole && !self.any && last.is_none() {
                            last = Some((self.at, text.len()));
                        }
                        self.searched = self.searched.max(overlap(text)).max(self.at);
                        break;
                    };
                    let begin = self.searched + offset;
                    let is_final = is_final(&text[self.at..begin]);
                    self.any = true;
                    self.go(begin + MESSAGE.len());
                    message = Some((self.at, is_final));
                }
                Some((begin, is_final)) => {
                    let ends = ENDS.iter().filter_map(|end| find(&text[self.searched..], end));
                    let end = ends.min().map(|offset| self.searched + offset);
                    let known = end.unwrap_or_else(|| held(text, begin, ENDS, is_whole));
                    if is_final {
                        last = Some((begin, known));
                    }
                    let Some(end) = end else {
                        self.searched = self.searched.max(overlap(text)).max(begin);
                        break;
                    };
                    self.go(end);
                    message = None;
                }
            }
        }
        self.state = State::Channels { message, last };
        let (begin, end) = last?;
        let begin = end - text[begin..end].trim_start().len();
        (is_whole || begin < end).then_some((begin, end))
    }

    /// The answer, up to where it is certain.
    fn end(&self, text: &str, is_whole: bool, close: Option<&'static str>) -> Option<(usize, usize)> {
        let Some(close) = close else { return Some((self.at, text.len())) };
        let trimmed = text[self.at..].trim_end();
        match trimmed.len().checked_sub(close.len()) {
            Some(length) if trimmed.is_char_boundary(length) && begins(&trimmed[length..], close) => {
                Some((self.at, self.at + length))
            }
            _ if is_whole => Some((self.at, text.len())),
            _ => Some((self.at, held(&text[..self.at + trimmed.len()], self.at, &[close], false))),
        }
    }

    fn go(&mut self, at: usize) {
        (self.at, self.searched) = (at, at);
    }
}

/// Where `text` from `begin` on is certain: a mark may begin at its end.
fn held(text: &str, begin: usize, marks: &[&str], is_whole: bool) -> usize {
    let longest = marks.iter().map(|mark| mark.len()).max().unwrap_or_default();
    let from = text.ceil_char_boundary(begin.max(text.len().saturating_sub(longest)));
    let may_begin =
        |at: &usize| text.is_char_boundary(*at) && marks.iter().any(|mark| begins(mark, &text[*at..]));
    if is_whole { text.len() } else { (from..text.len()).find(may_begin).unwrap_or(text.len()) }
}

/// Whether the message of this head is for the user: of the channel `final`, or of none.
fn is_final(head: &str) -> bool {
    let channel = head.rsplit_once(CHANNEL).map_or(head, |(_, channel)| channel);
    let mut words = channel.split(['<', '>', '|', ' ', '\n']).filter(|word| !word.is_empty());
    matches!(words.find(|word| !["start", "end", "assistant"].contains(word)), None | Some("final"))
}

/// The length of a thought that `text` begins with and whose opening mark is missing, as the model's template has it.
fn unopened(text: &str) -> Option<usize> {
    // What begins as JSON or as code is the answer, whatever stands in its strings.
    if text.starts_with(['{', '[']) || text.starts_with("```") {
        return None;
    }
    let bare = Some(&BARE_CHANNEL).filter(|(open, _)| begins(text, open));
    let mut found: Option<usize> = None;
    for &(open, close) in FAMILIES.iter().filter(|(open, _)| *open != PLAIN_WORDS).chain(bare) {
        let mut from = 0;
        while let Some(at) = find(&text[from..], close).map(|offset| from + offset) {
            let end = at + close.len();
            if is_mark(&text[..at], &text[end..]) {
                if find(&text[..at], open).is_none() || open == BARE_CHANNEL.0 {
                    found = found.max(Some(end));
                }
                break;
            }
            from = end;
        }
    }
    found
}

/// Whether a closing mark between these texts ends a thought, and no sentence speaks of it: it stands alone at the
/// beginning or the end of a line, or close to the words before it.
fn is_mark(before: &str, after: &str) -> bool {
    let begins_line = before.trim_end_matches([' ', '\t']).ends_with('\n') || before.trim().is_empty();
    let ends_line = after.trim_start_matches([' ', '\t', '\r']).starts_with('\n');
    let is_tight = before
        .ends_with(|c: char| c.is_alphanumeric() || matches!(c, '.' | '!' | '?' | ')' | '…' | '。'))
        && !after.starts_with(['"', '\'', '`', ')', ',', '.', '<']);
    let begins_sentence = begins_line && is_within_a_sentence("", after);
    (begins_line || ends_line || is_tight) && !begins_sentence && !is_within_a_sentence(before, after)
}

/// Whether a mark between these texts is a word of a sentence.
fn is_within_a_sentence(before: &str, after: &str) -> bool {
    let goes_on = after.strip_prefix(' ').is_some_and(|after| after.starts_with(char::is_lowercase));
    goes_on && (before.is_empty() || before.ends_with([' ', '`', '"', '\'']))
}

/// Whether the text behind a mark is too short to tell whether a sentence speaks of the mark.
fn is_undecided(after: &str) -> bool {
    after.is_empty() || after == " "
}

fn closers() -> impl Iterator<Item = &'static str> {
    let families = FAMILIES.iter().filter(|(open, _)| *open != PLAIN_WORDS);
    families.chain([&BARE_CHANNEL]).map(|(_, close)| *close)
}

/// All marks that may stand before the answer; the last one counts only where an upper-case letter follows it.
fn marks() -> impl Iterator<Item = &'static str> {
    let opens = FAMILIES.iter().chain(FRAMES).map(|(open, _)| *open);
    opens.chain(CHANNELS.iter().copied()).chain(closers()).chain(["analysis "])
}

/// Whether `text` begins with `mark`, in whatever case.
fn begins(text: &str, mark: &str) -> bool {
    let bytes = text.as_bytes().get(..mark.len());
    bytes.is_some_and(|bytes| bytes.eq_ignore_ascii_case(mark.as_bytes()))
}

/// Where `mark` stands in `text`, in whatever case.
fn find(text: &str, mark: &str) -> Option<usize> {
    let (text, mark) = (text.as_bytes(), mark.as_bytes());
    text.windows(mark.len()).position(|window| window.eq_ignore_ascii_case(mark))
}
