//! Tests of every chunker on texts of every kind.

use super::{
    chunk_by_code, chunk_by_function_and_class, chunk_by_page, chunk_by_paragraph, chunk_by_section,
};

/// A kind of text, the text, its sections of 6 characters with an overlap of 2, its paragraphs of 12.
type Case = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const CASES: &[Case] = &[
    ("empty", "", &[], &[]),
    ("a space", " ", &[" "], &[]),
    ("breaks alone", "\n\n\n", &["\n\n\n"], &[]),
    ("no newline", "no end", &["no end"], &["no end"]),
    ("CRLF", "one\r\n\r\ntwo.\r\n", &["one\r\n\r", "\n\r\ntwo", "wo.\r\n"], &["one\n\ntwo."]),
    (
        "one word too long",
        "abcdefghijklmno",
        &["abcdef", "efghij", "ijklmn", "mno"],
        &["abcdefghijkl", "mno"],
    ),
    ("a window and its overlap", "abcdefgh", &["abcdef", "efgh"], &["abcdefgh"]),
    (
        "combining marks",
        "a\u{301}e\u{308}o\u{302}u",
        &["a\u{301}e\u{308}o\u{302}", "o\u{302}u"],
        &["a\u{301}e\u{308}o\u{302}u"],
    ),
    ("emoji", "👩\u{200D}👩 👍🏽 🇫🇷", &["👩\u{200D}👩 👍🏽", "👍🏽 🇫🇷"], &["👩\u{200D}👩 👍🏽 🇫🇷"]),
    ("Greek", "Αλφα βήτα.\n\nΓάμμα.", &["Αλφα β", " βήτα.", "α.\n\nΓά", "Γάμμα."], &["Αλφα βήτα.", "Γάμμα."]),
    (
        "Cyrillic",
        "Да. Нет! Может быть?",
        &["Да. Не", "Нет! М", " Может", "ет быт", "ыть?"],
        &["Да. Нет!", "Может быть?"],
    ),
    (
        "Hebrew, pointed",
        "שָׁלוֹם עוֹלָם",
        &["שָׁלוֹ", "וֹם עו", "עוֹלָם"],
        &["ש\u{5b8}\u{5c1}לו\u{5b9}ם עו\u{5b9}ל", "\u{5b8}ם"],
    ),
    ("Arabic", "مرحبا بالعالم", &["مرحبا ", "ا بالع", "لعالم"], &["مرحبا بالعال", "م"]),
    ("Devanagari", "नमस्ते दुनिया", &["नमस्ते", "ते दुन", "ुनिया"], &["नमस्ते दुनिय", "ा"]),
    ("Thai", "สวัสดีชาวโลก", &["สวัสดี", "ดีชาวโ", "วโลก"], &["สวัสดีชาวโลก"]),
    (
        "Chinese",
        "东京很大。\n\n人很多。",
        &["东京很大。\n", "。\n\n人很多", "很多。"],
        &["东京很大。\n\n人很多。"],
    ),
    ("Japanese", "東京はとても大きい。", &["東京はとても", "ても大きい。"], &["東京はとても大きい。"]),
    (
        "Korean, in letters",
        "\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}\u{1102}",
        &["\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}", "\u{1173}\u{11af}\u{1102}"],
        &["\u{1112}\u{1161}\u{11ab}\u{1100}\u{1173}\u{11af}\u{1102}"],
    ),
    ("outside the first plane", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", &["𝔘𝔫𝔦𝔠𝔬𝔡", "𝔬𝔡𝔢"], &["𝔘𝔫𝔦𝔠𝔬𝔡𝔢"]),
];

#[test]
fn sections_and_paragraphs_agree_with_the_table() {
    for (kind, text, sections, paragraphs) in CASES {
        assert_eq!(chunk_by_section(text, 6, 2).unwrap(), *sections, "{kind}");
        assert_eq!(chunk_by_paragraph(text, 12, 0).unwrap(), *paragraphs, "{kind}");
    }
}

/// The texts of the table, and each of them as one huge line.
fn texts() -> Vec<String> {
    let texts = CASES.iter().map(|(_, text, _, _)| (*text).to_owned());
    let huge = CASES.iter().map(|(_, text, _, _)| text.replace(['\r', '\n'], " ").repeat(2000));
    texts.chain(huge).collect()
}

#[test]
fn sections_cover_the_text_and_each_adds_to_it() {
    for text in texts() {
        for (size, overlap) in [(1, 0), (2, 1), (7, 3), (3000, 20)] {
            let sections = chunk_by_section(&text, size, overlap).unwrap();
            assert!(sections.iter().all(|section| section.chars().count() <= size));
            let mut whole = String::new();
            for (position, section) in sections.iter().enumerate() {
                let known = if position == 0 { 0 } else { overlap };
                let added: String = section.chars().skip(known).collect();
                assert!(!added.is_empty(), "{size} {overlap}: a chunk of nothing but overlap");
                whole.push_str(&added);
            }
            assert_eq!(whole, text, "{size} {overlap}");
        }
    }
}

#[test]
fn no_chunker_loses_or_invents_a_character() {
    let visible = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    for text in texts() {
        let chunked = [
            chunk_by_page(&text, None).unwrap().concat(),
            chunk_by_paragraph(&text, 12, 0).unwrap().concat(),
            chunk_by_code(&text, 1).concat(),
            chunk_by_function_and_class(&text).concat(),
        ];
        for chunks in chunked {
            assert_eq!(visible(&chunks), visible(&text));
        }
        let paragraphs = chunk_by_paragraph(&text, 12, 0).unwrap();
        assert!(paragraphs.iter().all(|chunk| chunk.chars().count() <= 12 && !chunk.trim().is_empty()));
    }
}
