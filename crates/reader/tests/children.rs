//! Children of the crate's own program: honest files, bombs, files without an end, and readers that are brought down.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use flate2::Compression;
use flate2::write::ZlibEncoder;
use minions_reader::{
    Beyond, ChildExecutable, FileReading, InputFile, ReaderError, ReaderLimits, ReaderSession, TextLimits,
    Unread,
};
use tokio::runtime::{Builder, Runtime};

const CHILD: &str = env!("CARGO_BIN_EXE_minions-reader");
/// More than a child of these tests may take.
const BOMB: usize = 400 << 20;

/// A session whose children have 64 MB.
fn session() -> ReaderSession {
    let limits = ReaderLimits { memory: 64 << 20, ..ReaderLimits::default() };
    ReaderSession::new(ChildExecutable::new(CHILD, [""; 0]), limits)
}

/// A session whose children a shell starts, after these commands.
fn after(commands: &str) -> ReaderSession {
    let script = format!("{commands}; exec {CHILD}");
    ReaderSession::new(ChildExecutable::new("/bin/sh", ["-c".to_owned(), script]), ReaderLimits::default())
}

fn file(name: &str, bytes: impl Into<Vec<u8>>) -> InputFile {
    InputFile { name: name.to_owned(), bytes: bytes.into() }
}

thread_local! {
    /// A child's pipes belong to the runtime that started it.
    static RUNTIME: Runtime = Builder::new_current_thread().enable_all().build().unwrap();
}

fn read(session: &mut ReaderSession, files: Vec<InputFile>) -> Result<Vec<FileReading>, ReaderError> {
    let read = RUNTIME.with(|runtime| runtime.block_on(session.read(files, TextLimits::NONE)))?;
    Ok(read.into_iter().flatten().collect())
}

/// Its text, or its line.
fn told(reading: &FileReading) -> String {
    match &reading.outcome {
        Ok(read) => read.text.clone(),
        Err(Unread { problem, hint, .. }) => {
            assert!(!problem.contains('\n') && !hint.is_empty(), "{problem}");
            problem.clone()
        }
    }
}

fn zeros(bytes: usize) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    let block = vec![0; 1 << 20];
    for _ in 0..bytes >> 20 {
        encoder.write_all(&block).unwrap();
    }
    encoder.finish().unwrap()
}

/// A PDF whose cross-reference stream or first object stream inflates to [`BOMB`].
fn bomb(kind: &str) -> Vec<u8> {
    let data = zeros(BOMB);
    let mut pdf = b"%PDF-1.5\n".to_vec();
    let at = pdf.len();
    let entries = match kind {
        "XRef" => "/Type/XRef/Size 9/W[1 4 2]/Root 1 0 R".to_owned(),
        _ => "/Type/ObjStm/N 3/First 20".to_owned(),
    };
    let head = format!("5 0 obj\n<<{entries}/Filter/FlateDecode/Length {}>>\nstream\n", data.len());
    pdf.extend(head.as_bytes());
    pdf.extend(&data);
    pdf.extend(b"\nendstream\nendobj\n");
    let end = match kind {
        "XRef" => format!("startxref\n{at}\n%%EOF\n"),
        _ => {
            // The catalog is the first object of the stream.
            let at_xref = pdf.len();
            let table = [&[1, 0, 0, 0, 9, 0, 0][..], &[2, 0, 0, 0, 5, 0, 0]].concat();
            let head = format!(
                "6 0 obj\n<</Type/XRef/Size 7/Index[5 1 1 1]/W[1 4 2]/Root 1 0 R/Length {}>>\nstream\n",
                table.len()
            );
            pdf.extend(head.as_bytes());
            pdf.extend(&table);
            pdf.extend(b"\nendstream\nendobj\n");
            format!("startxref\n{at_xref}\n%%EOF\n")
        }
    };
    pdf.extend(end.as_bytes());
    pdf
}

#[test]
fn one_child_reads_files_of_many_kinds() {
    let files = vec![file("a.txt", "alpha"), file("b.bin", [0, 1, 2, 3]), file("c.md", "# Gr\u{fc}\u{df}e")];
    let read = read(&mut session(), files).unwrap();
    let told: Vec<_> = read.iter().map(told).collect();
    assert_eq!((told[0].as_str(), told[2].as_str()), ("alpha", "# Gr\u{fc}\u{df}e"));
    assert!(told[1].starts_with("b.bin can't be read"), "{told:?}");
}

