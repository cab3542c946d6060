//! Where settings files are: the user's own, and that of the folder one works in.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::config::Environment;

/// The name of a settings file.
pub const FILE_NAME: &str = "minions.toml";

/// Where the user's file is or would be, by the XDG Base Directory Specification; `None` without a home.
pub(super) fn of_user(environment: &Environment) -> Option<PathBuf> {
    // The specification takes absolute paths alone.
    let told = environment.get("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let folder = told.or_else(|| Some(home(environment)?.join(".config")))?;
    Some(folder.join("minions").join(FILE_NAME))
}

/// The nearest file from `dir` upwards. A repository's root and the home are the last folders that are looked at.
pub(super) fn of_project(environment: &Environment, dir: &Path) -> Option<PathBuf> {
    let home = home(environment).map(|home| home.canonicalize().unwrap_or(home));
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    for folder in dir.ancestors() {
        let file = folder.join(FILE_NAME);
        if file.symlink_metadata().is_ok() {
            return Some(file);
        }
        if folder.join(".git").exists() || home.as_deref() == Some(folder) {
            return None;
        }
    }
    None
}

/// The other user whom the file at `path` belongs to. The system's own is trusted.
pub(super) fn stranger(path: &Path) -> Option<u32> {
    let owner = path.metadata().ok()?.uid();
    (owner != 0 && owner != nix::unistd::geteuid().as_raw()).then_some(owner)
}

/// The home folder.
pub(super) fn home(environment: &Environment) -> Option<PathBuf> {
    environment.get("HOME").map(PathBuf::from).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn environment(variables: &[(&str, &Path)]) -> Environment {
        variables.iter().map(|(name, path)| ((*name).to_owned(), path.display().to_string())).collect()
    }

    #[test]
    fn the_users_file_is_where_xdg_says() {
        let (home, relative) = (Path::new("/home/ada"), Path::new("conf"));
        let expected = Path::new("/home/ada/.config/minions/minions.toml");
        assert_eq!(of_user(&environment(&[("HOME", home)])).as_deref(), Some(expected));
        let both = environment(&[("HOME", home), ("XDG_CONFIG_HOME", relative)]);
        assert_eq!(of_user(&both).as_deref(), Some(expected));
        let set = environment(&[("HOME", home), ("XDG_CONFIG_HOME", Path::new("/etc/xdg"))]);
        assert_eq!(of_user(&set).as_deref(), Some(Path::new("/etc/xdg/minions/minions.toml")));
        assert_eq!(of_user(&environment(&[])), None);
    }

    #[test]
    fn a_projects_file_is_the_nearest_one_within_its_repository_and_the_home() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        let home = base.join("home");
        let (repository, deep) = (home.join("repository"), home.join("repository/a/b"));
        fs::create_dir_all(&deep).unwrap();
        let found = |dir: &Path| of_project(&environment(&[("HOME", &home)]), dir);
        for (folder, expected) in [(&base, None), (&home, Some(&home)), (&repository, Some(&repository))] {
            fs::write(folder.join(FILE_NAME), "").unwrap();
            assert_eq!(found(&deep), expected.map(|folder| folder.join(FILE_NAME)), "{}", folder.display());
        }
        fs::remove_file(repository.join(FILE_NAME)).unwrap();
        fs::create_dir(repository.join(".git")).unwrap();
        assert_eq!(found(&deep), None);
        // Outside of the home the way leads further.
        fs::create_dir(base.join("elsewhere")).unwrap();
        assert_eq!(found(&base.join("elsewhere")), Some(base.join(FILE_NAME)));
        assert_eq!(stranger(&base.join(FILE_NAME)), None);
    }
}
