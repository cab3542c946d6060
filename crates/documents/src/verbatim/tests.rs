use super::*;

fn owned(documents: &[&str]) -> Vec<String> {
    documents.iter().map(|text| (*text).to_owned()).collect()
}

fn found(documents: &[&str], text: &str) -> Vec<(usize, String)> {
    let documents = owned(documents);
    let passages = joined(passages(&documents, text).map(|(_, passage)| passage).collect());
    passages.into_iter().map(|p| (p.document, documents[p.document][p.start..p.end].to_owned())).collect()
}

/// Pseudorandom numbers, the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())]
    }
}

#[test]
fn every_part_of_twenty_characters_is_found_whole() {
    let document: String = (0..500).map(|n| format!("{n}, ")).collect();
    for start in 0..200 {
        for length in [20, 21, 33, 100] {
            let part = &document[start..start + length];
            assert_eq!(found(&["", &document], &format!("#{part}#")), [(1, part.to_owned())]);
        }
        assert_eq!(found(&[&document], &format!("#{}#", &document[start..start + 19])), []);
    }
}

#[test]
fn characters_count_and_stay_whole() {
    let document = "Ж 日本語の文書はここにあります。とても長い文です。👩👩 end";
    assert_eq!(
        found(&[document], "日本語の文書はここにあります。とても長い文です。"),
        [(0, document[3..].split('👩').next().unwrap().to_owned())]
    );
    assert_eq!(found(&[document], "日本語の文書はここにあ"), [], "eleven characters");
    // The two last characters begin with the same byte.
    let (this, other) = ("twenty characters, it is: é", "twenty characters, it is: è");
    assert_eq!(found(&[this], other), [(0, "twenty characters, it is: ".to_owned())]);
    assert_eq!(found(&[&"-".repeat(90)], &"-".repeat(90)), []);
}

#[test]
fn parts_that_follow_each_other_are_told_apart() {
    let documents =
        ["The Aurora lay off the port of Brest in May.", "In June the Aurora lay in the harbour of Lorient."];
    let text = "The Aurora lay off the port of Brest in MayIn June the Aurora lay in the harbour.";
    let expected = [
        (0, "The Aurora lay off the port of Brest in May".to_owned()),
        (1, "In June the Aurora lay in the harbour".to_owned()),
    ];
    assert_eq!(found(&documents, text), expected);
    // A text that is sent twice has left once.
    assert_eq!(found(&documents, &text.repeat(2)), expected);
}

