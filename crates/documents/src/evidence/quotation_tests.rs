//! Tests with citations as people, models and PDFs make them: honest ones, and as many that only look like them.

use super::{Evidence, Sources};

fn evidence(document: &str, citation: &str) -> Evidence {
    let documents = [document.to_owned()];
    Sources::new(&documents).chunk(document).evidence(citation)
}

/// A document, honest citations, and false ones.
pub(super) type Case = (&'static str, &'static [&'static str], &'static [&'static str]);

pub(super) fn check(cases: &[Case]) {
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
        (
            "The in ternational busi ness grew by 4%",
            &["The international business grew by 4%"],
            &["The international business grew by 4", "The national business grew by 4%"],
        ),
        (
            "R E V E N U E rose to 12 billion",
            &["REVENUE rose to 12 billion"],
            &["REVENUE rose to 1 2 billion"],
        ),
        (
            "He is notable among chess players",
            &["He is notable among"],
            &["He is not able among chess players"],
        ),
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
        (
            "the claim was un-\napproved by the board",
            &["claim was unapproved by"],
            &["approved by the board"],
        ),
        (
            "the claim was un\u{ad}approved by the board",
            &["claim was unapproved by"],
            &["approved by the board"],
        ),
        (
            "a non-\nprofit hospital and well known",
            &["a non-profit hospital", "nonprofit hospital"],
            &["profit hospital and"],
        ),
        (
            "the e\u{fb03}cient o\u{fb00}er of co\u{ad}op \u{fb01}nance",
            &["the efficient offer of coop finance"],
            &["the effcient offer of coop finance", "the efficient offers of coop finance"],
        ),
        (
            "Die Geschäfts-\nführung wuchs nicht",
            &["Die Geschäftsführung wuchs nicht"],
            &["Die Geschäftsführung wuchs sehr"],
        ),
        ("they re-sign the contract", &["they re-sign the contract"], &["they resign the contract"]),
        (
            "we're here and it's done",
            &["we're here and it\u{2019}s done"],
            &["were here and its done", "were here and it's done"],
        ),
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
        (
            "Der Umsatz, der lange niedrig war, betrug 12 Mio. Euro.",
            &["Der Umsatz [\u{2026}] betrug 12 Mio. Euro"],
            &["Der Umsatz [\u{2026}] betrug 13 Mio. Euro"],
        ),
        (
            "Der Vorstand hat die Dividende nicht genehmigt.",
            &["Der Vorstand ... nicht genehmigt"],
            &["Der Vorstand ... genehmigt", "Der Vorstand hat die Dividende ... genehmigt"],
        ),
        ("公司在二〇二三年度报告中，经审计，批准了股息。", &["公司……批准了股息"], &["公司……批准了红利"]),
        ("公司在二〇二三年没有批准股息。", &[], &["公司……批准股息"]),
        (
            "وافق المجلس، بعد نقاش طويل، على الميزانية.",
            &["وافق المجلس ... على الميزانية"],
            &["وافق المجلس ... على الأرباح"],
        ),
        ("المجلس لم يوافق على الميزانية", &["المجلس لم يوافق"], &["المجلس ... يوافق على الميزانية"]),
        (
            "The fleet met Dr. Weber in Kiel in May.",
            &["The fleet met ... in Kiel in May"],
            &["The fleet met ... in Kiel in June"],
        ),
        (
            "Peter resigned. Later that year, Mary, who had joined in 2001, was promoted.",
            &["Mary ... was promoted"],
            &["Peter ... was promoted", "Peter resigned ... Mary", "Peter [...] was promoted"],
        ),
        (
            "let a = first(x);\nlet b = second(y);",
            &["let a = first(x)"],
            &["let a = ... second(y)", "let a ... b = second(y)"],
        ),
    ]);
}

#[test]
fn several_places_are_told_one_by_one() {
    let far = "A is 5. Much text between them stands here. B is 7. The board did not approve the dividend.";
    check(&[
        (
            far,
            &[
                "A is 5; B is 7.",
                "A is 5.; B is 7.",
                "\"A is 5.\" and \"B is 7.\"",
                "- A is 5.\n- B is 7.",
                "1. A is 5.\n2. B is 7.",
            ],
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
        (
            "| Revenue | 12 | 15 |\n| Costs | 9 | 11 |\n| Profit | 3 | 4 |",
            &["Revenue 12 15; Profit 3 4"],
            &["Revenue 12 15; Profit 3 5", "Revenue 9 11; Profit 3 4"],
        ),
        (
            "甲公司收入五亿元。中间很多文字。乙公司收入七亿元。",
            &["甲公司收入五亿元；乙公司收入七亿元"],
            &["甲公司收入五亿元；乙公司收入六亿元"],
        ),
    ]);
    let found = evidence(far, "B is 7; A is 5.");
    let places: Vec<_> = found.parts.iter().map(|part| (part.start, part.end)).collect();
    assert_eq!((found.start, places), (Some(44), vec![(44, 50), (0, 6)]), "{found:?}");
    let found = evidence("Revenue, long low, was 12 in 2023.", "Revenue ... was 12 in 2023");
    assert_eq!((found.start, found.end, found.parts.len()), (Some(0), Some(33), 2), "{found:?}");
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
    let chinese = sources
        .chunk("第一行。公司在二〇二三年没有批准股息。第三行。")
        .nearest("公司在二〇二三年批准股息")
        .unwrap();
    assert!(chinese.words.contains("没有批准股息"), "{chinese:?}");
}
