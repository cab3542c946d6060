use super::*;

fn counted(documents: &[&str], text: &str) -> usize {
    let documents: Arc<[Document]> =
        documents.iter().map(|text| Document::from((*text).to_owned())).collect();
    let passages =
        Recogniser::new(Arc::clone(&documents)).passages(text, std::slice::from_ref(&(0..text.len())));
    verbatim::joined(passages)
        .iter()
        .map(|p| documents[p.document].text[p.start..p.end].chars().count())
        .sum()
}

const LOG: &str =
    "The \"Aurora\" lay off Brest.\nFog & rain.\nShe sailed at 4.\nNo one saw her & the Émeraude again!";

#[test]
fn what_honest_programs_do_to_a_text_does_not_hide_it() {
    let reversed = LOG.lines().rev().collect::<Vec<_>>().join("\n");
    let numbered = |text: &str| -> String {
        text.lines().enumerate().map(|(n, line)| format!("{}: {line}\n", n + 1)).collect()
    };
    let bars: String = LOG.lines().map(|line| format!("| {} |\n", line.replace(' ', " | "))).collect();
    let all = LOG.chars().count();
    for text in [
        LOG.to_owned(),
        LOG.to_uppercase(),
        LOG.to_lowercase(),
        serde_json::to_string(LOG).unwrap(),
        serde_json::to_string(&serde_json::to_string(LOG).unwrap()).unwrap(),
        LOG.replace('&', "&amp;").replace('"', "&quot;"),
        LOG.replace(' ', "%20").replace('\n', "%0A").replace('É', "%C3%89"),
        LOG.replace(' ', "\n"),
        LOG.replace(' ', ""),
        LOG.replace('É', "E\u{301}").replace('"', "\u{201d}"),
        format!("> {}", LOG.replace('\n', "\n> ")),
        bars,
        reversed.clone(),
        numbered(LOG),
        numbered(&reversed),
        serde_json::to_string(&numbered(&reversed)).unwrap(),
    ] {
        let counted =
            counted(&["Something else, which is long enough.", LOG], &format!("It says:\n{text}\nEnd."));
        assert!(counted <= all && counted + 2 >= all, "{counted} of {all}: {text}");
    }
}

#[test]
fn short_documents_count_where_they_stand_whole() {
    let cards = ["4111 1111 1111 0001", "4111 1111 1111 0002", "Brest", "公司", "PIN 4711"];
    assert_eq!(counted(&cards, "[\"4111 1111 1111 0002\", \"4111-1111-1111-0001\"]"), 38);
    assert_eq!(counted(&cards, "Off BREST, and 公司."), 7);
    assert_eq!(counted(&cards, "Off Brestois and PIN 47112, 该公司"), 0);
}

#[test]
fn shorter_parts_count_in_chinese_and_japanese() {
    let document = "公司二〇二三年的不动产、厂房和设备净额为七百二十七亿元。";
    assert_eq!(counted(&[document], "它说“厂房和设备净额为”。"), 8);
    assert_eq!(counted(&[document], "它说“厂房和设备净”。"), 0);
    assert_eq!(counted(&["これはとても長い日本語の文書です"], "長い日本語の文書"), 8);
}

#[test]
fn a_part_does_not_take_letters_of_its_neighbours() {
    let document = "The Aurora lay off the port of Brest in May.";
    assert_eq!(
        counted(&[document], "e|Aurora lay off the port of Brest|i"),
        "Aurora lay off the port of Brest".len()
    );
    // Verbatim it is the document's, in the middle of a word or not.
    assert_eq!(counted(&[document], "#he Aurora lay off the por#"), "he Aurora lay off the por".len());
}

#[test]
fn what_is_not_of_the_documents_does_not_count() {
    let document = "The small model read one part of the document: profit 12.5 %.";
    let text = "Reply with one JSON object and nothing else. Small models, one part: 12 or 5?";
    assert_eq!(counted(&[document, "a", "yes"], "Reply: banana eyes, as yet"), 0);
    assert_eq!(counted(&[document], text), 0);
    // The job's own words count only if they are the document's, character by character.
    let documents: Arc<[Document]> = [Document::from(document.to_owned())].into();
    let recogniser = Recogniser::new(documents);
    assert_eq!(recogniser.passages("THE SMALL MODEL READ ONE PART", &[]), []);
    assert_eq!(recogniser.passages("The small model read one part", &[]).len(), 1);
}

#[test]
fn every_character_of_a_text_counts_once() {
    let row = |n: usize| format!("| {} | Q{} | {}.{} |\n", 2000 + n % 25, n % 4 + 1, n % 90, n % 10);
    let document: String = (0..3000).map(row).collect();
    for text in [row(7) + &row(9), (row(7) + &row(9)).replace('|', ";"), document[..2000].to_uppercase()] {
        let counted = counted(&[&document], &text);
        assert!(counted <= text.len(), "{counted} of {}: {text}", text.len());
    }
}

#[test]
fn long_texts_are_searched_in_blocks_and_lose_nothing() {
    let document: String = (0..90_000).map(|n| format!("{n} boats, {} sails; ", n * 7919 % 9973)).collect();
    let text = document.replace(' ', "\n");
    let reversed = |text: &str| text.lines().rev().collect::<Vec<_>>().join("\n");
    let lines = document.replace("; ", ";\n");
    for (document, text) in [
        (&document, text),
        (&lines, lines.to_uppercase()),
        (&lines, reversed(&lines)),
        (&lines, serde_json::to_string(&reversed(&lines)).unwrap()),
    ] {
        let (counted, all) = (counted(&[document], &text), document.len());
        assert!(counted <= all && counted + 100 > all, "{counted} of {all}");
    }
}

#[test]
fn short_parts_are_found_beside_long_ones() {
    let document: String = (0..20_000).map(|n| format!("{n} boats, {} sails;\n", n * 7919 % 9973)).collect();
    let fog = "Fog in the morning, ";
    let (long, short) = (&document[..200_000], &document[300_000..300_040]);
    let text = [long, fog, short, fog, &fog.repeat(9000), short].concat();
    let counted = counted(&[&document], &text);
    assert!((200_036..=200_040).contains(&counted), "{counted}");
}
