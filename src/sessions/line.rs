//! The lines of a session's file.

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::chat::Usage;
use crate::documents::Document;
use crate::error::Spent;
use crate::history::Turn;

/// The version of the files that this program writes.
pub(super) const VERSION: u32 = 1;

/// A line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Header {
        /// The version of the file.
        version: u32,
        /// The session's name when it was made.
        name: String,
        /// When it was made, in ISO 8601.
        created: String,
    },
    /// The documents of the turns from here on.
    Documents {
        /// In the job's order.
        documents: Vec<DocumentRecord>,
        /// The files that the job named, from which they can be read again.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        files: Vec<FileRecord>,
        /// How many of them the job held itself, so that they can't be read again.
        #[serde(default)]
        texts: usize,
    },
    /// A question and what came of it.
    Turn(Box<TurnRecord>),
    /// Stands for the oldest turns.
    Summary {
        /// How many turns it stands for, with those of the summaries before it.
        turns: usize,
        /// What was said in them.
        text: String,
    },
    /// The last turn counts no more.
    Undo {},
}

/// A document, by its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentRecord {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The hash of its text, in hexadecimal.
    pub sha256: String,
    /// Its length in characters.
    pub chars: usize,
}

/// A file that a job named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its path, as the job gave it.
    pub given: String,
    /// The folder from which that path counts.
    pub folder: String,
    /// What its document is called, if the job said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A turn with what it cost.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TurnRecord {
    /// The turn.
    #[serde(flatten)]
    pub turn: Turn,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it cost.
    #[serde(default)]
    pub usage: TurnUsage,
    /// What went otherwise than it should.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a turn took, on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TurnUsage {
    /// Of the supervisor's calls.
    pub remote: Usage,
    /// Of the worker's calls.
    pub local: Usage,
    /// Dollars for `remote`, if the job had prices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usd: Option<f64>,
    /// Bytes that left this machine.
    #[serde(default)]
    pub egress_bytes: usize,
}

impl From<Spent> for TurnUsage {
    fn from(Spent { remote, local, usd, left }: Spent) -> Self {
        Self { remote, local, usd, egress_bytes: left.bytes }
    }
}

impl DocumentRecord {
    /// What is kept of `document`. Takes as long as its text is.
    pub fn of(document: &Document) -> Self {
        let hash = digest(&SHA256, document.text.as_bytes());
        Self {
            name: document.name.clone(),
            sha256: hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect(),
            chars: document.chars(),
        }
    }
}

/// What kind of line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    Header,
    Documents,
    Turn,
    Summary,
    Undo,
}

#[derive(Deserialize)]
struct Tagged {
    #[serde(rename = "type")]
    kind: Kind,
}

impl Kind {
    /// The kind of the line `bytes`, which is not read to its end where this program wrote it.
    pub(super) fn of(bytes: &[u8]) -> Result<Self, String> {
        if bytes.starts_with(br#"{"type":"turn","#) {
            return Ok(Self::Turn);
        }
        serde_json::from_slice::<Tagged>(bytes).map(|tagged| tagged.kind).map_err(|error| error.to_string())
    }
}

impl Line {
    /// Appends it to `bytes`, with its end.
    pub(super) fn write(&self, bytes: &mut Vec<u8>) -> serde_json::Result<()> {
        serde_json::to_writer(&mut *bytes, self)?;
        bytes.push(b'\n');
        Ok(())
    }
}
