//! What the documentation names is there.

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_path_in_the_documentation_exists() {
    let is_page = |path: &PathBuf| path.extension().is_some_and(|end| end == "md");
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let mut missing = Vec::new();
    for page in docs.filter(is_page).chain([root().join("CONTRIBUTING.md")]) {
        let text = std::fs::read_to_string(&page).unwrap();
        let paths = text.split('`').skip(1).step_by(2).filter(|words| is_our_path(words));
        let paths = paths.filter(|path| !root().join(path).exists() && !page.with_file_name(path).exists());
        missing.extend(paths.map(|path| format!("{path}, which {} names", page.display())));
    }
    assert!(missing.is_empty(), "not there: {missing:#?}");
}

/// Whether it is a path below one of our folders, or a file of source, text or script.
fn is_our_path(words: &str) -> bool {
    let is_path = words.chars().all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter));
    let first = words.split('/').next().unwrap_or_default();
    let below = words.contains('/') && root().join(first).is_dir() && !first.is_empty();
    is_path && (below || [".rs", ".md", ".sh"].iter().any(|end| words.ends_with(end)))
}
