//! Sessions, with what can happen to their files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::*;
use crate::chat::Usage;
use crate::history::{Turn, TurnStatus};

fn name(name: &str) -> Name {
    Name::new(name).unwrap()
}

fn turn(number: usize) -> Line {
    let turn = Turn {
        query: format!("What was it in year {number}?\n\u{1f980}"),
        remote_output: format!("It was {number}.\r\n\"so\""),
        status: Some(TurnStatus::Answered),
        ..Turn::default()
    };
    Line::Turn(Box::new(TurnRecord { turn, ..TurnRecord::default() }))
}

fn documents(name: &str, content: &str) -> Line {
    let document = DocumentRecord { name: Some(name.to_owned()), sha256: content.to_owned(), chars: 1 };
    Line::Documents { documents: vec![document], files: Vec::new(), texts: 1 }
}

fn open(sessions: &Sessions, of: &str) -> OpenSession {
    sessions.try_open(&name(of)).unwrap().unwrap()
}

/// The questions' numbers of all turns that count.
fn numbers(contents: &Contents) -> Vec<usize> {
    let turns = contents.turns(0..contents.len()).unwrap();
    turns
        .iter()
        .map(|record| record.turn.query.split(['r', '?']).nth(1).unwrap().trim().parse().unwrap())
        .collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A session of three turns, with a summary of the first.
fn written(dir: &Path) -> Sessions {
    let sessions = Sessions::in_folder(dir.join("minions/sessions"));
    open(&sessions, "acme").append(&[documents("a.pdf", "1"), turn(1)]).unwrap();
    open(&sessions, "acme").append(&[turn(2)]).unwrap();
    open(&sessions, "acme").append(&[Line::Summary { turns: 1, text: "first".to_owned() }]).unwrap();
    open(&sessions, "acme").append(&[turn(3)]).unwrap();
    sessions
}

#[test]
fn a_session_is_there_again_when_it_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = written(dir.path());
    let contents = sessions.read(&name("acme")).unwrap();
    assert_eq!(numbers(&contents), [1, 2, 3]);
    let history = contents.history().unwrap();
    assert_eq!((history.summary.as_str(), history.summarized_turns, history.turns.len()), ("first", 1, 2));
    assert_eq!(contents.documents[0].name.as_deref(), Some("a.pdf"));
    let file = sessions.folder().join("acme.jsonl");
    assert_eq!(
        (mode(&file), mode(sessions.folder()), mode(&dir.path().join("minions"))),
        (0o600, 0o700, 0o700)
    );
    let first = fs::read_to_string(file).unwrap().lines().next().unwrap().to_owned();
    assert!(first.starts_with(r#"{"type":"header","version":1,"name":"acme","created":"20"#), "{first}");
}

#[test]
fn a_kill_at_any_byte_loses_at_most_the_line_that_was_being_written() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = written(dir.path());
    let file = sessions.folder().join("acme.jsonl");
    let whole = fs::read(&file).unwrap();
    let ends: Vec<_> = (0..whole.len()).filter(|at| whole[*at] == b'\n').collect();
    for length in 0..=whole.len() {
        fs::write(&file, &whole[..length]).unwrap();
        // A line is whole once its last brace is there.
        let lines = ends.iter().filter(|end| **end <= length).count();
        let expected: &[usize] = match lines {
            0..=2 => &[],
            3 => &[1],
            4 | 5 => &[1, 2],
            _ => &[1, 2, 3],
        };
        let mut session = open(&sessions, "acme");
        assert_eq!(numbers(session.contents()), expected, "{length}");
        let is_cut = lines == 0 && length > 0 || lines > 0 && length > ends[lines - 1] + 1;
        assert_eq!(session.warning().is_some(), is_cut, "{length}");
        session.append(&[turn(7)]).unwrap();
        drop(session);
        let contents = sessions.read(&name("acme")).unwrap();
        assert_eq!(numbers(&contents), [expected, &[7]].concat(), "{length}");
        assert_eq!(contents.cut_off(), 0, "{length}");
        assert!(!contents.is_new(), "{length}");
    }
}

#[test]
fn blocks_of_nothing_that_a_crash_leaves_are_dropped() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = written(dir.path());
    let file = sessions.folder().join("acme.jsonl");
    let whole = fs::read(&file).unwrap();
    for junk in [vec![0; 4096], [br#"{"type":"turn","quer"#.as_slice(), &[0; 512], b"\n"].concat()] {
        fs::write(&file, [whole.clone(), junk].concat()).unwrap();
        let mut session = open(&sessions, "acme");
        assert!(session.warning().unwrap().contains("was cut off"));
        session.append(&[turn(4)]).unwrap();
        assert_eq!(numbers(&sessions.read(&name("acme")).unwrap()), [1, 2, 3, 4]);
    }
    fs::write(&file, vec![0; 512]).unwrap();
    assert!(open(&sessions, "acme").contents().is_new());
}

#[test]
fn one_at_a_time_writes() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = Sessions::in_folder(dir.path());
    let held = open(&sessions, "acme");
    assert!(sessions.try_open(&name("acme")).unwrap().is_none());
    assert!(sessions.try_open(&name("other")).unwrap().is_some());
    assert!(sessions.remove(&name("acme")).unwrap_err().to_string().contains("in use by another minions"));
    drop(held);
    assert!(sessions.try_open(&name("acme")).unwrap().is_some());
}

