//! Tables and paragraphs for people, within so many columns.

use std::io::{self, IsTerminal};

use super::screen;

/// The most columns of tables and paragraphs.
pub(crate) const WIDTH: usize = 100;
/// The fewest, however narrow a terminal is.
const NARROW: usize = 30;

/// The columns that tables and paragraphs on stdout keep to: those of its terminal, if it is one and not wider than
/// [`WIDTH`].
pub(crate) fn width() -> usize {
    let stdout = io::stdout();
    if stdout.is_terminal() { screen::columns(stdout).clamp(NARROW, WIDTH) } else { WIDTH }
}

/// A table with a head, whose cells stand below each other, two spaces apart. A column that is empty below its head is left
/// out. A row that is too long for a terminal loses its end; programs and files get it whole.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    within(rows, if io::stdout().is_terminal() { width() } else { usize::MAX })
}

fn within(rows: &[Vec<String>], most: usize) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let is_filled =
        |column: &usize| rows.iter().skip(1).any(|row| row.get(*column).is_some_and(|cell| !cell.is_empty()));
    let filled: Vec<usize> = (0..columns).filter(is_filled).collect();
    let wide =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
    let widths: Vec<usize> = filled.iter().map(|column| wide(*column).unwrap_or_default()).collect();
    let line = |row: &Vec<String>| {
        let cell = |column: &usize| row.get(*column).map(String::as_str).unwrap_or_default();
        let cells = filled.iter().map(cell).zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cut(cells.collect::<Vec<_>>().join("  ").trim_end(), most))
    };
    rows.iter().map(line).collect()
}

/// `text` in at most `width` characters: its beginning and `...` where it is longer.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let start: String = text.chars().take(width.saturating_sub(3)).collect();
    format!("{}...", start.trim_end())
}

/// `text` in lines of the [`width`], each behind `indent` spaces but the first. Words are not broken.
pub(crate) fn wrapped(text: &str, indent: usize) -> String {
    let most = width();
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let line = lines.last().map_or(0, |line| line.chars().count());
        if line > 0 && indent + line + 1 + word.chars().count() > most {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join(&format!("\n{}", " ".repeat(indent)))
}

/// `2.0 GB`, `92 MB`, as vendors count.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes / 1000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_paragraphs_keep_to_the_width() {
        let row = |first: &str, last: &str| vec![first.to_owned(), String::new(), last.to_owned()];
        let rows = [row("a", &"b".repeat(200)), row("ccc", "ü")];
        let table = within(&rows, WIDTH);
        assert!(table.lines().all(|line| line.chars().count() <= WIDTH), "{table}");
        assert!(table.ends_with("ccc  ü\n") && table.contains("bbb...\n"), "{table}");
        assert!(within(&rows, usize::MAX).contains(&"b".repeat(200)));
        let text = "word ".repeat(60);
        let wrapped = wrapped(&text, 15);
        assert!(wrapped.lines().all(|line| line.chars().count() <= WIDTH), "{wrapped}");
        assert!(wrapped.lines().skip(1).all(|line| line.starts_with(&" ".repeat(15))), "{wrapped}");
        assert_eq!([2_000_000_000, 91_700_000, 512].map(bytes), ["2.0 GB", "91 MB", "0 kB"]);
    }
}
