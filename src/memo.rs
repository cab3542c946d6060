//! A memo of the worker's answers: what was asked once, in the same words of the same model, is not asked again.
//!
//! In: a request, and what makes its answer: the model and how its replies are generated. Out: the answer that was
//! kept. Each answer is a file of its own, named by a hash of all that made it, so that any number of programs can use
//! one folder, and a file that is damaged costs one answer.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::SystemTime;

use ring::digest::{Context, Digest, SHA256};
use serde::{Deserialize, Serialize};

use crate::chat::ChatRequest;
use crate::chat::secrets::Redactor;
use crate::files;
use crate::sandbox::JobOutput;
use crate::words;

/// The most bytes of an answer that is kept.
const LONGEST: usize = 64 << 10;
/// Answers are spread over 256 folders. The most of them in one, and the most bytes: 64 MiB in all.
const MOST_IN_FOLDER: usize = 512;
const MOST_BYTES_IN_FOLDER: u64 = 256 << 10;
/// A folder is looked at for what is too much after so many answers.
const TIDIED_EVERY: usize = 16;

/// A memo in one folder, for one model as one job uses it.
pub(crate) struct Memo {
    dir: PathBuf,
    /// The model, and how its replies are generated.
    settings: String,
    redactor: Redactor,
    /// Whether what it knows is asked again.
    is_renewed: bool,
    recalled: AtomicUsize,
    kept: AtomicUsize,
    asked: AtomicUsize,
    damaged: AtomicUsize,
    /// Why nothing more is kept.
    broken: OnceLock<String>,
    is_told: AtomicBool,
}

/// What a request is known by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key(String);

/// What the worker replied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// The reply as the supervisor's code sees it.
    pub output: JobOutput,
    /// The reply as the worker wrote it.
    pub text: String,
}

/// What a job had of the memo, in the field names of the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MemoReport {
    /// Worker jobs that were not asked again.
    pub recalled: usize,
    /// Worker jobs that were asked.
    pub asked: usize,
}

impl Memo {
    /// The memo in `dir`, which is made when something is kept. `settings`: all that makes a reply besides the request.
    pub(crate) fn new(dir: PathBuf, settings: String, redactor: Redactor) -> Self {
        let [recalled, kept, asked, damaged] = std::array::from_fn(|_| AtomicUsize::new(0));
        Self {
            dir,
            settings,
            redactor,
            is_renewed: false,
            recalled,
            kept,
            asked,
            damaged,
            broken: OnceLock::new(),
            is_told: AtomicBool::new(false),
        }
    }

    /// The same, whose answers are asked again and replaced.
    pub(crate) fn renewed(self) -> Self {
        Self { is_renewed: true, ..self }
    }

    /// What `request` is known by: its messages hold chunk, task and prompt.
    pub(crate) fn key(&self, request: &ChatRequest) -> Key {
        let mut hash = Context::new(&SHA256);
        let mut feed = |text: &str| {
            hash.update(text.len().to_string().as_bytes());
            hash.update(b":");
            hash.update(text.as_bytes());
        };
        feed(&self.settings);
        feed(&request.sample.to_string());
        feed(&format!("{:?}", request.format));
        for message in &request.messages {
            feed(&format!("{:?}", message.role));
            feed(&message.content);
        }
        Key(hex(&hash.finish()))
    }

    /// The answer that was kept. Blocks.
    pub(crate) fn recall(&self, key: &Key) -> Option<Remembered> {
        let path = self.path(key);
        let is_there = !self.is_renewed && path.symlink_metadata().is_ok();
        let answer = is_there.then(|| read(&path)).flatten();
        let count = if answer.is_some() { &self.recalled } else { &self.asked };
        count.fetch_add(1, Relaxed);
        if is_there && answer.is_none() {
            self.damaged.fetch_add(1, Relaxed);
        }
        answer
    }

