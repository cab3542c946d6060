//! Number formats of a workbook (ECMA-376 part 1, 18.8.30 and 18.8.31): how a number is shown. Dates and times are
//! shown by ISO 8601, whatever the order that the format gives their parts.

use super::super::digits::{general, grouped, rounded, scientific};
use super::dates::{self, Clock};

/// A format that was understood.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in super::super) struct Format {
    sections: Vec<Section>,
}

/// What a section of a format is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum About {
    /// Text alone, or nothing.
    #[default]
    Text,
    /// A number in as many digits as it takes.
    General,
    Number,
    Date,
}

/// A part of a format between semicolons.
#[derive(Clone, Debug, Default, PartialEq)]
struct Section {
    about: About,
    condition: Option<(char, bool, f64)>,
    before: String,
    after: String,
    whole: usize,
    decimals: usize,
    fixed_decimals: usize,
    thousands: bool,
    scale: i32,
    exponent: bool,
    has_date: bool,
    clock: Clock,
    elapsed: bool,
    has_colour: bool,
}

/// What a format writes to show that a number is negative.
const SIGNS: &[char] = &['-', '\u{2212}', '–', '(', '▼', '▲', '△'];

/// The formats that every workbook has by number, where they are not general ones.
const BUILT_IN: &[(u32, &str)] = &[
    (1, "0"),
    (2, "0.00"),
    (3, "#,##0"),
    (4, "#,##0.00"),
    (5, "\"$\"#,##0;\\-\"$\"#,##0"),
    (6, "\"$\"#,##0;\\-\"$\"#,##0"),
    (7, "\"$\"#,##0.00;\\-\"$\"#,##0.00"),
    (8, "\"$\"#,##0.00;\\-\"$\"#,##0.00"),
    (9, "0%"),
    (10, "0.00%"),
    (11, "0.00E+00"),
    (14, "y-m-d"),
    (15, "y-m-d"),
    (16, "y-m-d"),
    (17, "y-m-d"),
    (18, "h:mm"),
    (19, "h:mm:ss"),
    (20, "h:mm"),
    (21, "h:mm:ss"),
    (22, "y-m-d h:mm"),
    (37, "#,##0;(#,##0)"),
    (38, "#,##0;(#,##0)"),
    (39, "#,##0.00;(#,##0.00)"),
    (40, "#,##0.00;(#,##0.00)"),
    (41, "#,##0;(#,##0);-"),
    (42, "\"$\"#,##0;\"$\"(#,##0);-"),
    (43, "#,##0.00;(#,##0.00);-"),
    (44, "\"$\"#,##0.00;\"$\"(#,##0.00);-"),
    (45, "mm:ss"),
    (46, "[h]:mm:ss"),
    (47, "mm:ss.0"),
    (48, "0.0E+0"),
];

/// The built-in formats of East Asian dates.
const EAST_ASIAN_DATES: [std::ops::RangeInclusive<u32>; 2] = [27..=36, 50..=58];

impl Format {
    /// The format that every workbook has by this number.
    pub(super) fn built_in(number: u32) -> Self {
        if EAST_ASIAN_DATES.iter().any(|dates| dates.contains(&number)) {
            return Self::of("y-m-d");
        }
        let found = BUILT_IN.iter().find(|(built_in, _)| *built_in == number);
        found.map_or_else(Self::default, |(_, code)| Self::of(code))
    }

    /// The format that a workbook writes so.
    pub(in super::super) fn of(code: &str) -> Self {
        Self { sections: sections(code).iter().map(|section| Section::of(section)).collect() }
    }

    /// The number as the workbook shows it.
    pub(in super::super) fn shown(&self, number: f64, epoch_1904: bool) -> String {
        let Some((section, is_negative_form)) = self.section(number) else { return general(number) };
        match section.about {
            About::General => format!("{}{}{}", section.before, general(number), section.after),
            About::Text if section.before.is_empty() => general(number),
            About::Text => section.before.clone(),
            About::Date => {
                let clock = section.clock;
                let has_time = clock.hours || clock.seconds;
                let shown = if section.elapsed {
                    dates::elapsed(number, clock)
                } else {
                    dates::shown(number, epoch_1904, section.has_date, has_time.then_some(clock))
                };
                shown.unwrap_or_else(|| general(number))
            }
            About::Number => section.number(if is_negative_form { number.abs() } else { number }),
        }
    }

