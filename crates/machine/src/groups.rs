//! The control groups that hold this process, which is how a container is limited.
//!
//! Sources: the kernel's `filesystems/proc.rst` (`mountinfo`), `cgroup-v2.rst` and `cgroup-v1/cgroups.rst`.

use std::path::{Path, PathBuf};

use super::text::text;

/// The folders below `root` of the groups of `controller` that hold this process, and of all groups around them (a limit may be
/// on any), as far as they are mounted.
pub(super) fn own_groups(root: &Path, controller: &str) -> Vec<PathBuf> {
    let told = |name: &str| text(&root.join(name)).unwrap_or_default();
    let (mounts, groups) = (told("proc/self/mountinfo"), told("proc/self/cgroup"));
    let below = |folder: PathBuf| root.join(folder.strip_prefix("/").unwrap_or(&folder));
    let folders = mounts.lines().filter_map(|mount| group_folder(mount, &groups, controller)).flatten();
    folders.map(below).collect()
}

/// The same by one line of `mountinfo`, if groups of the controller may be mounted there.
fn group_folder(mount: &str, groups: &str, controller: &str) -> Option<Vec<PathBuf>> {
    let (place, kind) = mount.split_once(" - ")?;
    let mut place = place.split(' ').skip(3);
    let (shown, at) = (place.next()?, Path::new(place.next()?));
    let has_it = |controllers: &str| controllers.split(',').any(|name| name == controller);
    let group = match kind.split(' ').next()? {
        "cgroup2" => group_of(groups, str::is_empty)?,
        "cgroup" if has_it(kind.rsplit(' ').next()?) => group_of(groups, has_it)?,
        _ => return None,
    };
    // A group outside of what is mounted has its limits there as well; of those that are seen the outermost holds.
    let inner = Path::new(group).strip_prefix(shown).unwrap_or(Path::new(""));
    let inner = if group.contains("..") { Path::new("") } else { inner };
    let folder = at.join(inner);
    Some(folder.ancestors().take_while(|folder| folder.starts_with(at)).map(Path::to_path_buf).collect())
}

/// The path of the group whose hierarchy has such controllers (`4:memory:/path`; version 2 names none).
fn group_of(groups: &str, is_right: impl Fn(&str) -> bool) -> Option<&str> {
    groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        parts.next().filter(|controllers| is_right(controllers))?;
        parts.next()
    })
}
