//! Mails: who wrote what to whom when, and the files that came with it.

mod parts;

use mail_parser::{Address, HeaderName, Message, MessageParser};
use minions_documents::Places;

use crate::Kind;
use crate::headers::field;
use crate::reading::{Limits, Problem, Reading};

use parts::{attachments, body};

/// A mail.
pub(crate) struct Mail {
    pub(crate) reading: Reading,
    /// The files that came with it, with their names.
    pub(crate) attachments: Vec<(String, Vec<u8>)>,
}

/// Reads the first mail of a file, without the files that came with it.
pub(crate) fn read(bytes: Vec<u8>, limits: &Limits) -> Result<Reading, Problem> {
    let first = split(&bytes).into_iter().next().unwrap_or_default();
    open(first, limits).map(|mail| mail.reading)
}

/// Reads a mail.
pub(crate) fn open(bytes: &[u8], limits: &Limits) -> Result<Mail, Problem> {
    if bytes.len() > limits.text {
        return Err(Problem::TooLarge { bytes: bytes.len(), limit: limits.text });
    }
    let message = MessageParser::default().parse(bytes).ok_or(Problem::Damaged("it has no header fields"))?;
    let mut notes = Vec::new();
    let body = body(&message, &mut notes);
    let attachments = attachments(&message);
    let mut text = head(&message);
    if !attachments.is_empty() {
        let names: Vec<_> = attachments.iter().map(|(name, _)| name.as_str()).collect();
        text += &format!("Attachments: {}\n", names.join(", "));
    }
    text.push('\n');
    text += body.trim();
    text.truncate(text.trim_end().len());
    let reading = Reading { kind: Kind::Mail, text, places: Places::default(), notes, scans: Vec::new() };
    Ok(Mail { reading, attachments })
}

/// The mails of a file: one, or those of a mailbox, where a line that begins with `From ` comes before each.
pub(crate) fn split(bytes: &[u8]) -> Vec<&[u8]> {
    if !bytes.starts_with(b"From ") {
        return vec![bytes];
    }
    let mut starts = vec![0];
    starts.extend(
        memchr::memmem::find_iter(bytes, b"\nFrom ").map(|at| at + 1).filter(|at| begins(bytes, *at)),
    );
    let ends = starts.iter().skip(1).copied().chain([bytes.len()]);
    let mails = starts.iter().zip(ends).map(|(start, end)| after_line(&bytes[*start..end]));
    mails.filter(|mail| !mail.trim_ascii().is_empty()).collect()
}

/// Whether a mail begins with the line at `at`: an empty line is before it, a header field after it.
fn begins(bytes: &[u8], at: usize) -> bool {
    let before = &bytes[..at];
    let is_apart = before.ends_with(b"\n\n") || before.ends_with(b"\r\n\r\n");
    let next = after_line(&bytes[at..]);
    let line = &next[..memchr::memchr(b'\n', next).unwrap_or(next.len())];
    is_apart && field(line).is_some()
}

fn after_line(text: &[u8]) -> &[u8] {
    memchr::memchr(b'\n', text).map_or(&[], |end| &text[end + 1..])
}

/// The header fields that a reader looks for, a line each.
fn head(message: &Message<'_>) -> String {
    let mut head = String::new();
    let mut line = |name: &str, value: String| {
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        if !value.is_empty() {
            head += &format!("{name}: {value}\n");
        }
    };
    line("From", addresses(message.from()));
    line("To", message.all_to().map(|to| addresses(Some(to))).collect::<Vec<_>>().join(", "));
    line("Cc", message.all_cc().map(|cc| addresses(Some(cc))).collect::<Vec<_>>().join(", "));
    line("Date", message.header_raw(HeaderName::Date).unwrap_or_default().to_owned());
    line("Subject", message.subject().unwrap_or_default().to_owned());
    head
}

fn addresses(field: Option<&Address<'_>>) -> String {
    let written =
        field.into_iter().flat_map(Address::iter).filter_map(|one| match (one.name(), one.address()) {
            (Some(name), Some(address)) => Some(format!("{name} <{address}>")),
            (Some(only), None) | (None, Some(only)) => Some(only.to_owned()),
            (None, None) => None,
        });
    written.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
