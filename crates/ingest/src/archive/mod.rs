//! Zips: a directory of entries, which are inflated one by one within limits that count what comes out, never what the
//! file says of itself.

mod directory;
mod entry;
mod inflating;
mod names;

use std::collections::HashMap;

use crate::reading::{Limits, Problem};

pub(crate) use entry::Entry;
pub(crate) use inflating::{Budget, Inflating, problem_of};
pub(crate) use names::shown;

/// A zip that is open.
pub(crate) struct Archive<'a> {
    bytes: &'a [u8],
    entries: Vec<Entry>,
    by_name: HashMap<String, usize>,
    budget: &'a Budget,
    /// Whether its directory is missing or damaged, so that entries were searched for, and may be missing.
    pub(crate) cut: bool,
}

impl<'a> Archive<'a> {
    /// Reads the directory of a zip. What is inflated later counts against the budget.
    pub(crate) fn open(bytes: &'a [u8], limits: &Limits, budget: &'a Budget) -> Result<Self, Problem> {
        let (entries, cut) = match directory::listed(bytes, limits.entries)? {
            Some((entries, true)) => (entries, false),
            Some((entries, false)) => {
                let searched = directory::searched(bytes, limits.entries).unwrap_or_default();
                (if searched.len() > entries.len() { searched } else { entries }, true)
            }
            None => (directory::searched(bytes, limits.entries)?, true),
        };
        if overlap(&entries) {
            return Err(Problem::Bomb("its entries share their bytes"));
        }
        let by_name =
            entries.iter().enumerate().rev().map(|(index, entry)| (key(&entry.name), index)).collect();
        Ok(Self { bytes, entries, by_name, budget, cut })
    }

    /// The entries in the order of the directory.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of this name. Letter case and a slash before it don't matter, as in office files.
    pub(crate) fn entry(&self, name: &str) -> Option<&Entry> {
        self.by_name.get(&key(name)).map(|index| &self.entries[*index])
    }

    /// Whether there is an entry of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.by_name.contains_key(&key(name))
    }

    /// Whether an entry stands in this folder.
    pub(crate) fn has_folder(&self, folder: &str) -> bool {
        self.entries.iter().any(|entry| entry.name.starts_with(folder))
    }

    /// Opens an entry to be read as it is inflated.
    pub(crate) fn inflate<'s>(&'s self, entry: &'s Entry) -> Result<Inflating<'s>, Problem> {
        if entry.encrypted {
            return Err(Problem::Locked);
        }
        let raw = directory::raw(self.bytes, entry).ok_or(Problem::Damaged("an entry of it is cut off"))?;
        Inflating::new(raw, entry, self.budget)
    }
}

fn key(name: &str) -> String {
    name.trim_start_matches('/').to_ascii_lowercase()
}

/// Whether two entries begin with the same bytes, or one within another: what only bombs do.
fn overlap(entries: &[Entry]) -> bool {
    let mut spans: Vec<(u64, u64)> =
        entries.iter().map(|entry| (entry.header, entry.header.saturating_add(entry.compressed))).collect();
    spans.sort_unstable();
    spans.windows(2).any(|pair| pair[0].1 > pair[1].0 || pair[0].0 == pair[1].0)
}
