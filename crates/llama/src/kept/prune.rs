//! Which files of a folder of states go, where they take too much of the disk. `turnover` has the rules.
//!
//! A file that goes leaves an empty one, whose time says when it was used last.

use std::fs::{self, DirEntry, File, Metadata};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use nix::sys::statvfs::statvfs;

use super::tail;
use super::turnover::{self, Item};

/// How the names of states end.
pub(super) const STATE: &str = ".state";
/// How the names of files end that are being written.
pub(super) const PART: &str = ".part";
/// How the names of the empty files end.
const GONE: &str = ".gone";
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
    files(folder, STATE).map(|(_, found)| found.len()).sum()
}

/// The files whose names end so.
fn files(folder: &Path, ending: &'static str) -> impl Iterator<Item = (DirEntry, Metadata)> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let named = files.filter(move |file| file.file_name().to_string_lossy().ends_with(ending));
    named.filter_map(|file| file.metadata().ok().map(|found| (file, found)))
}

/// How long ago a file was used.
fn age(found: &Metadata) -> Duration {
    let modified = found.modified().ok();
    modified.and_then(|modified| SystemTime::now().duration_since(modified).ok()).unwrap_or_default()
}

fn states(folder: &Path) -> Vec<Item<DirEntry>> {
    let item = |(file, found): (DirEntry, Metadata)| {
        // What can't be opened is worth nothing.
        let tail = File::open(file.path()).and_then(|mut file| tail::read(&mut file));
        let micros = tail.map_or(0, |(tail, _)| tail.micros);
        let (bytes, unused) = (found.len(), age(&found).as_secs_f64());
        Item { key: file, bytes, unused, worth: micros as f64 / bytes.max(1) as f64 }
    };
    files(folder, STATE).map(item).collect()
}

/// Whether a state of so many bytes may be kept at `path`.
pub(super) fn comes(path: &Path, bytes: u64, limit: u64) -> bool {
    let gone = path.with_extension(&GONE[1..]);
    let (Ok(found), Some(folder)) = (fs::metadata(&gone), path.parent()) else { return true };
    let out = turnover::out(states(folder), bytes, limit);
    let comes = turnover::comes(Some(age(&found).as_secs_f64()), &out);
    // A file that can't be removed or touched tells of another time, and no more.
    let _ = if comes { fs::remove_file(gone) } else { leave(&gone, SystemTime::now()) };
    comes
}

/// Makes the empty file of a state that was used `then`.
fn leave(gone: &Path, then: SystemTime) -> io::Result<()> {
    let file = File::options().create(true).truncate(true).write(true).mode(0o600).open(gone)?;
    file.set_modified(then)
}

/// Removes what is over `limit`, and what dead processes have left. Gives the bytes that are left. Where another process is
/// at it, nothing is done.
pub(super) fn prune(folder: &Path, limit: u64) -> u64 {
    let lock = File::options().create(true).truncate(false).write(true).open(folder.join(LOCK));
    let is_ours = lock.as_ref().is_ok_and(|lock| lock.try_lock().is_ok());
    let mut left = taken(folder);
    if !is_ours {
        return left;
    }
    for (part, _) in files(folder, PART).filter(|(_, found)| age(found) > STALE) {
        let _ = fs::remove_file(part.path());
    }
    if left <= limit {
        return left;
    }
    for Item { key: file, bytes, unused, .. } in turnover::out(states(folder), 0, limit) {
        if fs::remove_file(file.path()).is_ok() {
            left = left.saturating_sub(bytes);
            let then = SystemTime::now().checked_sub(Duration::from_secs_f64(unused));
            let _ = leave(&file.path().with_extension(&GONE[1..]), then.unwrap_or(SystemTime::UNIX_EPOCH));
        }
    }
    let mut gone: Vec<_> = files(folder, GONE).map(|(file, found)| (age(&found), file)).collect();
    gone.sort_by_key(|(age, _)| std::cmp::Reverse(*age));
    let count = turnover::forgotten(gone.len(), files(folder, STATE).count());
    gone.iter().take(count).for_each(|(_, file)| drop(fs::remove_file(file.path())));
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
        let key = |(file, _): (DirEntry, _)| {
            u128::from_str_radix(file.file_name().to_str()?.strip_suffix(STATE)?, 16).ok()
        };
        let mut left: Vec<_> = files(path, STATE).filter_map(key).collect();
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
    fn half_of_a_document_stays_where_half_has_room() {
        let dir = tempfile::tempdir().unwrap();
        let room = 10 * (1000 + tail::TAIL as u64);
        let mut read = 0;
        for question in 0..4 {
            for key in 0..20 {
                let path = dir.path().join(format!("{key:032x}{STATE}"));
                // A minute between two chunks: the time goes back for all the others.
                for (file, found) in files(dir.path(), STATE).chain(files(dir.path(), GONE)) {
                    let then = found.modified().unwrap() - Duration::from_secs(60);
                    File::open(file.path()).unwrap().set_modified(then).unwrap();
                }
                if path.exists() {
                    used_ago(dir.path(), key, 0);
                } else {
                    read += usize::from(question > 0);
                    keep(dir.path(), room, key, 1);
                }
            }
        }
        assert!(read <= 3 * 11, "{read} of 60");
        assert!(files(dir.path(), GONE).count() <= 20);
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
