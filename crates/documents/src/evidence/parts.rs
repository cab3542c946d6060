//! Takes apart what a worker cites from several places: words with an ellipsis between them, and lists.

use std::sync::LazyLock;

use regex::Regex;

use super::characters::{self, Kind};

/// The most places of one citation.
const PARTS: usize = 20;
/// The most bytes that an ellipsis may stand for.
pub(super) const ELIDED: usize = 400;

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a fixed pattern")
}

static ELLIPSIS: LazyLock<Regex> = LazyLock::new(|| {
    let dots = r"(?:\.{3,}|\.(?:\s\.){2,}|\u{2026}+|\u{22ef}+|\u{2025})\.?";
    pattern(&format!(r"\s*(?:\[\s*{dots}\s*\]|\(\s*{dots}\s*\)|\x3c\s*{dots}\s*\x3e|{dots})\s*"))
});
static LIST: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"\s*[;\u{ff1b}\u{61b}\n]\s*|["\u{201d}\u{bb}\u{300d}]\s*(?:[,&+/]|and|und|et|y|e|\u{548c}|\u{648})?\s*["\u{201c}\u{201e}\u{ab}\u{300c}]"#,
    )
});
static BULLET: LazyLock<Regex> = LazyLock::new(|| pattern(r"^(?:[-*\u{2022}\u{2013}]|\(?\d{1,2}[.)])\s+"));
/// Where a sentence, a row or an entry ends.
static END: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r#"[.!?\u{61f}\u{6d4}]["'\u{201d}\u{2019})\]]*\s+["'\u{201c}\u{201e}\u{ab}(\[]*[\p{Lu}\p{Lt}\p{Lo}\p{Nd}]|[\u{3002}\u{ff01}\u{ff1f}\u{ff1b};{}]|\n[ \t]*\n|\n[ \t]*(?:[-*\u{2022}#|>]|\d+[.)])\s"#,
    )
});
static SHORTENED: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?:^|[^\p{L}])(?:\p{L}|Mio|Mrd|Tsd|Str|Mr|Mrs|Ms|Dr|Prof|St|Nos?|Nr|Fig|Abs|Art|Sec|Inc|Ltd|Corp|Co|vs|approx|ca|etc|cf|bzw|al)$",
    )
});
/// Words that turn the sense of a sentence, or bind it to something.
const TURNS: &str = "not no never nor neither none nobody nothing without cannot except unless but however although though despite if \
    failed fails fail refused refuses declined denied denies rejected hardly scarcely barely almost nearly instead rather formerly \
    nicht kein keine keinen keinem keiner keines nie niemals ohne weder noch kaum außer sondern aber jedoch nichts fast falls wenn \
    ne pas jamais non sans ni aucun aucune sauf mais presque nunca sin tampoco jamás excepto salvo pero ningún ninguna casi mai \
    senza ma né não sem mas nem niet geen nooit zonder maar не нет ни без никогда кроме но если \
    لا لم لن ليس ليست ليسوا غير دون بدون إلا لكن ما";
/// The same in scripts that put no spaces between words.
const TURNS_WITHIN: [&str; 26] = [
    "不",
    "没",
    "沒",
    "無",
    "无",
    "未",
    "非",
    "勿",
    "莫",
    "否",
    "除",
    "但",
    "若",
    "如果",
    "几乎",
    "ない",
    "なかった",
    "ません",
    "ず",
    "않",
    "못",
    "없",
    "아니",
    "지만",
    "안 ",
    "미만",
];

/// The parts of a citation around its ellipses.
pub(super) fn around_ellipses(words: &str) -> Vec<&str> {
    let parts: Vec<&str> = ELLIPSIS.split(words).map(bare).filter(|part| has_atoms(part)).collect();
    if parts.len() > PARTS { Vec::new() } else { parts }
}

/// The parts of a citation that is a list of quotations.
pub(super) fn of_list(words: &str) -> Vec<&str> {
    let parts: Vec<&str> = LIST.split(words).map(bare).filter(|part| has_atoms(part)).collect();
    if parts.len() > PARTS { Vec::new() } else { parts }
}

/// A part of a list without its bullet or number.
pub(super) fn without_bullet(part: &str) -> &str {
    BULLET.find(part).map_or(part, |bullet| &part[bullet.end()..])
}

fn bare(part: &str) -> &str {
    part.trim_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\u{201c}' | '\u{201d}' | '\u{201e}'))
}

fn has_atoms(part: &str) -> bool {
    part.contains(char::is_alphanumeric)
}

/// Whether a part of a list says something by itself: three words, two with a number among them, or four letters of a
/// script without spaces.
pub(super) fn says_something(part: &str) -> bool {
    let words = part.split_whitespace().filter(|word| has_atoms(word)).count();
    let scripts = part.chars().filter(|c| characters::kind(*c) == Kind::Script).count();
    words >= 3 || scripts >= 4 || words == 2 && has_number(part) && part.contains(char::is_alphabetic)
}

