//! The messages between the parent and its child. The bytes of files and their texts travel beside them.

use minions_confined::Room;
use minions_documents::Places;
use serde::{Deserialize, Serialize};

/// A message from the parent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// The first one: keep to this from now on.
    Keep(RoomRow),
    /// Read the files, whose names these are and whose bytes are the blocks.
    Read(Vec<String>, TextLimits),
    /// Give a page of the one file as pictures.
    Pictures(u32),
}

/// A [`Room`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RoomRow {
    pub cpu_seconds: u64,
    pub address_space: u64,
    pub memory: usize,
}

impl From<&Room> for RoomRow {
    fn from(room: &Room) -> Self {
        Self { cpu_seconds: room.cpu_seconds, address_space: room.address_space, memory: room.memory }
    }
}

impl From<&RoomRow> for Room {
    fn from(row: &RoomRow) -> Self {
        Self { cpu_seconds: row.cpu_seconds, address_space: row.address_space, memory: row.memory }
    }
}

/// A message from the child.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    /// What each file gave, in the order of the request. The blocks are texts.
    Read(Vec<Vec<Row>>),
    /// The media types of the page's pictures, which are the blocks; or why there are none.
    Pictures(Result<Vec<String>, String>),
    /// The child cannot confine itself, or has no room to run.
    Unsafe(String),
}

/// How long texts may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextLimits {
    /// A plain text, in bytes.
    pub plain: usize,
    /// All texts of the files that are read together, in bytes. What follows in an archive is not unpacked any more once
    /// a text is beyond that.
    pub all: usize,
}

impl TextLimits {
    /// As long as files are.
    pub const NONE: Self = Self { plain: usize::MAX, all: usize::MAX };
}

/// The limit that a file is beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Beyond {
    /// That of one file.
    File,
    /// That of all texts together.
    All,
}

/// What one file gave, or one file within it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Row {
    pub name: String,
    pub told_as: Option<String>,
    pub outcome: Result<TextRow, Unread>,
}

/// A text whose words are the block with this index.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct TextRow {
    pub kind: String,
    pub text: usize,
    pub places: Places,
    pub notes: Vec<String>,
    pub scans: Vec<u32>,
    pub is_plain_text: bool,
    pub lacks_text: bool,
}

/// Why a file has no text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// One line that begins with the file's name.
    pub problem: String,
    /// What the user can do.
    pub hint: String,
    /// Whether its kind is unknown, or has no reader.
    pub is_of_no_kind: bool,
    /// Whether its text may well have been wanted.
    #[serde(default)]
    pub is_loss: bool,
    /// The limit that it is beyond, if that is why.
    #[serde(default)]
    pub beyond: Option<Beyond>,
}
