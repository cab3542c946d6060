//! Writes zips for the tests: honest ones, and such as lie.

use std::io::Write;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

/// A zip that is being made.
#[derive(Clone, Default)]
pub(crate) struct Zip {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
    files: Vec<(String, Vec<u8>)>,
}

/// An entry as its header says it is.
#[derive(Clone, Default)]
pub(crate) struct Header {
    pub(crate) flags: u16,
    pub(crate) method: u16,
    pub(crate) crc: u32,
    pub(crate) compressed: u32,
    pub(crate) size: u32,
    /// The mode of a Unix file.
    pub(crate) mode: u32,
}

/// Marks names as UTF-8.
const UTF8: u16 = 1 << 11;

impl Zip {
    /// A zip of these files, compressed.
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let mut zip = Self::default();
        for (name, content) in files {
            zip.file(name, content.as_bytes());
        }
        zip
    }

    /// Adds a file, compressed.
    pub(crate) fn file(&mut self, name: &str, content: &[u8]) -> &mut Self {
        self.files.push((name.to_owned(), content.to_owned()));
        let compressed = deflated(content);
        let header = Header { method: 8, ..Header::of(content, &compressed) };
        self.raw(name, &header, &compressed)
    }

    /// Adds a file as it is.
    pub(crate) fn stored(&mut self, name: &str, content: &[u8]) -> &mut Self {
        self.raw(name, &Header::of(content, content), content)
    }

    /// The same files, with another content of one.
    pub(crate) fn with(&self, name: &str, content: &[u8]) -> Self {
        let mut zip = Self::default();
        for (known, old) in &self.files {
            zip.file(known, if known == name { content } else { old });
        }
        zip
    }

    /// The same files, none compressed.
    pub(crate) fn all_stored(&self) -> Self {
        let mut zip = Self::default();
        for (name, content) in &self.files {
            zip.stored(name, content);
        }
        zip
    }

    /// Adds an entry with any header.
    pub(crate) fn raw(&mut self, name: &str, header: &Header, data: &[u8]) -> &mut Self {
        let at = self.bytes.len() as u32;
        self.bytes.extend_from_slice(b"PK\x03\x04");
        let common = header.common(name);
        self.bytes.extend_from_slice(&common);
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(data);
        self.listed(name, header, at)
    }

    /// Lists an entry whose header stands at an offset.
    pub(crate) fn listed(&mut self, name: &str, header: &Header, at: u32) -> &mut Self {
        self.directory.extend_from_slice(b"PK\x01\x02\x14\x03");
        self.directory.extend_from_slice(&header.common(name));
        self.directory.extend_from_slice(&[0; 6]);
        self.directory.extend_from_slice(&(header.mode << 16).to_le_bytes());
        self.directory.extend_from_slice(&at.to_le_bytes());
        self.directory.extend_from_slice(name.as_bytes());
        self.count += 1;
        self
    }

    /// The file.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let at = bytes.len() as u32;
        bytes.extend_from_slice(&self.directory);
        bytes.extend_from_slice(b"PK\x05\x06\0\0\0\0");
        bytes.extend_from_slice(&self.count.to_le_bytes());
        bytes.extend_from_slice(&self.count.to_le_bytes());
        bytes.extend_from_slice(&(self.directory.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&at.to_le_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes
    }

    /// How many bytes its entries take.
    pub(crate) fn len(&self) -> u32 {
        self.bytes.len() as u32
    }
}

impl Header {
    /// What is true of a content.
    pub(crate) fn of(content: &[u8], compressed: &[u8]) -> Self {
        let mut crc = Crc::new();
        crc.update(content);
        Self {
            crc: crc.sum(),
            compressed: compressed.len() as u32,
            size: content.len() as u32,
            mode: 0o100_644,
            ..Self::default()
        }
    }

    /// The fields that both headers of an entry have.
    fn common(&self, name: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for half in [20, self.flags | UTF8, self.method, 0, 0] {
            bytes.extend_from_slice(&half.to_le_bytes());
        }
        for whole in [self.crc, self.compressed, self.size] {
            bytes.extend_from_slice(&whole.to_le_bytes());
        }
        bytes.extend_from_slice(&(name.len() as u16).to_le_bytes());
        bytes.extend_from_slice(&[0, 0]);
        bytes
    }
}

/// The bytes, deflated.
pub(crate) fn deflated(content: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content).expect("a vector takes all");
    encoder.finish().expect("a vector takes all")
}