#[tokio::test]
async fn who_waits_is_told_and_comes_next() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = Sessions::in_folder(dir.path());
    let mut held = open(&sessions, "acme");
    let (told, is_told) = tokio::sync::oneshot::channel();
    let (waiting, acme) = (sessions.clone(), name("acme"));
    let waits = tokio::spawn(async move { waiting.open(&acme, || told.send(()).unwrap()).await });
    is_told.await.unwrap();
    held.append(&[turn(1)]).unwrap();
    drop(held);
    let opened = waits.await.unwrap().unwrap();
    assert_eq!(numbers(opened.contents()), [1]);
    // One that was removed meanwhile is begun anew.
    let (told, is_told) = tokio::sync::oneshot::channel();
    let (waiting, acme) = (sessions.clone(), name("acme"));
    let waits = tokio::spawn(async move { waiting.open(&acme, || told.send(()).unwrap()).await });
    is_told.await.unwrap();
    fs::remove_file(dir.path().join("acme.jsonl")).unwrap();
    drop(opened);
    let mut anew = waits.await.unwrap().unwrap();
    anew.append(&[turn(2)]).unwrap();
    assert_eq!(numbers(&sessions.read(&name("acme")).unwrap()), [2]);
}

#[test]
fn a_line_that_cannot_be_written_leaves_no_trace() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = written(dir.path());
    let file = sessions.folder().join("acme.jsonl");
    let before = fs::read(&file).unwrap();
    // A file that is opened for reading alone takes nothing, as a full disk does.
    let mut session = OpenSession::read(&name("acme"), fs::File::open(&file).unwrap()).unwrap();
    let failure = session.append(&[turn(4)]).unwrap_err();
    assert!(failure.message.starts_with("the session acme can't be written: "), "{failure}");
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn what_is_no_session_is_refused_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = written(dir.path());
    let file = sessions.folder().join("acme.jsonl");
    let whole = fs::read_to_string(&file).unwrap();
    let cases = [
        ("{\"a\": 1}\n".to_owned(), "is no session of minions"),
        ("hello".to_owned(), "is no session of minions"),
        (
            whole.replace("\"version\":1", "\"version\":2"),
            "was written by a newer minions (version 2 of its file; this one knows 1)",
        ),
        (whole.replace("\"type\":\"documents\"", "\"type\":\"dokuments\""), "can't be read at line 2"),
        (format!("{whole}{}", whole.lines().next().unwrap()), "can't be read at line 7: a second header"),
        (
            whole.replace("\"turns\":1", "\"turns\":9"),
            "can't be read at line 5: a summary of turns that are not there",
        ),
        (whole.replacen("{\"type\":\"turn\"", "}\"type\":\"turn\"", 1), "can't be read at line 3"),
    ];
    for (text, problem) in cases {
        fs::write(&file, text).unwrap();
        let failure = sessions.try_open(&name("acme")).unwrap_err().to_string();
        assert!(failure.contains(problem) && failure.lines().count() == 1, "{failure}");
        let listed = sessions.list().unwrap();
        assert!(listed[0].problem.as_ref().unwrap().contains(problem), "{listed:?}");
        // The last conversation is that one, and no other is taken in its place.
        assert_eq!(sessions.latest().unwrap(), Some(name("acme")));
    }
    // A turn is read when it is asked for.
    fs::write(&file, whole.replacen("\"query\":", "\"qery\":", 1)).unwrap();
    let contents = sessions.read(&name("acme")).unwrap();
    assert!(contents.turns(0..1).unwrap_err().contains("can't be read at line 3"));
    assert_eq!(contents.history().unwrap().turns.len(), 2);
}

