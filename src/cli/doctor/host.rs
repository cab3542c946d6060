//! What this machine has of programs and places, for remedies that work on it.

use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;
use nix::unistd::geteuid;

use minions::config::Environment;
use minions::runtimes::ollama::find_program;

/// The places of CA certificates' packages, by the program that installs them.
const INSTALLERS: [(&str, &str); 5] = [
    ("apt-get", "apt-get install -y"),
    ("dnf", "dnf install -y"),
    ("apk", "apk add"),
    ("zypper", "zypper install -y"),
    ("pacman", "pacman -S --noconfirm"),
];

/// This machine, by its environment.
pub(crate) struct Host<'a>(pub &'a Environment);

impl Host<'_> {
    /// Whether a program is on the PATH.
    pub(crate) fn has(&self, program: &str) -> bool {
        !program.is_empty() && find_program(program, self.0.get("PATH").unwrap_or_default()).is_some()
    }

    /// The command that installs a package of the system; `None` where no installer is known.
    pub(crate) fn install(&self, package: &str) -> Option<String> {
        let (_, command) = INSTALLERS.iter().find(|(program, _)| self.has(program))?;
        let sudo = if geteuid().is_root() || !self.has("sudo") { "" } else { "sudo " };
        Some(format!("{sudo}{command} {package}"))
    }

    /// The command that gets Ollama.
    pub(crate) fn get_ollama(&self) -> String {
        if self.has("curl") {
            "curl -fsSL https://ollama.com/install.sh | sh".to_owned()
        } else if self.has("wget") {
            "wget -qO- https://ollama.com/install.sh | sh".to_owned()
        } else {
            let curl = self.install("curl").map(|command| format!("{command} && ")).unwrap_or_default();
            format!("{curl}curl -fsSL https://ollama.com/install.sh | sh")
        }
    }

    /// The command that has Docker Model Runner fetch a model.
    pub(crate) fn pull_for_runner(&self, place: &str, model: &str) -> String {
        let own = self.0.get("HOME").map(|home| format!("{home}/.docker/cli-plugins"));
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
        let told = ["VISUAL", "EDITOR"].iter().find_map(|name| self.0.get(name)).map(str::to_owned);
        let there = || ["nano", "vim", "vi"].into_iter().find(|editor| self.has(editor)).map(str::to_owned);
        let path = self.short(path);
        match told.or_else(there) {
            Some(editor) => format!("{editor} {path}"),
            None => format!("cat {path}"),
        }
    }

    /// The folder in which an Ollama on this machine keeps its models.
    pub(crate) fn ollama_models(&self) -> Option<PathBuf> {
        let told = self.0.get("OLLAMA_MODELS").map(PathBuf::from);
        let of_service =
            || Some(PathBuf::from("/usr/share/ollama/.ollama/models")).filter(|path| path.is_dir());
        let own = || Some(Path::new(self.0.get("HOME")?).join(".ollama/models"));
        told.or_else(of_service).or_else(own)
    }

    /// `path` as people write it: with `~` for the home.
    pub(crate) fn short(&self, path: &Path) -> String {
        let below = self.0.get("HOME").and_then(|home| path.strip_prefix(home).ok());
        match below {
            Some(rest) if !rest.as_os_str().is_empty() => format!("~/{}", rest.display()),
            _ => path.display().to_string(),
        }
    }
}

/// The bytes that are free where `path` is or would be.
pub(crate) fn free_at(path: &Path) -> Option<u64> {
    let there = path.ancestors().find(|path| path.exists())?;
    let stat = statvfs(there).ok()?;
    Some(stat.blocks_available().saturating_mul(stat.fragment_size()))
}
