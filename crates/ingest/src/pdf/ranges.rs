//! Page numbers as people write them.

/// "page 4", or "pages 1, 3-9". The numbers are sorted.
pub(super) fn pages(numbers: &[u32]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for &number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let shown = ranges.iter().take(12).map(|(first, last)| match last - first {
        0 => first.to_string(),
        1 => format!("{first}, {last}"),
        _ => format!("{first}-{last}"),
    });
    let mut text = shown.collect::<Vec<_>>().join(", ");
    if ranges.len() > 12 {
        text.push_str(", ...");
    }
    format!("{} {text}", if numbers.len() == 1 { "page" } else { "pages" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_make_a_range() {
        for (numbers, text) in [
            (&[4][..], "page 4"),
            (&[4, 5], "pages 4, 5"),
            (&[1, 3, 4, 5, 9], "pages 1, 3-5, 9"),
            (&(1..40).step_by(2).collect::<Vec<_>>(), "pages 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, ..."),
        ] {
            assert_eq!(pages(numbers), text);
        }
    }
}
