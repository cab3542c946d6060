//! How many columns of a terminal a text takes.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Stands for what was cut off.
const DOTS: &str = "...";

/// `text`, cut off where it takes more than `columns`. A wide character counts as two.
pub(super) fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let (room, dots) = match columns.checked_sub(DOTS.len()) {
        Some(room) => (room, DOTS),
        None => (columns, ""),
    };
    let mut taken = 0;
    let kept = text.chars().take_while(|c| {
        taken += c.width().unwrap_or_default();
        taken <= room
    });
    kept.collect::<String>().trim_end().to_owned() + dots
}

/// `text` in lines of at most `columns`, broken between words where that is possible.
pub(super) fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(1);
    let (mut lines, mut line, mut taken) = (Vec::new(), String::new(), 0);
    for word in text.split_whitespace() {
        let width = word.width();
        if taken > 0 && taken + 1 + width > columns {
            lines.push(std::mem::take(&mut line));
            taken = 0;
        }
        if taken > 0 {
            line.push(' ');
            taken += 1;
        }
        for c in word.chars() {
            let width = c.width().unwrap_or_default();
            if taken + width > columns && taken > 0 {
                lines.push(std::mem::take(&mut line));
                taken = 0;
            }
            line.push(c);
            taken += width;
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_by_columns() {
        for (text, columns, shown) in [
            ("abcdef", 6, "abcdef"),
            ("abcdefg", 6, "abc..."),
            ("中文中文", 8, "中文中文"),
            ("中文中文", 7, "中文..."),
            ("中文中文", 6, "中..."),
            ("ab cdef", 6, "ab..."),
            ("e\u{301}e\u{301}e\u{301}", 3, "e\u{301}e\u{301}e\u{301}"),
            ("abcdef", 2, "ab"),
            ("abcdef", 0, ""),
        ] {
            assert_eq!(cut(text, columns), shown, "{text} {columns}");
        }
    }

    #[test]
    fn lines_are_broken_between_words() {
        assert_eq!(wrapped("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrapped("abcdefgh i", 3), ["abc", "def", "gh", "i"]);
        assert_eq!(wrapped("中文 中", 4), ["中文", "中"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