    /// Whether the number is shown as a date or a time.
    pub(in super::super) fn is_date(&self, number: f64) -> bool {
        self.section(number).is_some_and(|(section, _)| section.about == About::Date)
    }

    /// The section for a number, and whether it shows negative numbers in a way of its own.
    fn section(&self, number: f64) -> Option<(&Section, bool)> {
        if self.sections.iter().any(|section| section.condition.is_some()) {
            let section = self.sections.iter().find(|section| section.holds(number))?;
            return Some((section, false));
        }
        match self.sections.as_slice() {
            [] => None,
            // A colour alone tells it from a positive one: text has none, so it gets its sign.
            [first, negative, ..] if number < 0.0 => Some((negative, !negative.shows_by_colour(first))),
            [_, _, zero, ..] if number == 0.0 => Some((zero, false)),
            [first, ..] => Some((first, false)),
        }
    }
}

impl Section {
    /// Whether nothing but a colour tells its numbers from those of another section.
    fn shows_by_colour(&self, other: &Self) -> bool {
        let plain = |section: &Self| (section.before.clone(), section.after.clone());
        self.has_colour
            && plain(self) == plain(other)
            && !format!("{}{}", self.before, self.after).contains(SIGNS)
    }

    fn of(code: &str) -> Self {
        let mut section = Self::default();
        let (mut year_or_day, mut month) = (false, false);
        let (mut in_decimals, mut commas, mut digits, mut fraction) = (false, 0, 0, false);
        let mut rest = code;
        while let Some(letter) = rest.chars().next() {
            let mut length = letter.len_utf8();
            match letter {
                '"' => {
                    let quoted = rest[1..].split('"').next().unwrap_or_default();
                    section.literal(quoted, digits > 0);
                    length = (quoted.len() + 2).min(rest.len());
                }
                '\\' => {
                    let next = rest[1..].chars().next().map_or(String::new(), String::from);
                    section.literal(&next, digits > 0);
                    length += next.len();
                }
                // Room as wide as a character, and a character that fills the cell.
                '_' | '*' => length += rest[1..].chars().next().map_or(0, char::len_utf8),
                '[' => {
                    let inner = rest[1..].split(']').next().unwrap_or_default();
                    section.bracketed(inner, digits > 0);
                    length = (inner.len() + 2).min(rest.len());
                }
                '@' => {}
                _ if starts_with(rest, "general") => {
                    section.about = About::General;
                    digits += 1;
                    length = "general".len();
                }
                _ if starts_with(rest, "am/pm") || starts_with(rest, "a/p") => {
                    section.clock.hours = true;
                    length = if starts_with(rest, "am/pm") { 5 } else { 3 };
                }
                '0' | '#' | '?' if section.exponent => {}
                '0' if section.clock.seconds => section.clock.decimals += usize::from(fraction),
                '0' | '#' | '?' => {
                    digits += 1;
                    section.thousands |= commas > 0 && !in_decimals;
                    commas = 0;
                    if in_decimals {
                        section.decimals += 1;
                        if letter == '0' {
                            section.fixed_decimals = section.decimals;
                        }
                    } else if letter == '0' {
                        section.whole += 1;
                    }
                }
                ',' if digits > 0 => commas += 1,
                '.' if section.clock.seconds && rest[1..].starts_with('0') => fraction = true,
                '.' if !in_decimals && (digits > 0 || rest[1..].starts_with(['0', '#', '?'])) => {
                    in_decimals = true
                }
                '%' => {
                    section.scale += 2;
                    section.literal("%", digits > 0);
                }
                'E' | 'e' if digits > 0 && rest[1..].starts_with(['+', '-']) => {
                    section.exponent = true;
                    length = 2;
                }
                'y' | 'Y' | 'd' | 'D' | 'e' | 'g' | 'G' | 'b' | 'B' => year_or_day = true,
                'm' | 'M' => month = true,
                'h' | 'H' => section.clock.hours = true,
                's' | 'S' => section.clock.seconds = true,
                _ => section.literal(&rest[..length], digits > 0),
            }
            rest = &rest[length..];
        }
        section.scale -= 3 * commas;
        let has_time = section.clock.hours || section.clock.seconds;
        if year_or_day || month || has_time || section.elapsed {
            section.about = About::Date;
            section.has_date = year_or_day || month && !has_time;
            section.clock.minutes |= month && (has_time || section.elapsed);
        } else if digits > 0 && section.about != About::General {
            // A fraction is shown as the number that it is.
            let is_fraction = section.after.contains('/');
            section.about = if is_fraction { About::General } else { About::Number };
            if is_fraction {
                (section.before, section.after) = (String::new(), String::new());
            }
        }
        section
    }

