//! What an earlier output tells: the jobs that are done, and whether its last line was cut off.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use ring::digest::{SHA256, digest};
use serde::Deserialize;

use super::json_splitter::BYTE_ORDER_MARK;
use minions::error::Failure;
use minions::words::{self, count};

/// 128 bits that stand for a custom_id and the content of its job.
pub(super) type Fingerprint = [u8; 16];

/// The fingerprint of the job `custom_id` whose content has this hash.
pub(super) fn fingerprint(custom_id: &str, hash: &str) -> Fingerprint {
    let text = format!("{}:{custom_id}{hash}", custom_id.len());
    let mut print = Fingerprint::default();
    print.copy_from_slice(&digest(&SHA256, text.as_bytes()).as_ref()[..16]);
    print
}

/// An earlier output.
#[derive(Default)]
pub(super) struct Earlier {
    /// Jobs that succeeded.
    pub done: HashSet<Fingerprint>,
    end: Option<End>,
}

/// The end of an earlier output.
struct End {
    /// Device and inode of its file.
    file: (u64, u64),
    /// Bytes in it.
    length: u64,
    /// Bytes of it that are no part of a line that was cut off by a sudden end.
    whole: u64,
    /// Whether the last of them is no newline.
    lacks_newline: bool,
}

/// As much of an output line as is needed here.
#[derive(Deserialize)]
struct Line {
    custom_id: String,
    success: bool,
    result: Option<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    job_hash: Option<String>,
}

impl Earlier {
    /// Reads all of the output at `path`.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        Self::of(path).map_err(|error| {
            Failure::input(format!(
                "the earlier output {} can't be read: {}",
                path.display(),
                words::of_io(&error)
            ))
            .hint("--resume takes the output of an earlier run of the same jobs")
        })
    }

    fn of(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let place = file.metadata().map(|meta| (meta.dev(), meta.ino()))?;
        let mut input = BufReader::new(file);
        let mut earlier = Self::default();
        let mut end = End { file: place, length: 0, whole: 0, lacks_newline: false };
        let (mut bytes, mut number) = (Vec::new(), 0);
        let (mut foreign, mut is_output) = (Vec::new(), false);
        while input.read_until(b'\n', &mut bytes)? > 0 {
            number += 1;
            let start = end.length;
            end.length += bytes.len() as u64;
            (end.whole, end.lacks_newline) = (end.length, !bytes.ends_with(b"\n"));
            let (begins, line) = line(&bytes, number == 1);
            match serde_json::from_slice::<Line>(line) {
                Ok(line) => {
                    is_output = true;
                    earlier.note(&line);
                }
                Err(_) if bytes.trim_ascii().is_empty() => {}
                Err(error) => {
                    if error.is_eof() && end.lacks_newline {
                        tracing::warn!(
                            "{}: line {number} was cut off and counts for nothing",
                            path.display()
                        );
                        (end.whole, end.lacks_newline) = (start, false);
                    } else {
                        foreign.push(number);
                    }
                }
            }
            if end.lacks_newline && begins + line.len() < bytes.len() {
                // Only zeros follow.
                end.whole = start + (begins + line.len()) as u64;
            }
            bytes.clear();
        }
        if let [first, others @ ..] = &foreign[..] {
            if !is_output {
                return Err(io::Error::other("no line of it is one that a batch has written"));
            }
            let others = match others.len() {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            let path = path.display();
            tracing::warn!(
                "{path}: line {first}{others} is none that a batch has written, and counts for nothing"
            );
        }
        earlier.end = Some(end);
        tracing::info!("{}: {} done already", path.display(), count(earlier.done.len(), "job"));
        Ok(earlier)
    }

    fn note(&mut self, line: &Line) {
        let hash = line.result.as_ref().and_then(|result| result.job_hash.as_deref());
        if let Some(hash) = hash.filter(|_| line.success) {
            self.done.insert(fingerprint(&line.custom_id, hash));
        }
    }

    /// Makes `out` ready for lines behind what it holds: a line that was cut off goes if `out` is the earlier
    /// output itself, and one without a newline gets it. Gives what the first line has to begin with.
    pub(super) fn prepare(&self, out: &impl AsFd) -> io::Result<&'static [u8]> {
        let mut out = File::from(out.as_fd().try_clone_to_owned()?);
        let meta = out.metadata()?;
        if !meta.is_file() || meta.len() == 0 {
            return Ok(b"");
        }
        if let Some(end) = &self.end
            && (meta.dev(), meta.ino(), meta.len()) == (end.file.0, end.file.1, end.length)
        {
            if end.whole < end.length {
                out.set_len(end.whole)?;
                // Where it is not opened for appending it would leave a gap.
                out.seek(SeekFrom::Start(end.whole))?;
            }
            return Ok(newline(end.lacks_newline));
        }
        // It is open for writing alone. Where it can't be opened anew, an empty line harms nobody.
        let mut last = [0];
        let read = File::open(format!("/proc/self/fd/{}", out.as_raw_fd()))
            .and_then(|file| file.read_exact_at(&mut last, meta.len() - 1));
        Ok(newline(read.is_err() || last != *b"\n"))
    }
}

