//! The script that packs a release, with compilers that make a program of two lines.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

/// What the script calls besides git: programs that do as little as they can.
const TOOLS: [(&str, &str); 5] = [
    ("rustc", "echo \"$FAKE_ROOT\""),
    ("musl-gcc", ""),
    ("objdump", ""),
    ("uname", "echo x86_64"),
    (
        "cargo",
        "out=$CARGO_TARGET_DIR/x86_64-unknown-linux-musl/release; mkdir -p $out; printf '#!/bin/sh\\n' >$out/minions; \
         chmod +x $out/minions",
    ),
];

fn write(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A repository below `folder` with this version's scripts, in which everything is committed.
fn repository(folder: &Path) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["release.sh", "common.sh"] {
        write(
            &folder.join("scripts").join(name),
            &fs::read_to_string(here.join("scripts").join(name)).unwrap(),
            0o755,
        );
    }
    write(&folder.join("scripts/sbom.py"), "#!/bin/sh\n", 0o755);
    write(&folder.join("Cargo.toml"), "version = \"1.2.3\"\n", 0o644);
    write(&folder.join(".gitignore"), "/dist\n/target\n", 0o644);
    for name in [
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "docs/a.md",
        "examples/quickstart.json",
        "scripts/fetch-model.sh",
    ] {
        write(&folder.join(name), "committed\n", 0o644);
    }
    let steps = "git init -q . && git add . && git -c user.name=n -c user.email=e@example.com commit -qm 1";
    assert!(Command::new("sh").args(["-c", steps]).current_dir(folder).status().unwrap().success());
}

fn release(folder: &Path, tools: &Path) -> Output {
    for (name, body) in TOOLS {
        write(&tools.join(name), &format!("#!/bin/sh\n{body}\n"), 0o755);
    }
    fs::create_dir_all(tools.join("lib/rustlib/x86_64-unknown-linux-musl")).unwrap();
    let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
    Command::new("bash")
        .args(["scripts/release.sh", "x86_64-unknown-linux-musl"])
        .current_dir(folder)
        .env_remove("CARGO_TARGET_DIR")
        .env("PATH", path)
        .env("CARGO_HOME", "/nowhere")
        .env("FAKE_ROOT", tools)
        .output()
        .unwrap()
}

/// The files in `dist`, sorted.
fn packed(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder.join("dist")).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_release_has_what_is_committed_and_the_sums_of_its_own_files() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, tools) = (dir.path().join("minions"), dir.path().join("tools"));
    repository(&folder);
    write(&folder.join("dist/minions-1.2.3-x86_64-unknown-linux-gnu.tar.gz"), "of another commit", 0o644);
    write(
        &folder.join("dist/minions-1.2.3-trial-x86_64-unknown-linux-musl.tar.gz"),
        "of another commit",
        0o644,
    );
    write(&folder.join("docs/b.md.orig"), "left over", 0o644);
    for (name, is_trial) in [("minions-1.2.3-trial", true), ("minions-1.2.3", false)] {
        if !is_trial {
            fs::remove_file(folder.join("docs/b.md.orig")).unwrap();
        }
        let ran = release(&folder, &tools);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success(), "{said}");
        assert_eq!(said.contains("only a trial"), is_trial, "{said}");
        let tarball = format!("{name}-x86_64-unknown-linux-musl.tar.gz");
        assert_eq!(packed(&folder), ["SHA256SUMS", &tarball]);
        let sums = fs::read_to_string(folder.join("dist/SHA256SUMS")).unwrap();
        assert!(sums.lines().count() == 1 && sums.trim().ends_with(&tarball), "{sums}");
        let listed =
            Command::new("tar").arg("-tzf").arg(folder.join("dist").join(&tarball)).output().unwrap();
        let listed = String::from_utf8(listed.stdout).unwrap();
        for there in [
            "/minions\n",
            "/docs/a.md\n",
            "/models/\n",
            "/examples/quickstart.json\n",
            "/scripts/fetch-model.sh\n",
        ] {
            assert!(listed.contains(there), "{there} {listed}");
        }
        assert!(!listed.contains("b.md"), "{listed}");
    }
}

#[test]
fn a_folder_with_a_space_in_its_name_is_refused_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("my minions");
    repository(&folder);
    let ran = release(&folder, &dir.path().join("tools"));
    let said = String::from_utf8_lossy(&ran.stderr);
    assert!(!ran.status.success() && said.contains("with a space in the name of its folder"), "{said}");
    assert!(!folder.join("target").exists() && !folder.join("dist").exists());
}
