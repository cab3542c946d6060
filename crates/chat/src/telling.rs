//! What a long text of a server tells: the end of its log, the lines that speak of a fault. Pure.

/// Words of lines that speak of a fault, in lower case.
const FAULTS: &[&str] = &[
    "error",
    "err=",
    "\"err\"",
    "fail",
    "fatal",
    "panic",
    "abort",
    "assert",
    "exception",
    "couldn't",
    "could not",
    "can't",
    "cannot",
    "unable",
    "denied",
    "not found",
    "no such",
    "not enough",
    "insufficient",
    "out of memory",
    "killed",
    "signal",
    "refused",
    "invalid",
    "unknown",
    "unsupported",
    "not supported",
    "exceed",
    "corrupt",
    "missing",
    "died",
    "exit",
];
/// Words of lines that speak of faults and report none, in lower case.
const HARMLESS: &[&str] = &["0 errors", "no error", "without error", "0 failed"];
/// The mark of what is left out.
const GAP: &str = " ... ";
/// The most lines that are looked at, from the end.
const LINES: usize = 2000;

/// `text` on one line, without control characters, in at most about `most` characters: all of it where it fits, else its
/// beginning, which names what failed, and of the rest the lines that speak of a fault and the last ones.
pub fn telling(text: &str, most: usize) -> String {
    let all = one_line(text);
    if all.chars().count() <= most {
        return all;
    }
    let lines: Vec<String> = text.lines().map(one_line).filter(|line| !line.is_empty()).collect();
    if lines.len() < 2 {
        return ends(&all, most / 3, most - most / 3);
    }
    let head = shortened(&lines[0], most / 3);
    let mut left = most.saturating_sub(head.chars().count());
    let mut kept: Vec<(usize, String)> = Vec::new();
    for at in by_worth(&lines) {
        let gap = GAP.chars().count();
        if left <= 2 * gap || kept.iter().any(|(_, line)| *line == lines[at]) {
            continue;
        }
        let line = ends(&lines[at], left / 3, left - left / 3 - gap);
        left = left.saturating_sub(line.chars().count() + gap);
        kept.push((at, line));
    }
    kept.sort_by_key(|(at, _)| *at);
    let mut before = 0;
    let mut telling = head;
    for (at, line) in kept {
        telling += if at == before + 1 { " " } else { GAP };
        telling += &line;
        before = at;
    }
    if before + 1 < lines.len() {
        telling += GAP.trim_end();
    }
    telling
}

/// The numbers of the lines after the first, those that tell most first: the last one, then those that speak of a fault,
/// then the others, each from the end.
fn by_worth(lines: &[String]) -> Vec<usize> {
    let speaks = |at: &usize| {
        let line = lines[*at].to_lowercase();
        FAULTS.iter().any(|word| line.contains(word)) && !HARMLESS.iter().any(|word| line.contains(word))
    };
    let last = lines.len() - 1;
    let (faults, others): (Vec<usize>, Vec<usize>) = (1..last).rev().take(LINES).partition(speaks);
    [last].into_iter().chain(faults).chain(others).collect()
}

fn one_line(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ")
}

fn shortened(line: &str, most: usize) -> String {
    match line.char_indices().nth(most) {
        Some((end, _)) => format!("{}{}", &line[..end], GAP.trim_end()),
        None => line.to_owned(),
    }
}

/// The first `begin` and the last `end` characters of `line`, if it has more.
fn ends(line: &str, begin: usize, end: usize) -> String {
    let chars = line.chars().count();
    if chars <= begin + end {
        return line.to_owned();
    }
    let place = |nth: usize| line.char_indices().nth(nth).map_or(line.len(), |(at, _)| at);
    format!("{}{GAP}{}", &line[..place(begin)], &line[place(chars - end)..])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The log of a server that ends so.
    fn log(first: &str, last: &[&str]) -> String {
        let chatter = (0..200).map(|n| format!("load_tensors: layer {n} assigned to device CPU"));
        [first.to_owned()]
            .into_iter()
            .chain(chatter)
            .chain(last.iter().map(|line| (*line).to_owned()))
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn a_log_tells_its_end() {
        let first =
            "unable to load runner: llama.cpp terminated unexpectedly: llama.cpp failed: exit status 1";
        for fault in [
            "srv start: couldn't bind HTTP server socket, hostname: inference-0.sock, port: 0",
            "ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 34359738368",
            "RuntimeError: CUDA out of memory",
            "thread 'main' panicked at src/lib.rs:1",
        ] {
            let told = telling(&log(first, &[fault, "main: the end", "exiting"]), 400);
            assert!(told.starts_with(first) && told.contains(fault) && told.ends_with("exiting"), "{told}");
            assert!(told.chars().count() <= 420, "{told}");
        }
        // A fault in the middle counts more than what came after it.
        let told = telling(
            &log(first, &["E: model file is corrupt", &"bye ".repeat(30), &"bye bye ".repeat(30)]),
            400,
        );
        assert!(told.contains("model file is corrupt"), "{told}");
    }

    #[test]
    fn a_line_tells_both_its_ends() {
        let told = telling(&format!("Error: {} the disk is full", "x".repeat(2000)), 100);
        assert!(told.starts_with("Error: x") && told.ends_with("the disk is full"), "{told}");
        assert_eq!(told.chars().count(), 100 + GAP.len());
    }

    #[test]
    fn what_fits_is_left_as_it_is() {
        assert_eq!(telling(" a\n\tb\u{1b}[31m\n\n c ", 10), "a b [31m c");
        assert_eq!(telling("", 9), "");
        for most in [0, 1, 5, 40] {
            assert!(telling(&log("first", &["last"]), most).chars().count() <= most + 3 * GAP.len());
        }
    }
}
