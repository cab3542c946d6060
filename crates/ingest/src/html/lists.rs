//! Lists: what stands before their items.

use super::attributes::Attributes;
use super::tags::Tag;

/// How far items of nested lists are indented at most, in lists.
const DEEPEST: usize = 8;

/// The lists that are open, the innermost last.
#[derive(Default)]
pub(super) struct Lists(Vec<Option<Numbers>>);

/// How the items of an ordered list are numbered.
struct Numbers {
    next: i64,
    style: Style,
}

#[derive(Clone, Copy)]
enum Style {
    Decimal,
    Lower,
    Upper,
    LowerRoman,
    UpperRoman,
}

impl Lists {
    pub(super) fn open(&mut self, tag: Tag, attributes: &Attributes) {
        let style = match attributes.get("type").map(str::trim) {
            Some("a") => Style::Lower,
            Some("A") => Style::Upper,
            Some("i") => Style::LowerRoman,
            Some("I") => Style::UpperRoman,
            _ => Style::Decimal,
        };
        let next = attributes.number("start").unwrap_or(1);
        self.0.push((tag == Tag::Ol).then_some(Numbers { next, style }));
    }

    pub(super) fn close(&mut self) {
        self.0.pop();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What stands before the next item.
    pub(super) fn marker(&mut self, attributes: &Attributes) -> String {
        let indent = "  ".repeat(self.0.len().saturating_sub(1).min(DEEPEST));
        let Some(Some(numbers)) = self.0.last_mut() else { return format!("{indent}- ") };
        let number = attributes.number("value").unwrap_or(numbers.next);
        numbers.next = number.saturating_add(1);
        format!("{indent}{}. ", numbers.style.write(number))
    }
}

impl Style {
    fn write(self, number: i64) -> String {
        let written = match self {
            Self::Decimal => None,
            Self::Lower | Self::Upper => letters(number),
            Self::LowerRoman | Self::UpperRoman => roman(number),
        };
        match (self, written) {
            (Self::Lower | Self::LowerRoman, Some(written)) => written.to_ascii_lowercase(),
            (_, Some(written)) => written,
            (_, None) => number.to_string(),
        }
    }
}

/// A to Z, then AA.
fn letters(number: i64) -> Option<String> {
    let mut rest = u64::try_from(number).ok().filter(|number| *number > 0)?;
    let mut letters = Vec::new();
    while rest > 0 {
        letters.push(char::from(b'A' + ((rest - 1) % 26) as u8));
        rest = (rest - 1) / 26;
    }
    Some(letters.iter().rev().collect())
}

fn roman(number: i64) -> Option<String> {
    const DIGITS: [(i64, &str); 13] = [
        (1000, "M"),
        (900, "CM"),
        (500, "D"),
        (400, "CD"),
        (100, "C"),
        (90, "XC"),
        (50, "L"),
        (40, "XL"),
        (10, "X"),
        (9, "IX"),
        (5, "V"),
        (4, "IV"),
        (1, "I"),
    ];
    let mut rest = Some(number).filter(|number| (1..4000).contains(number))?;
    let mut roman = String::new();
    for (value, digit) in DIGITS {
        while rest >= value {
            roman.push_str(digit);
            rest -= value;
        }
    }
    Some(roman)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_the_style_of_the_list() {
        for (style, number, written) in [
            (Style::Decimal, -3, "-3"),
            (Style::Lower, 2, "b"),
            (Style::Upper, 28, "AB"),
            (Style::LowerRoman, 1994, "mcmxciv"),
            (Style::UpperRoman, 4000, "4000"),
            (Style::Lower, 0, "0"),
        ] {
            assert_eq!(style.write(number), written);
        }
    }
}
