//! The same for how things are written: marks, rows of tables, cut ends, code, and words that deny.

use super::Sources;
use super::quotation_tests::check;

#[test]
fn marks_of_footnotes_and_of_markdown_may_go() {
    check(&[
        (
            "Net sales (1) were $ 5,000 in 2019",
            &[
                "Net sales were $5,000 in 2019",
                "Net sales(1) were $5,000",
                "Net sales\u{b9} were $5,000",
                "Net sales [1] were $ 5,000",
            ],
            &[
                "Net sales (2) were $5,000",
                "Net sales were $5,001 in 2019",
                "Net sales were $5.000 in 2019",
                "Net sales were $5000 in 2019",
            ],
        ),
        (
            "Net sales\u{b9} rose.\u{b2} The fleet[12] grew.[3] It",
            &["Net sales rose. The fleet grew. It"],
            &["Net sales\u{b2} rose"],
        ),
        (
            "an area of 100 m\u{b2} and 10\u{b2} tugs",
            &["an area of 100 m2 and 10^2 tugs"],
            &["an area of 100 m and", "and 102 tugs", "and 10 tugs"],
        ),
        ("Other income (3) 12 (5)", &["Other income (3) 12"], &["Other income 12", "Other income 3 12"]),
        (
            "Net loss of (5.2) million",
            &["loss of (5.2) million"],
            &["loss of million", "loss of 5.2 million"],
        ),
        ("x = a[1] + f(2);", &["x = a[1] + f(2)"], &["x = a + f(2)", "x = a[2] + f(2)", "x = a[1] + f()"]),
        (
            "we use sha1 for files",
            &["we use sha1 for files"],
            &["we use sha for files", "we use sha2 for files"],
        ),
        (
            "Net sales1 grew fast.\n1 Includes shipping fees.",
            &["Net sales grew fast"],
            &["Net sales2 grew fast"],
        ),
        (
            "**Technique**: CT (_Omnipaque_ 240) of the `spine`",
            &["Technique: CT (Omnipaque 240) of the spine"],
            &["Technique: CT (Omnipaque 300) of the spine"],
        ),
        (
            "see [the guide](https://x.y/a1) for more than 5 users",
            &["see the guide for more than 5 users"],
            &["see the guide for more than 6 users", "see [the guide](https://x.y/a2) for more than 5 users"],
        ),
        ("> The limit\n> is fifty", &["The limit is fifty"], &["The limit > is fifty"]),
        (
            "a<br>b holds 5<sup>2</sup> of <b>ten</b> units",
            &["b holds 5^2 of ten units"],
            &["b holds 52 of ten units"],
        ),
        ("Title\n=====\nText begins", &["Title Text begins"], &["Title = Text begins"]),
    ]);
}

#[test]
fn rows_may_have_other_separators() {
    check(&[
        (
            "| Revenue | 12 | 15 |\n|---|---|---|\n| Costs | 1,200 | 5% |",
            &[
                "Revenue 12 15",
                "Revenue, 12, 15",
                "Revenue\t12\t15",
                "Revenue: 12 | 15",
                "Costs | 1,200 | 5 %",
            ],
            &[
                "Revenue 1215",
                "Revenue 12,15",
                "Revenue 12-15",
                "Revenue 15 12",
                "Costs 1 200 5%",
                "Costs 1,200 5",
                "Revenue 15",
            ],
        ),
        (
            "Equity securities |  |  |  | 170\nPaint |  | 21 | 22\nTotal cash |  | $ 41,250",
            &[
                "Equity securities 170",
                "Equity securities | 170",
                "Equity securities  170 Paint  21  22",
                "| Paint | | 21 | 22 |",
                "Paint: 21, 22",
                "Total cash $41,250",
            ],
            &["Paint 2122", "Paint 22 21", "Equity securities 17", "Total cash | | $ 41 250"],
        ),
        (
            "Net income 31  881\t7",
            &["Net income 31 | 881 | 7"],
            &["Net income 31,881", "Net income 31881", "Net income 31.881"],
        ),
        (
            "Pantoprazole (Protonix)        40 mg       Daily",
            &["Pantoprazole (Protonix) | 40 mg | Daily"],
            &[
                "Pantoprazole (Protonix) 40 Mg Daily",
                "Pantoprazole (Protonix) 40 g Daily",
                "Pantoprazole (Protonix) 40 mcg Daily",
            ],
        ),
        (
            "1,234,567 ships and 1\u{202f}200 tugs",
            &["1234567 ships and 1200 tugs", "1 234 567 ships"],
            &["1,234 ships", "12,34,567 ships", "1,200 567 ships"],
        ),
        (
            "range 5\u{2013}10 km or 7 \u{2013} 9 km",
            &["range 5-10 km or 7-9 km"],
            &["range 5 10 km", "range 5/10 km"],
        ),
        (
            "2017  2018 AWS\n Net sales\n$ 17,459  $25,655",
            &["AWS Net sales $17,459 $25,655"],
            &["AWS Net sales 17,459 25,655"],
        ),
    ]);
}

