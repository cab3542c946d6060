//! Durations as Go programs write and read them: `90s`, `1h30m`, `-1m`.

/// The units with their seconds; a longer name stands before its beginning.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("\u{b5}s", 1e-6),
    ("\u{3bc}s", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
];

/// The seconds of `text`, if Go's `time.ParseDuration` reads it: numbers, each with a unit, and `0` without one.
pub fn seconds(text: &str) -> Option<f64> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0.0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let (number, unit) = rest.split_at(end);
        let (name, factor) = UNITS.into_iter().find(|(name, _)| unit.starts_with(name))?;
        total += number.parse::<f64>().ok()? * factor;
        rest = &unit[name.len()..];
    }
    Some(sign * total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("0", Some(0.0)),
            ("10m", Some(600.0)),
            ("5m0s", Some(300.0)),
            ("1h30m", Some(5400.0)),
            ("1.5s", Some(1.5)),
            (".5s", Some(0.5)),
            ("1.s", Some(1.0)),
            ("300ms", Some(0.3)),
            ("-1m", Some(-60.0)),
            ("+2s", Some(2.0)),
            ("", None),
            ("-", None),
            ("10", None),
            ("10 m", None),
            ("m", None),
            (".s", None),
            ("1.2.3s", None),
            ("10d", None),
            ("ten minutes", None),
        ] {
            assert_eq!(seconds(text), expected, "{text:?}");
        }
    }
}
