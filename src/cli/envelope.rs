//! Envelopes as they go to stdout, cleaned of credentials.

use std::io::{self, Write};

use minions::chat::secrets::Redactor;
use minions::envelope::Envelope;
use serde::Serialize;

use super::last_words;

/// Writes `envelope`, indented and with a final newline.
pub(crate) fn write(
    envelope: &Envelope<impl Serialize>,
    out: &mut impl Write,
    redactor: &Redactor,
) -> io::Result<()> {
    let mut text = redactor.clean_json_pretty(envelope)?;
    text.push(b'\n');
    // From here on nothing needs memory.
    last_words::take_over();
    out.write_all(&text)?;
    out.flush()
}

/// `envelope` as the line of the job `custom_id`, with its newline.
pub(crate) fn line(
    envelope: &Envelope<impl Serialize>,
    custom_id: &str,
    redactor: &Redactor,
) -> io::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Line<'a, T> {
        custom_id: &'a str,
        success: bool,
        result: &'a Option<T>,
        error: &'a Option<String>,
    }
    let Envelope { success, result, error, .. } = envelope;
    let mut bytes = redactor.clean_json(&Line { custom_id, success: *success, result, error })?;
    bytes.push(b'\n');
    Ok(bytes)
}
