//! What the documents of files are called: their names leave this machine, so they tell no more of it than is needed.

use std::path::{Component, Path};

use super::schema::NamedFile;

/// Names the files whose path tells where on this machine they are, as one from the root does: by the end of the path,
/// which is as long as it takes to tell them apart.
pub(super) fn shorten(files: &mut [NamedFile]) {
    let ends: Vec<Vec<String>> = files.iter().map(|file| parts(file.document_name())).collect();
    for (at, file) in files.iter_mut().enumerate() {
        if file.name.is_some() || !tells_place(&file.given) || ends[at].is_empty() {
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

fn parts(path: &str) -> Vec<String> {
    let normal = |part: Component| match part {
        Component::Normal(part) => Some(part.to_string_lossy().into_owned()),
        _ => None,
    };
    Path::new(path).components().filter_map(normal).collect()
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
