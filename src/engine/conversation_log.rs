//! The conversation log: one JSON file per job, which is either complete or absent.

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, access};

use crate::chat::secrets::Redactor;

/// The number of characters of the task in a file name.
const SLUG: usize = 40;

/// Writes `text`, the JSON of a log, below `dir` and gives its path. With a given `name`, an existing log is replaced.
///
/// A log holds documents, so the file and the folders that this makes are the user's alone.
///
/// # Errors
/// Also if `name` leads through a symbolic link, which could leave `dir`.
pub(super) fn write(
    dir: &Path,
    name: Option<&Path>,
    task: &str,
    mut text: Vec<u8>,
    redactor: &Redactor,
) -> io::Result<PathBuf> {
    // Neither a name nor a task may bring a credential into the name of a file.
    let name = name.map(|name| PathBuf::from(redactor.clean(&name.to_string_lossy())));
    let target = name.as_ref().map(|name| dir.join(name));
    let below = name.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
    let folder = &make_folder(dir, below)?;
    let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let prefix = format!("{stamp}_{}_", slug(&redactor.clean(task)));
    let mut file = tempfile::Builder::new().prefix(&prefix).suffix(".part").tempfile_in(folder)?;
    text.push(b'\n');
    file.write_all(&text)?;
    let target = target.unwrap_or_else(|| file.path().with_extension("json"));
    file.persist(&target)?;
    Ok(target)
}

/// Checks that a log can be written below `dir`, before a job spends anything. Makes nothing.
///
/// # Errors
/// Those of [`write`], as far as they can be known.
pub(super) fn check(dir: &Path, name: Option<&Path>) -> io::Result<()> {
    // Joining nothing would add a slash, behind which a file is not seen.
    let folder = name.and_then(Path::parent).map_or_else(|| dir.to_owned(), |below| dir.join(below));
    // The folders that are missing would be made in this one.
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    if !there.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(access(there, AccessFlags::W_OK | AccessFlags::X_OK)?)
}

/// Makes `dir` and the folders of `below` in it, as far as they are missing. `dir` may be a link, those in it may not.
fn make_folder(dir: &Path, below: &Path) -> io::Result<PathBuf> {
    let mut make = DirBuilder::new();
    make.recursive(true).mode(0o700).create(dir)?;
    let mut folder = dir.to_owned();
    for part in below.components() {
        folder.push(part);
        if folder.is_symlink() {
            return Err(io::Error::other(format!("{} is a symbolic link", folder.display())));
        }
        make.create(&folder)?;
    }
    Ok(folder)
}

/// `task` as a part of a file name.
fn slug(task: &str) -> String {
    let mut slug = String::new();
    for c in task.chars().flat_map(char::to_lowercase) {
        match c {
            c if c.is_ascii_alphanumeric() => slug.push(c),
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
        if slug.len() >= SLUG {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "job".to_owned() } else { slug.to_owned() }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_log_is_whole_and_alone() {
        let dir = tempfile::tempdir().unwrap();
        let first = write(dir.path(), None, "Was kostet's?", b"1".to_vec(), &Redactor::default()).unwrap();
        let second = write(dir.path(), None, "Was kostet's?", b"2".to_vec(), &Redactor::default()).unwrap();
        assert_ne!(first, second);
        assert!(first.file_name().unwrap().to_str().unwrap().contains("_was-kostet-s_"), "{first:?}");
        let named =
            write(dir.path(), Some(Path::new("a/b.json")), "t", b"3".to_vec(), &Redactor::default()).unwrap();
        assert_eq!(named, dir.path().join("a/b.json"));
        assert_eq!(fs::read_to_string(named).unwrap(), "3\n");
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| !name.to_str().unwrap().ends_with(".part")), "{names:?}");
    }

    #[test]
    fn a_log_is_the_user_s_alone_and_so_are_folders_that_it_made() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let given = dir.path().join("given");
        fs::create_dir(&given).unwrap();
        fs::set_permissions(&given, fs::Permissions::from_mode(0o755)).unwrap();
        let log = |dir: &Path, name: Option<&str>| {
            write(dir, name.map(Path::new), "t", b"{}".to_vec(), &Redactor::default()).unwrap()
        };
        for path in
            [log(&given, None), log(&given, Some("a/b.json")), log(&dir.path().join("new/deep"), None)]
        {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
        assert_eq!(mode(&given), 0o755);
        for made in ["given/a", "new", "new/deep"] {
            assert_eq!(mode(&dir.path().join(made)), 0o700, "{made}");
        }
        // A log that is there is replaced, whatever its mode.
        let old = given.join("old.json");
        fs::write(&old, "").unwrap();
        fs::set_permissions(&old, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(mode(&log(&given, Some("old.json"))), 0o600);
    }

    #[test]
    fn no_name_leads_out_of_the_folder_through_a_link() {
        let [inside, outside] = [(), ()].map(|()| tempfile::tempdir().unwrap());
        let link = |name: &str, to: &Path| symlink(to, inside.path().join(name)).unwrap();
        let attempt = |dir: &Path, name: &str| {
            write(dir, Some(Path::new(name)), "t", b"{}".to_vec(), &Redactor::default())
        };
        fs::create_dir_all(inside.path().join("real")).unwrap();
        fs::write(outside.path().join("file"), "theirs").unwrap();
        link("link", outside.path());
        link("real/deeper", outside.path());
        link("dangling", &outside.path().join("none"));
        link("file.json", &outside.path().join("file"));
        link("logs", inside.path());
        for name in ["link/x.json", "link/new/x.json", "real/deeper/x.json", "dangling/x.json", "logs/x.json"]
        {
            let error = attempt(inside.path(), name).unwrap_err().to_string();
            assert!(error.ends_with("is a symbolic link"), "{name}: {error}");
        }
        // A link in the file's own place is replaced, and the folder of all logs may be a link.
        assert!(!attempt(inside.path(), "file.json").unwrap().is_symlink());
        attempt(&inside.path().join("logs"), "real/x.json").unwrap();
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(outside.path().join("file")).unwrap(), "theirs");
    }

    #[test]
    fn a_place_for_logs_is_tried_without_making_it() {
        let dir = tempfile::tempdir().unwrap();
        let logs = dir.path().join("a/b");
        check(&logs, None).unwrap();
        check(&logs, Some(Path::new("c/d.json"))).unwrap();
        check(Path::new("no_such_folder"), None).unwrap();
        assert!(!dir.path().join("a").exists());
        fs::write(dir.path().join("a"), "").unwrap();
        let error = check(&logs, None).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotADirectory, "{error}");
    }

    #[test]
    fn slugs() {
        assert_eq!(slug("How many?  (2024)"), "how-many-2024");
        assert_eq!(slug("日本語"), "job");
        assert_eq!(slug(&"ab ".repeat(100)).len(), 40);
    }
}
