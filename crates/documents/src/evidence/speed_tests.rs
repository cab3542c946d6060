//! Prints what citations cost in a long document: `cargo test --release -p minions-documents -- --ignored --nocapture speed`.

use std::time::Instant;

use super::Sources;

#[test]
#[ignore = "it measures"]
fn speed() {
    let line = |n: usize| format!("Entry {n}: the Aurora lay off port {} in {} fathoms, said the mate.\n", n * 7919 % 1000, n % 97);
    let document = [(0..150_000).map(line).collect::<String>()];
    let sources = Sources::new(&document);
    for (name, size) in [("chunks of 3 kB", 3_000), ("the whole document", document[0].len())] {
        let begun = Instant::now();
        let mut verified = 0;
        let whole = sources.chunk(&document[0]);
        for at in 0..10_000 {
            let n = at * 15;
            let start = document[0].len() / 10_000 * at;
            let chunk = &document[0][start..(start + size).min(document[0].len())];
            let own = sources.chunk(chunk);
            let chunk = if size == document[0].len() { &whole } else { &own };
            let n = if size == document[0].len() { n } else { (start / line(75_000).len()) + 20 };
            let citation = match at % 5 {
                0 => line(n).replace(' ', "  "),
                1 => format!("Entry {n} ... said the mate"),
                2 => format!("{}; {}", line(n).trim(), line(n + 1).trim()),
                3 => format!("Entry {n}: the Aurora lay off port 7 in 3 miles"),
                _ => format!("in {} fath\noms, said", n % 97),
            };
            let evidence = chunk.evidence(&citation);
            verified += usize::from(evidence.verified);
            if !evidence.verified {
                chunk.nearest(&citation);
            }
        }
        println!("{name}, {} MB: {verified} verified, {:.0?} each 1,000", document[0].len() >> 20, begun.elapsed() / 10);
    }
}
