//! What the documents of files are called: their names leave this machine, so they tell no more of it than is needed.

use std::path::{Component, Path};

use super::schema::NamedFile;

/// What the file or folder at `path` is called, without the folders that it is in; `path` itself if it has no name, as
/// `..` has none.
pub fn bare_name(path: &str) -> String {
    let name = parts(path).pop().unwrap_or_else(|| nameless(path));
    name.replace(char::is_control, "\u{fffd}")
}

/// Names the files whose path tells where on this machine they are, as one from the root does: by the end of the path,
/// which is as long as it takes to tell them apart.
pub(super) fn shorten(files: &mut [NamedFile]) {
    let ends: Vec<Vec<String>> = files.iter().map(|file| parts(file.document_name())).collect();
    for (at, file) in files.iter_mut().enumerate() {
        if file.name.is_some() || !tells_place(&file.given) {
            continue;
        }
        if ends[at].is_empty() {
            file.name = Some(nameless(&file.given));
            continue;
        }
        let is_alone = |end: &[String]| {
            ends.iter().enumerate().all(|(other, parts)| other == at || !parts.ends_with(end))
        };
        let own = &ends[at];
        let end = (0..own.len()).rev().map(|from| &own[from..]).find(|end| is_alone(end));
        file.name = Some(end.unwrap_or(&own[own.len() - 1..]).join("/"));
    }
}

/// The names on the way to `path`, as it is written: `a/../b` leads to `b`.
fn parts(path: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for part in Path::new(path).components() {
        match part {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::ParentDir => drop(parts.pop()),
            _ => {}
        }
    }
    parts
}

/// What a folder is called to which no name leads, such as `a/..`.
fn nameless(path: &str) -> String {
    let (mut depth, mut is_above, mut has_names) = (0, false, false);
    for part in Path::new(path).components() {
        match part {
            Component::Normal(_) => (depth, has_names) = (depth + 1, true),
            Component::ParentDir => depth -= 1,
            _ => {}
        }
        is_above |= depth < 0;
    }
    match (has_names, is_above) {
        (false, _) => path,
        (true, true) => "..",
        (true, false) => ".",
    }
    .to_owned()
}

fn tells_place(path: &str) -> bool {
    Path::new(path).components().any(|part| matches!(part, Component::RootDir | Component::ParentDir))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(given: &[&str]) -> Vec<String> {
        let file = |given: &&str| NamedFile {
            place: String::new(),
            given: (*given).to_owned(),
            name: None,
            after: 0,
            folder: None,
        };
        let mut files: Vec<NamedFile> = given.iter().map(file).collect();
        shorten(&mut files);
        files.iter().map(|file| file.document_name().to_owned()).collect()
    }

    #[test]
    fn a_name_does_not_tell_where_a_file_is() {
        for (given, expected) in [
            (&["/home/ann/clients/acme/annual.pdf"][..], &["annual.pdf"][..]),
            (&["../../ann/annual.pdf", "src/a.rs", "."], &["annual.pdf", "src/a.rs", "."]),
            (
                &["/home/ann/2022/annual.pdf", "/home/ann/2023/annual.pdf"],
                &["2022/annual.pdf", "2023/annual.pdf"],
            ),
            (&["/home/ann/annual.pdf", "annual.pdf"], &["ann/annual.pdf", "annual.pdf"]),
            (&["/srv/notes/", "/"], &["notes", "/"]),
            // The same file twice.
            (&["/a/b.txt", "/a/b.txt"], &["b.txt", "b.txt"]),
            (&["..", "../.."], &["..", "../.."]),
            (&["/home/ann/sub/..", "sub/.."], &["ann", "."]),
            (&["sub/../b.txt", "../a/../b.txt", "x/../../ann/.."], &["b.txt", "b.txt", ".."]),
        ] {
            assert_eq!(names(given), expected, "{given:?}");
        }
    }

    #[test]
    fn a_name_that_the_job_gives_stays() {
        let mut files = vec![NamedFile {
            place: String::new(),
            given: "/a/b.pdf".to_owned(),
            name: Some("/x/B".to_owned()),
            after: 0,
            folder: None,
        }];
        shorten(&mut files);
        assert_eq!(files[0].document_name(), "/x/B");
    }
}
