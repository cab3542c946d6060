//! Small PDFs, as the tests of `crates/ingest` write them.

#[expect(dead_code, reason = "the tests of crates/ingest use the rest")]
#[path = "../../../crates/ingest/tests/pdf/writer.rs"]
mod writer;

pub(crate) use writer::{Writer, lines};