#[test]
fn links_and_others_files_are_no_sessions() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = written(dir.path());
    fs::write(dir.path().join("secret"), "theirs").unwrap();
    symlink(dir.path().join("secret"), sessions.folder().join("link.jsonl")).unwrap();
    for failure in [sessions.try_open(&name("link")).map(drop), sessions.find(&name("link")).map(drop)] {
        let failure = failure.unwrap_err().to_string();
        assert!(failure.contains("the session link in ") && failure.contains("symbolic link"), "{failure}");
        assert!(failure.contains("minions sessions rm link"), "{failure}");
    }
    sessions.remove(&name("link")).unwrap();
    assert!(!sessions.folder().join("link.jsonl").exists());
    assert_eq!(fs::read_to_string(dir.path().join("secret")).unwrap(), "theirs");
}

#[test]
fn a_document_that_changes_makes_earlier_answers_outdated() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = Sessions::in_folder(dir.path());
    let read = || sessions.read(&name("s")).unwrap();
    open(&sessions, "s").append(&[documents("a.pdf", "1"), turn(1), turn(2)]).unwrap();
    let Line::Documents { documents: other, .. } = documents("b.pdf", "2") else { unreachable!() };
    let Line::Documents { documents: changed, .. } = documents("a.pdf", "2") else { unreachable!() };
    assert!(!read().has_changed(&other[0]) && read().has_changed(&changed[0]));
    open(&sessions, "s").append(&[documents("a.pdf", "2"), turn(3)]).unwrap();
    assert_eq!((read().outdated, read().len()), (2, 3));
}

#[test]
fn a_turn_can_be_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = written(dir.path());
    let mark = |number| sessions.read(&name("acme")).unwrap().mark(number).unwrap();
    let undo = |turn: &TurnMark| sessions.undo(&name("acme"), turn).map_err(|failure| failure.message);
    let third = mark(3);
    undo(&third).unwrap();
    assert_eq!(numbers(&sessions.read(&name("acme")).unwrap()), [1, 2]);
    let used = Usage { total_tokens: 7, ..Usage::default() };
    let usage = TurnUsage { remote: used, usd: Some(0.5), ..TurnUsage::default() };
    let Line::Turn(fifth) = turn(5) else { unreachable!() };
    open(&sessions, "acme").append(&[Line::Turn(Box::new(TurnRecord { usage, ..*fifth }))]).unwrap();
    assert_eq!(numbers(&sessions.read(&name("acme")).unwrap()), [1, 2, 5]);
    // Another turn has its place now, and one that is not the last stays.
    for other in [&third, &mark(2)] {
        assert!(undo(other).unwrap_err().contains("is not the last one of the session acme any more"));
    }
    undo(&mark(3)).unwrap();
    undo(&mark(2)).unwrap();
    // The first one is in the summary.
    assert!(undo(&mark(1)).unwrap_err().contains("no turn that can be taken back"));
    assert!(sessions.undo(&name("none"), &third).unwrap_err().message.contains("there is no session none"));
    // What was paid was paid.
    let contents = sessions.read(&name("acme")).unwrap();
    assert_eq!((contents.len(), contents.usage().count()), (1, 4));
    assert_eq!(contents.usage().filter_map(|usage| usage.usd).sum::<f64>(), 0.5);
}

