//! The models of a stand-in: one file each, where Ollama has its manifests.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::{env, fs, io};

use serde_json::{Value, json};

use crate::server::Reply;

/// Bytes of every model.
const SIZE: u64 = 1_000_000;

pub(crate) struct Models {
    directory: PathBuf,
    pulls: AtomicUsize,
}

impl Models {
    pub(crate) fn open(home: &str) -> Self {
        let directory = match env::var("OLLAMA_MODELS") {
            Ok(directory) if !directory.is_empty() => PathBuf::from(directory),
            _ => PathBuf::from(home).join(".ollama/models"),
        };
        let models = Self { directory, pulls: AtomicUsize::new(0) };
        for name in env::var("STANDIN_MODELS").unwrap_or_default().split(',').filter(|name| !name.is_empty())
        {
            if let Err(error) = models.store(name) {
                crate::fail(&format!("{error}"));
            }
        }
        models
    }

    /// `host/namespace/model/tag`, in lower case.
    fn key(name: &str) -> String {
        let (path, tag) = match name.rsplit_once('/').map_or(name, |(_, last)| last).contains(':') {
            true => name.rsplit_once(':').unwrap_or((name, "latest")),
            false => (name, "latest"),
        };
        let full = match path.matches('/').count() {
            0 => format!("registry.ollama.ai/library/{path}/{tag}"),
            1 => format!("registry.ollama.ai/{path}/{tag}"),
            _ => format!("{path}/{tag}"),
        };
        full.to_lowercase()
    }

    fn store(&self, name: &str) -> io::Result<()> {
        let key = Self::key(name);
        let blob = self.directory.join("blobs").join(format!("sha256-{}", key.replace(['/', ':'], "-")));
        let manifest = self.directory.join("manifests").join(&key);
        for path in [&blob, &manifest] {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
        }
        fs::write(&blob, vec![0; SIZE as usize])?;
        fs::write(manifest, name)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.directory.join("manifests").join(Self::key(name)).is_file()
    }

    pub(crate) fn list(&self) -> Value {
        let mut names = Vec::new();
        let mut folders = vec![self.directory.join("manifests")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().is_dir() {
                    folders.push(entry.path());
                } else {
                    names.push(fs::read_to_string(entry.path()).unwrap_or_default());
                }
            }
        }
        let with_tag =
            |name: &String| if name.contains(':') { name.clone() } else { format!("{name}:latest") };
        let model = |name: &String| json!({"name": with_tag(name), "model": with_tag(name), "size": SIZE});
        json!({"models": names.iter().map(model).collect::<Vec<_>>()})
    }

    /// A stream of lines, as the next of `STANDIN_PULL` wants it.
    pub(crate) fn pull(&self, name: &str) -> Reply {
        let script = env::var("STANDIN_PULL").unwrap_or_else(|_| "ok".to_owned());
        let steps: Vec<&str> = script.split(';').collect();
        let index = self.pulls.fetch_add(1, SeqCst).min(steps.len() - 1);
        let (what, rest) = steps[index].split_once(':').unwrap_or((steps[index], ""));
        let layer = |percent: u64| {
            json!({
                "status": "pulling dde5aa3fc5ff", "digest": "sha256:dde5aa3fc5ff", "total": SIZE,
                "completed": SIZE / 100 * percent,
            })
        };
        let mut lines = vec![json!({"status": "pulling manifest"})];
        let percent: u64 = rest.parse().unwrap_or(100);
        if what == "error" {
            lines.push(json!({"error": rest}));
            return stream(&lines);
        }
        lines.extend((0..=percent).step_by(5).map(layer));
        match what {
            "stall" => {
                lines.extend((0..5000).map(|_| layer(percent)));
                stream(&lines).gap(std::time::Duration::from_millis(20))
            }
            "cut" => stream(&lines).cut_after(lines.len()),
            _ => {
                match self.store(name) {
                    Ok(()) => lines.extend(
                        ["verifying sha256 digest", "writing manifest", "success"]
                            .map(|s| json!({"status": s})),
                    ),
                    Err(error) => lines.push(json!({"error": said(&error)})),
                }
                stream(&lines).gap(crate::millis("STANDIN_PULL_MS") / lines.len() as u32)
            }
        }
    }
}

fn stream(lines: &[Value]) -> Reply {
    Reply::stream("application/x-ndjson", lines.iter().map(|line| format!("{line}\n")))
}

/// In Go's words.
fn said(error: &io::Error) -> String {
    let words = match error.kind() {
        io::ErrorKind::StorageFull => "no space left on device".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::ReadOnlyFilesystem => "read-only file system".to_owned(),
        _ => error.to_string(),
    };
    format!("write blobs/sha256-dde5aa3fc5ff-partial: {words}")
}