#[test]
fn a_cut_end_and_a_label() {
    let text = "The limit of redirects is fifty by default in this version of the tool.";
    check(&[
        (
            text,
            &[
                "The limit of redirects is fifty by default in this ver",
                "The limit of redirects is fifty by default in this versi...",
            ],
            &[
                "The limit of redirects is sixty by default in this ver",
                "The limit of redirects is fifty by default in this verb",
                "in this ver",
            ],
        ),
        (
            "In May all members of the board cannot pay.",
            &["all members of the board cannot"],
            &["In May all members of the board can"],
        ),
        (
            "In that year the net revenue was 1,250 million",
            &["In that year the net revenue was 1,250 million"],
            &["In that year the net revenue was 1,25", "In that year the net revenue was 1"],
        ),
        (
            "The device of that old ship was harmless",
            &["was harmless"],
            &["The device of that old ship was harm"],
        ),
    ]);
    let documents = ["Intro. Pantoprazole 40 mg Daily for weeks.".to_owned()];
    let sources = Sources::new(&documents);
    let chunk = sources.chunk("[Letter 2]\nPantoprazole 40 mg Daily");
    assert!(chunk.evidence("[Letter 2] Pantoprazole 40 mg Daily").verified);
    assert!(!chunk.evidence("[Letter 3] Pantoprazole 40 mg Daily").verified);
}

#[test]
fn code_is_cited_with_its_operators() {
    check(&[
        (
            "fn name_short(&self) -> Option<u8> {\n        Some(b'B')\n    }",
            &["'B'", "Some('B')", "Some(b'B')", "fn name_short(&self) -> Option<u8>"],
            &["'C'", "Some('C')", "\"B\"", "Option<u16>"],
        ),
        (
            "if (!valid) { return a - b; }",
            &["if (!valid) { return a - b; }"],
            &[
                "if (valid) { return a - b; }",
                "if (!valid) { return a + b; }",
                "if (!valid) { return a * b; }",
            ],
        ),
        (
            "while a != b && c == d {",
            &["while a != b && c == d"],
            &["while a == b && c == d", "while a = b && c == d"],
        ),
        (
            "const MAX: usize = 1_000;\nconst MIN: usize = 10;",
            &["const MAX: usize = 1_000", "MAX: usize = 1000;"],
            &["const MAX: usize = 10;", "const MAX: usize = 1_0;"],
        ),
        ("name = f\"user {x}\"", &["name = \"user {x}\""], &["name = f\"users {x}\""]),
    ]);
}

#[test]
fn a_not_next_to_the_words_belongs_to_them() {
    check(&[
        (
            "The board did not approve the dividend.",
            &["did not approve", "the dividend"],
            &["approve the dividend", "The board did"],
        ),
        (
            "No dividends were paid in May, or in June.",
            &["No dividends were paid"],
            &["dividends were paid in May"],
        ),
        (
            "Der Vorstand genehmigte die Dividende nicht.",
            &["genehmigte die Dividende nicht"],
            &["genehmigte die Dividende"],
        ),
        (
            "We haven\u{2019}t approved the budget.",
            &["haven't approved the budget"],
            &["approved the budget"],
        ),
        ("Le conseil n'a pas approuvé le dividende.", &["n'a pas approuvé"], &["approuvé le dividende"]),
        ("公司没有批准股息。", &["没有批准股息"], &["批准股息"]),
        ("会社は配当を承認しなかった。", &["配当を承認しなかった"], &["会社は配当を承認し"]),
        ("لم يوافق المجلس على الميزانية", &["لم يوافق المجلس"], &["يوافق المجلس على"]),
        (
            "Payment is due within thirty (30) days of the notice.",
            &["within thirty (30) days", "within 30 days of the notice", "within thirty days"],
            &["within 13 days of the notice", "within 40 days of the notice", "within thirty (40) days"],
        ),
    ]);
}