#[test]
fn no_two_new_sessions_have_one_name() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = Sessions::in_folder(dir.path().join("new"));
    let begin = || sessions.begin(&name("day")).unwrap().to_string();
    assert_eq!([begin(), begin(), begin()], ["day", "day-2", "day-3"]);
    assert_eq!((sessions.list().unwrap(), mode(&sessions.folder().join("day.jsonl"))), (vec![], 0o600));
    open(&sessions, "day-2").append(&[turn(1)]).unwrap();
    ["day", "day-2", "none"].iter().for_each(|of| sessions.remove_empty(&name(of)).unwrap());
    assert_eq!([begin(), begin()], ["day", "day-4"]);
    assert_eq!(sessions.read(&name("day-2")).unwrap().len(), 1);
}

#[test]
fn a_fork_has_the_memo_too() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = written(dir.path());
    let answer = sessions.memo(&name("acme")).join("ab/cd");
    fs::create_dir_all(answer.parent().unwrap()).unwrap();
    fs::write(&answer, "an answer").unwrap();
    sessions.fork(&name("acme"), None, &name("other")).unwrap();
    sessions.remove(&name("acme")).unwrap();
    assert_eq!(fs::read_to_string(sessions.memo(&name("other")).join("ab/cd")).unwrap(), "an answer");
}

#[test]
fn a_fork_goes_on_from_a_turn() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = written(dir.path());
    open(&sessions, "acme").append(&[Line::Undo {}, turn(4)]).unwrap();
    for (turns, expected, has_summary) in [
        (Some(0), vec![], false),
        (Some(1), vec![1], true),
        (Some(3), vec![1, 2, 4], true),
        (None, vec![1, 2, 4], true),
    ] {
        let fork = sessions.free_name(&name("acme"));
        sessions.fork(&name("acme"), turns, &fork).unwrap();
        let contents = sessions.read(&fork).unwrap();
        assert_eq!(numbers(&contents), expected, "{turns:?}");
        assert_eq!(contents.documents.len(), usize::from(!expected.is_empty()));
        assert!(
            contents.summarised() <= expected.len()
                && (contents.summary().is_some() || !has_summary || turns == Some(1))
        );
        assert_eq!(mode(&sessions.folder().join(format!("{fork}.jsonl"))), 0o600);
    }
    let names: Vec<_> = sessions.list().unwrap().into_iter().map(|info| info.name).collect();
    assert_eq!(names.len(), 5);
    assert!(names.contains(&"acme-5".to_owned()));
    let refused =
        |from: &str, turns, to: &str| sessions.fork(&name(from), turns, &name(to)).unwrap_err().message;
    assert!(refused("acme", Some(9), "x").contains("has 3 turns, not 9"));
    assert!(refused("acme", None, "acme-2").contains("there is a session acme-2 already"));
    assert!(refused("none", None, "x").contains("there is no session none"));
}

#[test]
fn sessions_are_listed_and_removed() {
    let dir = tempfile::tempdir().unwrap();
    let sessions = Sessions::in_folder(dir.path().join("none"));
    assert_eq!(sessions.list().unwrap(), []);
    assert!(sessions.remove(&name("acme")).unwrap_err().message.contains("there is no session acme"));
    let sessions = written(dir.path());
    // One that was begun, and has nothing yet.
    open(&sessions, "empty");
    fs::write(sessions.folder().join("notes.txt"), "").unwrap();
    let listed = sessions.list().unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].name.as_str(), listed[0].turns), ("acme", 3));
    assert_eq!(listed[0].documents, ["a.pdf"]);
    assert!(listed[0].last.as_ref().unwrap().starts_with("What was it in year 3?"));
    assert_eq!(sessions.latest().unwrap(), Some(name("acme")));
    fs::create_dir(sessions.memo(&name("acme"))).unwrap();
    sessions.remove(&name("acme")).unwrap();
    assert!(!sessions.memo(&name("acme")).exists());
    assert_eq!(sessions.list().unwrap(), []);
}
