//! The pipes to the parent: replies, and calls of the parent while code runs.

use std::io::{self, BufWriter};

use minions_confined::wire;
use serde_json::Value;

use crate::HostCall;
use crate::wire::{self as messages, Reply, Request};

/// Writes one reply.
pub(super) fn reply(reply: &Reply, texts: &[impl AsRef<[u8]>]) -> io::Result<()> {
    wire::write(&mut BufWriter::with_capacity(1 << 16, io::stdout().lock()), reply, texts)
}

/// Reads the next request. `None` at the end of input.
pub(super) fn request() -> io::Result<Option<(Request, Vec<String>)>> {
    messages::read(&mut io::stdin().lock())
}

/// Calls the host with these texts. An error is in words for the code's author.
pub(super) fn call(call: HostCall, texts: &[impl AsRef<[u8]>]) -> Result<Value, String> {
    let lost = |error: io::Error| format!("the call was lost: {error}");
    reply(&Reply::Call(call), texts).map_err(lost)?;
    match request().map_err(lost)? {
        Some((Request::Answered(answer), _)) => answer,
        _ => Err("the call was lost".to_owned()),
    }
}
