//! Which paths a Rust file uses: as much of a parser as that takes.

use std::collections::BTreeMap;

/// What a file says about other modules, tests left out.
#[derive(Default)]
pub(crate) struct Source {
    /// Paths that begin with `crate`, `super`, `self` or the name of a module below, as they stand there.
    pub uses: Vec<Vec<String>>,
    /// Names that it passes on, with the paths that they come from.
    pub exports: BTreeMap<String, Vec<String>>,
    /// Modules below that only tests have.
    pub test_modules: Vec<String>,
}

impl Source {
    /// Adds what another file of the same module says.
    pub(crate) fn add(&mut self, other: Self) {
        self.uses.extend(other.uses);
        self.exports.extend(other.exports);
        self.test_modules.extend(other.test_modules);
    }
}

pub(crate) fn parse(text: &str) -> Source {
    let mut source = Source::default();
    let tokens = without_tests(&tokens(text), &mut source);
    let is = |at: usize, word: &str| tokens.get(at).is_some_and(|token| token == word);
    let modules: Vec<&String> =
        (0..tokens.len()).filter(|&at| is(at, "mod") && is(at + 2, ";")).map(|at| &tokens[at + 1]).collect();
    let mut at = 0;
    while at < tokens.len() {
        let is_ours = ["crate", "super", "self"].contains(&&*tokens[at]) || modules.contains(&&tokens[at]);
        let begins = is_ours && is(at + 1, "::") && (at == 0 || !is(at - 1, "::") && !is(at - 1, "."));
        if !begins {
            at += 1;
            continue;
        }
        // `pub use`, `pub(crate) use`.
        let exports = at > 1 && is(at - 1, "use") && (is(at - 2, "pub") || is(at - 2, ")"));
        let mut paths = Vec::new();
        at = tree(&tokens, at, &[], &mut paths);
        if exports {
            source.exports.extend(paths);
        } else {
            source.uses.extend(paths.into_iter().map(|(_, path)| path));
        }
    }
    source
}

/// Reads a path from `at` on, with all that its braces hold; gives each with its name, and where it ends.
fn tree(
    tokens: &[String],
    mut at: usize,
    before: &[String],
    found: &mut Vec<(String, Vec<String>)>,
) -> usize {
    let mut path = before.to_vec();
    loop {
        let Some(token) = tokens.get(at) else { return at };
        if token == "{" {
            at += 1;
            while tokens.get(at).is_some_and(|token| token != "}") {
                at = tree(tokens, at, &path, found);
                at += usize::from(tokens.get(at).is_some_and(|token| token == ","));
            }
            return at + 1;
        }
        path.push(token.clone());
        at += 1;
        if tokens.get(at).is_none_or(|token| token != "::") {
            break;
        }
        at += 1;
    }
    let mut name = path.last().cloned().unwrap_or_default();
    if tokens.get(at).is_some_and(|token| token == "as") {
        name = tokens[at + 1].clone();
        at += 2;
    }
    found.push((name, path));
    at
}

/// Leaves out what stands behind `#[cfg(test)]`, up to its semicolon or its closing brace.
fn without_tests(tokens: &[String], source: &mut Source) -> Vec<String> {
    let marks = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if !tokens[at..].iter().take(marks.len()).eq(marks.iter()) {
            kept.push(tokens[at].clone());
            at += 1;
            continue;
        }
        at += marks.len();
        if tokens[at] == "mod" {
            source.test_modules.push(tokens[at + 1].clone());
        }
        let mut depth = 0;
        while at < tokens.len() {
            match tokens[at].as_str() {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            let ends = tokens[at] == "}" || tokens[at] == ";";
            at += 1;
            if depth == 0 && ends {
                break;
            }
        }
    }
    kept
}

/// Words, `::` and single marks; no comments, no texts.
fn tokens(text: &str) -> Vec<String> {
    let text: Vec<char> = text.chars().collect();
    let is = |at: usize, mark: char| text.get(at) == Some(&mark);
    let past = |from: usize, end: &str| {
        let end: Vec<char> = end.chars().collect();
        (from..text.len()).find(|&at| text[at..].starts_with(&end)).map_or(text.len(), |at| at + end.len())
    };
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let letter = text[at];
        let hashes = text[at + 1..].iter().take_while(|letter| **letter == '#').count();
        if letter == '/' && is(at + 1, '/') {
            at = past(at, "\n");
        } else if letter == '/' && is(at + 1, '*') {
            at = past(at, "*/");
        } else if letter == 'r' && is(at + 1 + hashes, '"') {
            at = past(at + 2 + hashes, &format!("\"{}", "#".repeat(hashes)));
        } else if letter == '"' {
            at += 1;
            while at < text.len() && text[at] != '"' {
                at += if text[at] == '\\' { 2 } else { 1 };
            }
            at += 1;
        } else if letter == '\'' && is(at + 1, '\\') {
            at = past(at + 3, "'");
        } else if letter == '\'' && is(at + 2, '\'') {
            at += 3;
        } else if letter.is_alphanumeric() || letter == '_' {
            let length =
                text[at..].iter().take_while(|letter| letter.is_alphanumeric() || **letter == '_').count();
            tokens.push(text[at..at + length].iter().collect());
            at += length;
        } else if letter == ':' && is(at + 1, ':') {
            tokens.push("::".to_owned());
            at += 2;
        } else {
            if !letter.is_whitespace() {
                tokens.push(letter.to_string());
            }
            at += 1;
        }
    }
    tokens
}
