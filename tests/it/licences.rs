//! The licences of what is inside a release and the image: `scripts/sbom.py`, with the real cargo.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/sbom.py");
const CHANGED: &str = include_str!("../../crates/python/build.rs");

/// The script on the workspace in `folder`, for this machine; what it writes goes to `out`.
fn listed(folder: &Path, out: &Path, options: &[&str]) -> Output {
    let host = Command::new("rustc").args(["--print", "host-tuple"]).output().unwrap().stdout;
    Command::new("python3")
        .args(["-B", SCRIPT, String::from_utf8(host).unwrap().trim()])
        .arg(out)
        .args(options)
        .current_dir(folder)
        .env_remove("SOURCE_DATE_EPOCH")
        .output()
        .unwrap()
}

#[test]
fn every_part_of_the_program_comes_with_the_text_of_its_licence() {
    let out = tempfile::tempdir().unwrap();
    let options: &[&str] = if cfg!(feature = "embedded") { &["--features", "embedded"] } else { &[] };
    let ran = listed(Path::new(env!("CARGO_MANIFEST_DIR")), out.path(), options);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let notices = fs::read_to_string(out.path().join("THIRD-PARTY-LICENSES.txt")).unwrap();
    let (list, texts) = notices.split_once("\n\n----").unwrap();
    for part in [
        "rustpython-vm 0.6.0: MIT",
        "rustpython-pylib 0.6.0: PSF-2.0",
        "malachite-bigint 0.12.0: MIT",
        "rust-std ",
    ] {
        assert!(list.contains(&format!("\n{part}")), "{part} {list}");
    }
    for text in [
        "Copyright (c) 2026 RustPython Team",
        "PYTHON SOFTWARE FOUNDATION LICENSE",
        "Copyright (c) 2022 Charles Marsh",
    ] {
        assert!(texts.contains(text), "{text}");
    }
    assert!(!list.contains("LGPL") && !list.contains("minions-"), "{list}");
    let bill = fs::read_to_string(out.path().join("minions.cdx.json")).unwrap();
    let bill: Value = serde_json::from_str(&bill).unwrap();
    assert_eq!(bill["metadata"]["timestamp"], Value::Null);
}

#[test]
fn the_licence_of_pythons_library_says_what_is_changed_in_it() {
    let script = fs::read_to_string(SCRIPT).unwrap();
    let (_, changes) = CHANGED.split_once("const CHANGES").unwrap();
    let (changes, _) = changes.split_once("];").unwrap();
    let modules: Vec<_> = changes.split('"').filter(|text| text.ends_with(".py")).collect();
    assert!(modules.len() >= 5, "{modules:?}");
    for module in modules {
        assert!(
            script.contains(module),
            "{module} is changed, and CHANGES of scripts/sbom.py doesn't say so"
        );
    }
}

/// A crate of a workspace: its folder, what its manifest says besides, its files.
type Crate = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

const MIT: &str = include_str!("../../third-party/licences/MIT.txt");
const NAMED: &str = "license = \"MIT\"";

/// A workspace whose program `minions` has one dependency, of the kind `section`.
fn workspace(folder: &Path, section: &str, (name, manifest, files): Crate) {
    let write = |path: &str, text: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    let package =
        |name: &str| format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
    write(
        "Cargo.toml",
        &format!("{}[{section}]\n{name} = {{ path = \"{name}\" }}\n[workspace]\n", package("minions")),
    );
    write("src/main.rs", "fn main() {}\n");
    write(&format!("{name}/Cargo.toml"), &format!("{}{manifest}\n", package(name)));
    write(&format!("{name}/src/lib.rs"), "");
    for (file, text) in files {
        write(&format!("{name}/{file}"), text);
    }
    let locked =
        Command::new("cargo").args(["generate-lockfile", "--offline"]).current_dir(folder).output().unwrap();
    assert!(locked.status.success(), "{}", String::from_utf8_lossy(&locked.stderr));
}

#[test]
fn a_part_without_the_text_of_its_licence_or_with_one_that_asks_for_more_is_refused() {
    let without =
        "comes without the text of its licence (MIT): say whose it is in third-party/licences/owners.toml";
    let more = "which asks for more than its text";
    let cases: &[(&str, Crate, &str)] = &[
        ("dependencies", ("bare", NAMED, &[]), without),
        // It points to where the text is, and that is elsewhere.
        ("dependencies", ("pointing", NAMED, &[("LICENSE", "../../LICENSE-MIT")]), without),
        ("dependencies", ("noticing", NAMED, &[("NOTICE", "Made by us.\n")]), without),
        // What its project is called says nothing of a crate that names another licence.
        (
            "dependencies",
            ("rustpython-new", "license = \"Zlib\"", &[]),
            "without the text of its licence (Zlib)",
        ),
        ("dependencies", ("silent", "", &[("LICENSE", MIT)]), "does not name its licence"),
        ("dependencies", ("wordless", "", &[]), "without the text of its licence (not named)"),
        ("dependencies", ("lesser", "license = \"LGPL-3.0-only\"", &[("LICENSE", MIT)]), more),
        ("dependencies", ("mozilla", "license = \"MPL-2.0\"", &[("LICENSE", MIT)]), more),
        ("dependencies", ("choice", "license = \"LGPL-3.0-only OR MIT\"", &[("LICENSE", MIT)]), ""),
        ("dependencies", ("usual", NAMED, &[("LICENSE-MIT.md", MIT)]), ""),
        ("dependencies", ("folder", NAMED, &[("LICENSES/MIT.txt", MIT)]), ""),
        (
            "dependencies",
            ("far", "license = \"MIT\"\nlicense-file = \"texts/own.txt\"", &[("texts/own.txt", MIT)]),
            "",
        ),
        ("dependencies", ("rustpython-next", NAMED, &[]), ""),
        // They are not inside the program.
        ("build-dependencies", ("building", NAMED, &[]), ""),
        ("dev-dependencies", ("testing", NAMED, &[]), ""),
        ("dependencies", ("deriving", "license = \"MIT\"\n[lib]\nproc-macro = true", &[]), ""),
    ];
    for (section, part, refusal) in cases {
        let folder = tempfile::tempdir().unwrap();
        workspace(folder.path(), section, *part);
        let ran = listed(folder.path(), folder.path(), &[]);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.success(), refusal.is_empty(), "{part:?} {said}");
        // Cargo may say that it waits for another.
        let named = format!("{} 0.1.0 ", part.0);
        let is_said = said.lines().any(|line| line.starts_with(&named) && line.contains(refusal));
        assert_eq!(is_said, !refusal.is_empty(), "{part:?} {said}");
        assert_eq!(folder.path().join("THIRD-PARTY-LICENSES.txt").exists(), refusal.is_empty(), "{part:?}");
    }
}
