//! Tests with citations as people, models and PDFs make them: honest ones, and as many that only look like them.

use super::{Evidence, Sources};

fn evidence(document: &str, citation: &str) -> Evidence {
    let documents = [document.to_owned()];
    Sources::new(&documents).chunk(document).evidence(citation)
}

/// A document, honest citations, and false ones.
type Case = (&'static str, &'static [&'static str], &'static [&'static str]);

fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for (document, honest, false_ones) in cases {
        for (citations, verified) in [(honest, true), (false_ones, false)] {
            for citation in *citations {
                let found = evidence(document, citation);
                if found.verified != verified {
                    wrong.push(format!("{verified}: {citation:?} of {document:?}: {found:?}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn words_that_a_pdf_broke_or_glued() {
    check(&[
        (
            "Third-party seller se\nrvices (3)31,881  42,745  53,762",
            &["Third-party seller services (3) 31,881 42,745 53,762", "seller services (3) 31,881"],
            &[
                "Third-party seller services 31,881 42,745 53,762",
                "seller services (3) 31,881,42",
                "seller services (2) 31,881 42,745",
                "seller service (3) 31,881",
            ],
        ),
        (
            "Third-party seller services (3)31,881  42,745\n(3) Includes commissions and fees.",
            &["Third-party seller services 31,881 42,745", "(3) Includes commissions and fees"],
            &["(2) Includes commissions and fees", "Third-party seller services 42,745"],
        ),
        (
            "for nationalsecurity reasons ofcertain employees were 12",
            &["for national security reasons of certain employees were 12"],
            &["for national security reasons of certain employees were 21"],
        ),
        ("The in ternational busi ness grew by 4%", &["The international business grew by 4%"], &[
            "The international business grew by 4",
            "The national business grew by 4%",
        ]),
        ("R E V E N U E rose to 12 billion", &["REVENUE rose to 12 billion"], &["REVENUE rose to 1 2 billion"]),
        ("He is notable among chess players", &["He is notable among"], &["He is not able among chess players"]),
        ("This is not able to pay", &["This is not able to"], &["This is notable to pay"]),
        ("a typical case of neglect", &["a typical case"], &["atypical case of neglect"]),
        ("an atypical case of neglect", &["an atypical case"], &["an a typical case of neglect"]),
        ("now here in the town", &["now here in"], &["nowhere in the town"]),
        ("the therapist was seen", &["the therapist was"], &["the the rapist was seen"]),
        (
            "Die Umsatz er löse stiegen um 5 % auf 1.234,5 Mio. Euro",
            &["Die Umsatzerlöse stiegen um 5 % auf 1.234,5 Mio. Euro", "stiegen um 5% auf 1.234,5 Mio. Euro"],
            &["Die Umsatzerlöse stiegen um 5 % auf 1.234 Mio. Euro", "stiegen um 5 % auf 1,234.5 Mio. Euro"],
        ),
        ("公司批\n准了股 息。", &["公司批准了股息"], &["公司没批准股息", "公司批准股息"]),
        ("دفعت ا لشركة 12 مليون دولار", &["دفعت الشركة 12 مليون دولار"], &["دفعت الشركة 21 مليون دولار"]),
    ]);
}

#[test]
fn hyphens_ligatures_and_what_is_not_seen() {
    check(&[
        (
            "a 100-continue re\u{2010}\n      sponse when curl emits an Expects header",
            &["a 100-continue response when curl emits", "100-continue re-sponse when curl"],
            &["a 101-continue response when curl emits", "sponse when curl emits"],
        ),
        (
            "the whole state-\nment of the compa-\nny is 7",
            &["the whole statement of the company is 7"],
            &["the whole statements of the company is 7", "ment of the company is 7"],
        ),
        ("the claim was un-\napproved by the board", &["claim was unapproved by"], &["approved by the board"]),
        ("the claim was un\u{ad}approved by the board", &["claim was unapproved by"], &["approved by the board"]),
        ("a non-\nprofit hospital and well known", &["a non-profit hospital", "nonprofit hospital"], &["profit hospital and"]),
        (
            "the e\u{fb03}cient o\u{fb00}er of co\u{ad}op \u{fb01}nance",
            &["the efficient offer of coop finance"],
            &["the effcient offer of coop finance", "the efficient offers of coop finance"],
        ),
        ("Die Geschäfts-\nführung wuchs nicht", &["Die Geschäftsführung wuchs nicht"], &["Die Geschäftsführung wuchs sehr"]),
        ("they re-sign the contract", &["they re-sign the contract"], &["they resign the contract"]),
        ("we're here and it's done", &["we're here and it\u{2019}s done"], &["were here and its done", "were here and it's done"]),
        (
            "القِيمَةُ الدَّفْتَرِيَّة ٢٠٢٣ هي ٤٥٪",
            &["القيمة الدفترية 2023 هي 45%", "القيمة الدفترية ٢٠٢٣"],
            &["القيمة الدفترية 2022 هي 45%", "القيمة الدفترية 2023 هي 45"],
        ),
        ("Cafe\u{301} cre\u{300}me", &["Café crème"], &["Cafe creme"]),
    ]);
}

#[test]
fn an_ellipsis_stands_for_words_of_the_same_sentence() {
    check(&[
        (
            "Revenue, which had been low for years, was $12 million in 2023.",
            &[
                "Revenue ... was $12 million in 2023.",
                "Revenue \u{2026} was $12 million",
                "Revenue [...] was $12 million",
                "Revenue (...) was $12 million",
                "Revenue [\u{2026}] was $12 million in 2023...",
                "Revenue . . . was $12 million",
                "Revenue... low for years... $12 million in 2023",
            ],
            &[
                "Revenue ... was $13 million in 2023.",
                "Revenue was $12 million in 2023.",
                "Revenue ... was \u{20ac}12 million",
                "was $12 million ... Revenue",
                "Reven ... was $12 million",
            ],
        ),
        (
            "The board did not approve the dividend of 5 cents.",
            &["did not approve the dividend"],
            &["The board did ... approve the dividend", "The board ... approve the dividend of 5 cents"],
        ),
        ("AWS net sales 35\nGoogle net sales 40", &[], &["AWS ... net sales 40"]),
        (
            "Third-party seller services 31,881 42,745 53,762\nSubscription 9,721",
            &["Third-party seller services ... 53,762"],
            &["Third-party seller services ... 9,721", "Third-party ... 9,721", "seller services ... 881"],
        ),
        ("Der Umsatz, der lange niedrig war, betrug 12 Mio. Euro.", &["Der Umsatz [\u{2026}] betrug 12 Mio. Euro"], &[
            "Der Umsatz [\u{2026}] betrug 13 Mio. Euro",
        ]),
        ("Der Vorstand hat die Dividende nicht genehmigt.", &["Der Vorstand ... nicht genehmigt"], &[
            "Der Vorstand ... genehmigt",
            "Der Vorstand hat die Dividende ... genehmigt",
        ]),
        ("公司在二〇二三年度报告中，经审计，批准了股息。", &["公司……批准了股息"], &["公司……批准了红利"]),
        ("公司在二〇二三年没有批准股息。", &[], &["公司……批准股息"]),
        ("وافق المجلس، بعد نقاش طويل، على الميزانية.", &["وافق المجلس ... على الميزانية"], &["وافق المجلس ... على الأرباح"]),
        ("المجلس لم يوافق على الميزانية", &["المجلس لم يوافق"], &["المجلس ... يوافق على الميزانية"]),
        ("The fleet met Dr. Weber in Kiel in May.", &["The fleet met ... in Kiel in May"], &["The fleet met ... in Kiel in June"]),
        (
            "Peter resigned. Later that year, Mary, who had joined in 2001, was promoted.",
            &["Mary ... was promoted"],
            &["Peter ... was promoted", "Peter resigned ... Mary", "Peter [...] was promoted"],
        ),
        ("let a = first(x);\nlet b = second(y);", &["let a = first(x)"], &["let a = ... second(y)", "let a ... b = second(y)"]),
    ]);
}

#[test]
fn several_places_are_told_one_by_one() {
    let far = "A is 5. Much text between them stands here. B is 7. The board did not approve the dividend.";
    check(&[
        (
            far,
            &["A is 5; B is 7.", "A is 5.; B is 7.", "\"A is 5.\" and \"B is 7.\"", "- A is 5.\n- B is 7.", "1. A is 5.\n2. B is 7."],
            &[
                "A is 5; B is 8.",
                "A is 5, B is 7.",
                "A is 5 B is 7.",
                "Much text; is 7",
                "The board did; approve the dividend",
                "A; B",
                "Much text between; not here",
            ],
        ),
        ("| Revenue | 12 | 15 |\n| Costs | 9 | 11 |\n| Profit | 3 | 4 |", &["Revenue 12 15; Profit 3 4"], &[
            "Revenue 12 15; Profit 3 5",
            "Revenue 9 11; Profit 3 4",
        ]),
        ("甲公司收入五亿元。中间很多文字。乙公司收入七亿元。", &["甲公司收入五亿元；乙公司收入七亿元"], &["甲公司收入五亿元；乙公司收入六亿元"]),
    ]);
    let found = evidence(far, "B is 7; A is 5.");
    let places: Vec<_> = found.parts.iter().map(|part| (part.start, part.end)).collect();
    assert_eq!((found.start, places), (Some(44), vec![(44, 50), (0, 6)]), "{found:?}");
    let found = evidence("Revenue, long low, was 12 in 2023.", "Revenue ... was 12 in 2023");
    assert_eq!((found.start, found.end, found.parts.len()), (Some(0), Some(33), 2), "{found:?}");
}

#[test]
fn marks_of_footnotes_and_of_markdown_may_go() {
    check(&[
        (
            "Net sales (1) were $ 5,000 in 2019",
            &["Net sales were $5,000 in 2019", "Net sales(1) were $5,000", "Net sales\u{b9} were $5,000", "Net sales [1] were $ 5,000"],
            &["Net sales (2) were $5,000", "Net sales were $5,001 in 2019", "Net sales were $5.000 in 2019", "Net sales were $5000 in 2019"],
        ),
        ("Net sales\u{b9} rose.\u{b2} The fleet[12] grew.[3] It", &["Net sales rose. The fleet grew. It"], &["Net sales\u{b2} rose"]),
        ("an area of 100 m\u{b2} and 10\u{b2} tugs", &["an area of 100 m2 and 10^2 tugs"], &[
            "an area of 100 m and",
            "and 102 tugs",
            "and 10 tugs",
        ]),
        ("Other income (3) 12 (5)", &["Other income (3) 12"], &["Other income 12", "Other income 3 12"]),
        ("Net loss of (5.2) million", &["loss of (5.2) million"], &["loss of million", "loss of 5.2 million"]),
        ("x = a[1] + f(2);", &["x = a[1] + f(2)"], &["x = a + f(2)", "x = a[2] + f(2)", "x = a[1] + f()"]),
        ("we use sha1 for files", &["we use sha1 for files"], &["we use sha for files", "we use sha2 for files"]),
        ("Net sales1 grew fast.\n1 Includes shipping fees.", &["Net sales grew fast"], &["Net sales2 grew fast"]),
        ("**Technique**: CT (_Omnipaque_ 240) of the `spine`", &["Technique: CT (Omnipaque 240) of the spine"], &[
            "Technique: CT (Omnipaque 300) of the spine",
        ]),
        ("see [the guide](https://x.y/a1) for more than 5 users", &["see the guide for more than 5 users"], &[
            "see the guide for more than 6 users",
            "see [the guide](https://x.y/a2) for more than 5 users",
        ]),
        ("> The limit\n> is fifty", &["The limit is fifty"], &["The limit > is fifty"]),
        ("a<br>b holds 5<sup>2</sup> of <b>ten</b> units", &["b holds 5^2 of ten units"], &["b holds 52 of ten units"]),
        ("Title\n=====\nText begins", &["Title Text begins"], &["Title = Text begins"]),
    ]);
}

#[test]
fn rows_may_have_other_separators() {
    check(&[
        (
            "| Revenue | 12 | 15 |\n|---|---|---|\n| Costs | 1,200 | 5% |",
            &["Revenue 12 15", "Revenue, 12, 15", "Revenue\t12\t15", "Revenue: 12 | 15", "Costs | 1,200 | 5 %"],
            &["Revenue 1215", "Revenue 12,15", "Revenue 12-15", "Revenue 15 12", "Costs 1 200 5%", "Costs 1,200 5", "Revenue 15"],
        ),
        ("Net income 31  881\t7", &["Net income 31 | 881 | 7"], &["Net income 31,881", "Net income 31881", "Net income 31.881"]),
        ("Pantoprazole (Protonix)        40 mg       Daily", &["Pantoprazole (Protonix) | 40 mg | Daily"], &[
            "Pantoprazole (Protonix) 40 Mg Daily",
            "Pantoprazole (Protonix) 40 g Daily",
            "Pantoprazole (Protonix) 40 mcg Daily",
        ]),
        ("1,234,567 ships and 1\u{202f}200 tugs", &["1234567 ships and 1200 tugs", "1 234 567 ships"], &[
            "1,234 ships",
            "12,34,567 ships",
            "1,200 567 ships",
        ]),
        ("range 5\u{2013}10 km or 7 \u{2013} 9 km", &["range 5-10 km or 7-9 km"], &["range 5 10 km", "range 5/10 km"]),
        ("2017  2018 AWS\n Net sales\n$ 17,459  $25,655", &["AWS Net sales $17,459 $25,655"], &["AWS Net sales 17,459 25,655"]),
    ]);
}

#[test]
fn a_cut_end_and_a_label() {
    let text = "The limit of redirects is fifty by default in this version of the tool.";
    check(&[
        (text, &["The limit of redirects is fifty by default in this ver", "The limit of redirects is fifty by default in this versi..."], &[
            "The limit of redirects is sixty by default in this ver",
            "The limit of redirects is fifty by default in this verb",
            "in this ver",
        ]),
        ("In May all members of the board cannot pay.", &["all members of the board cannot"], &["In May all members of the board can"]),
        ("In that year the net revenue was 1,250 million", &["In that year the net revenue was 1,250 million"], &[
            "In that year the net revenue was 1,25",
            "In that year the net revenue was 1",
        ]),
        ("The device of that old ship was harmless", &["was harmless"], &["The device of that old ship was harm"]),
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
        ("if (!valid) { return a - b; }", &["if (!valid) { return a - b; }"], &[
            "if (valid) { return a - b; }",
            "if (!valid) { return a + b; }",
            "if (!valid) { return a * b; }",
        ]),
        ("while a != b && c == d {", &["while a != b && c == d"], &["while a == b && c == d", "while a = b && c == d"]),
        ("const MAX: usize = 1_000;\nconst MIN: usize = 10;", &["const MAX: usize = 1_000", "MAX: usize = 1000;"], &[
            "const MAX: usize = 10;",
            "const MAX: usize = 1_0;",
        ]),
        ("name = f\"user {x}\"", &["name = \"user {x}\""], &["name = f\"users {x}\""]),
    ]);
}

#[test]
fn what_is_not_there_shows_the_nearest_words() {
    let text = "Weather was fine.\nThird-party seller services were 31,881 in 2017, said Weber. It rained.\nNothing else.";
    let documents = [text.to_owned()];
    let sources = Sources::new(&documents);
    let chunk = sources.chunk(text);
    let nearest = chunk.nearest("Third-party seller services were 31,991 in 2018").unwrap();
    assert_eq!(nearest.words, "Third-party seller services were 31,881 in 2017, said Weber.");
    assert_eq!(nearest.at, Some((0, 18)));
    let long = "The quick brown fox jumps over the lazy dog and goes on ".repeat(40);
    let nearest = sources.chunk(&long).nearest("quick brown fox leaps over the lazy dog").unwrap();
    assert!(nearest.words.len() <= 300 && nearest.words.contains("quick brown fox"), "{nearest:?}");
    assert_eq!(chunk.nearest("Der Kapitän hat unterschrieben"), None);
    assert_eq!(chunk.nearest("..."), None);
    let chinese = sources.chunk("第一行。公司在二〇二三年没有批准股息。第三行。").nearest("公司在二〇二三年批准股息").unwrap();
    assert!(chinese.words.contains("没有批准股息"), "{chinese:?}");
}
