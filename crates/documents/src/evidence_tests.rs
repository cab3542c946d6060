//! Tests with citations that no document has, made as similar to the real words as possible.

use super::evidence::{Evidence, Likeness, Sources};

/// The evidence of `citation` where the chunk is the whole document.
fn evidence(document: &str, citation: &str) -> Evidence {
    let documents = [document.to_owned()];
    Sources::new(&documents).chunk(document).evidence(citation)
}

/// A document, a citation that it contains, and citations that it does not contain.
const CASES: &[(&str, &str, &[&str])] = &[
    // Numbers with another digit, a digit less, a part, another sign, another unit or another magnitude.
    (
        "Revenue was 1200 million in 2022.",
        "Revenue was 1200 million",
        &[
            "Revenue was 1300 million",
            "Revenue was 120",
            "Revenue was 1200",
            "200 million in 2022",
            "in 202",
            "in 2023",
        ],
    ),
    (
        "Margin fell to 12.35% of sales.",
        "fell to 12.35%",
        &["fell to 12.3", "fell to 12.35", "2.35% of sales", "35% of sales"],
    ),
    (
        "Profit changed by -5% in May.",
        "changed by -5%",
        &["5% in May", "changed by 5% in May", "changed by +5% in May"],
    ),
    (
        "Net income of (5.2) million was told.",
        "income of (5.2) million",
        &["income of 5.2 million", "5.2) million was", "income of (5.2"],
    ),
    (
        "It cost US$1,250.50 per ton.",
        "cost US$1,250.50",
        &["cost US$1,250", "$1,250.50 per ton", "250.50 per ton", "cost US1,250.50 per ton"],
    ),
    (
        "Sales reached € 5 million last year.",
        "reached € 5 million",
        &["reached € 5", "5 million last year", "reached 5 million last year"],
    ),
    (
        "Dose: 0.5 mg. Rate .5 percent.",
        "Rate .5 percent",
        &["5 percent", "Dose: 5 mg", "Rate 5 percent", "0.5 mg. Rate 5"],
    ),
    (
        "The plant gives 5 MW of power.",
        "gives 5 MW of power",
        &["gives 5 mW of power", "gives 5 mw of power"],
    ),
    (
        "About 1\u{a0}200 ships and 10² tugs.",
        "1\u{a0}200 ships",
        &["200 ships and", "About 1 ships", "and 10 tugs", "and 10"],
    ),
    (
        "The p-value was p < 0.05 there.",
        "was p < 0.05",
        &["was p > 0.05", "was p = 0.05", "was p 0.05 there"],
    ),
    // Sentences with "not" left out or put in, a part of a word, or another word.
    (
        "The board did not approve the dividend, and cannot.",
        "did not approve the dividend",
        &[
            "did approve the dividend",
            "not the dividend",
            "The board approve",
            "and can",
            "did not approve the dividends",
        ],
    ),
    (
        "It wasn't approved. We can’t pay.",
        "It wasn't approved",
        &["It was", "It was approved", "We can", "We can pay"],
    ),
    (
        "An unapproved, non-profit airport.",
        "non-profit airport",
        &["approved, non-profit", "profit airport", "An unapproved, non", "the port"],
    ),
    (
        "The 5-year bond and the county court ruled.",
        "county court ruled",
        &["year bond and", "the country court ruled", "and the country"],
    ),
    (
        "本公司没有批准股息，共12亿元。",
        "没有批准股息",
        &["本公司批准股息", "本公司没有批准股利", "共12元", "共12"],
    ),
    // Distant places joined, and words in another order.
    (
        "The board met. It rained all day. It approved the budget.",
        "It rained all day",
        &[
            "The board ... approved the budget",
            "The board met… It approved the budget",
            "The board met. It approved",
            "all day rained It",
        ],
    ),
    // Letters that only look the same, and invisible letters.
    (
        "The captain was Peter Pan.",
        "captain was Peter",
        &["captain was Pеter", "cap\u{200b}tain was Peter", "cаptain was Peter"],
    ),
    ("A resume\u{301} and 3\u{20e3} of it.", "resume\u{301} and", &["A resume"]),
    // Citations without words.
    (
        "A 5 is here … — \u{a0}and there.",
        "5 is here",
        &["", " ", "\n\t\u{a0}", "...", "… —", "— — —", "A", "5", "A 5", "\"\"", "....."],
    ),
];

#[test]
fn near_misses_are_never_verified() {
    for (document, real, made_up) in CASES {
        assert!(evidence(document, real).verified, "{real:?} of {document:?}");
        for citation in *made_up {
            assert!(!evidence(document, citation).verified, "{citation:?} of {document:?}");
        }
    }
}

#[test]
fn a_typing_error_is_placed_and_not_verified() {
    let document = "Yesterday the district country court ruled for the captain.";
    let found = evidence(document, "the district county court ruled");
    assert_eq!(
        (found.document, found.start, found.verified, found.likeness),
        (Some(0), Some(10), false, Some(Likeness::Fuzzy))
    );
    // A place with all the words is preferred to one with a typing error.
    let found = evidence("the district court, ruled. the distrikt court ruled", "the district court ruled");
    assert_eq!((found.start, found.verified), (Some(0), true));
}

#[test]
fn a_chunk_that_cuts_a_word_does_not_bear_it_out() {
    let documents = ["Revenue was 1200 million. The board cannot pay. Revenue was 12 in May.".to_owned()];
    let sources = Sources::new(&documents);
    for (chunk, citation) in [
        ("Revenue was 12", "Revenue was 12"),
        ("Revenue was 1200", "Revenue was 1200"),
        ("200 million. The board can", "200 million"),
        ("200 million. The board can", "The board can"),
        ("[Report]\n  revenue was 120", "revenue was 120"),
    ] {
        assert!(!sources.chunk(chunk).evidence(citation).verified, "{citation:?} of {chunk:?}");
    }
    // The first place is a part of a number; the second place is whole.
    let found = sources.chunk(&documents[0]).evidence("revenue was 12");
    assert_eq!((found.start, found.verified), (Some(48), true));
}

#[test]
fn what_a_program_joined_is_not_cited_from_two_documents() {
    let documents = ["The board met and did".to_owned(), "approve the dividend in May.".to_owned()];
    let sources = Sources::new(&documents);
    let chunk = "The board met and did approve the dividend in May.";
    assert!(!sources.chunk(chunk).evidence("did approve the dividend").verified);
    assert!(sources.chunk(chunk).evidence("approve the dividend").verified);
    let dropped = "The board met. approve the dividend";
    assert!(!sources.chunk(dropped).evidence("met. approve the dividend").verified);
}
