//! The files of a conversation: each once, whatever it is called.

use std::path::{Path, PathBuf};

use minions::error::Failure;

use crate::cli::screen::clean;

/// The files, in the order in which they were named.
pub(super) struct Files(Vec<PathBuf>);

/// What came of adding files.
pub(super) struct Added {
    /// Those that were there already, a line each.
    pub known: Vec<String>,
    /// The failure of those that are not there.
    pub lost: Option<Failure>,
}

impl Files {
    /// What a session was about; what is not there any more stays, and is told.
    pub(super) fn of_session(files: Vec<PathBuf>) -> Self {
        Self(files)
    }

    /// What the command line names.
    ///
    /// # Errors
    /// A file that is not there, or the text on stdin, which is the terminal.
    pub(super) fn named(files: &[PathBuf]) -> Result<Self, Failure> {
        if files.iter().any(|file| file.as_os_str() == "-") {
            return Err(Failure::input("`-` is the text on stdin, and stdin is this terminal")
                .hint("pipe it in and ask a question: git diff | minions ask \"What could break?\""));
        }
        let mut all = Self(Vec::new());
        match all.add(files).lost {
            Some(lost) => Err(lost),
            None => Ok(all),
        }
    }

    /// Adds those of `files` that are there.
    pub(super) fn add(&mut self, files: &[PathBuf]) -> Added {
        let (there, lost): (Vec<_>, Vec<_>) = files.iter().partition(|file| file.exists());
        let mut known = Vec::new();
        for file in there {
            match self.place(file) {
                Some(at) => known.push(format!("{} is number {} already", file.display(), at + 1)),
                None => self.0.push(file.clone()),
            }
        }
        let lost: Vec<_> = lost.into_iter().map(|file| file.display().to_string()).collect();
        let lost = (!lost.is_empty()).then(|| {
            Failure::input(format!("there is no file {}", lost.join(", and none "))).hint(
                "a path counts from the folder in which minions was started; quotes hold spaces together",
            )
        });
        Added { known, lost }
    }

    /// Takes the files away that `words` name, or number from 1.
    ///
    /// # Errors
    /// A word that is neither; all stay then.
    pub(super) fn drop(&mut self, words: &[String]) -> Result<(), Failure> {
        let place = |word: &String| {
            let by_number = || word.parse::<usize>().ok()?.checked_sub(1).filter(|at| *at < self.0.len());
            self.place(Path::new(word)).or_else(by_number).ok_or_else(|| {
                Failure::input(format!("{word} is none of the files")).hint("/files lists them")
            })
        };
        let places = words.iter().map(place).collect::<Result<Vec<_>, _>>()?;
        let mut at = 0;
        self.0.retain(|_| {
            at += 1;
            !places.contains(&(at - 1))
        });
        Ok(())
    }

    /// Where `file` is among them, under whatever name.
    fn place(&self, file: &Path) -> Option<usize> {
        let by_name = self.0.iter().position(|known| known == file);
        let real = || file.canonicalize().ok();
        by_name.or_else(|| {
            let real = real()?;
            self.0.iter().position(|known| known.canonicalize().is_ok_and(|known| known == real))
        })
    }

    pub(super) fn paths(&self) -> &[PathBuf] {
        &self.0
    }

    /// Those that are not there any more.
    pub(super) fn lost(&self) -> Vec<String> {
        self.0.iter().filter(|file| !file.exists()).map(|file| file.display().to_string()).collect()
    }

    /// A line each.
    pub(super) fn list(&self) -> String {
        let line = |(at, file): (usize, &PathBuf)| {
            let size = match file.metadata() {
                Ok(meta) if meta.is_dir() => "folder".to_owned(),
                Ok(meta) => format!("{} kB", meta.len().div_ceil(1000)),
                Err(_) => "not there any more".to_owned(),
            };
            clean(&format!("{}  {}  {size}\n", at + 1, file.display()))
        };
        let lines: String = self.0.iter().enumerate().map(line).collect();
        if lines.is_empty() { "no files: /add FILE".to_owned() } else { lines }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn a_file_is_there_once_whatever_it_is_called() {
        let mut files = Files::named(&paths(&["Cargo.toml", "src"])).unwrap();
        let absolute = Path::new("Cargo.toml").canonicalize().unwrap();
        let again =
            files.add(&[absolute.clone(), "./Cargo.toml".into(), "src/../src/".into(), "docs".into()]);
        assert!(again.lost.is_none());
        assert_eq!(again.known.len(), 3);
        assert_eq!(files.paths(), paths(&["Cargo.toml", "src", "docs"]));
        files.drop(&[absolute.display().to_string(), "3".to_owned()]).unwrap();
        assert_eq!(files.paths(), paths(&["src"]));
        assert!(files.drop(&["2".to_owned()]).unwrap_err().message.contains("none of the files"));
        let added = files.add(&paths(&["lost.pdf", "docs", "gone/"]));
        assert_eq!(added.lost.unwrap().message, "there is no file lost.pdf, and none gone/");
        assert_eq!(files.paths(), paths(&["src", "docs"]));
    }

    #[test]
    fn what_can_not_be_read_is_told_before_anything_is_asked() {
        for (name, problem) in [("lost.pdf", "there is no file lost.pdf"), ("-", "stdin is this terminal")] {
            assert!(Files::named(&paths(&[name])).err().unwrap().message.contains(problem));
        }
        let files = Files::of_session(paths(&["Cargo.toml", "lost.pdf"]));
        assert_eq!(files.lost(), ["lost.pdf"]);
        assert!(files.list().contains("2  lost.pdf  not there any more"));
    }
}
