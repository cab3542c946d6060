use std::collections::HashSet;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::folder::{FolderLimits, Found, Reason, walk};

/// A folder with these files; those that end with a slash are folders.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

fn found(folder: &Path) -> Found {
    walk(folder, &FolderLimits::default()).unwrap()
}

fn names(found: &Found) -> Vec<&str> {
    found.files.iter().map(|file| file.name.as_str()).collect()
}

fn reasons(found: &Found) -> Vec<(Reason, usize, &str)> {
    found.left_out.reasons().collect()
}

#[test]
fn files_come_in_a_fixed_order() {
    let folder = folder(&[
        ("b/z.rs", "1"),
        ("b/README", "22"),
        ("a.rs", ""),
        ("Z.txt", ""),
        ("readme.md", ""),
        ("a/x", ""),
    ]);
    let found = found(folder.path());
    assert_eq!(names(&found), ["readme.md", "Z.txt", "a.rs", "a/x", "b/README", "b/z.rs"]);
    assert_eq!(found.files[4].size, 2);
    assert_eq!(fs::read(&found.files[4].path).unwrap(), b"22");
    assert!(found.left_out.is_empty());
}

#[test]
fn what_is_ignored_is_counted_by_reason() {
    let folder = folder(&[
        (".gitignore", "*.secret\n/only-here\n!kept.secret\n[broken\n"),
        ("a.secret", ""),
        ("kept.secret", ""),
        ("only-here", ""),
        ("sub/only-here", ""),
        ("sub/.gitignore", "!b.secret\n"),
        ("sub/b.secret", ""),
        ("sub/c.secret", ""),
        (".ignore", "d.txt\n"),
        ("d.txt", ""),
        (".minionsignore", "\u{feff}e.txt\n!Cargo.lock\n!.env.example\n!d.txt\n"),
        ("e.txt", ""),
        ("Cargo.lock", ""),
        ("yarn.lock", ""),
        (".env", ""),
        (".env.example", ""),
        ("node_modules/x/index.js", ""),
        ("sub/node_modules/y.js", ""),
        ("target/debug/a", ""),
        ("logo.png", ""),
        ("report.pdf", ""),
        ("server.log", ""),
    ]);
    let found = found(folder.path());
    let taken = ["report.pdf", "server.log", "sub/b.secret", "sub/only-here"];
    assert_eq!(names(&found), [&[".env.example", "Cargo.lock", "d.txt", "kept.secret"][..], &taken].concat());
    assert_eq!(
        reasons(&found),
        [(Reason::Ignored, 4, "a.secret"), (Reason::Default, 5, "logo.png"), (Reason::Hidden, 5, ".env"),]
    );
    assert_eq!(
        found.left_out.to_string(),
        "4 ignored by .gitignore, .ignore or .minionsignore (a.secret, …), \
         5 build output, caches, lock files or media (logo.png, …), 5 hidden (.env, …)"
    );
}

#[test]
fn only_our_own_file_takes_in_what_is_hidden_or_made_and_no_file_what_version_control_keeps() {
    let hidden = [
        (".git/config", "token"),
        (".hg/hgrc", ""),
        (".aws/credentials", "key"),
        (".env", "key"),
        (".env.example", ""),
        ("vendor/a.c", ""),
        ("b/.ssh/id", ""),
        ("b/c.txt", ""),
    ];
    let cases = [
        (".gitignore", "*.log\n!*/\n", "b/c.txt"),
        (".gitignore", "!/**/\n", "b/c.txt"),
        (".gitignore", "!.env\n!.aws/\n!.git/\n!vendor/\n", "b/c.txt"),
        (".ignore", "*\n!*/\n!*.*\n", "b/c.txt"),
        (".minionsignore", "!*/\n!*\n!**/*.*\n", "b/c.txt vendor/a.c"),
        (".minionsignore", "!.git/\n!.git\n!.hg/\n", "b/c.txt"),
        (
            ".minionsignore",
            "!.env.example\n!vendor/\n!.aws/\n",
            ".env.example .aws/credentials b/c.txt vendor/a.c",
        ),
        (".minionsignore", "!b/.ssh/\n!/.e*\n", ".env .env.example b/c.txt b/.ssh/id"),
    ];
    for (name, lines, taken) in cases {
        let folder = folder(&hidden);
        fs::write(folder.path().join(name), lines).unwrap();
        let found = found(folder.path());
        let names: HashSet<_> = names(&found).into_iter().collect();
        assert_eq!(names, taken.split(' ').collect(), "{name}: {lines}");
    }
}

#[test]
fn our_file_overrules_those_of_others_wherever_they_are() {
    let folder = folder(&[
        (".minionsignore", "secret*\n"),
        (".ignore", "draft*\n"),
        ("sub/.gitignore", "!*.txt\nopen.md\n"),
        ("sub/secret.txt", ""),
        ("sub/draft.txt", ""),
        ("sub/open.md", ""),
        ("sub/in/.minionsignore", "!secret.txt\n!open.md\n"),
        ("sub/in/secret.txt", ""),
        ("sub/in/open.md", ""),
    ]);
    assert_eq!(names(&found(folder.path())), ["sub/in/open.md", "sub/in/secret.txt"]);
}

