//! The documentation points at what is there.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use crate::support::program::Program;

/// Lines of the README at most: what is longer belongs in docs/.
const README_LINES: usize = 150;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// README, CONTRIBUTING, CHANGELOG and the pages of docs/.
fn pages() -> Vec<PathBuf> {
    let top = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name));
    let docs = root().join("docs").read_dir().unwrap().map(|entry| entry.unwrap().path());
    let is_page = |path: &PathBuf| path.extension().is_some_and(|end| end == "md");
    top.into_iter().chain(docs.filter(is_page)).collect()
}

/// The anchors of a page's headings, as the forges make them.
fn anchors(page: &str) -> HashSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
    };
    headings.map(anchor).collect()
}

/// The targets of a page's links, `path#anchor` each; those of the web are left out.
fn links(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
    targets.filter(|target| !target.contains("://"))
}

#[test]
fn every_link_leads_somewhere() {
    for page in pages() {
        let text = read(&page);
        for link in links(&text) {
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: {link} is not there", page.display());
            if !anchor.is_empty() {
                assert!(
                    anchors(&read(&target)).contains(anchor),
                    "{}: {link} has no such heading",
                    page.display()
                );
            }
        }
    }
}

#[test]
fn every_job_that_a_page_shows_is_a_good_one() {
    let mut jobs = 0;
    for page in pages() {
        let text = read(&page);
        let blocks = text.split("```json\n").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0));
        for job in blocks.filter(|block| block.starts_with('{') && block.contains("\"call_params\"")) {
            let program =
                Program::new().args(["batch", "--dry-run"]).env("OPENAI_API_KEY", "sk-test-0123456789");
            let ran = program.run(job);
            assert_eq!(ran.code, Some(0), "{}: {}", page.display(), ran.stdout);
            jobs += 1;
        }
    }
    assert!(jobs >= 2, "{jobs}");
}

#[test]
fn every_page_is_in_the_index_and_leads_back_to_it() {
    let index = read(&root().join("docs/README.md"));
    for page in pages().iter().filter(|page| page.starts_with(root().join("docs"))) {
        let name = page.file_name().unwrap().to_str().unwrap();
        if name != "README.md" {
            assert!(index.contains(&format!("({name})")), "docs/README.md does not list {name}");
            assert!(read(page).contains("[Documentation](README.md)"), "{name} has no way back");
        }
    }
}

#[test]
fn the_readme_is_short() {
    let lines = read(&root().join("README.md")).lines().count();
    assert!(lines <= README_LINES, "{lines} lines");
}

#[test]
fn contributing_names_every_file_of_the_engine_once() {
    let text = read(&root().join("CONTRIBUTING.md"));
    let mut folders = vec![root().join("src/engine")];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root()).unwrap().display().to_string();
            match path.is_dir() {
                true => folders.push(path),
                false => assert_eq!(text.matches(&format!("| `{name}` |")).count(), 1, "{name}"),
            }
        }
    }
}
