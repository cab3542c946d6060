//! The label of a chunk: a line in brackets that a program puts before the words of the document.

/// The most bytes between the brackets.
const LONGEST: usize = 1000;
/// The most lines of a label: a pattern that finds its words may match a line's end too.
const LINES: usize = 4;

/// The words between the brackets and the offset of the byte after the label's line, if the chunk begins with a label and
/// something follows it. Only a label of one line has further brackets in it.
pub fn label(chunk: &str) -> Option<(&str, usize)> {
    let inside = chunk.strip_prefix('[')?;
    let first_line = inside.find('\n')?;
    if let Some(words) = inside[..first_line].trim_end().strip_suffix(']') {
        return (words.len() <= LONGEST).then_some((words, first_line + 2));
    }
    let end = inside.find(['[', ']']).filter(|end| *end > first_line && *end <= LONGEST)?;
    let (words, rest) = inside.split_at(end);
    let after = rest.strip_prefix(']')?;
    let line = after.find('\n')?;
    let lines: Vec<&str> = words.lines().collect();
    let is_label = after[..line].trim().is_empty()
        && lines.len() <= LINES
        && lines.iter().skip(1).rev().skip(1).all(|line| !line.trim().is_empty());
    is_label.then_some((words, chunk.len() - after.len() + line + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_what_stands_in_brackets_before_a_chunk() {
        let long = "x".repeat(300);
        let cases: &[(&str, Option<(&str, &str)>)] = &[
            ("[Report 2022]\ntext", Some(("Report 2022", "text"))),
            ("[Report 2022] \r\ntext", Some(("Report 2022", "text"))),
            ("[a [b] c]\ntext", Some(("a [b] c", "text"))),
            ("[12/03/\n2021]\ntext\n", Some(("12/03/\n2021", "text\n"))),
            ("[v1.2\n]\ntext", Some(("v1.2\n", "text"))),
            ("[\nv1.2]  \ntext", Some(("\nv1.2", "text"))),
            ("[]\ntext", Some(("", "text"))),
            // No label, or nothing behind it.
            ("text", None),
            ("[Report 2022]", None),
            ("[Report 2022] text\nmore", None),
            ("[Report\n\n2022]\ntext", None),
            ("[1] Smith\nsays [2]\ntext", None),
            ("[\n  {\n    1\n  },\n  2\n]\ntext", None),
            ("[a\nb] c\ntext", None),
            ("[a\nb\ntext", None),
        ];
        for (chunk, expected) in cases {
            let found = label(chunk).map(|(words, rest)| (words, &chunk[rest..]));
            assert_eq!(found, *expected, "{chunk:?}");
        }
        assert_eq!(label(&format!("[{long}]\n")).unwrap().0, long);
        assert_eq!(label(&format!("[{}]\n", long.repeat(10))), None);
    }
}