#[test]
fn a_file_of_rules_that_cannot_be_used_is_an_error() {
    let utf16 = |text: &str, to: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(to).collect::<Vec<u8>>();
    for rules in [
        [&[0xff, 0xfe][..], &utf16("secret.txt\r\n", u16::to_le_bytes)].concat(),
        [&[0xfe, 0xff][..], &utf16("secret.txt\n", u16::to_be_bytes)].concat(),
        b"\xef\xbb\xbfsecret.txt\r\n".to_vec(),
    ] {
        let folder = folder(&[("secret.txt", ""), ("a.txt", "")]);
        fs::write(folder.path().join(".minionsignore"), rules).unwrap();
        assert_eq!(names(&found(folder.path())), ["a.txt"]);
    }
    let large = "#\n".repeat(1 << 20);
    for (name, rules, problem) in [
        (".minionsignore", &*large, "has more than 1048576 bytes"),
        ("sub/.gitignore", &large, "has more than 1048576 bytes"),
        (".git/info/exclude", &large, "has more than 1048576 bytes"),
        ("sub/.minionsignore", "secret.txt\n{a,b\n", "no pattern in line 2"),
    ] {
        let folder = folder(&[("secret.txt", ""), (name, rules)]);
        let error = walk(folder.path(), &FolderLimits::default()).unwrap_err();
        assert!(error.contains(name) && error.contains(problem), "{error}");
    }
}

#[test]
fn the_repository_around_counts() {
    let folder = folder(&[
        (".git/info/exclude", "excluded\n"),
        (".gitignore", "*.tmp1\n/docs/top\n"),
        ("docs/a.tmp1", ""),
        ("docs/top", ""),
        ("docs/excluded", ""),
        ("docs/b", ""),
    ]);
    assert_eq!(names(&found(&folder.path().join("docs"))), ["b"]);
    fs::remove_dir_all(folder.path().join(".git")).unwrap();
    assert_eq!(names(&found(&folder.path().join("docs"))), ["a.tmp1", "b", "excluded", "top"]);
}

#[test]
fn links_stay_in_the_folder_and_make_no_loops() {
    let outside = folder(&[("secret", "x")]);
    let folder =
        folder(&[("a", "1"), ("..data/config", "2"), ("sub/b", "3"), (".git/config", ""), (".env", "")]);
    for (target, link) in [
        (outside.path().join("secret"), "to-outside"),
        (outside.path().to_owned(), "to-folder-outside"),
        ("..".into(), "sub/loop"),
        ("self".into(), "self"),
        ("nothing".into(), "broken"),
        ("a".into(), "again"),
        ("..data/config".into(), "config"),
        (".git/config".into(), "git"),
        (".env".into(), "env"),
        ("/dev/zero".into(), "device"),
    ] {
        symlink(target, folder.path().join(link)).unwrap();
    }
    let found = found(folder.path());
    assert_eq!(names(&found), ["a", "config", "sub/b"]);
    assert_eq!(fs::read(&found.files[1].path).unwrap(), b"2");
    let links = reasons(&found).into_iter().find(|(reason, ..)| *reason == Reason::Link);
    assert_eq!(links.map(|(_, count, _)| count), Some(9));
}

#[test]
fn limits_hold() {
    let small = |limits: FolderLimits| {
        let folder = folder(&[("1", "aaaa"), ("2", "bb"), ("3", "cc"), ("x/4", ""), ("x/y/5", "")]);
        let found = walk(folder.path(), &limits).unwrap();
        let reasons: Vec<_> = reasons(&found)
            .iter()
            .map(|(reason, count, name)| (*reason, *count, (*name).to_owned()))
            .collect();
        (names(&found).join(" "), reasons)
    };
    let all = FolderLimits::default();
    let cases = [
        (FolderLimits { document: 3, ..all }, "2 3 x/4 x/y/5", Reason::TooLarge, "1"),
        (FolderLimits { total: 7, ..all }, "1 2 x/4 x/y/5", Reason::TooMuch, "3"),
        (FolderLimits { depth: 1, ..all }, "1 2 3 x/4", Reason::TooDeep, "x/y/"),
        (FolderLimits { files: 4, ..all }, "1 2 3 x/4", Reason::TooMany, "x/y/5"),
        (FolderLimits { entries: 6, ..all }, "1 2 3 x/4", Reason::TooMany, "x/y/5"),
    ];
    for (limits, taken, reason, name) in cases {
        assert_eq!(small(limits), (taken.to_owned(), vec![(reason, 1, name.to_owned())]), "{limits:?}");
    }
}

#[test]
fn odd_entries_are_named_safely_and_left_out() {
    let folder = folder(&[("a\nb", "")]);
    let path = folder.path().join(std::ffi::OsString::from_vec(b"caf\xe9".to_vec()));
    fs::write(&path, "x").unwrap();
    nix::unistd::mkfifo(&folder.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    nix::unistd::mkfifo(&folder.path().join(".gitignore"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    let found = found(folder.path());
    assert_eq!(names(&found), ["a\\nb", "caf\\xe9"]);
    assert_eq!(found.files[1].path, fs::canonicalize(path).unwrap());
    assert_eq!(reasons(&found), [(Reason::Hidden, 1, ".gitignore"), (Reason::Special, 1, "pipe")]);
    let error = walk(&folder.path().join("none"), &FolderLimits::default()).unwrap_err();
    assert!(error.starts_with("can't be read"), "{error}");
}
