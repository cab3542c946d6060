//! Names of sessions, which are names of files.

use std::fmt;
use std::str::FromStr;

/// Characters at most.
const LONGEST: usize = 100;

/// The name of a session.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// `name`, if it can be one.
    ///
    /// # Errors
    /// What a name must be, as words that follow its place.
    pub fn new(name: &str) -> Result<Self, String> {
        let is_part = |c: char| c.is_alphanumeric() || "-_.".contains(c);
        let is_good = name.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            && name.chars().all(is_part)
            && name.chars().count() <= LONGEST;
        if is_good {
            return Ok(Self(name.to_owned()));
        }
        Err(format!(
            "must be a name of letters, digits, `-`, `_` and `.`, {LONGEST} at most, that begins with a letter or a digit, not {name:?}"
        ))
    }

    /// The name of its file.
    pub(super) fn file(&self) -> String {
        format!("{}.jsonl", self.0)
    }

    /// The name of the session that has the file `file`.
    pub(super) fn of_file(file: &str) -> Option<Self> {
        Self::new(file.strip_suffix(".jsonl")?).ok()
    }
}

impl FromStr for Name {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::new(name)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_in_its_folder() {
        for good in ["acme", "10-K", "a.b_c", "übung", "_x", "見積"] {
            let name = Name::new(good).unwrap();
            assert_eq!(Name::of_file(&name.file()), Some(name));
        }
        let long = "x".repeat(101);
        for bad in ["", ".", "..", "../../x", "a/b", ".hidden", "-x", "a b", "a\0", "a\n", "a@3", "~", &long]
        {
            let problem = Name::new(bad).unwrap_err();
            assert!(problem.starts_with("must be a name of letters"), "{problem}");
        }
        assert_eq!(Name::of_file("notes.txt"), None);
    }
}
