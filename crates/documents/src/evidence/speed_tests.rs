//! Prints what citations cost in a long document: `cargo test --release -p minions-documents -- --ignored --nocapture speed`.

use std::time::Instant;

use super::Sources;

#[test]
#[ignore = "it measures"]
fn speed() {
    let line = |n: usize| {
        format!(
            "Entry {n}: the Aurora lay off port {} in {} fathoms, said the mate.\n",
            n * 7919 % 1000,
            n % 97
        )
    };
    let document = [(0..150_000).map(line).collect::<String>()];
    let starts: Vec<usize> =
        std::iter::once(0).chain(document[0].match_indices('\n').map(|(at, _)| at + 1)).collect();
    let sources = Sources::new(&document);
    let whole = sources.chunk(&document[0]);
    for (name, is_whole) in [("chunks of 3 kB", false), ("the whole document", true)] {
        let begun = Instant::now();
        let mut verified = 0;
        for at in 0..10_000 {
            let n = at * 14 + 5;
            let own = sources.chunk(&document[0][starts[n - 5]..][..3000]);
            let chunk = if is_whole { &whole } else { &own };
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
        println!(
            "{name}, {} MB: {verified} verified, {:.0?} each 1,000",
            document[0].len() >> 20,
            begun.elapsed() / 10
        );
    }
}
