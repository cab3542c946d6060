//! The two measures of a text from a PDF: its words, and the rows of its tables.

use crate::reading;
use crate::ruler::{TableRow, lost_rows, table_rows, word_f1};
use crate::writer::{Writer, figure, lines, text};

#[test]
fn the_ruler_measures() {
    assert_eq!(word_f1("a b c", "a b c"), 1.0);
    assert_eq!(word_f1("(a) b,", "a b"), 1.0);
    assert_eq!(word_f1("", "a b"), 0.0);
    assert!((word_f1("a b c d", "a b") - 2.0 / 3.0).abs() < 1e-9);
    let reference = "  Cash and others   $ 1,234   (56)\n\nNo row of figures\n   2013  2014\nOne figure   7\n Tax rate  12.5%  9%";
    let rows = table_rows(reference);
    let row = |label: &str, figures: [&str; 2]| TableRow {
        label: label.to_owned(),
        figures: figures.map(str::to_owned).to_vec(),
    };
    assert_eq!(rows, [row("Cash and others", ["1,234", "56"]), row("Tax rate", ["12.5", "9"])]);
    assert!(lost_rows(reference, &rows).is_empty());
    assert_eq!(lost_rows("Cash and others  1,234\n(56)\nTax rate 12.5% 9%", &rows), [&rows[0]]);
    assert_eq!(lost_rows("Cash and others (56) 1,234", &rows).len(), 2);
}

const LABELS: [&str; 6] = [
    "Cash and cash equivalents",
    "Accounts receivable, net and other",
    "Property and equipment, net",
    "Total assets",
    "Long-term debt",
    "Provision for income taxes",
];

/// A page of a report: prose, then a table whose cells are drawn in the order that `by_columns` says.
fn report(page: usize, by_columns: bool) -> (String, String) {
    let prose = [
        "The following table shows what the company owned at the end of the year, in millions,",
        "and should be read together with the notes that follow it on the next pages.",
    ];
    let mut content = lines(72.0, 760.0, &prose);
    let mut reference = format!("{}\n{}\n\n", prose[0], prose[1]);
    let mut columns = vec![String::new(); 4];
    for row in 0..30 {
        let y = 700.0 - 15.0 * row as f64;
        let label = format!("{} {}", LABELS[row % 6], row + 31 * page);
        let figures = [7919 * (row + 1) % 99_991, 104_729 * (row + 2) % 9_973, 13 * row + 1000];
        columns[0] += &text(72.0, y, &label);
        reference += &label;
        for (index, value) in figures.iter().enumerate() {
            let shown = if index == 1 { format!("({value})") } else { format!("{value}") };
            columns[index + 1] += &figure(360.0 + 80.0 * index as f64, y, &shown);
            reference += &format!("   {shown}");
        }
        reference.push('\n');
        if !by_columns {
            content += &columns.iter_mut().map(std::mem::take).collect::<String>();
        }
    }
    (content + &columns.concat(), reference + "\u{c}")
}

#[test]
fn words_and_rows_are_kept() {
    for by_columns in [false, true] {
        let (pages, reference): (Vec<_>, Vec<_>) = (0..4).map(|page| report(page, by_columns)).unzip();
        let read = reading(Writer::of(&pages).bytes());
        let reference = reference.concat();
        let rows = table_rows(&reference);
        assert_eq!(rows.len(), 120);
        assert_eq!(lost_rows(&read.text, &rows), Vec::<&TableRow>::new());
        let score = word_f1(&read.text, &reference);
        assert!(score > 0.99, "{score}\n{}", read.text);
        assert_eq!(read.notes, Vec::<String>::new());
    }
}
