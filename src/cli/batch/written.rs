//! The lines of an output file, as a batch has written them.

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::Path;

use ring::digest::{SHA256, digest};
use serde::Deserialize;

use super::json_splitter::BYTE_ORDER_MARK;

/// 128 bits that stand for a custom_id and the content of its job.
pub(super) type Fingerprint = [u8; 16];

/// The fingerprint of the job `custom_id` whose content has this hash.
pub(super) fn fingerprint(custom_id: &str, hash: &str) -> Fingerprint {
    let text = format!("{}:{custom_id}{hash}", custom_id.len());
    let mut print = Fingerprint::default();
    print.copy_from_slice(&digest(&SHA256, text.as_bytes()).as_ref()[..16]);
    print
}

/// As much of a job's line as is needed here.
#[derive(Deserialize)]
pub(super) struct JobLine {
    pub custom_id: String,
    success: bool,
    result: Option<Outcome>,
}

#[derive(Deserialize)]
struct Outcome {
    job_hash: Option<String>,
}

impl JobLine {
    /// The hash of the job, if it succeeded.
    pub(super) fn hash(&self) -> Option<&str> {
        let hash = self.result.as_ref().and_then(|result| result.job_hash.as_deref());
        hash.filter(|_| self.success)
    }

    pub(super) fn is_failure(&self) -> bool {
        !self.success
    }
}

/// A line of the file.
pub(super) struct Written<'a> {
    /// Where its bytes begin in the file, and how many there are.
    pub start: u64,
    pub length: u64,
    /// What it says, without a byte order mark and the zeros that a power failure leaves: where that begins behind
    /// `start`, and how many bytes it has.
    pub text: (u64, u64),
    pub bytes: &'a [u8],
    pub has_newline: bool,
    pub kind: Kind,
}

pub(super) enum Kind {
    Job(JobLine),
    /// Nothing stands in it.
    Blank,
    /// The last one, which a sudden end cut off.
    CutOff,
    /// No batch has written it.
    Foreign,
}

/// Hands each line of `file` to `see`. Says which lines of it count for nothing; `path` is what messages call it.
///
/// # Errors
/// It can't be read, or no line of it is one that a batch has written.
pub(super) fn each_line(path: &Path, file: File, mut see: impl FnMut(Written<'_>)) -> io::Result<()> {
    let mut input = BufReader::new(file);
    let (mut bytes, mut number, mut start) = (Vec::new(), 0, 0);
    let (mut foreign, mut is_output) = (Vec::new(), false);
    while input.read_until(b'\n', &mut bytes)? > 0 {
        number += 1;
        let has_newline = bytes.ends_with(b"\n");
        let (begins, text) = text(&bytes, number == 1);
        let kind = match serde_json::from_slice::<JobLine>(text) {
            Ok(line) => {
                is_output = true;
                Kind::Job(line)
            }
            Err(_) if bytes.trim_ascii().is_empty() => Kind::Blank,
            Err(error) if error.is_eof() && !has_newline => {
                tracing::warn!("{}: line {number} was cut off and counts for nothing", path.display());
                Kind::CutOff
            }
            Err(_) => {
                foreign.push(number);
                Kind::Foreign
            }
        };
        let length = bytes.len() as u64;
        let place = (begins as u64, text.len() as u64);
        see(Written { start, length, text: place, bytes: text, has_newline, kind });
        start += length;
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
    Ok(())
}

/// What the line in `bytes` says, and where that begins: without a byte order mark, and without the zeros that a power
/// failure leaves in place of what was to be written.
fn text(bytes: &[u8], is_first: bool) -> (usize, &[u8]) {
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
    fn a_fingerprint_is_of_both_parts() {
        assert_ne!(fingerprint("a", "bc"), fingerprint("ab", "c"));
    }
}
