//! What layout needs to know of scripts: which way they run, whether they write spaces.

/// Whether a letter is of a script that is written from right to left.
pub(crate) fn is_right_to_left(letter: char) -> bool {
    matches!(letter, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}'
        | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
        && !letter.is_numeric()
}

/// Whether a letter is of a script without spaces: Chinese and Japanese, with their punctuation.
pub(crate) fn is_unspaced(letter: char) -> bool {
    matches!(letter, '\u{2e80}'..='\u{312f}' | '\u{31a0}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ff9f}' | '\u{20000}'..='\u{3ffff}')
}

/// A line from left to right, as a reader of its script reads it.
pub(crate) fn logical(line: &str) -> String {
    if !line.chars().any(is_right_to_left) {
        return line.to_owned();
    }
    let letters: Vec<char> = line.chars().collect();
    let backwards = letters.iter().filter(|letter| is_right_to_left(**letter)).count();
    let forwards = letters.iter().filter(|letter| letter.is_alphabetic()).count().saturating_sub(backwards);
    if backwards >= forwards {
        let mut turned: Vec<char> = letters.into_iter().rev().collect();
        turn_runs(
            &mut turned,
            |letter| letter.is_alphanumeric() && !is_right_to_left(letter),
            is_right_to_left,
        );
        turned.into_iter().map(mirrored).collect()
    } else {
        let mut turned = letters;
        turn_runs(&mut turned, is_right_to_left, |letter| {
            letter.is_alphanumeric() && !is_right_to_left(letter)
        });
        turned.into_iter().collect()
    }
}

/// Turns each run that begins and ends with a `member` and has no `stranger` in it.
fn turn_runs(letters: &mut [char], member: impl Fn(char) -> bool, stranger: impl Fn(char) -> bool) {
    let mut index = 0;
    while index < letters.len() {
        if !member(letters[index]) {
            index += 1;
            continue;
        }
        let rest = &letters[index..];
        let reach = rest.iter().position(|letter| stranger(*letter)).unwrap_or(rest.len());
        let end = index + rest[..reach].iter().rposition(|letter| member(*letter)).unwrap_or(0) + 1;
        let end = end + letters[end..].iter().take_while(|letter| matches!(letter, '%' | '°')).count();
        letters[index..end].reverse();
        index = end;
    }
}

/// Brackets, as they were drawn the other way round.
fn mirrored(letter: char) -> char {
    match letter {
        '(' => ')',
        ')' => '(',
        '[' => ']',
        ']' => '[',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_read_in_the_order_of_their_script() {
        for (drawn, read) in [
            ("plain (text) 12", "plain (text) 12"),
            ("םולש", "שלום"),
            ("123 םולש", "שלום 123"),
            ("PDF ץבוק", "קובץ PDF"),
            ("ג 1,234.50 א", "א 1,234.50 ג"),
            ("the word םולש תוברת here", "the word תרבות שלום here"),
            ("", ""),
        ] {
            assert_eq!(logical(drawn), read);
        }
    }
}
