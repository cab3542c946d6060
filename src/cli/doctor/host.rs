//! What this machine has of programs and places, for remedies that work on it.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use nix::unistd::{AccessFlags, Gid, Group, User, access, geteuid};

use minions::config::{self, Environment};
use minions::runtimes::ollama::find_program;

use crate::cli::shell::shell_word;

/// How packages are installed, by the program that does it.
const INSTALLERS: [(&str, &str); 5] = [
    // Images come without the lists of packages.
    ("apt-get", "apt-get update && apt-get install -y"),
    ("dnf", "dnf install -y"),
    ("apk", "apk add"),
    ("zypper", "zypper --non-interactive install"),
    ("pacman", "pacman -Sy --noconfirm"),
];

/// What Ollama's own script needs and does not bring.
const NEEDED_BY_OLLAMA: [&str; 2] = ["curl", "zstd"];

/// This machine, by its environment.
pub(crate) struct Host<'a> {
    pub environment: &'a Environment,
    is_root: bool,
}

impl<'a> Host<'a> {
    pub(crate) fn new(environment: &'a Environment) -> Self {
        Self { environment, is_root: geteuid().is_root() }
    }
}

impl Host<'_> {
    /// Whether a program is on the PATH.
    pub(crate) fn has(&self, program: &str) -> bool {
        !program.is_empty()
            && find_program(program, self.environment.get("PATH").unwrap_or_default()).is_some()
    }

    /// The command that installs packages of the system; `None` where no installer is known.
    pub(crate) fn install(&self, packages: &[&str]) -> Option<String> {
        let command = self.installer()?;
        Some(self.as_root(&format!("{command} {}", packages.join(" "))))
    }

    /// The command that gets Ollama.
    pub(crate) fn get_ollama(&self) -> String {
        let script = "curl -fsSL https://ollama.com/install.sh | sh";
        let missing: Vec<_> = NEEDED_BY_OLLAMA.into_iter().filter(|program| !self.has(program)).collect();
        let first = match self.installer() {
            Some(command) if !missing.is_empty() => format!("{command} {}", missing.join(" ")),
            _ => String::new(),
        };
        match (self.is_root_or_may_be(), first.is_empty()) {
            // The script asks for the password itself.
            (true, true) => script.to_owned(),
            (true, false) => format!("{} && {script}", self.as_root(&first)),
            (false, true) => self.as_root(script),
            (false, false) => self.as_root(&format!("{first} && {script}")),
        }
    }

    fn installer(&self) -> Option<&'static str> {
        INSTALLERS.iter().find(|(program, _)| self.has(program)).map(|(_, command)| *command)
    }

    fn is_root_or_may_be(&self) -> bool {
        self.is_root || self.has("sudo")
    }

    /// The command, of steps that `&&` joins, as root runs it.
    fn as_root(&self, command: &str) -> String {
        match (self.is_root, self.has("sudo")) {
            (true, _) => command.to_owned(),
            (false, true) if command.ends_with('&') => format!("sudo sh -c {}", shell_word(command)),
            (false, true) => {
                let steps: Vec<_> = command.split(" && ").map(|step| format!("sudo {step}")).collect();
                steps.join(" && ")
            }
            (false, false) => format!("su -c {}", shell_word(command)),
        }
    }

    /// The command that has Docker Model Runner fetch a model.
    pub(crate) fn pull_for_runner(&self, place: &str, model: &str) -> String {
        let own = self.environment.get("HOME").map(|home| format!("{home}/.docker/cli-plugins"));
        let folders = [
            "/usr/libexec/docker/cli-plugins",
            "/usr/lib/docker/cli-plugins",
            "/usr/local/lib/docker/cli-plugins",
        ];
        let mut folders = folders.into_iter().map(str::to_owned).chain(own);
        match self.has("docker") && folders.any(|folder| Path::new(&folder).join("docker-model").exists()) {
            true => format!("docker model pull {model}"),
            false => format!("curl {place}/models/create -d '{{\"from\": \"{model}\"}}'"),
        }
    }

    /// The command that opens a file at a line.
    pub(crate) fn edit(&self, path: &Path) -> String {
        let told = ["VISUAL", "EDITOR"].iter().find_map(|name| self.environment.get(name)).map(str::to_owned);
        let there = || ["nano", "vim", "vi"].into_iter().find(|editor| self.has(editor)).map(str::to_owned);
        let path = self.pasted(path);
        match told.or_else(there) {
            Some(editor) => format!("{editor} {path}"),
            None => format!("cat {path}"),
        }
    }

    /// The command that makes a settings file of another user's one's own.
    pub(crate) fn take(&self, path: &Path) -> String {
        let (shown, folder) = (self.pasted(path), path.parent().unwrap_or(path));
        // A folder in which everybody writes lets nobody rename the files of others.
        let is_own =
            folder.metadata().is_ok_and(|about| about.mode() & 0o1000 == 0) && may(folder, AccessFlags::W_OK);
        match is_own && may(path, AccessFlags::R_OK) {
            true => format!("cp {shown} {shown}.own && mv -f {shown}.own {shown}"),
            false => self.as_root(&format!("chown {} {shown}", geteuid())),
        }
    }

    /// The command that mends a settings file, or has it be read.
    pub(crate) fn mend(&self, path: &Path) -> String {
        let shown = self.pasted(path);
        let about = path.metadata();
        match about {
            Ok(about) if about.is_file() && !may(path, AccessFlags::R_OK) => {
                match about.uid() == geteuid().as_raw() {
                    true => format!("chmod u+r {shown}"),
                    false => self.as_root(&format!("chmod a+r {shown}")),
                }
            }
            Ok(about) if about.is_file() => self.edit(path),
            Ok(_) => format!("mv {shown} {shown}.old"),
            // A link to nothing.
            Err(_) => format!("rm {shown}"),
        }
    }

    /// The command after which a Docker Engine on this machine answers; `None` where there is none that could be started.
    pub(crate) fn start_docker(&self) -> Option<String> {
        let is_unusual = self
            .environment
            .get(config::ENV_DOCKER_HOST)
            .is_some_and(|told| told != "unix:///var/run/docker.sock");
        let unset = is_unusual.then(|| format!("unset {}", config::ENV_DOCKER_HOST));
        let rest = self.environment.all().into_iter().filter(|(name, _)| name != config::ENV_DOCKER_HOST);
        let hosts = rest.collect::<Environment>().docker_engines();
        let sockets = hosts.iter().filter_map(|host| host.strip_prefix("unix://"));
        let start = match sockets.map(Path::new).find(|path| path.exists()) {
            Some(socket) if !may(socket, AccessFlags::W_OK) => self.join_group(socket)?,
            Some(_) if unset.is_some() => return unset,
            // It hangs, or was killed.
            Some(_) => self.run_docker("restart")?,
            None => self.run_docker("start")?,
        };
        Some(unset.into_iter().chain([start]).collect::<Vec<_>>().join("; "))
    }

    /// The command that has the system `start` or `restart` its Docker Engine.
    fn run_docker(&self, what: &str) -> Option<String> {
        if !self.has("dockerd") {
            return None;
        }
        Some(if self.has("systemctl") && Path::new("/run/systemd/system").is_dir() {
            self.as_root(&format!("systemctl {what} docker"))
        } else if self.has("service") && Path::new("/etc/init.d/docker").exists() {
            self.as_root(&format!("service docker {what}"))
        } else {
            self.as_root("dockerd > /dev/null 2>&1 &")
        })
    }

    /// The command after which this user may use the socket of a group. Root's own is for root alone.
    fn join_group(&self, socket: &Path) -> Option<String> {
        let group = Gid::from_raw(socket.metadata().ok()?.gid());
        let group = Group::from_gid(group).ok().flatten().filter(|group| group.gid.as_raw() != 0)?.name;
        let user = User::from_uid(geteuid()).ok().flatten()?.name;
        let join = self.as_root(&format!("usermod -aG {} {}", shell_word(&group), shell_word(&user)));
        Some(format!("{join} && newgrp {}", shell_word(&group)))
    }

    /// The folder in which an Ollama on this machine keeps its models.
    pub(crate) fn ollama_models(&self) -> Option<PathBuf> {
        let told = self.environment.get("OLLAMA_MODELS").map(PathBuf::from);
        let of_service =
            || Some(PathBuf::from("/usr/share/ollama/.ollama/models")).filter(|path| path.is_dir());
        let own = || Some(Path::new(self.environment.get("HOME")?).join(".ollama/models"));
        told.or_else(of_service).or_else(own)
    }

    /// `path` as people read it: with `~` for the home.
    pub(crate) fn short(&self, path: &Path) -> String {
        match self.below_home(path) {
            Some(rest) => format!("~/{}", rest.display()),
            None => path.display().to_string(),
        }
    }

    /// The same as a word for a shell.
    pub(crate) fn pasted(&self, path: &Path) -> String {
        match self.below_home(path) {
            // A `~` in quotes is no home.
            Some(rest) => format!("~/{}", shell_word(&rest.display().to_string())),
            None => shell_word(&path.display().to_string()),
        }
    }

    fn below_home<'a>(&self, path: &'a Path) -> Option<&'a Path> {
        let rest = path.strip_prefix(self.environment.get("HOME")?).ok()?;
        (!rest.as_os_str().is_empty()).then_some(rest)
    }
}