    fn literal(&mut self, text: &str, is_after: bool) {
        let side = if is_after { &mut self.after } else { &mut self.before };
        side.push_str(text);
    }

    /// A currency, a condition, elapsed time or a colour.
    fn bracketed(&mut self, inner: &str, is_after: bool) {
        let lower = inner.to_ascii_lowercase();
        if let Some(currency) = inner.strip_prefix('$') {
            self.literal(currency.split('-').next().unwrap_or_default(), is_after);
        } else if let Some(condition) = condition(inner) {
            self.condition = Some(condition);
        } else if !lower.is_empty() && lower.chars().all(|letter| matches!(letter, 'h' | 'm' | 's')) {
            self.elapsed = true;
            let unit = match lower.chars().next() {
                Some('h') => &mut self.clock.hours,
                Some('m') => &mut self.clock.minutes,
                _ => &mut self.clock.seconds,
            };
            *unit = true;
        } else {
            self.has_colour |= is_colour(&lower);
        }
    }

    fn holds(&self, number: f64) -> bool {
        let Some((operator, or_equal, limit)) = self.condition else { return true };
        or_equal && number == limit
            || match operator {
                '<' => number < limit,
                '>' => number > limit,
                '!' => number != limit,
                _ => false,
            }
    }

    fn number(&self, number: f64) -> String {
        let scaled = number * 10_f64.powi(self.scale);
        let (before, after) = (self.before.as_str(), self.after.as_str());
        if self.exponent {
            return format!("{before}{}{after}", scientific(scaled, self.decimals));
        }
        let (whole, decimals) = rounded(scaled, self.decimals);
        let kept = decimals.trim_end_matches('0').len().max(self.fixed_decimals);
        let decimals = &decimals[..kept.min(decimals.len())];
        let is_zero = !whole.bytes().chain(decimals.bytes()).any(|digit| digit != b'0');
        let sign = if number < 0.0 && !is_zero { "-" } else { "" };
        let whole = format!("{:0>1$}", whole, self.whole.clamp(1, 30));
        let whole = if self.thousands { grouped(&whole) } else { whole };
        let point = if decimals.is_empty() { "" } else { "." };
        format!("{sign}{before}{whole}{point}{decimals}{after}").trim().to_owned()
    }
}

/// Whether this names a colour, in brackets.
fn is_colour(lower: &str) -> bool {
    let names = ["black", "blue", "cyan", "green", "magenta", "red", "white", "yellow"];
    names.contains(&lower)
        || lower.starts_with("color")
        || lower.starts_with("farbe")
        || ["rot", "rouge"].contains(&lower)
}

