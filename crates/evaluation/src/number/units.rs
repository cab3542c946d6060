//! Units and scales, as answers write them.

/// What is measured. Amounts of two kinds are never equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Share,
    Time,
    Length,
    Mass,
    Volume,
    Bytes,
    /// A currency, by its code.
    Money(&'static str),
}

/// A kind, and how many of its base unit this unit is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Unit {
    pub kind: Kind,
    pub factor: f64,
}

const UNITS: &[(&str, Kind, f64)] = &[
    ("%", Kind::Share, 0.01),
    ("percent", Kind::Share, 0.01),
    ("per cent", Kind::Share, 0.01),
    ("pct", Kind::Share, 0.01),
    ("percentage points", Kind::Share, 0.01),
    ("percentage point", Kind::Share, 0.01),
    ("points", Kind::Share, 0.01),
    ("pp", Kind::Share, 0.01),
    ("basis points", Kind::Share, 0.0001),
    ("bps", Kind::Share, 0.0001),
    ("ns", Kind::Time, 1e-9),
    ("nanosecond", Kind::Time, 1e-9),
    ("us", Kind::Time, 1e-6),
    ("μs", Kind::Time, 1e-6),
    ("microsecond", Kind::Time, 1e-6),
    ("ms", Kind::Time, 1e-3),
    ("millisecond", Kind::Time, 1e-3),
    ("s", Kind::Time, 1.0),
    ("sec", Kind::Time, 1.0),
    ("second", Kind::Time, 1.0),
    ("min", Kind::Time, 60.0),
    ("minute", Kind::Time, 60.0),
    ("h", Kind::Time, 3600.0),
    ("hr", Kind::Time, 3600.0),
    ("hour", Kind::Time, 3600.0),
    ("day", Kind::Time, 86_400.0),
    ("week", Kind::Time, 604_800.0),
    // A month and a year have no fixed number of days, but a year has twelve months.
    ("month", Kind::Time, 31_557_600.0 / 12.0),
    ("year", Kind::Time, 31_557_600.0),
    ("nm", Kind::Length, 1e-9),
    ("mm", Kind::Length, 1e-3),
    ("millimetre", Kind::Length, 1e-3),
    ("millimeter", Kind::Length, 1e-3),
    ("cm", Kind::Length, 1e-2),
    ("centimetre", Kind::Length, 1e-2),
    ("centimeter", Kind::Length, 1e-2),
    ("m", Kind::Length, 1.0),
    ("metre", Kind::Length, 1.0),
    ("meter", Kind::Length, 1.0),
    ("km", Kind::Length, 1e3),
    ("kilometre", Kind::Length, 1e3),
    ("kilometer", Kind::Length, 1e3),
    ("mile", Kind::Length, 1609.344),
    ("foot", Kind::Length, 0.3048),
    ("feet", Kind::Length, 0.3048),
    ("ft", Kind::Length, 0.3048),
    ("inch", Kind::Length, 0.0254),
    ("inches", Kind::Length, 0.0254),
    ("μg", Kind::Mass, 1e-6),
    ("mcg", Kind::Mass, 1e-6),
    ("mg", Kind::Mass, 1e-3),
    ("milligram", Kind::Mass, 1e-3),
    ("g", Kind::Mass, 1.0),
    ("gram", Kind::Mass, 1.0),
    ("kg", Kind::Mass, 1e3),
    ("kilogram", Kind::Mass, 1e3),
    ("tonne", Kind::Mass, 1e6),
    ("t", Kind::Mass, 1e6),
    ("ton", Kind::Mass, 1e6),
    ("ml", Kind::Volume, 1e-3),
    ("millilitre", Kind::Volume, 1e-3),
    ("milliliter", Kind::Volume, 1e-3),
    ("l", Kind::Volume, 1.0),
    ("litre", Kind::Volume, 1.0),
    ("liter", Kind::Volume, 1.0),
    ("byte", Kind::Bytes, 1.0),
    ("kb", Kind::Bytes, 1e3),
    ("kilobyte", Kind::Bytes, 1e3),
    ("mb", Kind::Bytes, 1e6),
    ("megabyte", Kind::Bytes, 1e6),
    ("gb", Kind::Bytes, 1e9),
    ("gigabyte", Kind::Bytes, 1e9),
    ("tb", Kind::Bytes, 1e12),
    ("kib", Kind::Bytes, 1024.0),
    ("mib", Kind::Bytes, 1_048_576.0),
    ("gib", Kind::Bytes, 1_073_741_824.0),
    ("$", Kind::Money("usd"), 1.0),
    ("us$", Kind::Money("usd"), 1.0),
    ("usd", Kind::Money("usd"), 1.0),
    ("dollar", Kind::Money("usd"), 1.0),
    ("cent", Kind::Money("usd"), 0.01),
    ("€", Kind::Money("eur"), 1.0),
    ("eur", Kind::Money("eur"), 1.0),
    ("euro", Kind::Money("eur"), 1.0),
    ("£", Kind::Money("gbp"), 1.0),
    ("gbp", Kind::Money("gbp"), 1.0),
    ("¥", Kind::Money("jpy"), 1.0),
    ("jpy", Kind::Money("jpy"), 1.0),
    ("yen", Kind::Money("jpy"), 1.0),
    ("chf", Kind::Money("chf"), 1.0),
    ("franc", Kind::Money("chf"), 1.0),
];

const SCALES: &[(&str, f64)] = &[
    ("hundred", 1e2),
    ("thousand", 1e3),
    ("million", 1e6),
    ("mn", 1e6),
    ("mln", 1e6),
    ("mio", 1e6),
    ("billion", 1e9),
    ("bn", 1e9),
    ("bln", 1e9),
    ("trillion", 1e12),
    ("tn", 1e12),
];

/// Letters that stand right behind a number.
const LETTERS: &[(&str, f64)] = &[("k", 1e3), ("m", 1e6), ("mm", 1e6), ("b", 1e9), ("t", 1e12)];

/// The unit that a word in small letters names, in singular or plural.
pub(super) fn unit(word: &str) -> Option<Unit> {
    let known = |word: &str| {
        let (_, kind, factor) = UNITS.iter().find(|(name, ..)| *name == word)?;
        Some(Unit { kind: *kind, factor: *factor })
    };
    known(word).or_else(|| known(word.strip_suffix('s').filter(|word| word.len() > 2)?))
}

/// `thousand` and the like.
pub(super) fn scale(word: &str) -> Option<f64> {
    let word = word.strip_suffix('s').filter(|word| word.len() > 4).unwrap_or(word);
    SCALES.iter().find(|(name, _)| *name == word).map(|(_, scale)| *scale)
}

/// The scale of letters that stand right behind a number: `72.7m`.
pub(super) fn scale_of_letters(letters: &str) -> Option<f64> {
    let of_letter = LETTERS.iter().find(|(name, _)| *name == letters).map(|(_, scale)| *scale);
    of_letter.or_else(|| scale(letters))
}
