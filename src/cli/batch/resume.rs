//! What an earlier output tells: the jobs that are done, and whether its last line was cut off.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use super::written::{Fingerprint, Kind, each_line, fingerprint};
use minions::error::Failure;
use minions::words::{self, count};

/// An earlier output.
#[derive(Default)]
pub(in crate::cli) struct Earlier {
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

impl Earlier {
    /// Reads all of the output at `path`.
    pub(in crate::cli) fn read(path: &Path) -> Result<Self, Failure> {
        Self::read_with(path, |_| ())
    }

    /// The same, with each line of a job handed to `see`.
    pub(in crate::cli) fn read_with(path: &Path, see: impl FnMut(&[u8])) -> Result<Self, Failure> {
        Self::of(path, see).map_err(|error| {
            Failure::input(format!(
                "the earlier output {} can't be read: {}",
                path.display(),
                words::of_io(&error)
            ))
            .hint("--resume takes the output of an earlier run of the same jobs")
        })
    }

    fn of(path: &Path, mut see: impl FnMut(&[u8])) -> io::Result<Self> {
        let file = File::open(path)?;
        let place = file.metadata().map(|meta| (meta.dev(), meta.ino()))?;
        let mut done = HashSet::new();
        let mut end = End { file: place, length: 0, whole: 0, lacks_newline: false };
        each_line(path, file, |line| {
            end.length = line.start + line.length;
            (end.whole, end.lacks_newline) = (end.length, !line.has_newline);
            match line.kind {
                Kind::Job(job) => {
                    see(line.bytes);
                    done.extend(job.hash().map(|hash| fingerprint(&job.custom_id, hash)));
                }
                Kind::CutOff => (end.whole, end.lacks_newline) = (line.start, false),
                Kind::Blank | Kind::Foreign => {}
            }
            let (begins, length) = line.text;
            if end.lacks_newline && begins + length < line.length {
                // Only zeros follow.
                end.whole = line.start + begins + length;
            }
        })?;
        tracing::info!("{}: {} done already", path.display(), count(done.len(), "job"));
        Ok(Self { done, end: Some(end) })
    }

    /// Makes `out` ready for lines behind what it holds: a line that was cut off goes if `out` is the earlier
    /// output itself, and one without a newline gets it. Gives what the first line has to begin with.
    pub(in crate::cli) fn prepare(&self, out: &impl AsFd) -> io::Result<&'static [u8]> {
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

#[cfg(test)]
mod tests {
    use super::super::json_splitter::BYTE_ORDER_MARK;
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
}
