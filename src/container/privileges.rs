//! From root to a user that owns what it writes.
//!
//! Volumes come as they are: the owner of the log directory is the user we become, so that the logs are the
//! caller's own; a directory of root's is given to our user. Where this process is not root all of it is skipped,
//! and a home that can't be written is replaced by one that can.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, geteuid, setgid, setgroups, setuid};

/// What our programs write, and what they must be in a group for.
#[derive(Clone, Debug)]
pub struct Places {
    /// The user of the image, where the log directory's owner is root.
    pub user: u32,
    /// Where logs go.
    pub logs: PathBuf,
    /// That user's home.
    pub home: PathBuf,
    /// Where a home goes if that one can't be written.
    pub spare_home: PathBuf,
    /// Ollama's own directory in its image, where volumes are mounted by habit.
    pub ollama: PathBuf,
    /// Devices and sockets whose groups we join if they are there; of a directory, what is in it.
    pub shared: Vec<PathBuf>,
}

impl Default for Places {
    /// As in our image.
    fn default() -> Self {
        Self {
            user: 10001,
            logs: "/app/minion_logs".into(),
            home: "/home/minions".into(),
            spare_home: "/tmp/minions".into(),
            ollama: "/root/.ollama".into(),
            shared: ["/var/run/docker.sock", "/dev/dri", "/dev/kfd"].map(PathBuf::from).into(),
        }
    }
}

/// Stops being root, if it is, and gives the variables that follow from that. What does not work is a warning: a
/// read-only file system or a log directory that can't be written is no reason not to run a job.
pub(super) fn give_up(places: &Places) -> Vec<(OsString, OsString)> {
    let mut models = None;
    if geteuid().is_root() {
        let (user, group) = owner(&places.logs).unwrap_or((places.user, places.user));
        for place in [&places.logs, &places.home] {
            give(place, user, group);
        }
        // Only a volume is ever there: what the image itself has is root's, and empty.
        if places.ollama.is_dir() {
            give_all(&places.ollama, user, group);
            models = Some(places.ollama.join("models"));
        }
        if let Err(error) = become_user(user, group, &groups(&places.shared)) {
            tracing::warn!("this container runs as root, as it may not change to user {user}: {error}");
        }
    }
    if !geteuid().is_root() && models.is_none() && is_mounted(&places.ollama) && !is_writable(&places.ollama)
    {
        tracing::warn!(
            "user {} can't have the models at {}, which are root's: mount them elsewhere, owned by this user, and name \
             the place in OLLAMA_MODELS",
            geteuid(),
            places.ollama.display()
        );
    }
    let home = if is_writable(&places.home) { &places.home } else { &places.spare_home };
    if let Err(error) = fs::create_dir_all(home) {
        tracing::warn!(
            "no writable home: {} and {}: {error}. Ollama needs one: give a tmpfs for /tmp",
            places.home.display(),
            places.spare_home.display()
        );
    }
    let mut variables = vec![("HOME".into(), home.clone().into_os_string())];
    if let Some(models) = models
        && std::env::var_os("OLLAMA_MODELS").is_none()
    {
        variables.push(("OLLAMA_MODELS".into(), models.into_os_string()));
    }
    variables
}

/// Whose a directory is, unless it is root's or is not there.
fn owner(place: &Path) -> Option<(u32, u32)> {
    let meta = fs::metadata(place).ok()?;
    (meta.uid() != 0).then(|| (meta.uid(), meta.gid()))
}

/// Makes a directory if it is missing, and gives it to the user if it is root's.
fn give(place: &Path, user: u32, group: u32) {
    let given = fs::create_dir_all(place).and_then(|()| match owner(place) {
        Some(_) => Ok(()),
        None => chown(place, Some(user), Some(group)),
    });
    if let Err(error) = given {
        tracing::warn!("{} can't be given to user {user}: {error}", place.display());
    }
}

/// The same for all directories and files in it: a volume that an Ollama of root's has filled.
fn give_all(place: &Path, user: u32, group: u32) {
    give(place, user, group);
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => give_all(&entry.path(), user, group),
            Ok(kind) if kind.is_file() && owner(&entry.path()).is_none() => {
                let _ = chown(entry.path(), Some(user), Some(group));
            }
            _ => {}
        }
    }
}

fn groups(shared: &[PathBuf]) -> Vec<Gid> {
    let inside =
        |place: &PathBuf| fs::read_dir(place).into_iter().flatten().flatten().map(|entry| entry.path());
    let all = shared.iter().flat_map(|place| inside(place).chain([place.clone()]));
    let mut groups: Vec<_> = all.filter_map(|place| Some(fs::metadata(place).ok()?.gid())).collect();
    groups.sort_unstable();
    groups.dedup();
    groups.into_iter().map(Gid::from_raw).collect()
}

/// Groups first: once the user is changed they can't be.
fn become_user(user: u32, group: u32, groups: &[Gid]) -> nix::Result<()> {
    setgroups(groups)?;
    setgid(Gid::from_raw(group))?;
    setuid(Uid::from_raw(user))
}

/// Also where this user may not look.
fn is_mounted(place: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    mounts.lines().any(|line| line.split(' ').nth(4).is_some_and(|mount| Path::new(mount) == place))
}

fn is_writable(place: &Path) -> bool {
    tempfile::tempfile_in(place).is_ok()
}
