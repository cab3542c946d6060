//! What is left out of folders and archives, as nobody means it.

/// The patterns, as in `.gitignore`, by what they name: what programs made, and what is no text. The list follows
/// gitingest's defaults; logs, PDFs and drawings as SVG are texts and stay.
pub const LEFT_OUT: &[(&str, &[&str])] = &[
    (
        "locks",
        &[
            "Cargo.lock",
            "Gemfile.lock",
            "Pipfile.lock",
            "bun.lock",
            "bun.lockb",
            "composer.lock",
            "flake.lock",
            "go.sum",
            "npm-shrinkwrap.json",
            "package-lock.json",
            "pdm.lock",
            "pnpm-lock.yaml",
            "poetry.lock",
            "uv.lock",
            "yarn.lock",
        ],
    ),
    (
        "packages of others",
        &[
            "bower_components/",
            "jspm_packages/",
            "node_modules/",
            "site-packages/",
            "vendor/",
            "venv/",
            "virtualenv/",
            "env/",
            "Pods/",
        ],
    ),
    (
        "what was built",
        &[
            "bin/",
            "build/",
            "dist/",
            "obj/",
            "out/",
            "pkg/",
            "target/",
            "xcuserdata/",
            "*.egg-info/",
            "*.xcodeproj/",
            "*.xcworkspace/",
        ],
    ),
    (
        "objects and programs",
        &[
            "*.a", "*.bin", "*.class", "*.dll", "*.dylib", "*.ear", "*.egg", "*.exe", "*.gem", "*.jar",
            "*.lib", "*.nar", "*.nupkg", "*.o", "*.obj", "*.out", "*.pdb", "*.pyc", "*.pyd", "*.pyo", "*.so",
            "*.so.*", "*.war", "*.wasm", "*.whl",
        ],
    ),
    (
        "caches and leftovers",
        &[
            "__pycache__/",
            "minion_logs/",
            "*.bak",
            "*.rs.bk",
            "*.swn",
            "*.swo",
            "*.swp",
            "*.temp",
            "*.tmp",
            "*~",
            "Thumbs.db",
            "desktop.ini",
            "digest.txt",
        ],
    ),
    (
        "of editors and tools",
        &[
            "*.mode1v3",
            "*.mode2v3",
            "*.pbxuser",
            "*.perspectivev3",
            "*.sln.docstates",
            "*.sublime-*",
            "*.suo",
            "*.tfstate",
            "*.tfstate.*",
            "*.user",
            "*.userosscache",
            "*.xcuserstate",
            "gradle-app.setting",
        ],
    ),
    ("made from others", &["*.map", "*.min.css", "*.min.js"]),
    ("databases", &["*.db", "*.sqlite", "*.sqlite3", "*.mdb", "*.parquet"]),
    (
        "pictures, sound and film",
        &[
            "*.avi", "*.avif", "*.bmp", "*.flac", "*.gif", "*.heic", "*.ico", "*.icns", "*.jpeg", "*.jpg",
            "*.mkv", "*.mov", "*.mp3", "*.mp4", "*.ogg", "*.png", "*.psd", "*.tif", "*.tiff", "*.wav",
            "*.webm", "*.webp",
        ],
    ),
    ("fonts", &["*.eot", "*.otf", "*.ttf", "*.woff", "*.woff2"]),
    (
        "weights and arrays",
        &["*.ckpt", "*.gguf", "*.npy", "*.npz", "*.onnx", "*.pt", "*.pth", "*.safetensors"],
    ),
    ("packed", &["*.7z", "*.bz2", "*.gz", "*.iso", "*.rar", "*.tar", "*.tgz", "*.xz", "*.zst"]),
];

/// The folder that was packed, if all files stand in one: it is what the user means, whatever it is called.
pub(crate) fn packed_folder<'n>(mut names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let folder = |name: &'n str| {
        let mut parts = parts(name);
        parts.next().filter(|_| parts.next().is_some())
    };
    let first = folder(names.next()?)?;
    names.all(|name| folder(name) == Some(first)).then_some(first)
}

/// Why a file of an archive is left out, if it is. The folder that was packed may have any name that is not hidden.
pub(crate) fn why(name: &str, packed: Option<&str>) -> Option<&'static str> {
    if parts(name).any(|part| part.starts_with('.')) {
        return Some("hidden files");
    }
    let count = parts(name).count();
    let inner = parts(name).zip(1..).skip(usize::from(packed.is_some()));
    let mut inner = inner.map(|(part, number)| (part, number < count));
    let patterns = || LEFT_OUT.iter().flat_map(|(_, patterns)| *patterns);
    let is_named = |(part, is_folder): (&str, bool)| {
        patterns().any(|pattern| match pattern.strip_suffix('/') {
            Some(folder) => is_folder && fits(folder, part),
            None => fits(pattern, part),
        })
    };
    inner.any(is_named).then_some("files that programs made or that are no text")
}

fn parts(name: &str) -> impl Iterator<Item = &str> {
    name.split('/').filter(|part| !matches!(*part, "" | "." | ".."))
}

/// Whether a name fits a pattern, in which `*` stands for any letters.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((before, behind)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(before) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| fits(behind, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_means_is_left_out() {
        let hidden = Some("hidden files");
        let made = Some("files that programs made or that are no text");
        for (name, expected) in [
            ("a.txt", None),
            ("src/a.rs", None),
            (".env", hidden),
            ("app/.env.local", hidden),
            (".git/config", hidden),
            ("sub/.git/objects/00/1", hidden),
            ("./a.txt", None),
            ("../a.txt", None),
            ("node_modules/x/i.js", made),
            ("web/node_modules/x/README.md", made),
            ("node_modules", None),
            ("Cargo.lock", made),
            ("lib.so.1", made),
            ("é.so.1", made),
            ("so.txt", None),
            ("a.jar/b", made),
            ("x.egg-info/PKG", made),
            ("notes~", made),
            ("scan.jpg", made),
            ("scan.jpg.txt", None),
        ] {
            assert_eq!(why(name, None), expected, "{name}");
        }
        // The patterns are of the forms that are understood here.
        let patterns = || LEFT_OUT.iter().flat_map(|(_, patterns)| *patterns);
        assert!(
            patterns().all(|pattern| !pattern.trim_end_matches('/').contains(['/', '?', '[', '!', '\\']))
        );
        assert_eq!(why("out/a.txt", Some("out")), None);
        assert_eq!(why("out/out/a.txt", Some("out")), made);
        assert_eq!(why(".git/config", Some(".git")), hidden);
    }

    #[test]
    fn a_folder_that_was_packed_is_meant() {
        for (names, folder) in [
            (&["out/a", "out/b/c"][..], Some("out")),
            (&["./out/a", "out/b"], Some("out")),
            (&["out/a", "b"], None),
            (&["out"], None),
            (&["a/b", "c/d"], None),
            (&[], None),
        ] {
            assert_eq!(packed_folder(names.iter().copied()), folder, "{names:?}");
        }
    }
}
