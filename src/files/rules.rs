//! Which files of a folder are ignored: what its own files say, what is hidden, what nobody wrote by hand.

use std::path::Path;
use std::{fs, io};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::reader::LEFT_OUT;

/// The file that is ours alone.
const OURS: &str = ".minionsignore";
/// The files that say what is ignored, those that win first, wherever they are.
const FILES: [&str; 3] = [OURS, ".ignore", ".gitignore"];
/// The most bytes of such a file.
const LONGEST: usize = 1 << 20;

/// What version control keeps of its own, which may hold passwords. No rule takes it in.
const VERSION_CONTROL: [&str; 5] = [".git", ".hg", ".svn", ".bzr", ".jj"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Taken,
    Ignored,
    Hidden,
    Default,
}

/// The rules of one folder, one for each of [`FILES`].
type OfFolder = [Option<Gitignore>; FILES.len()];

/// The rules that hold in a folder.
pub(super) struct Rules {
    /// Those of the repository around the folder that is walked, and then of the folders that were entered, the outermost
    /// first.
    folders: Vec<OfFolder>,
    /// The repository's own list, which every file in it overrules.
    excluded: Option<Gitignore>,
    defaults: Gitignore,
}

impl Rules {
    /// The rules for the folder `root`, an absolute path.
    ///
    /// # Errors
    /// As [`Self::enter`].
    pub(super) fn of(root: &Path) -> Result<Self, String> {
        let mut rules = Self { folders: Vec::new(), excluded: None, defaults: defaults(root) };
        if let Some(repository) = root.ancestors().find(|folder| folder.join(".git").exists()) {
            rules.excluded = of_file(repository, &repository.join(".git/info/exclude"))?;
            let above = root.ancestors().skip(1).take_while(|folder| folder.starts_with(repository));
            rules.folders = above.map(of_folder).collect::<Result<_, _>>()?;
            rules.folders.reverse();
        }
        Ok(rules)
    }

    /// # Errors
    /// A file of rules that can't be read, or a line of ours that is none: what it leaves out would be taken. In words that
    /// follow the name of the folder that is walked.
    pub(super) fn enter(&mut self, folder: &Path) -> Result<(), String> {
        self.folders.push(of_folder(folder)?);
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.folders.pop();
    }

    /// What becomes of an entry of the folder that was entered last. Of the files of one name the innermost that speaks of it
    /// decides.
    pub(super) fn verdict(&self, path: &Path, is_folder: bool) -> Verdict {
        let name = path.file_name().unwrap_or_default();
        if VERSION_CONTROL.iter().any(|own| name == *own) {
            return Verdict::Hidden;
        }
        let mut wanted = None;
        for kind in 0..FILES.len() {
            let rules = self.folders.iter().rev().filter_map(|folder| folder[kind].as_ref());
            let excluded = self.excluded.iter().filter(|_| kind + 1 == FILES.len());
            let spoken =
                rules.chain(excluded).map(|rules| rules.matched(path, is_folder)).find(|it| !it.is_none());
            match spoken {
                Some(Match::Ignore(_)) => return Verdict::Ignored,
                Some(Match::Whitelist(line)) => {
                    // Other programs' files don't know what is left out here.
                    wanted = Some(line.original()).filter(|_| FILES[kind] == OURS);
                    break;
                }
                _ => {}
            }
        }
        let is_hidden = name.as_encoded_bytes().starts_with(b".");
        match wanted {
            // A line such as `!*` does not speak of what is hidden.
            Some(line) if !is_hidden || names_hidden(line) => Verdict::Taken,
            _ if is_hidden => Verdict::Hidden,
            _ if self.defaults.matched(path, is_folder).is_ignore() => Verdict::Default,
            _ => Verdict::Taken,
        }
    }
}

/// Whether the last part of a line's path begins with a dot.
fn names_hidden(line: &str) -> bool {
    let path = line.trim().trim_start_matches('!').trim_end_matches('/');
    path.rsplit('/').next().is_some_and(|name| name.starts_with('.'))
}

fn defaults(root: &Path) -> Gitignore {
    let mut builder = GitignoreBuilder::new(root);
    for line in LEFT_OUT.iter().flat_map(|(_, patterns)| *patterns) {
        let _ = builder.add_line(None, line);
    }
    builder.build().unwrap_or_else(|_| Gitignore::empty())
}

fn of_folder(folder: &Path) -> Result<OfFolder, String> {
    let mut rules = OfFolder::default();
    for (rules, name) in rules.iter_mut().zip(FILES) {
        *rules = of_file(folder, &folder.join(name))?;
    }
    Ok(rules)
}

/// The rules of the file at `path`, if there is a regular one, for what is in `folder`.
fn of_file(folder: &Path, path: &Path) -> Result<Option<Gitignore>, String> {
    let is_there = match fs::metadata(path) {
        Ok(metadata) => metadata.is_file(),
        Err(error) => !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory),
    };
    if !is_there {
        return Ok(None);
    }
    let unusable = |problem: String| {
        format!("is not read, as what {} leaves out would be read, too: the file {problem}", path.display())
    };
    let text = decoded(&super::read(path, LONGEST).map_err(unusable)?);
    let mut builder = GitignoreBuilder::new(folder);
    for (number, line) in text.lines().enumerate() {
        let added = builder.add_line(None, line);
        // git leaves out what is no pattern, and so do we in its files.
        if let Err(error) = added
            && path.ends_with(OURS)
        {
            return Err(unusable(format!("has no pattern in line {}: {error}", number + 1)));
        }
    }
    let rules = builder.build().map_err(|error| unusable(format!("can't be used: {error}")))?;
    Ok((!rules.is_empty()).then_some(rules))
}

/// The text of a file of rules. Windows writes UTF-16 where others write UTF-8.
fn decoded(bytes: &[u8]) -> String {
    let units = |read: fn([u8; 2]) -> u16, bytes: &[u8]| -> String {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|unit| read([unit[0], unit[1]])).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => units(u16::from_le_bytes, rest),
        [0xfe, 0xff, rest @ ..] => units(u16::from_be_bytes, rest),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}