/// Tables in which every gram is common.
fn tables() -> [(&'static str, Vec<String>); 4] {
    let mut dice = Dice(1);
    let rows = |row: &mut dyn FnMut(usize) -> String| (0..8000).map(row).collect();
    [
        (
            "quarters",
            rows(&mut |_| {
                let (year, quarter, place) =
                    (1990 + dice.roll(35), 1 + dice.roll(4), dice.pick(&["EU", "US"]));
                format!("| {year} | Q{quarter} | {place} | {}.{} |", 10 + dice.roll(90), dice.roll(10))
            }),
        ),
        ("answers", rows(&mut |n| format!("patient {n:05}: HIV test {}", ["positive", "negative"][n % 2]))),
        ("bits", rows(&mut |n| format!("{:025b}", n * 2_654_435_761 % (1 << 25)))),
        (
            "Chinese",
            rows(&mut |n| format!("第{n}行：收入{}万元，支出{}万元，利润不详。", n * 7 % 97, n * 5 % 89)),
        ),
    ]
}

#[test]
fn rows_of_a_table_are_found_whole_however_common_what_they_are_made_of() {
    for (name, rows) in tables() {
        let document = rows.join("\n");
        let mut sent: Vec<&str> = (0..300).map(|n| rows[(n * 7919 + 5000) % rows.len()].as_str()).collect();
        sent.sort_unstable();
        sent.dedup();
        assert!(sent.len() > 280, "{name}");
        let left = found(&[&document], &format!("It says: «{}».", sent.join("»; «")));
        for row in &sent {
            assert!(left.iter().any(|(_, passage)| passage.contains(row)), "{name}: {row}");
        }
        let (left, sent): (usize, usize) = (
            left.iter().map(|(_, passage)| passage.chars().count()).sum(),
            sent.iter().map(|row| row.chars().count()).sum(),
        );
        assert!(left >= sent && left <= sent + sent / 10, "{name}: {left} of {sent}");
    }
}

/// The bytes of the text that are reported, each once.
fn bytes_told(documents: &[String], text: &str, steps: usize) -> Vec<bool> {
    let mut told = vec![false; text.len()];
    for (at, passage) in search(documents, text, Scale::Characters, steps).iter().flat_map(Found::told) {
        let words = &documents[passage.document][passage.start..passage.end];
        assert!(text[at..].starts_with(words));
        for byte in &mut told[at..at + words.len()] {
            assert!(!std::mem::replace(byte, true), "{words:?} is told twice");
        }
    }
    told
}

/// The bytes of the text in windows that a document contains.
fn bytes_shared(documents: &[String], text: &str) -> Vec<bool> {
    let mut shared = vec![false; text.len()];
    for (start, end) in windows(text, Scale::Characters) {
        let window = &text[start..end];
        if window.contains(char::is_alphanumeric)
            && documents.iter().any(|document| document.contains(window))
        {
            shared[start..end].fill(true);
        }
    }
    shared
}

#[test]
fn what_both_have_is_told_and_nothing_else() {
    let mut dice = Dice(2);
    for (alphabet, most) in [("ab", 40), ("abc", 60), ("añ語👩", 60), ("aé", 300), ("the ", 300)] {
        let letters: Vec<char> = alphabet.chars().collect();
        for _ in 0..200 {
            let mut make = |length| -> String { (0..length).map(|_| dice.pick(&letters)).collect() };
            let (shared, mut documents) = (make(30), vec![make(most), make(most)]);
            documents[1].push_str(&shared);
            let text = [make(most), shared, make(most)].concat();
            let expected = bytes_shared(&documents, &text);
            assert_eq!(bytes_told(&documents, &text, usize::MAX), expected, "{text:?} of {documents:?}");
        }
    }
}

#[test]
fn long_and_repetitive_documents_are_no_burden() {
    let document = "lorem ipsum ".repeat(90_000);
    let passages = found(&[&document], &document[..200_000]);
    assert_eq!(passages.iter().map(|(_, text)| text.len()).sum::<usize>(), 200_000);
    assert_eq!(found(&[&document], &"lorem ipsam ".repeat(20_000)), []);
}

/// The steps of a search for each byte.
fn steps(document: &str, text: &str) -> f64 {
    let documents = owned(&[document]);
    let left =
        search(&documents, text, Scale::Characters, usize::MAX).map_or(usize::MAX, |found| found.steps);
    (usize::MAX - left) as f64 / (document.len() + text.len()) as f64
}

#[test]
fn what_repeats_itself_takes_no_more_steps_for_a_byte_the_longer_it_is() {
    type Make = fn(usize) -> (String, String);
    let cases: [(&str, Make); 6] = [
        ("one letter", |n| ("a".repeat(n), "a".repeat(n / 2))),
        ("one letter, and it ends", |n| ("a".repeat(n), format!("b{}c", "a".repeat(n / 2)))),
        ("runs too short", |n| ("a".repeat(n), format!("{}b", "a".repeat(19)).repeat(n / 20))),
        ("runs just long enough", |n| ("a".repeat(n), format!("{}b", "a".repeat(20)).repeat(n / 21))),
        ("a few letters", |n| ("abc".repeat(n), "abcabd".repeat(n / 12))),
        ("rulers", |n| (format!("{}\n", "-".repeat(80)).repeat(n / 81), "-".repeat(n / 2))),
    ];
    for (name, make) in cases {
        let [few, many] = [4_000, 64_000].map(make).map(|(document, text)| steps(&document, &text));
        assert!(many <= 1.5 * few.max(1.0) && many <= STEPS as f64, "{name}: {few:.1}, {many:.1}");
    }
}

#[test]
fn out_of_steps_it_still_finds_every_window() {
    let rows: Vec<String> = (0..400).map(|n| format!("row {n} of many: yes, no, {}", n * 7 % 11)).collect();
    let documents = [rows.join("\n")];
    let text: String = (0..400).step_by(3).map(|n| format!("{}; ", rows[n])).collect();
    let shared = bytes_shared(&documents, &text);
    for steps in [0, 100, 10_000, usize::MAX] {
        let told = bytes_told(&documents, &text, steps);
        let windows = || {
            windows(&text, Scale::Characters)
                .filter(|(start, end)| shared[*start..*end].iter().all(|byte| *byte))
        };
        // The place is one of those where the text contains it.
        let is_told = |window: &str| {
            text.match_indices(window).any(|(at, _)| told[at..at + window.len()].iter().all(|byte| *byte))
        };
        assert!(windows().count() > 1000);
        for (start, end) in windows() {
            assert!(is_told(&text[start..end]), "{steps}: {:?}", &text[start..end]);
        }
    }
}

#[test]
fn a_text_of_several_blocks_loses_nothing_between_them() {
    let text: String = (0..500).map(|n| format!("{n}é ")).collect();
    for bytes in [50, 99, 1000, 1 << 20] {
        let blocks: Vec<&str> = blocks(&text, bytes)
            .inspect(|(from, block)| assert!(text[*from..].starts_with(block)))
            .map(|(_, block)| block)
            .collect();
        assert!(blocks.iter().all(|block| block.len() <= bytes));
        for (start, end) in windows(&text, Scale::Characters) {
            assert!(blocks.iter().any(|block| block.contains(&text[start..end])), "{bytes}: {start}");
        }
    }
    assert_eq!(blocks("", 50).collect::<Vec<_>>(), [(0, "")]);
}
