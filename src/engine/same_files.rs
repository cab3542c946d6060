//! A file that a job names twice is read once.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::file_report::warn;
use super::listing::{Listing, one_line};
use crate::events::Events;
use crate::job::{Job, NamedFile};
use crate::sync::beside_runtime;

/// `job` with each of its files once.
pub(super) async fn once(job: Arc<Job>, events: &Events) -> Arc<Job> {
    if job.files.len() < 2 {
        return job;
    }
    let named = job.files.clone();
    let (files, told) = beside_runtime(move || distinct(&named)).await;
    if told.is_empty() {
        return job;
    }
    told.into_iter().for_each(|text| warn(text, events));
    Arc::new(Job { files, ..Job::clone(&job) })
}

/// `listings` without the files in folders that are named themselves, or lie in a folder before.
pub(super) async fn in_no_other(mut listings: Vec<Listing>, events: &Events) -> Vec<Listing> {
    let (listings, told) = beside_runtime(move || {
        let told = take_out(&mut listings);
        (listings, told)
    })
    .await;
    told.into_iter().for_each(|text| warn(text, events));
    listings
}

/// The files of a job, each once, and what to say of those that were named again. Blocks.
fn distinct(files: &[NamedFile]) -> (Vec<NamedFile>, Vec<String>) {
    let (mut kept, mut told) = (Vec::<(PathBuf, NamedFile)>::new(), Vec::new());
    for file in files {
        let real = real(&file.path());
        match kept.iter().find(|(known, _)| *known == real) {
            None => kept.push((real, file.clone())),
            Some((_, first)) => {
                let [again, first] = [&file.given, &first.given].map(|given| one_line(given));
                let same =
                    if again == first { String::new() } else { format!(", the second time as {again}") };
                told.push(format!("{first} is named twice{same}: it is read once"));
            }
        }
    }
    (kept.into_iter().map(|(_, file)| file).collect(), told)
}

/// Takes the files out of folders that are named themselves, or lie in a folder before; gives what to say. Blocks.
fn take_out(listings: &mut [Listing]) -> Vec<String> {
    let named = listings.iter().filter(|listing| !listing.is_folder).flat_map(|listing| &listing.files);
    let mut seen: HashSet<PathBuf> = named.map(|file| real(&file.path)).collect();
    // Most jobs name one folder and nothing else.
    if seen.is_empty() && listings.len() < 2 {
        return Vec::new();
    }
    let mut told = Vec::new();
    for listing in listings.iter_mut().filter(|listing| listing.is_folder) {
        let before = listing.files.len();
        listing.files.retain(|file| seen.insert(real(&file.path)));
        let again = before - listing.files.len();
        listing.has_others_files = again > 0;
        if again > 0 {
            told.push(format!(
                "the folder {} holds {} that the job names besides, each of which is read once",
                one_line(&listing.title),
                crate::words::count(again, "file")
            ));
        }
    }
    told
}

/// Where `path` leads; as far as words tell where it leads nowhere.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        absolute.components().filter(|part| *part != Component::CurDir).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::super::listing;
    use super::*;

    fn named(given: &str) -> NamedFile {
        NamedFile { place: "p".to_owned(), given: given.to_owned(), name: None, after: 0, folder: None }
    }

    #[test]
    fn a_file_is_read_once_whatever_it_is_called() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        std::fs::write(path("a"), "a").unwrap();
        std::os::unix::fs::symlink(path("a"), path("link")).unwrap();
        let files: Vec<_> = [path("a"), path("./a"), path("link"), path("lost"), path("./lost"), path("a")]
            .iter()
            .map(|given| named(given))
            .collect();
        let (kept, told) = distinct(&files);
        let kept: Vec<_> = kept.into_iter().map(|file| file.given).collect();
        assert_eq!(kept, [path("a"), path("lost")]);
        assert_eq!(told.len(), 4);
        assert!(
            told[0].ends_with("/./a: it is read once")
                && told[3].ends_with("is named twice: it is read once")
        );
    }

    #[test]
    fn a_file_in_a_folder_that_is_named_besides_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        for name in ["a.txt", "b.txt", "sub/c.txt"] {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        let of = |name: &str| listing::of(name, &dir.path().join(name)).unwrap();
        let mut listings = [of("."), of("a.txt"), of("sub")];
        let told = take_out(&mut listings);
        let names = listings
            .each_ref()
            .map(|listing| listing.files.iter().map(|file| file.name.clone()).collect::<Vec<_>>());
        assert_eq!(names, [vec!["b.txt", "sub/c.txt"], vec!["a.txt"], vec![]]);
        assert!(told.len() == 2 && told[1].starts_with("the folder sub holds 1 file"), "{told:?}");
        assert!(listings[2].has_others_files);
        assert_eq!(take_out(&mut [of("."), of("sub")]).len(), 1);
        assert_eq!(take_out(&mut [of(".")]), Vec::<String>::new());
    }
}
