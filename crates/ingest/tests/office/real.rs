//! Files of real programs, made when the test runs: by the libraries that most people use, and by LibreOffice from these.
//! What is planted in them must be found, and at its place.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use minions_ingest::{Limits, read};

/// What makes the files, and lists what is planted in them.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/office/made.py");

/// A Python with the libraries: that of the tests, else the machine's.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("MINIONS_TEST_PYTHON").map(PathBuf::from);
    let has_libraries = |python: &PathBuf| {
        let mut command = Command::new(python);
        command
            .args(["-c", "import docx, openpyxl, pptx"])
            .output()
            .is_ok_and(|output| output.status.success())
    };
    named.into_iter().chain([PathBuf::from("python3")]).find(has_libraries)
}

/// Says that a test is skipped; where everything is tested, it must not be.
fn skip(what: &str, required: bool) {
    assert!(!(required && std::env::var("CI").is_ok_and(|ci| ci == "true")), "missing: {what}");
    let _ = writeln!(std::io::stderr(), "skipped: {what} is missing");
}

/// The files of the libraries in a new folder, if there is a Python that makes them.
fn made() -> Option<tempfile::TempDir> {
    let Some(python) = python() else {
        skip("a Python with python-docx, openpyxl and python-pptx (scripts/test.sh makes one)", true);
        return None;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let output = Command::new(python).arg(SCRIPT).arg(folder.path()).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(folder)
}

/// Looks for what is planted. `made_from` gives the file that was made from one of the libraries, if one was.
fn find_planted(folder: &Path, made_from: impl Fn(&str) -> Option<PathBuf>) -> usize {
    let mut wrong = Vec::new();
    let mut found = 0;
    let planted = std::fs::read_to_string(folder.join("planted.tsv")).expect("a list");
    let mut last = None;
    for line in planted.lines() {
        let [file, place, quote]: [&str; 3] =
            line.split('\t').collect::<Vec<_>>().try_into().expect("three columns");
        let Some(path) = made_from(file) else { continue };
        let reading = match last.take() {
            Some((known, reading)) if known == path => reading,
            _ => {
                let bytes = std::fs::read(&path).expect("a file that was made");
                read(file, bytes, &Limits::default()).expect("a file that can be read")
            }
        };
        let byte = reading.text.find(quote);
        let at = byte.map(|byte| reading.places.at(reading.text[..byte].chars().count()));
        match at.map(|place| place.map(ToString::to_string).unwrap_or_default()) {
            Some(at) if at == place => found += 1,
            at => wrong.push(format!("{quote:?} of {}: {at:?} instead of {place:?}", path.display())),
        }
        last = Some((path, reading));
    }
    let texts = last.map(|(_, reading)| reading.text);
    assert!(wrong.is_empty(), "{} wrong:\n{}\n{}", wrong.len(), wrong.join("\n"), texts.unwrap_or_default());
    found
}

#[test]
fn files_of_libraries_are_read_with_their_places() {
    let Some(folder) = made() else { return };
    assert_eq!(find_planted(folder.path(), |file| Some(folder.path().join(file))), 200);
}

#[test]
fn files_of_libreoffice_are_read_with_their_places() {
    let Some(folder) = made() else { return };
    let has_office =
        Command::new("soffice").arg("--version").output().is_ok_and(|output| output.status.success());
    if !has_office {
        return skip("LibreOffice", false);
    }
    let profile = format!("-env:UserInstallation=file://{}/profile", folder.path().display());
    let mut found = 0;
    for (from, to) in [
        ("docx", "docx"),
        ("docx", "odt"),
        ("xlsx", "xlsx"),
        ("xlsx", "ods"),
        ("pptx", "pptx"),
        ("pptx", "odp"),
    ] {
        let out = folder.path().join(to);
        let sources = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let sources = sources.filter(|path| path.extension().is_some_and(|end| end == from));
        let mut office = Command::new("soffice");
        office.args(["--headless", &profile, "--convert-to", to, "--outdir"]).arg(&out).args(sources);
        let output = office.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        found += find_planted(folder.path(), |file| {
            file.ends_with(from).then(|| out.join(file).with_extension(to))
        });
    }
    assert_eq!(found, 360);
}
