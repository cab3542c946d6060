//! Accents that are drawn as characters of their own.

use unicode_normalization::char::compose;

/// Accents as characters of their own, and as marks on a letter.
const ACCENTS: [(char, char); 13] = [
    ('´', '\u{301}'),
    ('`', '\u{300}'),
    ('¨', '\u{308}'),
    ('ˆ', '\u{302}'),
    ('˜', '\u{303}'),
    ('¸', '\u{327}'),
    ('˚', '\u{30a}'),
    ('ˇ', '\u{30c}'),
    ('˘', '\u{306}'),
    ('¯', '\u{304}'),
    ('˙', '\u{307}'),
    ('˝', '\u{30b}'),
    ('˛', '\u{328}'),
];

/// Whether this is an accent that stands alone.
pub(super) fn is_accent(letter: char) -> bool {
    mark_of(letter).is_some()
}

/// The letter that a letter and an accent make, in either order.
pub(super) fn composed(first: char, second: char) -> Option<char> {
    let (letter, mark) = match (mark_of(first), mark_of(second)) {
        (Some(mark), None) => (second, mark),
        (None, Some(mark)) => (first, mark),
        _ => return None,
    };
    let letter = match letter {
        'ı' => 'i',
        'ȷ' => 'j',
        other => other,
    };
    compose(letter, mark)
}

fn mark_of(letter: char) -> Option<char> {
    if ('\u{300}'..='\u{36f}').contains(&letter) {
        return Some(letter);
    }
    ACCENTS.iter().find(|(alone, _)| *alone == letter).map(|(_, mark)| *mark)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_and_an_accent_make_one() {
        for (first, second, made) in [
            ('e', '´', Some('é')),
            ('´', 'e', Some('é')),
            ('¨', 'ı', Some('ï')),
            ('n', '\u{303}', Some('ñ')),
            ('a', 'b', None),
            ('x', '¸', None),
            ('´', '`', None),
        ] {
            assert_eq!(composed(first, second), made, "{first} {second}");
        }
    }
}