/// Whether this user may do `what` with a file.
fn may(path: &Path, what: AccessFlags) -> bool {
    access(path, what).is_ok()
}

/// The nearest folder of `path` that exists, and the bytes that are free there.
pub(crate) fn free_at(path: &Path) -> Option<(&Path, u64)> {
    let there = path.ancestors().find(|path| path.exists())?;
    let stat = statvfs(there).ok()?;
    Some((there, stat.blocks_available().saturating_mul(stat.fragment_size())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    /// The folder of a PATH with these programs, and nothing in them.
    fn programs(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::write(&path, "").unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        folder
    }

    fn environment(folder: &Path) -> Environment {
        let path = folder.display().to_string();
        [("PATH".to_owned(), path), ("HOME".to_owned(), "/home/ann".to_owned())].into_iter().collect()
    }

    #[test]
    fn ollama_comes_with_what_its_script_needs_and_as_root() {
        let script = "curl -fsSL https://ollama.com/install.sh | sh";
        let apt = "apt-get update && apt-get install -y";
        for (names, is_root, command) in [
            (&["curl", "zstd"][..], true, script.to_owned()),
            (&["curl", "zstd", "sudo"], false, script.to_owned()),
            (&["curl", "zstd"], false, format!("su -c '{script}'")),
            (&["apt-get", "curl"], true, format!("{apt} zstd && {script}")),
            (&["apt-get", "wget", "zstd"], true, format!("{apt} curl && {script}")),
            (
                &["apt-get", "sudo"],
                false,
                format!("sudo apt-get update && sudo apt-get install -y curl zstd && {script}"),
            ),
            (&["apt-get"], false, format!("su -c '{apt} curl zstd && {script}'")),
            (&["dnf"], true, format!("dnf install -y curl zstd && {script}")),
            (&["apk", "curl", "sudo"], false, format!("sudo apk add zstd && {script}")),
            (&["zypper"], true, format!("zypper --non-interactive install curl zstd && {script}")),
        ] {
            let folder = programs(names);
            let environment = environment(folder.path());
            let host = Host { environment: &environment, is_root };
            assert_eq!(host.get_ollama(), command, "{names:?} {is_root}");
        }
    }

    #[test]
    fn packages_are_installed_where_lists_of_them_are_missing() {
        for (names, is_root, command) in [
            (&["apt-get"][..], true, Some("apt-get update && apt-get install -y ca-certificates")),
            (
                &["apt-get", "sudo"],
                false,
                Some("sudo apt-get update && sudo apt-get install -y ca-certificates"),
            ),
            (&["pacman"], true, Some("pacman -Sy --noconfirm ca-certificates")),
            (&["curl"], true, None),
        ] {
            let folder = programs(names);
            let environment = environment(folder.path());
            let host = Host { environment: &environment, is_root };
            assert_eq!(host.install(&["ca-certificates"]).as_deref(), command, "{names:?}");
        }
    }

    #[test]
    fn a_docker_engine_is_started_as_the_machine_has_it() {
        for (names, command) in [
            // Only the program: there is no engine to start.
            (&["docker", "sudo"][..], None),
            (&["docker", "dockerd", "sudo"], Some("sudo sh -c 'dockerd > /dev/null 2>&1 &'")),
            (&["docker", "dockerd"], Some("su -c 'dockerd > /dev/null 2>&1 &'")),
        ] {
            let folder = programs(names);
            let environment = environment(folder.path());
            let host = Host { environment: &environment, is_root: false };
            assert_eq!(host.run_docker("start").as_deref(), command, "{names:?}");
        }
        let folder = programs(&["docker"]);
        let mut variables = environment(folder.path()).all();
        variables.push(("DOCKER_HOST".to_owned(), "unix:///nowhere/docker.sock".to_owned()));
        let environment = variables.into_iter().collect();
        let start = Host { environment: &environment, is_root: false }.start_docker();
        assert!(start.is_none_or(|command| command.starts_with("unset DOCKER_HOST")));
    }

    #[test]
    fn paths_are_one_word_and_settings_are_mended_by_what_is_wrong() {
        let folder = programs(&["vim", "sudo"]);
        let environment = environment(folder.path());
        let host = Host { environment: &environment, is_root: false };
        for (path, word) in [
            ("/home/ann/a b", "~/'a b'"),
            ("/home/ann/minions.toml", "~/minions.toml"),
            ("/srv/it's", r"'/srv/it'\''s'"),
            ("/home/ann", "/home/ann"),
        ] {
            assert_eq!(host.pasted(Path::new(path)), word);
        }
        assert_eq!(host.edit(Path::new("/srv/sp ace/minions.toml")), "vim '/srv/sp ace/minions.toml'");
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        fs::write(path("file"), "x").unwrap();
        fs::create_dir(path("folder")).unwrap();
        let shown = |name: &str| path(name).display().to_string();
        assert_eq!(host.mend(&path("file")), format!("vim {}", shown("file")));
        assert_eq!(host.mend(&path("folder")), format!("mv {0} {0}.old", shown("folder")));
        assert_eq!(host.mend(&path("gone")), format!("rm {}", shown("gone")));
        assert_eq!(host.take(&path("file")), format!("cp {0} {0}.own && mv -f {0}.own {0}", shown("file")));
        fs::set_permissions(path("file"), fs::Permissions::from_mode(0o000)).unwrap();
        // Root reads all.
        let mends = if geteuid().is_root() { "vim" } else { "chmod u+r" };
        assert_eq!(host.mend(&path("file")), format!("{mends} {}", shown("file")));
    }
}
