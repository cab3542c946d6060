//! What an earlier output tells: the jobs that are done, and whether its last line was cut off.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use ring::digest::{SHA256, digest};
use serde::Deserialize;

use minions::error::Failure;
use minions::words::count;

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
    torn: Option<Torn>,
}

/// A last line that was cut off by a sudden end.
struct Torn {
    /// Device and inode of its file.
    file: (u64, u64),
    /// Bytes before it.
    whole: u64,
    /// Bytes with it.
    length: u64,
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
            Failure::input(format!("the earlier output {} can't be read: {error}", path.display()))
                .hint("--resume takes the output of an earlier run of the same jobs")
        })
    }

    fn of(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let place = file.metadata().map(|meta| (meta.dev(), meta.ino()))?;
        let mut input = BufReader::new(file);
        let mut earlier = Self::default();
        let (mut bytes, mut number, mut offset) = (Vec::new(), 0, 0);
        while input.read_until(b'\n', &mut bytes)? > 0 {
            number += 1;
            let end = offset + bytes.len() as u64;
            match serde_json::from_slice::<Line>(&bytes) {
                Ok(line) => earlier.note(&line),
                Err(_) if bytes.trim_ascii().is_empty() => {}
                Err(error) => {
                    let is_cut = error.is_eof() && !bytes.ends_with(b"\n");
                    let what = if is_cut { "was cut off" } else { "is no line of an output" };
                    tracing::warn!("{}: line {number} {what} and counts for nothing", path.display());
                    if is_cut {
                        earlier.torn = Some(Torn { file: place, whole: offset, length: end });
                    }
                }
            }
            offset = end;
            bytes.clear();
        }
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
        if let Some(torn) = &self.torn
            && (meta.dev(), meta.ino(), meta.len()) == (torn.file.0, torn.file.1, torn.length)
        {
            out.set_len(torn.whole)?;
            // Where it is not opened for appending it would leave a gap.
            out.seek(SeekFrom::Start(torn.whole))?;
            return Ok(b"");
        }
        // It is open for writing alone.
        let mut last = [0];
        File::open(format!("/proc/self/fd/{}", out.as_raw_fd()))?.read_exact_at(&mut last, meta.len() - 1)?;
        Ok(if last == *b"\n" { b"" } else { b"\n" })
    }
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
        // Whole, though without its newline.
        assert!(earlier.torn.is_none());
        let torn = format!("{}\n{{\"custom_id\":\"f\",\"success\":true,\"result\":{{\"job_h", lines[0]);
        std::fs::write(file.path(), &torn).unwrap();
        let cut = Earlier::read(file.path()).unwrap().torn.unwrap();
        assert_eq!((cut.whole, cut.length), (lines[0].len() as u64 + 1, torn.len() as u64));
    }

    #[test]
    fn a_fingerprint_is_of_both_parts() {
        assert_ne!(fingerprint("a", "bc"), fingerprint("ab", "c"));
    }
}
