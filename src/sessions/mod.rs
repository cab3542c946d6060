//! Sessions: conversations that outlive the program, each in one file that only grows.
//!
//! In: the folder of sessions and a name. Out: the history of that session, and its turns in a file of JSON lines, each
//! on the disk before the next one begins. The position of a line is its order. Whatever ends the program, at most the
//! turn under way is lost.

mod contents;
mod line;
mod list;
mod name;
mod open;
mod store;
#[cfg(test)]
mod tests;

pub use contents::{Contents, TurnMark};
pub use line::{DocumentRecord, FileRecord, Line, TurnRecord, TurnUsage};
pub use list::SessionInfo;
pub use name::Name;
pub use open::OpenSession;
pub use store::Sessions;
