//! The answer of a job as people read it: piece by piece while it is written, then with what it rests on.
//!
//! In: a job's events, its evidence. Out: texts. Pure.

mod scanner;
mod sources;
mod stream;

pub use sources::{document_and_place, ranked};
pub use stream::AnswerStream;