#[test]
fn a_bomb_costs_itself_alone() {
    let mut session = session();
    for kind in ["XRef", "ObjStm"] {
        let files = vec![file("a.txt", "alpha"), file("bomb.pdf", bomb(kind)), file("z.txt", "omega")];
        let told: Vec<_> = read(&mut session, files).unwrap().iter().map(told).collect();
        assert_eq!((told[0].as_str(), told[2].as_str()), ("alpha", "omega"), "{kind}");
        let line = "bomb.pdf can't be read: it takes too much memory";
        // What is too much is either refused by the reader, or ends its child.
        assert!(told[1] == line || told[1].starts_with("bomb.pdf is damaged"), "{kind}: {}", told[1]);
    }
    assert_eq!(told(&read(&mut session, vec![file("b", "beta")]).unwrap()[0]), "beta");
}

#[test]
fn a_file_without_an_end_is_given_up() {
    let soon = ReaderLimits { time: Duration::from_millis(20), ..ReaderLimits::default() };
    let mut session = ReaderSession::new(ChildExecutable::new("/bin/sleep", ["1000"]), soon);
    for _ in 0..2 {
        let told: Vec<_> =
            read(&mut session, vec![file("a", "x"), file("b", "y")]).unwrap().iter().map(told).collect();
        assert_eq!(told, ["a can't be read: it takes too long", "b can't be read: it takes too long"]);
    }
}

#[test]
fn a_child_that_died_between_two_files_is_not_the_fault_of_the_second() {
    let folder = tempfile::tempdir().unwrap();
    let noted = folder.path().join("pid");
    for signal in ["KILL", "TERM", "SEGV"] {
        let mut session = after(&format!("echo $$ > {}", noted.display()));
        assert_eq!(told(&read(&mut session, vec![file("a", "alpha")]).unwrap()[0]), "alpha");
        let pid = std::fs::read_to_string(&noted).unwrap();
        assert!(Command::new("kill").args(["-s", signal, pid.trim()]).status().unwrap().success());
        assert_eq!(told(&read(&mut session, vec![file("b", "beta")]).unwrap()[0]), "beta", "{signal}");
    }
}

#[test]
fn a_reader_that_is_brought_down_is_told_by_its_end() {
    for (commands, line) in [
        ("read -n 1; kill -SEGV $$", "a can't be read: its reader crashed"),
        ("kill -ABRT $$", "a can't be read: its reader crashed"),
        ("kill -KILL $$", "its reader was killed"),
        ("kill -TERM $$", "its reader was ended from outside"),
        ("exit 65", "it takes too much memory"),
        ("exit 0", "its reader crashed"),
        ("printf 'aaaaaaaabbbb'; exec cat >/dev/null", "its reader answered something else"),
    ] {
        let told = told(&read(&mut after(commands), vec![file("a", "x")]).unwrap()[0]);
        assert!(told.starts_with("a can't be read") && told.contains(line), "{commands}: {told}");
    }
}

#[test]
fn a_machine_without_room_is_no_fault_of_the_file() {
    let failed = read(&mut after("ulimit -v 200000"), vec![file("a", "x")]).unwrap_err().to_string();
    assert!(failed.contains("stack"), "{failed}");
    let none = ChildExecutable::new("/nowhere/at/all", [""; 0]);
    let failed = read(&mut ReaderSession::new(none, ReaderLimits::default()), vec![file("a", "x")]);
    assert!(failed.unwrap_err().to_string().contains("cannot start"));
    for commands in ["ulimit -n 20; ulimit -f 0; ulimit -c 0", "ulimit -t 100", "ulimit -v 3000000"] {
        assert_eq!(told(&read(&mut after(commands), vec![file("a", "x")]).unwrap()[0]), "x", "{commands}");
    }
}

#[test]
fn a_child_is_replaced_for_a_file_that_needs_more_room() {
    let mut session = session();
    let large = "long text\n".repeat(10 << 20);
    let read = |session: &mut ReaderSession, text: &str| {
        told(&read(session, vec![file("a", text)]).unwrap()[0]).len()
    };
    assert_eq!(
        [read(&mut session, "x"), read(&mut session, &large), read(&mut session, "y")],
        [1, large.len(), 1]
    );
}

#[test]
fn texts_have_the_room_that_is_left() {
    let files = || ["a", "b", "c", "d"].map(|name| file(name, name.repeat(4))).to_vec();
    for (limits, expected) in [
        (TextLimits::NONE, [None; 4]),
        (TextLimits { plain: 3, all: 100 }, [Some(Beyond::File); 4]),
        (TextLimits { plain: 9, all: 9 }, [None, None, Some(Beyond::All), Some(Beyond::All)]),
    ] {
        let mut session = session();
        let read = RUNTIME.with(|runtime| runtime.block_on(session.read(files(), limits))).unwrap();
        let beyond: Vec<_> = read
            .iter()
            .flatten()
            .map(|one| one.outcome.as_ref().err().and_then(|unread| unread.beyond))
            .collect();
        assert_eq!(beyond, expected, "{limits:?}");
    }
}
