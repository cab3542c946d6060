//! Reads files into texts with places, in a child process that is allowed nothing but to read them.
//!
//! In: names and bytes. Out: for each file its text, or one line that says why there is none. A file that takes all
//! memory, never comes to an end or brings the reader down costs itself alone: the next one gets a new child. The crate
//! opens no file.
//!
//! ```text
//! parent (session.rs)                        child: `minions-reader` (child.rs)
//!   ReaderSession::read  -- names, bytes -->   minions_ingest::read, one after the other
//!                        <-- readings ----
//! ```

mod child;
mod session;
mod wire;

pub use child::{CHILD_COMMAND, child_main};
pub use minions_confined::{ChildExecutable, LimitedAllocator};
pub use minions_ingest::LEFT_OUT;
pub use session::{FileReading, InputFile, PagePicture, ReadText, ReaderError, ReaderLimits, ReaderSession};
pub use wire::{Beyond, TextLimits, Unread};