fn newline(is_needed: bool) -> &'static [u8] {
    if is_needed { b"\n" } else { b"" }
}

/// The line in `bytes`, and where it begins: without a byte order mark, and without the zeros that a power failure
/// leaves in place of what was to be written.
fn line(bytes: &[u8], is_first: bool) -> (usize, &[u8]) {
    let mark = if is_first && bytes.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let rest = &bytes[mark..];
    let zeros = rest.iter().take_while(|byte| **byte == 0).count();
    let rest = &rest[zeros..];
    let end = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    (mark + zeros, &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_with_its_hash_counts() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines = [
            r#"{"custom_id":"a","success":true,"result":{"final_answer":"x","job_hash":"h1"},"error":null}"#,
            "",
            r#"{"custom_id":"b","success":false,"result":null,"error":"no"}"#,
            r#"{"custom_id":"c","success":true,"result":{"dry_run":true},"error":null}"#,
            "{\"custom_id\":\"d\",\"suc\n",
            r#"{"custom_id":"e","success":true,"result":{"job_hash":"h2"},"error":null}"#,
        ];
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        let earlier = Earlier::read(file.path()).unwrap();
        assert_eq!(earlier.done, HashSet::from([fingerprint("a", "h1"), fingerprint("e", "h2")]));
    }

    /// What is known of the end of an output that holds `bytes`.
    fn end(bytes: &[u8]) -> (Earlier, u64, &'static [u8]) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let earlier = Earlier::read(file.path()).unwrap();
        let end = earlier.end.as_ref().unwrap();
        assert_eq!(end.length, bytes.len() as u64);
        let (whole, before) = (end.whole, newline(end.lacks_newline));
        (earlier, whole, before)
    }

    #[test]
    fn a_sudden_end_leaves_whole_lines() {
        let line = br#"{"custom_id":"a","success":true,"result":{"job_hash":"h1"},"error":null}"#;
        let length = line.len() as u64;
        let zeros = [0_u8; 5000];
        let after = |parts: &[&[u8]]| {
            let (earlier, whole, before) = end(&parts.concat());
            assert_eq!(earlier.done, HashSet::from([fingerprint("a", "h1")]), "{:?}", parts.concat());
            (whole, before)
        };
        assert_eq!(after(&[line, b"\n"]), (length + 1, &b""[..]));
        assert_eq!(after(&[line]), (length, &b"\n"[..]));
        assert_eq!(after(&[line, b"\n", &line[..30]]), (length + 1, &b""[..]));
        assert_eq!(after(&[line, b"\n", &line[..30], &zeros]), (length + 1, &b""[..]));
        assert_eq!(after(&[line, b"\n", &zeros]), (length + 1, &b""[..]));
        assert_eq!(after(&[line, &zeros]), (length, &b"\n"[..]));
        assert_eq!(after(&[&zeros, line, b"\n"]), (length + 5001, &b""[..]));
        assert_eq!(after(&[BYTE_ORDER_MARK, line, b"\n"]), (length + 4, &b""[..]));
        assert_eq!(after(&[BYTE_ORDER_MARK, line]), (length + 3, &b"\n"[..]));
        // Not cut off: somebody else's.
        assert_eq!(after(&[line, b"\nnot ours"]), (length + 9, &b"\n"[..]));
        // A character is cut in two.
        assert_eq!(after(&[line, b"\n", b"{\"custom_id\":\"\xc3"]), (length + 1, &b""[..]));
    }

    #[test]
    fn a_file_that_no_batch_has_written_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("jobs.jsonl");
        let line = r#"{"custom_id":"a","success":false,"result":null,"error":"e"}"#;
        for (text, is_taken) in [
            (String::new(), true),
            (format!("{line}\nnotes\n"), true),
            ("{\"call_params\": {\"task\": \"t\"}}\n".to_owned(), false),
            ("notes\nand more\n".to_owned(), false),
        ] {
            std::fs::write(&path, &text).unwrap();
            assert_eq!(Earlier::read(&path).is_ok(), is_taken, "{text}");
        }
    }

    #[test]
    fn a_line_never_joins_one_before_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.jsonl");
        let line = r#"{"custom_id":"a","success":false,"result":null,"error":"e"}"#;
        let whole = format!("{line}\n");
        for (text, earlier, first) in [
            (&*whole, false, ""),
            (line, false, "\n"),
            (&whole, true, ""),
            (line, true, "\n"),
            ("{\"a", true, ""),
        ] {
            std::fs::write(&path, text).unwrap();
            let earlier = if earlier { Earlier::read(&path).unwrap() } else { Earlier::default() };
            let out = File::options().append(true).open(&path).unwrap();
            assert_eq!(earlier.prepare(&out).unwrap(), first.as_bytes(), "{text}");
        }
    }

    #[test]
    fn a_fingerprint_is_of_both_parts() {
        assert_ne!(fingerprint("a", "bc"), fingerprint("ab", "c"));
    }
}
