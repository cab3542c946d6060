//! Numbers in words: `twenty-one`, `three million`, `a dozen`.

use super::units;
use crate::phrase::words;

/// A number in words, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spelt {
    pub start: usize,
    pub end: usize,
    pub value: f64,
    /// It may be no number: `one of the ports`, `no`.
    pub is_weak: bool,
}

fn small(word: &str) -> Option<f64> {
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
    SMALL.iter().position(|name| *name == word).map(|value| value as f64)
}

fn tens(word: &str) -> Option<f64> {
    const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
    TENS.iter().position(|name| *name == word).map(|at| (at as f64 + 2.0) * 10.0)
}

/// The numbers that a plain text has in words.
pub(super) fn numbers(plain: &str) -> Vec<Spelt> {
    let spans = words(plain);
    let word = |at: usize| spans.get(at).map_or("", |(start, end)| &plain[*start..*end]);
    // Words of one number have a space or a hyphen between them.
    let joins = |at: usize| at + 1 < spans.len() && matches!(&plain[spans[at].1..spans[at + 1].0], " " | "-");
    let (mut found, mut at) = (Vec::new(), 0);
    while at < spans.len() {
        let begin = at;
        let article = matches!(word(at), "a" | "an") && joins(at);
        if article {
            at += 1;
        }
        let (mut total, mut part, mut taken) = (0.0, 0.0, 0);
        loop {
            let next = word(at);
            let is_dozen = next == "dozen" || next == "dozens" && taken > 0;
            if let Some(value) = small(next).or_else(|| tens(next)) {
                // `two three` are two numbers.
                let fits =
                    part == 0.0 && taken == 0 || part >= 20.0 && part % 10.0 == 0.0 && value < part % 100.0;
                if !fits && (taken > 0 && (part % 100.0 != 0.0 || part == 0.0 && total == 0.0)) {
                    break;
                }
                part += value;
            } else if is_dozen {
                part = if part == 0.0 { 1.0 } else { part } * 12.0;
            } else if next == "hundred" && (taken > 0 || article) {
                part = if part == 0.0 { 1.0 } else { part } * 100.0;
            } else if let Some(scale) = units::scale(next).filter(|_| taken > 0 || article) {
                total += if part == 0.0 { 1.0 } else { part } * scale;
                part = 0.0;
            } else {
                let goes_on = next == "and" && taken > 0 && (part >= 100.0 || total > 0.0);
                if goes_on && joins(at) && (small(word(at + 1)).or_else(|| tens(word(at + 1)))).is_some() {
                    at += 1;
                    continue;
                }
                break;
            }
            taken += 1;
            at += 1;
            if !joins(at - 1) {
                break;
            }
        }
        if taken > 0 {
            let is_weak = taken == 1 && word(begin) == "one";
            found.push(Spelt { start: spans[begin].0, end: spans[at - 1].1, value: total + part, is_weak });
            continue;
        }
        // `no more`, `no later than` count nothing.
        let compares = matches!(
            word(begin + 1),
            "more" | "less" | "fewer" | "later" | "earlier" | "longer" | "greater" | "doubt"
        );
        if matches!(word(begin), "no" | "none" | "nil") && !(word(begin) == "no" && compares) {
            found.push(Spelt { start: spans[begin].0, end: spans[begin].1, value: 0.0, is_weak: true });
        }
        at = begin + 1;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_numbers() {
        for (text, values) in [
            ("twelve", &[12.0][..]),
            ("twenty-one ships", &[21.0]),
            ("one hundred and five", &[105.0]),
            ("a hundred", &[100.0]),
            ("three million two hundred thousand", &[3_200_000.0]),
            ("two thousand and nineteen", &[2019.0]),
            ("a dozen", &[12.0]),
            ("two, three or four", &[2.0, 3.0, 4.0]),
            ("seven and eight", &[7.0, 8.0]),
            ("no ships, none", &[0.0, 0.0]),
            ("a ship", &[]),
            ("million", &[]),
        ] {
            let found: Vec<f64> = numbers(text).iter().map(|found| found.value).collect();
            assert_eq!(found, values, "{text}");
        }
    }
}
