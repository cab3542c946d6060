//! From root to a user that owns what it writes.
//!
//! Volumes come as they are: the owner of the log directory is the user we become, so that the logs are the
//! caller's own; where that is root, the owner of the models. A directory of root's is given to that user, and so
//! are models that the image's own user had in an earlier container. Where this process is not root all of it is
//! skipped, and a home that can't be written is replaced by one that can.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::NixPath;
use nix::dir::Dir;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::{Gid, Uid, fchownat, geteuid, setgid, setgroups, setuid};

const ROOT: u32 = 0;
const NO_LINK: OFlag = OFlag::O_NOFOLLOW.union(OFlag::O_CLOEXEC);
/// How deep a volume of models is walked; Ollama's own are six deep.
const DEEPEST: u32 = 16;

/// What our programs write, and what they must be in a group for.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// The user of the image, where all that is mounted is root's.
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
        let (user, group) = heir(places);
        for place in [&places.logs, &places.home] {
            give(place, &[ROOT], user, group);
        }
        // Only a volume is ever there: what the image itself has is root's, and empty.
        if places.ollama.is_dir() {
            give_all(&places.ollama, &[ROOT, places.user], user, group);
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
    let is_told = std::env::var_os("OLLAMA_MODELS").is_some();
    let models = models.filter(|_| !is_told);
    if let Some(place) = models.as_deref().and_then(shut) {
        tracing::warn!(
            "user {} can't write {}, which is user {}'s: no model can be fetched. Mount another volume for the models, or \
             give this one to the owner of the logs (chown -R)",
            geteuid(),
            place.display(),
            owner(&place).map_or(ROOT, |(user, _)| user),
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
    if let Some(models) = models {
        variables.push(("OLLAMA_MODELS".into(), models.into_os_string()));
    }
    variables
}

/// The user and group that we become.
fn heir(places: &Places) -> (u32, u32) {
    let owners = [&places.logs, &places.ollama].into_iter().find_map(|place| owner(place));
    owners.unwrap_or((places.user, places.user))
}

/// Whose a directory is, unless it is root's or is not there.
fn owner(place: &Path) -> Option<(u32, u32)> {
    let meta = fs::metadata(place).ok()?;
    (meta.uid() != 0).then(|| (meta.uid(), meta.gid()))
}

/// Makes a directory if it is missing, and gives it to the user if it is one of `from` who has it.
fn give(place: &Path, from: &[u32], user: u32, group: u32) {
    let given = fs::create_dir_all(place).and_then(|()| {
        let directory = open_directory(AT_FDCWD, place)?;
        hand_over(&directory, from, user, group)
    });
    if let Err(error) = given {
        tracing::warn!("{} can't be given to user {user}: {error}", place.display());
    }
}

/// The same for all directories and files in it: a volume that an Ollama of root's has filled. The directory itself
/// comes last, so that one which is the user's was given as a whole, and root need not look into it again.
fn give_all(place: &Path, from: &[u32], user: u32, group: u32) {
    let given = open_directory(AT_FDCWD, place).and_then(|directory| {
        if fstat(&directory)?.st_uid == user {
            Ok(())
        } else {
            give_inside(directory, from, user, group, DEEPEST)
        }
    });
    if let Err(error) = given {
        tracing::warn!("{} can't be given to user {user}: {error}", place.display());
    }
}

/// Gives what is in a directory, then itself. Another process may put a link into the place of a file meanwhile, so all
/// is done on what was opened, and no link is followed.
fn give_inside(directory: OwnedFd, from: &[u32], user: u32, group: u32, depth: u32) -> io::Result<()> {
    let mut entries = Dir::from_fd(directory)?;
    let names: Vec<_> = entries.iter().flatten().map(|entry| entry.file_name().to_owned()).collect();
    for name in names {
        if [c".", c".."].contains(&name.as_c_str()) {
            continue;
        }
        match open_directory(&entries, name.as_c_str()) {
            Ok(inner) if depth > 0 => give_inside(inner, from, user, group, depth - 1)?,
            Ok(_) => {}
            Err(_) => {
                // What goes away meanwhile is nobody's to give.
                let Ok(file) = openat(&entries, name.as_c_str(), NO_LINK | OFlag::O_PATH, Mode::empty())
                else {
                    continue;
                };
                hand_over(&file, from, user, group)?;
            }
        }
    }
    hand_over(&entries, from, user, group)
}

/// Opens a directory, and nothing else: no link to one.
fn open_directory(base: impl AsFd, name: &(impl NixPath + ?Sized)) -> io::Result<OwnedFd> {
    Ok(openat(base, name, NO_LINK | OFlag::O_DIRECTORY | OFlag::O_RDONLY, Mode::empty())?)
}

/// Gives an open directory or file to the user. A file that has a second name may be one that is elsewhere, too.
fn hand_over(place: impl AsFd, from: &[u32], user: u32, group: u32) -> io::Result<()> {
    let found = fstat(&place)?;
    let kind = found.st_mode & SFlag::S_IFMT.bits();
    let is_plain = kind == SFlag::S_IFDIR.bits() || kind == SFlag::S_IFREG.bits() && found.st_nlink == 1;
    if is_plain && found.st_uid != user && from.contains(&found.st_uid) {
        let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
        fchownat(place, "", Some(user), Some(group), AtFlags::AT_EMPTY_PATH)?;
    }
    Ok(())
}

/// Where among the models this user would write and can't.
fn shut(models: &Path) -> Option<PathBuf> {
    // Where there are none yet, they are made in the directory above.
    let first = if models.is_dir() { models } else { models.parent()? };
    let places = [first.to_owned(), models.join("blobs"), models.join("manifests")];
    places.into_iter().find(|place| place.is_dir() && !is_writable(place))
}

/// The groups of what is shared. Only a socket that was mounted is worth being in root's: much else of root's is readable
/// for it, such as mounted secrets.
fn groups(shared: &[PathBuf]) -> Vec<Gid> {
    let each = |place: &PathBuf| match fs::read_dir(place) {
        Ok(inside) => inside.flatten().map(|entry| entry.path()).collect(),
        Err(_) => vec![place.clone()],
    };
    let group = |place: PathBuf| {
        let about = fs::metadata(place).ok()?;
        (about.gid() != ROOT || about.file_type().is_socket()).then(|| about.gid())
    };
    let mut groups: Vec<_> = shared.iter().flat_map(each).filter_map(group).collect();
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

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::*;

    fn places(folder: &Path) -> Places {
        let [logs, ollama] = ["logs", "ollama"].map(|name| folder.join(name));
        fs::create_dir(&logs).unwrap();
        fs::create_dir_all(ollama.join("models/blobs")).unwrap();
        fs::write(ollama.join("models/blobs/one"), "").unwrap();
        Places { logs, ollama, ..Places::default() }
    }

    fn own(place: &Path, user: u32) {
        chown(place, Some(user), Some(user)).unwrap();
    }

    /// Whether this is not root, who alone can give files away.
    fn is_nobody() -> bool {
        assert!(
            geteuid().is_root() || std::env::var("CI").as_deref() != Ok("true"),
            "only root can give files away"
        );
        !geteuid().is_root()
    }

    #[test]
    fn no_link_is_followed_and_no_second_name_given() {
        if is_nobody() {
            return eprintln!("skipped: only root can give files away");
        }
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let models = place("models");
        fs::create_dir_all(models.join("blobs")).unwrap();
        fs::create_dir(place("etc")).unwrap();
        for file in ["etc/shadow", "twin", "models/blobs/plain"] {
            fs::write(place(file), "").unwrap();
        }
        symlink(place("etc"), models.join("folder")).unwrap();
        symlink(place("etc/shadow"), models.join("blobs/file")).unwrap();
        fs::hard_link(place("twin"), models.join("blobs/twin")).unwrap();
        nix::unistd::mkfifo(&models.join("pipe"), Mode::S_IRWXU).unwrap();
        let has = |name: &str| fs::symlink_metadata(place(name)).unwrap().uid();

        give_all(&models, &[ROOT], 1000, 1000);
        for given in ["models", "models/blobs", "models/blobs/plain"] {
            assert_eq!(has(given), 1000, "{given}");
        }
        for kept in ["etc", "etc/shadow", "twin", "models/folder", "models/blobs/file", "models/pipe"] {
            assert_eq!(has(kept), ROOT, "{kept}");
        }
        // Who has the directory was given all of it before.
        own(&place("models/blobs/plain"), ROOT);
        give_all(&models, &[ROOT], 1000, 1000);
        assert_eq!(has("models/blobs/plain"), ROOT);

        symlink(place("etc"), place("logs")).unwrap();
        give(&place("logs"), &[ROOT], 1000, 1000);
        give_all(&place("logs"), &[ROOT], 1000, 1000);
        assert_eq!((has("etc"), has("etc/shadow"), has("logs")), (ROOT, ROOT, ROOT));
    }

    #[test]
    fn the_groups_of_devices_are_joined_and_never_root_s() {
        if is_nobody() {
            return eprintln!("skipped: only root can give files away");
        }
        let folder = tempfile::tempdir().unwrap();
        let [dri, device, kfd, mounted] =
            ["dri", "dri/card0", "kfd", "docker.sock"].map(|name| folder.path().join(name));
        fs::create_dir(&dri).unwrap();
        fs::write(&device, "").unwrap();
        fs::write(&kfd, "").unwrap();
        let _listens = std::os::unix::net::UnixListener::bind(&mounted).unwrap();
        own(&dri, 7);
        let joined = |places: &[&PathBuf]| {
            let places: Vec<_> = places.iter().map(|place| (*place).clone()).collect();
            groups(&places).into_iter().map(Gid::as_raw).collect::<Vec<_>>()
        };
        assert_eq!(joined(&[&dri, &kfd]), Vec::<u32>::new(), "of a directory what is in it, and not root's");
        own(&device, 44);
        own(&kfd, 45);
        assert_eq!(joined(&[&dri, &kfd, &folder.path().join("none")]), [44, 45]);
        assert_eq!(joined(&[&mounted]), [ROOT], "without it the socket would be of no use");
    }

    /// A process that swaps a file for a link meanwhile never makes root's file the user's.
    #[test]
    fn a_swap_between_look_and_gift_gives_nothing_away() {
        if is_nobody() {
            return eprintln!("skipped: only root can give files away");
        }
        let folder = tempfile::tempdir().unwrap();
        let [models, shadow, swapped] =
            ["models", "shadow", "models/swapped"].map(|name| folder.path().join(name));
        fs::create_dir(&models).unwrap();
        fs::write(&shadow, "").unwrap();
        let ended = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let beside = models.join("beside");
                while !ended.load(std::sync::atomic::Ordering::Relaxed) {
                    fs::write(&beside, "").and_then(|()| fs::rename(&beside, &swapped)).unwrap();
                    symlink(&shadow, &beside).and_then(|()| fs::rename(&beside, &swapped)).unwrap();
                }
            });
            for _ in 0..2000 {
                give_all(&models, &[ROOT], 1000, 1000);
                own(&models, ROOT);
            }
            ended.store(true, std::sync::atomic::Ordering::Relaxed);
        });
        assert_eq!(fs::metadata(&shadow).unwrap().uid(), ROOT);
    }

    #[test]
    fn the_owner_of_the_logs_gets_the_models_unless_they_are_a_stranger_s() {
        if is_nobody() {
            return eprintln!("skipped: only root can give files away");
        }
        for (logs, models, becomes, has) in [
            (ROOT, ROOT, 10001, 10001),
            (1000, ROOT, 1000, 1000),
            (1000, 10001, 1000, 1000),
            (ROOT, 1000, 1000, 1000),
            (ROOT, 10001, 10001, 10001),
            (2000, 1000, 2000, 1000),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let places = places(folder.path());
            own(&places.logs, logs);
            let inside =
                ["", "models", "models/blobs", "models/blobs/one"].map(|name| places.ollama.join(name));
            inside.iter().for_each(|place| own(place, models));
            let (user, group) = heir(&places);
            assert_eq!((user, group), (becomes, becomes), "{logs} {models}");
            give_all(&places.ollama, &[ROOT, places.user], user, group);
            for place in &inside {
                assert_eq!(fs::metadata(place).unwrap().uid(), has, "{logs} {models} {}", place.display());
            }
        }
    }
}