    /// Keeps an answer. What can't be kept is asked again the next time. Blocks.
    pub(crate) fn keep(&self, key: &Key, answer: &Remembered) {
        let Ok(json) = self.redactor.clean_json(answer) else { return };
        if json.len() > LONGEST || self.broken.get().is_some() {
            return;
        }
        if let Err(error) = self.write(key, &json) {
            let dir = self.dir.display();
            let _ = self
                .broken
                .set(format!("no more answers are kept in the memo {dir}: {}", words::of_io(&error)));
        }
    }

    fn write(&self, key: &Key, json: &[u8]) -> io::Result<()> {
        let path = self.path(key);
        let Some(folder) = path.parent() else { return Ok(()) };
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut file = tempfile::Builder::new().suffix(".part").tempfile_in(folder)?;
        file.write_all(checksum(json).as_bytes())?;
        file.write_all(b"\n")?;
        file.write_all(json)?;
        file.persist(&path)?;
        if self.kept.fetch_add(1, Relaxed).is_multiple_of(TIDIED_EVERY) {
            tidy(folder)?;
        }
        Ok(())
    }

    /// What there is to say that was not said yet: files that can't be read, a folder that takes no more.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let damaged = match self.damaged.swap(0, Relaxed) {
            0 => None,
            damaged => {
                let what = words::count(damaged, "answer");
                Some(format!(
                    "{what} in the memo {} can't be read, so the worker is asked again",
                    self.dir.display()
                ))
            }
        };
        let broken = self.broken.get().filter(|_| !self.is_told.swap(true, Relaxed)).cloned();
        damaged.into_iter().chain(broken).collect()
    }

    /// What the job had of it.
    pub(crate) fn report(&self) -> MemoReport {
        MemoReport { recalled: self.recalled.load(Relaxed), asked: self.asked.load(Relaxed) }
    }

    fn path(&self, Key(key): &Key) -> PathBuf {
        let (folder, name) = key.split_at(2);
        self.dir.join(folder).join(name)
    }
}

/// The answer in a file, if that is whole.
fn read(path: &Path) -> Option<Remembered> {
    let bytes = files::read(path, LONGEST + 100).ok()?;
    let (sum, json) = bytes.split_at_checked(checksum(&[]).len())?;
    let json = json.strip_prefix(b"\n")?;
    let is_whole = sum == checksum(json).as_bytes();
    let answer = is_whole.then(|| serde_json::from_slice(json).ok()).flatten();
    if answer.is_some() {
        // The answers that are used last stay. One that can't be touched is used all the same.
        let _ = File::open(path).and_then(|file| file.set_modified(SystemTime::now()));
    }
    answer
}

/// Removes the answers of `folder` that were not used for longest, if there are too many.
fn tidy(folder: &Path) -> io::Result<()> {
    let mut found = Vec::new();
    for file in fs::read_dir(folder)? {
        let file = file?;
        // Another program may have removed it meanwhile.
        let Ok(data) = file.metadata() else { continue };
        found.push((data.modified().unwrap_or(SystemTime::UNIX_EPOCH), data.len(), file.path()));
    }
    found.sort();
    let (mut count, mut bytes) = (found.len(), found.iter().map(|(_, bytes, _)| bytes).sum::<u64>());
    for (_, size, path) in found {
        if count <= MOST_IN_FOLDER && bytes <= MOST_BYTES_IN_FOLDER {
            break;
        }
        let _ = fs::remove_file(path);
        count -= 1;
        bytes -= size;
    }
    Ok(())
}

fn checksum(bytes: &[u8]) -> String {
    hex(&ring::digest::digest(&SHA256, bytes))
}