fn has_number(text: &str) -> bool {
    text.contains(char::is_numeric)
}

/// Whether an ellipsis may stand for the first `gap` bytes of `text`, before the next part, which ends with it: all is one
/// sentence, row or entry, the words don't turn its sense, and no number of the next part may belong to something that
/// they name.
pub(super) fn may_elide(text: &str, gap: usize) -> bool {
    let is_end = |end: &regex::Match| {
        let is_point = end.as_str().starts_with('.');
        end.start() < gap && !(is_point && SHORTENED.is_match(&text[..end.start()]))
    };
    let (next, gap) = (&text[gap..], text[..gap].trim());
    if gap.len() > ELIDED || END.find_iter(text).any(|end| is_end(&end)) || turns(gap) {
        return false;
    }
    let is_insertion = gap.starts_with([',', '(', '\u{2013}', '\u{2014}', '\u{ff0c}', '\u{60c}'])
        && gap.ends_with([',', ')', '\u{2013}', '\u{2014}', '\u{ff0c}', '\u{60c}']);
    let is_of_numbers = !gap.contains(|c: char| c.is_alphabetic());
    is_insertion || is_of_numbers || !(has_number(gap) && has_number(next))
}

/// Whether a word among these turns the sense.
pub(super) fn turns(words: &str) -> bool {
    let words = words.to_lowercase().replace('\u{2019}', "'");
    let is_turn = |word: &str| {
        let plain = word.strip_prefix(['و', 'ف']).unwrap_or(word);
        word.ends_with("n't") || TURNS.split_whitespace().any(|turn| turn == word || turn == plain)
    };
    words
        .split(|c: char| !c.is_alphanumeric() && c != '\'')
        .any(|word| is_turn(word) || is_turn(word.trim_matches('\'')))
        || words.starts_with('!')
        || TURNS_WITHIN.iter().any(|turn| words.contains(turn))
}

/// Words that deny what stands right behind them, or right before them.
const DENIALS: &str = "not no never cannot nicht kein keine keinen keinem keiner keines nie niemals ne pas jamais nunca não non \
    niet geen nooit не нет لا لم لن ليس ليست غير";
/// The same in scripts that put no spaces between words: before what they deny, and behind it.
const DENIALS_BEFORE: [&str; 10] = ["不", "没", "没有", "沒", "沒有", "未", "非", "無", "无", "勿"];
const DENIALS_BEHIND: [&str; 8] = ["ない", "なかった", "ません", "ませんでした", "ず、", "ず。", "않", "못"];

/// Whether a word that stands right before or behind some words denies them.
pub(super) fn denies(before: &str, behind: &str) -> bool {
    let is_denial = |word: &str| {
        let word = word.to_lowercase();
        DENIALS
            .split_whitespace()
            .any(|denial| denial == word || Some(denial) == word.strip_prefix(['و', 'ف']))
    };
    let words =
        |text: &'_ str| text.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect::<Vec<_>>();
    let last = words(before.trim_end()).pop().unwrap_or_default();
    let next = words(behind.trim_start()).into_iter().next().unwrap_or_default();
    // "no" and its like deny what follows alone.
    let is_behind = |word: &str| {
        is_denial(word) && !matches!(&*word.to_lowercase(), "no" | "ne" | "non" | "لا" | "لم" | "لن" | "غير")
    };
    is_denial(&last)
        || ["n't", "n\u{2019}t"].iter().any(|end| before.trim_end().ends_with(end))
        || is_behind(&next)
        || DENIALS_BEFORE.iter().any(|denial| before.ends_with(denial))
        || DENIALS_BEHIND.iter().any(|denial| behind.starts_with(denial))
}

/// Small numbers in words, as contracts write them before the number: `thirty (30)`.
pub(super) fn spelled(number: u32) -> Option<String> {
    const SMALL: [&str; 20] = [
        "zero",
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "nine",
        "ten",
        "eleven",
        "twelve",
        "thirteen",
        "fourteen",
        "fifteen",
        "sixteen",
        "seventeen",
        "eighteen",
        "nineteen",
    ];
    const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    let tens = TENS.get((number as usize / 10).wrapping_sub(2));
    match (number % 10, tens) {
        _ if number < 20 => Some(SMALL[number as usize].to_owned()),
        (0, Some(tens)) => Some((*tens).to_owned()),
        (ones, Some(tens)) => Some(format!("{tens}-{}", SMALL[ones as usize])),
        (_, None) => None,
    }
}

/// Whether the rest of a word turns what its beginning says, as in "can|not".
pub(super) fn turns_word(rest: &str) -> bool {
    let rest = rest.to_lowercase();
    ["not", "n't", "n\u{2019}t", "'t", "\u{2019}t", "less", "los", "frei", "free"]
        .iter()
        .any(|end| rest.starts_with(end))
}
