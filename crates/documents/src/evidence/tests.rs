//! Tests of the places of citations.

use super::*;

/// The characters of the documents at the place of the evidence.
fn read_back(documents: &[String], evidence: &Evidence) -> String {
    let text = &documents[evidence.document.unwrap()];
    let (start, end) = (evidence.start.unwrap(), evidence.end.unwrap());
    text.chars().skip(start).take(end - start).collect()
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn offsets_read_back_give_the_citation() {
    use Likeness::{Exact, Folded, Fuzzy};
    let documents = owned(&[
        "Café 👩\u{200D}👩 opened.\r\nThe  Aurora\r\nlay off\u{a0}BREST, in 12 fathoms.\r\n",
        "",
        "e\u{301}te\u{301} 中文文件。İstanbul’a gitti. She said “no more delays”, reportedly.",
    ]);
    // The chunk, the citation, the likeness, the document, and the words at the place.
    let rejoined = "Café 👩\u{200D}👩 opened. The  Aurora lay off BREST, in 12 fathoms.";
    let titled = "[Log 1]\nThe  Aurora\r\nlay off";
    let both = "[Log 1]\nopened. The Aurora lay off";
    let cases: &[(&str, &str, Likeness, usize, &str)] = &[
        (&documents[0], "👩\u{200D}👩 opened", Exact, 0, "👩\u{200D}👩 opened"),
        (&documents[0], "\"The aurora lay off Brest...\"", Folded, 0, "The  Aurora\r\nlay off\u{a0}BREST"),
        (rejoined, "opened. The  Aurora lay", Folded, 0, "opened.\r\nThe  Aurora\r\nlay"),
        (rejoined, "Café", Exact, 0, "Café"),
        (titled, "Aurora\r\nlay", Exact, 0, "Aurora\r\nlay"),
        (both, "THE AURORA LAY OFF", Folded, 0, "The  Aurora\r\nlay off"),
        (&documents[0], "lay off Brest in 12 fathoms", Fuzzy, 0, "lay off\u{a0}BREST, in 12 fathoms"),
        (&documents[2], "e\u{301}te\u{301}", Exact, 2, "e\u{301}te\u{301}"),
        (&documents[2], "文文件", Exact, 2, "文文件"),
        (&documents[2], "i\u{307}STANBUL’A  gitti", Folded, 2, "İstanbul’a gitti"),
        (&documents[2], "said \"no more delays\" reportedly", Fuzzy, 2, "said “no more delays”, reportedly"),
    ];
    let sources = Sources::new(&documents);
    for (chunk, citation, likeness, document, stands) in cases {
        let evidence = sources.chunk(chunk).evidence(citation);
        assert!(evidence.verified, "{citation:?}");
        assert_eq!(
            (evidence.likeness, evidence.document),
            (Some(*likeness), Some(*document)),
            "{citation:?}"
        );
        assert_eq!(read_back(&documents, &evidence), *stands, "{citation:?}");
    }
}

#[test]
fn a_citation_is_placed_where_its_chunk_is_from() {
    let documents = owned(&["One. It rained.\n\nTwo.  It rained.", "Three. It rained."]);
    let sources = Sources::new(&documents);
    let start = |chunk: &str| {
        let evidence = sources.chunk(chunk).evidence("It rained");
        (evidence.document.unwrap(), evidence.start.unwrap())
    };
    assert_eq!(start("One. It rained."), (0, 5));
    assert_eq!(start("Two.  It rained."), (0, 23));
    assert_eq!(start("[Report]\nTwo. It rained."), (0, 23));
    assert_eq!(start("Three. It rained."), (1, 7));
    assert_eq!(start("altogether made up: It rained."), (0, 5));
}

#[test]
fn what_is_made_up_is_never_verified() {
    let text = "The board did not approve the dividend of $1.20 in 2022, said Martin Weber, the chairman of the board.";
    let documents = owned(&[text]);
    let sources = Sources::new(&documents);
    let chunk = format!("[Report 2022]\n{text}");
    for citation in [
        "The board did approve the dividend",
        "The board did not approve the dividend of $1.30 in 2022",
        "the dividend of 1.20 in 2022, said Martin Weber",
        "the dividend of $120 in 2022, said Martin Weber",
        "in 2023, said Martin Weber, the chairman of the board",
        "said Marlin Weber, the chairman of the board",
        "The board did not improve the dividend of $1.20 in 2022",
        "the dividend did not approve the board",
        "The board resigned.",
        "Report 2022",
        "the",
        "...",
        "",
    ] {
        assert_eq!(sources.chunk(&chunk).evidence(citation), Evidence::default(), "{citation:?}");
    }
    // A document contains it, but the worker has not read it.
    assert!(!sources.chunk("Weather is fine.").evidence("did not approve the dividend").verified);
    assert!(!Sources::new(&[""; 0]).chunk(text).evidence("did not approve the dividend").verified);
}

#[test]
fn two_thousand_citations_of_a_long_document() {
    let documents = [(0..)
        .map(|day| format!("Day {day}. The Aurora lay  off the port in {day} fathoms.\n"))
        .take(20_000)
        .collect::<String>()];
    let sources = Sources::new(&documents);
    let whole = sources.chunk(&documents[0]);
    for day in 0..2000 {
        let chunk = format!("[Log]\nThe Aurora lay off the port in {day} fathoms. Day {}.", day + 1);
        let evidence = sources.chunk(&chunk).evidence(&format!("the port in {day} fathoms"));
        assert_eq!(read_back(&documents, &evidence), format!("the port in {day} fathoms"));
        assert!(!whole.evidence(&format!("the port in {day} miles")).verified);
    }
}

#[test]
fn rows_with_losses_are_found() {
    let row = "International  (2,142)  (1,693)";
    let documents = owned(&[
        "Operating Income (Loss):\nNorth America  $  7,267 $  7,033\nInternational  (2,142)  (1,693)\nAWS  7,296  9,201\n\nMix\nAWS  11  12\nNet loss  (2,142)  (1,693)\nChange  -3.5%  (12)%  [4] (0.5)\n",
    ]);
    let sources = Sources::new(&documents);
    for cited in [
        row,
        "International (2,142) (1,693)",
        "International  (2,142)",
        "(2,142)  (1,693)",
        "Net loss  (2,142)  (1,693)",
        "Change -3.5% (12)% [4] (0.5)",
        "North America  $  7,267 $  7,033\nInternational  (2,142)",
        "Change -3.5% (12)%",
        "Net loss (2,142)",
    ] {
        let evidence = sources.chunk(&documents[0]).evidence(cited);
        assert!(evidence.verified, "{cited:?} {evidence:?}");
    }
    for cited in [
        "International 2,142 1,693",
        "International (2,142) 1,693",
        "International  (2,143)",
        "2,142",
        "loss (2,142",
    ] {
        let evidence = sources.chunk(&documents[0]).evidence(cited);
        assert!(!evidence.verified, "{cited:?} {evidence:?}");
    }
}
