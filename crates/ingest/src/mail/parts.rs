//! The parts of a mail: its words, and the files in it.

use mail_parser::{Encoding, Message, MessagePart, MimeHeaders, PartType};

use crate::encoding;
use crate::html::text_of;
use crate::text::clean;

/// The words of a mail: of a part that is there as text and as HTML, the text, unless it is empty.
pub(super) fn body(message: &Message<'_>, notes: &mut Vec<String>) -> String {
    let text = joined(message, message.text_bodies(), notes);
    if text.trim().is_empty() { joined(message, message.html_bodies(), notes) } else { text }
}

fn joined<'m>(
    message: &Message<'_>,
    parts: impl Iterator<Item = &'m MessagePart<'m>>,
    notes: &mut Vec<String>,
) -> String {
    let mut words = Vec::new();
    for part in parts {
        words.push(match &part.body {
            PartType::Text(text) => clean(decoded(message, part, text, notes), notes),
            PartType::Html(html) => text_of(&decoded(message, part, html, notes)).text,
            _ => continue,
        });
    }
    words.join("\n\n")
}

/// The text of a part. What was sent as bytes without a word of their encoding is decoded here.
fn decoded(message: &Message<'_>, part: &MessagePart<'_>, text: &str, notes: &mut Vec<String>) -> String {
    let named = part.content_type().and_then(|kind| kind.attribute("charset"));
    let raw = raw(message, part).filter(|_| named.is_none() && text.contains('\u{fffd}'));
    raw.map_or_else(|| text.to_owned(), |raw| encoding::decode(raw.to_vec(), None, notes))
}

/// The bytes of a part that was sent as it is.
fn raw<'m>(message: &'m Message<'_>, part: &MessagePart<'_>) -> Option<&'m [u8]> {
    let range = part.raw_body_offset() as usize..part.raw_end_offset() as usize;
    message.raw_message().get(range).filter(|_| part.encoding == Encoding::None)
}

/// The files that came with a mail, but for signatures and the pictures that its HTML shows.
pub(super) fn attachments(message: &Message<'_>) -> Vec<(String, Vec<u8>)> {
    let files = message.attachments().filter(|part| !is_trimming(part)).zip(1..);
    files.filter_map(|(part, number)| Some((name(part, number), content(message, part)?))).collect()
}

/// Whether a part belongs to how the mail looks or is sent, and not to what it says.
fn is_trimming(part: &MessagePart<'_>) -> bool {
    let Some(kind) = part.content_type() else { return false };
    let subtype = kind.subtype().unwrap_or_default().to_ascii_lowercase();
    // A page that a browser saved as a mail has its pictures and styles as parts with a location.
    let is_part = part.content_location().is_some()
        || part.content_id().is_some() && kind.ctype().eq_ignore_ascii_case("image");
    let is_shown = is_part
        && !part.content_disposition().is_some_and(|how| how.ctype().eq_ignore_ascii_case("attachment"));
    is_shown || matches!(subtype.as_str(), "pgp-signature" | "pkcs7-signature" | "x-pkcs7-signature")
}

fn content(message: &Message<'_>, part: &MessagePart<'_>) -> Option<Vec<u8>> {
    let bytes = match &part.body {
        PartType::Text(text) | PartType::Html(text) => {
            // The bytes as they were sent may be of another encoding, which is known by what they are then.
            raw(message, part).map_or_else(|| text.as_bytes().to_vec(), <[u8]>::to_vec)
        }
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => bytes.to_vec(),
        PartType::Message(_) if part.encoding == Encoding::None => raw(message, part)?.to_vec(),
        PartType::Message(mail) => mail.raw_message().to_vec(),
        PartType::Multipart(_) => return None,
    };
    (!bytes.is_empty()).then_some(bytes)
}

/// The name of a file, or one that says what it is.
fn name(part: &MessagePart<'_>, number: usize) -> String {
    let given = part.attachment_name().map(str::trim).filter(|name| !name.is_empty());
    given.map(str::to_owned).unwrap_or_else(|| match &part.body {
        PartType::Message(mail) => {
            let subject = mail.subject().map(str::trim).filter(|subject| !subject.is_empty());
            subject.map_or_else(|| format!("mail {number}.eml"), |subject| format!("{subject}.eml"))
        }
        _ => {
            let end =
                part.content_type().and_then(|kind| kind.subtype()).map_or("", |subtype| match subtype {
                    "plain" => "txt",
                    other => other,
                });
            format!("part {number}.{end}").trim_end_matches('.').to_owned()
        }
    })
}
