//! Times how long it takes to find what a text carries of documents: `cargo run --release -p minions-documents
//! --example recognition [MEGABYTES]`.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use minions_documents::Document;
use minions_documents::recognition::Recogniser;
use minions_documents::verbatim::joined;

/// Pseudorandom numbers, the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    /// Sentences of words, of which some are much more frequent than others, as in a language.
    fn prose(&mut self, bytes: usize) -> String {
        let word = |dice: &mut Self| -> String {
            (0..2 + dice.roll(9)).map(|_| char::from(b"etaoinshrdlucmfwyp"[dice.roll(18)])).collect()
        };
        let words: Vec<String> = (0..20_000).map(|_| word(self)).collect();
        let mut text = String::with_capacity(bytes + 100);
        while text.len() < bytes {
            for _ in 0..5 + self.roll(12) {
                let most = 1 + self.roll(words.len());
                let most = 1 + self.roll(most);
                text.push_str(&words[self.roll(most)]);
                text.push(' ');
            }
            text.push_str([".\n", "; ", ", ", "?\n"][self.roll(4)]);
        }
        text
    }

    /// Rows that are made of what many others have, too.
    fn table(&mut self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 100);
        while text.len() < bytes {
            let (year, quarter, place) = (2000 + self.roll(25), 1 + self.roll(4), ["EU", "US", "JP"][self.roll(3)]);
            let _ = writeln!(text, "| {year} | Q{quarter} | {place} | {}.{} |", self.roll(90), self.roll(10));
        }
        text
    }
}

fn reversed(text: &str) -> String {
    text.lines().rev().collect::<Vec<_>>().join("\n")
}

fn main() {
    let size = std::env::args().nth(1).and_then(|size| size.parse().ok()).unwrap_or(10);
    let bytes = size << 20;
    let only = std::env::args().nth(2);
    let mut dice = Dice(7);
    let line = "The Aurora lay off the port of Brest in 12 fathoms.\n";
    let documents = [
        ("prose", dice.prose(bytes)),
        ("table", dice.table(bytes)),
        ("one line again and again", line.repeat(bytes / line.len())),
    ];
    let foreign = Dice(99).prose(5000);
    for (name, document) in documents {
        if only.as_ref().is_some_and(|only| *only != name) { continue; }
        let middle = |bytes: usize| &document[document.len() / 5..][..bytes];
        let most = document.len() / 10 * 6;
        let texts = [
            ("5 kB", middle(5000).to_owned()),
            ("5 kB of something else", foreign.clone()),
            ("5 kB, upper case", middle(5000).to_uppercase()),
            ("5 kB, reversed lines", reversed(middle(5000))),
            ("60 %", middle(most).to_owned()),
            ("60 %, upper case", middle(most).to_uppercase()),
            ("60 %, reversed lines", reversed(middle(most))),
        ];
        let chars = document.len();
        let all: Arc<[Document]> = [Document::from(document.clone())].into();
        let from = Instant::now();
        let recogniser = Recogniser::new(all);
        println!("{size} MB of {name}: read in {:.2} s", from.elapsed().as_secs_f64());
        for (what, text) in texts {
            let from = Instant::now();
            let found = joined(recogniser.passages(&text, std::slice::from_ref(&(0..text.len()))));
            let time = from.elapsed();
            let found: usize = found.iter().map(|passage| passage.end - passage.start).sum();
            println!("  {what:<24} {:>9.3} s, {found} of {} bytes ({chars})", time.as_secs_f64(), text.len());
        }
    }
}
