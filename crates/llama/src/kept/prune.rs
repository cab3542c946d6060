//! Which files of a folder of states go, where they take too much of the disk.
//!
//! What was used longest ago goes first; of what is as old, what is read again soonest for each of its bytes.

use std::fs::{self, DirEntry, File};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::sys::statvfs::statvfs;

use super::tail;

/// How the names of states end.
pub(super) const STATE: &str = ".state";
/// How the names of files end that are being written.
pub(super) const PART: &str = ".part";
/// The file that is locked while one process removes files.
pub(super) const LOCK: &str = "lock";
/// The most bytes unless the user says otherwise.
const MOST: u64 = 10 << 30;
/// A file that is being written for longer than this belongs to a process that is gone.
const STALE: Duration = Duration::from_secs(3600);

/// The most bytes of the folder: as the user says, or 10 GiB, but no more than half of what the disk has left for it.
pub(super) fn limit(folder: &Path, told: Option<u64>) -> io::Result<u64> {
    let disk = statvfs(folder)?;
    // The types differ from system to system.
    #[allow(clippy::useless_conversion, reason = "it is none elsewhere")]
    let left = u64::from(disk.blocks_available()).saturating_mul(u64::from(disk.fragment_size()));
    Ok(told.unwrap_or_else(|| MOST.min((left + taken(folder)) / 2)))
}

/// The bytes of the folder's states.
fn taken(folder: &Path) -> u64 {
    states(folder).filter_map(|file| file.metadata().ok()).map(|found| found.len()).sum()
}

fn files(folder: &Path, ending: &'static str) -> impl Iterator<Item = DirEntry> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter(move |file| file.file_name().to_string_lossy().ends_with(ending))
}

fn states(folder: &Path) -> impl Iterator<Item = DirEntry> {
    files(folder, STATE)
}

/// Removes what is over nine tenths of `limit`, if there is more than `limit`, and what dead processes have left. Gives
/// the bytes that are left. Where another process is at it, nothing is done.
pub(super) fn prune(folder: &Path, limit: u64) -> u64 {
    let lock = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK));
    let is_ours = lock.as_ref().is_ok_and(|lock| lock.try_lock().is_ok());
    let mut left = taken(folder);
    if !is_ours {
        return left;
    }
    let now = SystemTime::now();
    let age = |file: &DirEntry| {
        let modified = file.metadata().and_then(|found| found.modified());
        modified.ok().and_then(|modified| now.duration_since(modified).ok()).unwrap_or_default()
    };
    for part in files(folder, PART).filter(|file| age(file) > STALE) {
        let _ = fs::remove_file(part.path());
    }
    if left <= limit {
        return left;
    }
    let mut all: Vec<(f64, u64, DirEntry)> = states(folder)
        .map(|file| {
            let bytes = file.metadata().map_or(0, |found| found.len());
            // What can't be opened is worth nothing.
            let micros = File::open(file.path()).and_then(|mut file| tail::read(&mut file));
            let worth = micros.map_or(0, |(tail, _)| tail.micros) as f64 / bytes.max(1) as f64;
            ((age(&file).as_secs_f64() + 1.0) / worth.max(f64::MIN_POSITIVE), bytes, file)
        })
        .collect();
    all.sort_by(|one, other| other.0.total_cmp(&one.0));
    for (_, bytes, file) in all {
        if left <= limit - limit / 10 {
            break;
        }
        if fs::remove_file(file.path()).is_ok() {
            left = left.saturating_sub(bytes);
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::super::folder::Folder;
    use super::*;
    use crate::KeptFolder;

    fn keep(path: &Path, limit: u64, key: u128, seconds: u64) {
        let mut folder = Folder::open(&KeptFolder { path: path.to_owned(), limit: Some(limit) }, 1).unwrap();
        folder.keep(key, 1000, Duration::from_secs(seconds), |path| {
            fs::write(path, [7; 1000]).ok().map(|()| 1000)
        });
    }

    fn used_ago(path: &Path, key: u128, seconds: u64) {
        let file = File::open(path.join(format!("{key:032x}{STATE}"))).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
    }

    fn left(path: &Path) -> Vec<u128> {
        let key =
            |file: DirEntry| u128::from_str_radix(file.file_name().to_str()?.strip_suffix(STATE)?, 16).ok();
        let mut left: Vec<_> = states(path).filter_map(key).collect();
        left.sort_unstable();
        left
    }

    #[test]
    fn what_is_old_and_soon_read_again_goes() {
        let dir = tempfile::tempdir().unwrap();
        for (key, seconds) in [(1, 10), (2, 10), (3, 1), (4, 10)] {
            keep(dir.path(), 1 << 20, key, seconds);
        }
        used_ago(dir.path(), 1, 5000);
        used_ago(dir.path(), 2, 900);
        used_ago(dir.path(), 3, 800);
        assert_eq!(left(dir.path()), [1, 2, 3, 4]);
        // 3 is read again ten times as soon as the others, which weighs more than its age.
        keep(dir.path(), 4900, 5, 10);
        assert_eq!(left(dir.path()), [1, 2, 4, 5]);
        keep(dir.path(), 4000, 6, 10);
        assert_eq!(left(dir.path()), [4, 5, 6]);
    }

    #[test]
    fn what_a_dead_process_left_goes_and_what_is_being_written_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join(format!("a{PART}")), dir.path().join(format!("b{PART}")));
        fs::write(&old, "x").unwrap();
        File::open(&old).unwrap().set_modified(SystemTime::now() - 2 * STALE).unwrap();
        fs::write(&new, "x").unwrap();
        assert_eq!(prune(dir.path(), 1000), 0);
        assert!(!old.exists() && new.exists());
    }

    #[test]
    fn one_process_at_a_time_removes() {
        let dir = tempfile::tempdir().unwrap();
        keep(dir.path(), 1 << 20, 1, 1);
        let lock = File::options().write(true).open(dir.path().join(LOCK)).unwrap();
        lock.lock().unwrap();
        assert!(prune(dir.path(), 10) > 1000);
        lock.unlock().unwrap();
        assert_eq!(prune(dir.path(), 10), 0);
    }

    #[test]
    fn the_limit_leaves_half_of_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(limit(dir.path(), Some(5)).unwrap(), 5);
        assert!(limit(dir.path(), None).unwrap() <= MOST);
        assert!(limit(&dir.path().join("none"), None).is_err());
    }
}
