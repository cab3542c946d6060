//! The names of streams, buckets and subjects of a queue.

use std::fmt::Write;

use ring::digest::{SHA256, digest};

/// Bytes of the hash that stands for a custom_id in a subject.
const KEY: usize = 16;

/// The SHA-256 of `bytes`, in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// What stands for a custom_id in a subject, where most characters are not allowed.
pub(crate) fn key(custom_id: &str) -> String {
    hex(&digest(&SHA256, custom_id.as_bytes()).as_ref()[..KEY])
}

/// The stream, bucket or consumer of the queue `name` with this purpose.
pub(crate) fn part(name: &str, purpose: &str) -> String {
    format!("minions-{name}-{purpose}")
}

/// The subject of a job or a result.
pub(crate) fn of(name: &str, purpose: &str, key: &str) -> String {
    format!("minions.{name}.{purpose}.{key}")
}
