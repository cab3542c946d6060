//! Questions with known answers: what they look like, how an answer is scored, what many scores say.
//!
//! In: a question as JSON, an answer in natural wording. Out: right, partly or wrong, with the reason in words; sums,
//! intervals and a sign test over many of them. It must not know how answers come about: no model, file or network.

mod absence;
mod gold;
mod judge;
mod number;
mod phrase;
mod problem;
mod question;
mod score;
mod set;
pub mod statistics;

pub use gold::Gold;
pub use judge::{JudgeCase, Opinion};
pub use problem::{Problem, known_keys};
pub use question::Question;
pub use score::{Score, Verdict};
