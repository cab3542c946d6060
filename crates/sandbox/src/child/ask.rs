//! The child's calls of its parent while code runs.

use std::io::{self, Read, Write};

use minions_confined::wire;
use serde_json::Value;

use crate::HostCall;
use crate::wire::{self as messages, Reply, Request};

/// The pipes to the parent.
pub(super) struct Ask<'a> {
    pub input: &'a mut dyn Read,
    pub output: &'a mut dyn Write,
}

impl Ask<'_> {
    /// Calls the host with these texts. An error is in words for the code's author.
    pub(super) fn call(&mut self, call: HostCall, texts: &[String]) -> Result<Value, String> {
        let lost = |error: io::Error| format!("the call was lost: {error}");
        wire::write(&mut self.output, &Reply::Call(call), texts).map_err(lost)?;
        match messages::read(&mut self.input).map_err(lost)? {
            Some((Request::Answered(answer), _)) => answer,
            _ => Err("the call was lost".to_owned()),
        }
    }
}
