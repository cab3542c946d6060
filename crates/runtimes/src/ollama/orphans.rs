//! What a dead watchdog left: its daemon, and the runners of that. A mark in their environment, which children inherit,
//! tells them from those of anybody else.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use std::{fs, io, process};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid, getppid};
use tokio::time::{Instant, sleep};

/// The variable with the mark.
pub(super) const MARK: &str = "MINIONS_DAEMON";
/// The first word of a watchdog's command line that becomes its daemon instead.
const DAEMON: &str = "daemon";
/// The pause between two looks at processes that are ending.
const LOOK: Duration = Duration::from_millis(20);
/// How long killed processes are waited for: the kernel may be giving their memory back.
const KILLED: Duration = Duration::from_secs(5);

/// A mark that no other watchdog has.
pub(super) fn new_mark() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{}-{}", process::id(), now.as_nanos())
}

/// Ends all processes of this user that have this mark: SIGTERM, and after `grace` SIGKILL.
pub(super) async fn end(mark: &str, grace: Duration) {
    let begun = Instant::now();
    let mut told = Vec::new();
    loop {
        let left = marked(mark, Path::new("/proc"));
        if left.is_empty() || begun.elapsed() > grace + KILLED {
            return;
        }
        let is_late = begun.elapsed() > grace;
        for id in left {
            if is_late || !told.contains(&id) {
                tracing::warn!("process {id} was left by a watchdog that died: it is ended");
                // This fails if it has ended meanwhile.
                let _ = kill(id, if is_late { Signal::SIGKILL } else { Signal::SIGTERM });
                told.push(id);
            }
        }
        sleep(LOOK).await;
    }
}

/// The processes of this user in `processes` (`/proc`) that have this mark.
fn marked(mark: &str, processes: &Path) -> Vec<Pid> {
    let entries = fs::read_dir(processes).into_iter().flatten().flatten();
    let ours = entries.filter_map(|process| {
        let id = process.file_name().to_str()?.parse().ok()?;
        has_mark(&process.path(), mark).then_some(Pid::from_raw(id))
    });
    ours.collect()
}

/// Whether the process with this folder in `/proc` is this user's and has this mark.
fn has_mark(process: &Path, mark: &str) -> bool {
    let is_own = fs::metadata(process).is_ok_and(|found| found.uid() == geteuid().as_raw());
    let environment = if is_own { fs::read(process.join("environ")).unwrap_or_default() } else { Vec::new() };
    let entry = format!("{MARK}={mark}");
    environment.split(|byte| *byte == 0).any(|variable| variable == entry.as_bytes())
}

/// Tells `process` to end, if it has this mark: its number may be another one's by now. One that has just begun shows its
/// mark a moment later. Whether it was told.
pub(super) fn tell_to_end(process: i32, mark: &str) -> bool {
    has_mark(&Path::new("/proc").join(process.to_string()), mark)
        && kill(Pid::from_raw(process), Signal::SIGTERM).is_ok()
}

/// The command line with which a watchdog's executable becomes `program` as its daemon.
pub(super) fn words(program: &Path) -> [OsString; 3] {
    [DAEMON.into(), process::id().to_string().into(), program.into()]
}

/// Becomes the daemon if these are the words of one: only if that failed it returns, with the reason. The daemon gets
/// SIGTERM when its watchdog dies, at which Ollama ends its runners, too.
pub fn become_daemon(words: &[OsString]) -> Option<io::Error> {
    let [first, watchdog, program] = words else { return None };
    if first != DAEMON {
        return None;
    }
    let bound = set_pdeathsig(Signal::SIGTERM);
    if bound.is_err() || watchdog.to_str() != Some(&getppid().to_string()) {
        return Some(io::Error::other("the watchdog of the daemon is gone"));
    }
    let error = Command::new(program).arg("serve").exec();
    Some(io::Error::other(format!("it can't be started as {}: {error}", program.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_has_the_mark_is_ended_and_nothing_else() {
        let mark = new_mark();
        let sleeper = |script: &str, mark: &str| {
            process::Command::new("sh").args(["-c", script]).env(MARK, mark).spawn().unwrap()
        };
        // A child has the environment of its parent.
        let mut ours = sleeper("sleep 1000 & wait", &mark);
        let mut deaf = sleeper("trap '' TERM; while :; do sleep 0.1; done", &mark);
        let mut theirs = [sleeper("exec sleep 1000", &format!("{mark}0")), sleeper("exec sleep 1000", "")];
        while marked(&mark, Path::new("/proc")).len() < 4 {
            sleep(LOOK).await;
        }
        let reaped = std::thread::spawn(move || [ours.wait().unwrap(), deaf.wait().unwrap()]);
        end(&mark, Duration::from_millis(100)).await;
        assert!(marked(&mark, Path::new("/proc")).is_empty());
        assert!(reaped.join().unwrap().iter().all(|status| !status.success()));
        for other in &mut theirs {
            assert_eq!(other.try_wait().unwrap(), None);
            other.kill().unwrap();
            other.wait().unwrap();
        }
    }

    #[test]
    fn only_what_has_the_mark_is_told_to_end() {
        let mark = new_mark();
        let mut other = process::Command::new("sleep").arg("1000").env(MARK, "other").spawn().unwrap();
        let mut ours = process::Command::new("sleep").arg("1000").env(MARK, &mark).spawn().unwrap();
        while !tell_to_end(ours.id().try_into().unwrap(), &mark) {
            std::thread::yield_now();
        }
        for id in [other.id(), 0] {
            assert!(!tell_to_end(id.try_into().unwrap(), &mark), "{id}");
        }
        assert!(!ours.wait().unwrap().success());
        assert_eq!(other.try_wait().unwrap(), None);
        other.kill().unwrap();
        other.wait().unwrap();
    }

    #[test]
    fn other_words_become_no_daemon() {
        for words in [&["127.0.0.1:1", "ollama", "locks"][..], &[], &["daemon"]] {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            assert!(become_daemon(&words).is_none(), "{words:?}");
        }
    }
}
