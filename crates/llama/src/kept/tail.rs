//! The last bytes of a file with a state: what it is, and a hash of all before.

use std::fs::File;
use std::hash::Hasher;
use std::io::{self, Read, Seek, SeekFrom};

use twox_hash::XxHash64;

use super::identity::Key;

/// What a tail begins with: the form of our files.
const MAGIC: &[u8; 16] = b"minions state 1\n";
/// The bytes of a tail.
pub(super) const TAIL: usize = 72;

/// What a file says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) settings: Key,
    pub(super) key: Key,
    /// The bytes before the tail.
    pub(super) bytes: u64,
    /// The time that reading what it holds took.
    pub(super) micros: u64,
}

/// What a whole file says of itself.
pub(super) fn check(file: &mut File) -> io::Result<Tail> {
    let (tail, end) = read(file)?;
    file.seek(SeekFrom::Start(0))?;
    let sum = hash(file, tail.bytes)?;
    if tail.with_sum(sum) == end { Ok(tail) } else { Err(io::ErrorKind::InvalidData.into()) }
}

/// What a file says of itself, whether it is whole or not.
pub(super) fn read(file: &mut File) -> io::Result<(Tail, [u8; TAIL])> {
    let mut end = [0; TAIL];
    let bytes = file.metadata()?.len().checked_sub(TAIL as u64).ok_or(io::ErrorKind::InvalidData)?;
    file.seek(SeekFrom::Start(bytes))?;
    file.read_exact(&mut end)?;
    let wide = |at: usize| Key::from_le_bytes(std::array::from_fn(|byte| end[at + byte]));
    let micros = u64::from_le_bytes(std::array::from_fn(|byte| end[48 + byte]));
    Ok((Tail { settings: wide(16), key: wide(32), bytes, micros }, end))
}

impl Tail {
    /// The tail's bytes, where the hash of all before it is `sum`.
    pub(super) fn with_sum(&self, sum: u64) -> [u8; TAIL] {
        let fields = [
            &MAGIC[..],
            &self.settings.to_le_bytes(),
            &self.key.to_le_bytes(),
            &self.micros.to_le_bytes(),
            &self.bytes.to_le_bytes(),
        ]
        .concat();
        let mut end = [0; TAIL];
        end[..64].copy_from_slice(&fields);
        end[64..].copy_from_slice(&XxHash64::oneshot(sum, &fields).to_le_bytes());
        end
    }
}

/// The hash of the next `bytes`.
pub(super) fn hash(file: &mut File, bytes: u64) -> io::Result<u64> {
    let (mut hash, mut left) = (XxHash64::with_seed(0), bytes);
    let mut buffer = vec![0; 1 << 20];
    while left > 0 {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let read = read.min(usize::try_from(left).unwrap_or(usize::MAX));
        hash.write(&buffer[..read]);
        left -= read as u64;
    }
    Ok(hash.finish())
}