fn starts_with(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// A condition such as `>=100`, as its operator, whether equality suffices, and the limit.
fn condition(text: &str) -> Option<(char, bool, f64)> {
    let operator = text.chars().next().filter(|letter| matches!(letter, '<' | '>' | '='))?;
    let number = text.trim_start_matches(['<', '>', '=']);
    let signs = &text[..text.len() - number.len()];
    let operator = if signs == "<>" { '!' } else { operator };
    Some((operator, signs.contains('='), number.trim().parse().ok()?))
}

/// The sections of a format. A semicolon in quotes or behind a backslash divides nothing.
fn sections(code: &str) -> Vec<String> {
    let mut sections = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for letter in code.chars() {
        if letter == ';' && !quoted && !escaped {
            sections.push(String::new());
            continue;
        }
        quoted ^= letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped && !quoted;
        if let Some(section) = sections.last_mut() {
            section.push(letter);
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_by_their_format() {
        for (code, number, shown) in [
            ("General", 1.0, "1"),
            ("General", 0.1 + 0.2, "0.3"),
            ("0", 2.5, "3"),
            ("0.00", 2.675, "2.68"),
            ("0.00", -0.001, "0.00"),
            ("000", 7.0, "007"),
            ("#,##0", 1_234_567.8, "1,234,568"),
            ("#,##0.00", -1234.5, "-1,234.50"),
            ("0.##", 1.5, "1.5"),
            ("#.##", 0.5, "0.5"),
            ("0%", 0.256, "26%"),
            ("0.0%", 0.256, "25.6%"),
            ("\"$\"#,##0.00", 1234.5, "$1,234.50"),
            ("[$€-407] #,##0.00", 5.0, "€ 5.00"),
            ("#,##0.00 [$€-407]", 5.0, "5.00 €"),
            ("#,##0_);(#,##0)", -1234.0, "(1,234)"),
            ("#,##0_);[Red]\\-#,##0", -3.0, "-3"),
            ("_-* #,##0.00 \"kr\"_-;_-* \"-\"??_-", 12.0, "12.00 kr"),
            ("#,##0;[Red]#,##0", -77.0, "-77"),
            ("#,##0;[Red]#,##0", 77.0, "77"),
            ("#,##0.00 [$€-407];[Red]#,##0.00 [$€-407]", -1234.5, "-1,234.50 €"),
            ("\"$\"0;[Color10]\"$\"0", -5.0, "-$5"),
            ("0.0%;[Red]0.0%;0", -0.05, "-5.0%"),
            ("0;[Red](0)", -7.0, "(7)"),
            ("0;[Red]-0", -7.0, "-7"),
            ("0\" Cr\";[Red]0\" Dr\"", -7.0, "7 Dr"),
            ("0;0", -7.0, "7"),
            ("0.0,,\"M\"", 12_345_678.0, "12.3M"),
            ("0.00E+00", 12345.0, "1.23E+04"),
            ("# ?/?", 0.5, "0.5"),
            ("[>=1000]0.0,\"k\";0", 1500.0, "1.5k"),
            ("[>=1000]0.0,\"k\";0", 15.0, "15"),
            ("0;-0;\"none\"", 0.0, "none"),
            ("0\" ; \"0", 12.0, "12 ;"),
            ("yyyy\\-mm\\-dd", 45352.0, "2024-03-01"),
            ("[$-409]d\\ mmm\\ yyyy;@", 45352.0, "2024-03-01"),
            ("dd/mm/yyyy hh:mm", 45_352.604_166_67, "2024-03-01 14:30"),
            ("h:mm AM/PM", 0.604_166_67, "14:30"),
            ("mm:ss", 0.000_694_444_4, "00:01:00"),
            ("mm:ss", 300.0 / 86_400.0, "00:05:00"),
            ("mm:ss.00", 252.34 / 86_400.0, "00:04:12.34"),
            ("mm:ss.0", 59.96 / 86_400.0, "00:01:00.0"),
            ("h:mm:ss", 0.5, "12:00:00"),
            ("yyyy-mm-dd hh:mm:ss.000", 45_352.604_166_67, "2024-03-01 14:30:00.000"),
            ("[h]:mm", 1.25, "30:00"),
            ("[h]:mm:ss", 1.25, "30:00:00"),
            ("[h]", 1.25, "30"),
            ("[mm]:ss", 5400.0 / 86_400.0, "01:30:00"),
            ("[m]", 5400.0 / 86_400.0, "90"),
            ("[s]", 5400.0 / 86_400.0, "5400"),
            ("[ss].00", 61.5 / 86_400.0, "61.50"),
            ("@", 5.0, "5"),
        ] {
            assert_eq!(Format::of(code).shown(number, false), shown, "{code} {number}");
        }
        assert_eq!(Format::built_in(14).shown(45352.0, true), "2028-03-02");
        assert_eq!(Format::built_in(44).shown(-5.0, false), "$(5.00)");
        assert_eq!(Format::default().shown(1.5, false), "1.5");
    }

    #[test]
    fn any_text_is_a_format() {
        for code in
            ["\"", "\\", "[", "_", "*", ";", "[$", "é%;\"é", "0.0.0,,,E", "[>x]0", "[<=", "E+", "y\u{301}"]
        {
            for number in [0.0, -1.5, 1e300, f64::NAN, f64::INFINITY, 1e-300, 45352.5, -7e9] {
                let _ = Format::of(code).shown(number, false);
                let _ = Format::of(&format!("0.00000000000000000000{code}")).shown(number, true);
            }
        }
    }
}
