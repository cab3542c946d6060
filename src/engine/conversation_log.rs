//! The conversation log: one JSON file per job, which is either complete or absent.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::chat::secrets::Redactor;
use serde::Serialize;

/// The number of characters of the task in a file name.
const SLUG: usize = 40;

/// Writes `log` below `dir`, without credentials, and gives its path. With a given `name`, an existing log is replaced.
pub(super) fn write(
    dir: &Path,
    name: Option<&Path>,
    task: &str,
    log: &impl Serialize,
    redactor: &Redactor,
) -> io::Result<PathBuf> {
    let target = name.map(|name| dir.join(name));
    let folder = target.as_deref().and_then(Path::parent).unwrap_or(dir);
    fs::create_dir_all(folder)?;
    let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let prefix = format!("{stamp}_{}_", slug(task));
    let mut file = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(".part")
        .permissions(fs::Permissions::from_mode(0o666))
        .tempfile_in(folder)?;
    let mut text = redactor.clean_json_pretty(log)?;
    text.push(b'\n');
    file.write_all(&text)?;
    let target = target.unwrap_or_else(|| file.path().with_extension("json"));
    file.persist(&target)?;
    Ok(target)
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
    use super::*;
    use serde_json::json;

    #[test]
    fn a_log_is_whole_and_alone() {
        let dir = tempfile::tempdir().unwrap();
        let first = write(dir.path(), None, "Was kostet's?", &json!({"n": 1}), &Redactor::default()).unwrap();
        let second =
            write(dir.path(), None, "Was kostet's?", &json!({"n": 2}), &Redactor::default()).unwrap();
        assert_ne!(first, second);
        assert!(first.file_name().unwrap().to_str().unwrap().contains("_was-kostet-s_"), "{first:?}");
        let named =
            write(dir.path(), Some(Path::new("a/b.json")), "t", &json!({"n": 3}), &Redactor::default())
                .unwrap();
        assert_eq!(named, dir.path().join("a/b.json"));
        assert_eq!(fs::read_to_string(named).unwrap(), "{\n  \"n\": 3\n}\n");
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| !name.to_str().unwrap().ends_with(".part")), "{names:?}");
    }

    #[test]
    fn slugs() {
        assert_eq!(slug("How many?  (2024)"), "how-many-2024");
        assert_eq!(slug("日本語"), "job");
        assert_eq!(slug(&"ab ".repeat(100)).len(), 40);
    }
}
