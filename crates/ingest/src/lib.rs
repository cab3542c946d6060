//! Reads files of many kinds into text, and says which of their places stands where in it.
//!
//! Bytes in, text out: the crate opens no file and no connection and starts no thread, so that it can run in a process
//! that is allowed nothing. It holds itself to [`Limits`], but a hostile file may still make a decoder take all memory
//! or time: whoever reads such files does it in a process with limits of its own.

mod archive;
mod draft;
mod encoding;
mod epub;
mod files;
mod formula;
mod headers;
mod html;
mod kind;
mod layout;
mod left_out;
mod mail;
mod markdown;
mod markup;
mod office;
mod parts;
mod pdf;
mod picture;
mod raised;
mod raster;
mod readers;
mod reading;
mod rtf;
mod runs;
mod text;
mod xml;

pub use files::{read, read_all};
pub use kind::Kind;
pub use left_out::LEFT_OUT;
pub use picture::pictures_of;
pub use raster::Picture;
pub use reading::{FileReading, Limits, Problem, ReadError, Reading};
