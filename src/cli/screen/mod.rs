//! What people see on a terminal: an answer as it comes, one line of progress, sources, cost.
//!
//! In: events of a job, its result. Out: lines for a terminal of any width. Whatever a model, a file's name or a server
//! says passes [`clean`] first: no control character of theirs reaches a terminal.

mod answer;
mod clean;
mod cost;
mod cursor;
mod failure;
mod ink;
mod progress_line;
mod sources;
mod spoken;
mod stage;
mod terminal;
mod width;

pub(crate) use clean::clean;
pub(crate) use cost::Cost;
pub(crate) use cursor::{draw_line, erase_line, keep_line, start_line};
pub(crate) use failure::{in_words, tell, tell_warning, tell_wrapped};
pub(crate) use sources::{Cite, place, sources};
pub(crate) use spoken::{Face, spoken, without_job_words};
pub(crate) use stage::Stage;
pub(crate) use terminal::{Terminal, columns};
