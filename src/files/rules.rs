//! Which files of a folder are ignored: what its own files say, what is hidden, what nobody wrote by hand.

use std::path::Path;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use super::defaults::DEFAULTS;

/// The files that say what is ignored, those that win first.
const FILES: [&str; 3] = [".minionsignore", ".ignore", ".gitignore"];

/// The most bytes of such a file.
const LONGEST: usize = 1 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Taken,
    Ignored,
    Hidden,
    Default,
}

/// The rules that hold in a folder.
pub(super) struct Rules {
    /// Those of the repository around the folder, the outermost first.
    around: Vec<Gitignore>,
    /// Those of the folder that is walked and of the folders in it that are entered, the outermost first.
    entered: Vec<Vec<Gitignore>>,
    defaults: Gitignore,
}

impl Rules {
    /// The rules for the folder `root`, an absolute path.
    pub(super) fn of(root: &Path) -> Self {
        let lines = DEFAULTS.iter().flat_map(|(_, patterns)| *patterns).copied();
        Self { around: around(root), entered: Vec::new(), defaults: matcher(root, lines) }
    }

    pub(super) fn enter(&mut self, folder: &Path) {
        self.entered.push(of_folder(folder));
    }

    pub(super) fn leave(&mut self) {
        self.entered.pop();
    }

    /// What becomes of an entry of the folder that was entered last. The innermost file that speaks of it decides.
    pub(super) fn verdict(&self, path: &Path, is_folder: bool) -> Verdict {
        let given = self.around.iter().chain(self.entered.iter().flatten());
        for rules in given.rev() {
            match rules.matched(path, is_folder) {
                Match::Ignore(_) => return Verdict::Ignored,
                Match::Whitelist(_) => return Verdict::Taken,
                Match::None => {}
            }
        }
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if name.starts_with(b".") {
            Verdict::Hidden
        } else if self.defaults.matched(path, is_folder).is_ignore() {
            Verdict::Default
        } else {
            Verdict::Taken
        }
    }
}

/// The rules of the folders above `root` that belong to its repository, if it is in one.
fn around(root: &Path) -> Vec<Gitignore> {
    let Some(repository) = root.ancestors().find(|folder| folder.join(".git").exists()) else {
        return Vec::new();
    };
    let mut rules: Vec<_> =
        root.ancestors().skip(1).take_while(|folder| folder.starts_with(repository)).map(of_folder).collect();
    rules.push(file(repository, &repository.join(".git/info/exclude")).into_iter().collect());
    rules.into_iter().rev().flatten().collect()
}

/// The rules that a folder has, those that win last.
fn of_folder(folder: &Path) -> Vec<Gitignore> {
    FILES.iter().rev().filter_map(|name| file(folder, &folder.join(name))).collect()
}

fn file(folder: &Path, path: &Path) -> Option<Gitignore> {
    let bytes = super::read(path, LONGEST).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let rules = matcher(folder, text.trim_start_matches('\u{feff}').lines());
    (!rules.is_empty()).then_some(rules)
}

/// The rules that `lines` give in `folder`. What is no pattern is left out, as git does.
fn matcher<'a>(folder: &Path, lines: impl Iterator<Item = &'a str>) -> Gitignore {
    let mut builder = GitignoreBuilder::new(folder);
    for line in lines {
        let _ = builder.add_line(None, line);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}
