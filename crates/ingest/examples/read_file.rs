//! Reads files and prints their text, or with `--time` how long that takes, against a reference how good it is, and with
//! flipped bytes whether it ends: `read_file a.pdf`, `read_file --time a.pdf b.pdf`,
//! `read_file --against reference.txt a.pdf`, `read_file --mutants 1000 a.pdf b.pdf`.

use std::io::Write;
use std::time::Instant;

use minions_ingest::{Limits, Reading, read};

#[path = "../tests/pdf/ruler.rs"]
mod ruler;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--time", files @ ..] => {
            for file in files {
                time(file, &mut out)?;
            }
        }
        ["--against", reference, file] => {
            let reference = std::fs::read_to_string(reference)?;
            judge(&reading(file)?, &reference, &mut out)?;
        }
        ["--mutants", count, files @ ..] => {
            for (index, file) in files.iter().enumerate() {
                mutants(file, index as u64 + 1, count.parse()?, &mut out)?;
            }
        }
        files => {
            for file in files {
                let reading = reading(file)?;
                writeln!(out, "{}", reading.text)?;
                for note in reading.notes {
                    writeln!(out, "note: {note}")?;
                }
            }
        }
    }
    Ok(())
}

fn reading(file: &str) -> Result<Reading, Box<dyn std::error::Error>> {
    let bytes = std::fs::read(file)?;
    Ok(read(file, bytes, &Limits::default()).map_err(|error| format!("{error}. {}", error.hint()))?)
}

/// The best of five.
fn time(file: &str, out: &mut impl Write) -> Result<(), Box<dyn std::error::Error>> {
    let bytes = std::fs::read(file)?;
    let mut best = f64::INFINITY;
    let mut said = String::new();
    for _ in 0..5 {
        let copy = bytes.clone();
        let start = Instant::now();
        let read = read(file, copy, &Limits::default());
        best = best.min(start.elapsed().as_secs_f64());
        said = match read {
            Ok(reading) => {
                let pages = reading.text.matches('\u{c}').count() + 1;
                format!(
                    "{pages} pages, {:.0} pages/s, {} bytes of text",
                    pages as f64 / best,
                    reading.text.len()
                )
            }
            Err(error) => error.to_string(),
        };
    }
    Ok(writeln!(out, "{file}: {:.1} ms, {said}", best * 1e3)?)
}

/// Reads copies with flipped bytes. A panic ends the program.
fn mutants(
    file: &str,
    seed: u64,
    count: u64,
    out: &mut impl Write,
) -> Result<(), Box<dyn std::error::Error>> {
    let bytes = std::fs::read(file)?;
    let mut slowest = (0.0, 0);
    let mut unread = 0;
    for mutant in 0..count {
        let mut state = ((seed << 32) | mutant).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut below = |end: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % end as u64) as usize
        };
        let mut flipped = bytes.clone();
        for _ in 0..=below(12) {
            let at = below(flipped.len());
            flipped[at] ^= 1 << below(8);
        }
        let start = Instant::now();
        unread += u64::from(read(file, flipped, &Limits::default()).is_err());
        let seconds = start.elapsed().as_secs_f64();
        if seconds > slowest.0 {
            slowest = (seconds, mutant);
        }
    }
    Ok(writeln!(
        out,
        "{file}: {count} mutants, {unread} unread, mutant {} took {:.0} ms",
        slowest.1,
        slowest.0 * 1e3
    )?)
}

fn judge(reading: &Reading, reference: &str, out: &mut impl Write) -> std::io::Result<()> {
    let rows = ruler::table_rows(reference);
    let lost = ruler::lost_rows(&reading.text, &rows);
    for row in &lost {
        writeln!(out, "lost: {} | {}", row.label, row.figures.join(" "))?;
    }
    let kept = (rows.len() - lost.len()) as f64 / rows.len().max(1) as f64;
    writeln!(
        out,
        "word F1 {:.4}, rows kept {kept:.4} of {}",
        ruler::word_f1(&reading.text, reference),
        rows.len()
    )
}
