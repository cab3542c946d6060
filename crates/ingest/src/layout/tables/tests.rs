use crate::layout::lines::lines;
use crate::layout::rows::rows;
use crate::layout::words::Word;

/// The lines of rows that are drawn 12 points apart in letters of 5: a cell begins where it does in `drawn`, whose
/// characters are 5 points wide; two spaces part cells.
fn read(drawn: &[&str]) -> Vec<String> {
    let mut words = Vec::new();
    for (row, line) in drawn.iter().enumerate() {
        let y = 100.0 + 12.0 * row as f32;
        let mut at = 0;
        for word in line.split(' ') {
            let length = word.chars().count();
            if length > 0 {
                let (x0, x1) = (5.0 * at as f32, 5.0 * (at + length) as f32);
                words.push(Word { text: word.to_owned(), x0, x1, y, size: 8.0, spaced: false });
            }
            at += length + 1;
        }
    }
    lines(rows(words)).into_iter().map(|line| line.text).collect()
}

#[test]
fn blank_cells_keep_their_places() {
    let table = [
        "Item             2021     2022     2023",
        "Steel              10       11       12",
        "Paint                       21       22",
        "Glass              30                32",
        "Wood               40       41",
        "Total                                66",
        "                            71       72",
        "                                     81",
        "Sand               50       51       52",
    ];
    let lines = [
        "Item  2021  2022  2023",
        "Steel  10  11  12",
        "Paint |  | 21 | 22",
        "Glass | 30 |  | 32",
        "Wood  40  41",
        "Total |  |  | 66",
        " |  | 71 | 72".trim_start(),
        "|  |  | 81",
        "Sand  50  51  52",
    ];
    assert_eq!(read(&table), lines);
}

#[test]
fn currencies_brackets_and_heads_are_no_columns() {
    let table = [
        "                           Cost or      Gross       Total",
        "                         Amortized      Gains       Value",
        "Cash                    $   10,406  $       —   $  10,406",
        "Money market funds          12,515          —      12,515",
        "Equity securities                                     170",
        "Debt securities              5,008        (1 )      4,990",
        "                        $   41,516  $       2   $  41,676",
        "Less: restricted cash                                (426 )",
        "Total cash and cash equivalents                 $  41,250",
    ];
    let lines = read(&table);
    assert_eq!(lines[4], "Equity securities |  |  | 170");
    assert_eq!(lines[7], "Less: restricted cash |  |  | (426 )");
    assert_eq!(lines[8], "Total cash and cash equivalents |  |  | $ 41,250");
    for (index, line) in lines.iter().enumerate().filter(|(index, _)| ![4, 7, 8].contains(index)) {
        assert!(!line.contains('|'), "{index}: {line}");
    }
}

#[test]
fn words_keep_their_places_in_a_grid() {
    let table = [
        "Part         Owner        Reviewer       State",
        "Steel        Ann          Bob            open",
        "Paint                     Cy             done",
        "Glass        Dee          Eve            open",
        "             Flo          Gus            done",
    ];
    let lines = read(&table);
    assert_eq!(lines[2], "Paint |  | Cy | done");
    assert_eq!(lines[4], "| Flo | Gus | done");
    assert_eq!(lines[3], "Glass  Dee  Eve  open");
}

#[test]
fn what_is_no_table_has_no_blanks() {
    let cases: &[(&str, &[&str])] = &[
        (
            "contents",
            &[
                "1    Introduction                      3",
                "     1.1    Scope                      4",
                "     1.2    Terms                      5",
                "2    Methods                           9",
                "     2.1    Samples                   10",
            ],
        ),
        (
            "contents with leaders",
            &[
                "1.   Scope ..........  of it        3",
                "     1.1   Terms ........        4",
                "2.   Ends .........   x     5",
            ],
        ),
        (
            "a list",
            &[
                "•    The first point",
                "     goes on here",
                "•    The second point",
                "     (a)   with a part",
                "     (b)   and one more",
            ],
        ),
        (
            "two columns of words",
            &[
                "The river rose in the night     On the second day a boat",
                "and nobody heard it come        came down from the hills",
                "                                with a child of 10 years",
                "until the morning               who said nothing at all",
            ],
        ),
        (
            "equations",
            &[
                "x    =    1    +    y         (1)",
                "          2                   (2)",
                "z    =         9              (3)",
            ],
        ),
        (
            "a head beside its column",
            &[
                "Year             Sales (tons)",
                "         2019             120",
                "         2020             135",
                "         2021             150",
            ],
        ),
        ("labels and figures", &["Sales        12", "             13", "Costs         9", "Profit        3"]),
        ("a form", &["Name: ______      Date: ______", "Street: ____      Town: ______     Code: ____"]),
        ("one row", &["Item      2021      2022               2023"]),
    ];
    for (name, drawn) in cases {
        for line in read(drawn) {
            assert!(!line.contains('|'), "{name}: {line}");
        }
    }
}