fn hex(digest: &Digest) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::chat::Message;

    fn memo(dir: &Path, settings: &str) -> Memo {
        Memo::new(dir.join("memo"), settings.to_owned(), Redactor::default())
    }

    fn request(text: &str, sample: u32) -> ChatRequest {
        ChatRequest { messages: vec![Message::user(text)], sample, ..ChatRequest::default() }
    }

    fn answer(text: &str) -> Remembered {
        let output = JobOutput { answer: Some(text.to_owned()), ..JobOutput::default() };
        Remembered { output, text: text.to_owned() }
    }

    #[test]
    fn what_was_asked_is_known_again_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let first = memo(dir.path(), "m");
        let key = first.key(&request("a", 0));
        assert_eq!(first.recall(&key), None);
        first.keep(&key, &answer("x"));
        let again = memo(dir.path(), "m");
        assert_eq!(again.recall(&again.key(&request("a", 0))), Some(answer("x")));
        assert_eq!((again.report().recalled, first.report().asked), (1, 1));
        for (settings, text, sample) in [("m", "b", 0), ("m", "a", 1), ("n", "a", 0)] {
            let other = memo(dir.path(), settings);
            assert_ne!(other.key(&request(text, sample)), key);
        }
        let mut system = request("a", 0);
        system.messages.insert(0, Message::system("a"));
        assert_ne!(first.key(&system), key);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let path = first.path(&key);
        assert_eq!(
            (mode(&path), mode(path.parent().unwrap()), mode(&dir.path().join("memo"))),
            (0o600, 0o700, 0o700)
        );
    }

    #[test]
    fn a_renewed_memo_asks_again_and_keeps_the_new_answer() {
        let dir = tempfile::tempdir().unwrap();
        let old = memo(dir.path(), "m");
        let key = old.key(&request("a", 0));
        old.keep(&key, &answer("old"));
        let renewed = memo(dir.path(), "m").renewed();
        assert_eq!((renewed.recall(&key), renewed.report().asked), (None, 1));
        renewed.keep(&key, &answer("new"));
        assert_eq!(memo(dir.path(), "m").recall(&key), Some(answer("new")));
    }

    #[test]
    fn a_damaged_file_is_asked_again_and_told_once() {
        let dir = tempfile::tempdir().unwrap();
        let memo = memo(dir.path(), "m");
        let key = memo.key(&request("a", 0));
        memo.keep(&key, &answer("forty-two"));
        let path = memo.path(&key);
        let whole = fs::read(&path).unwrap();
        let changed = String::from_utf8(whole.clone()).unwrap().replace("forty-two", "forty-one");
        for bytes in [
            changed.into_bytes(),
            whole[..whole.len() - 1].to_vec(),
            Vec::new(),
            vec![0; 200],
            vec![b'x'; 1 << 20],
        ] {
            fs::write(&path, bytes).unwrap();
            assert_eq!(memo.recall(&key), None);
        }
        let complaints = memo.complaints();
        assert!(
            complaints.len() == 1 && complaints[0].starts_with("5 answers in the memo "),
            "{complaints:?}"
        );
        assert_eq!(memo.complaints(), Vec::<String>::new());
        memo.keep(&key, &answer("forty-two"));
        assert_eq!(memo.recall(&key), Some(answer("forty-two")));
        // No file of ours, and no wait for its writer.
        fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(memo.recall(&key), None);
    }

    #[test]
    fn a_folder_that_takes_nothing_is_told_and_costs_no_more() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("memo"), "").unwrap();
        let memo = memo(dir.path(), "m");
        let key = memo.key(&request("a", 0));
        memo.keep(&key, &answer("x"));
        memo.keep(&key, &answer("x"));
        assert_eq!(memo.recall(&key), None);
        let complaints = memo.complaints();
        assert!(
            complaints.len() == 1 && complaints[0].contains("no more answers are kept"),
            "{complaints:?}"
        );
    }

    #[test]
    fn answers_that_were_not_used_for_longest_make_room() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path();
        let long = vec![b'x'; 1024];
        for n in 0..300_u64 {
            let path = folder.join(n.to_string());
            fs::write(&path, &long).unwrap();
            let age = std::time::Duration::from_secs(1000 - n);
            File::open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
        }
        tidy(folder).unwrap();
        assert_eq!(fs::read_dir(folder).unwrap().count(), 256);
        assert!(folder.join("299").exists() && !folder.join("43").exists());
        let memo = memo(dir.path(), "m");
        let key = memo.key(&request("a", 0));
        memo.keep(&key, &answer(&"x".repeat(LONGEST)));
        assert_eq!(memo.recall(&key), None, "too long to be kept");
    }
}
