//! The parts of a mail: its words, and the files in it.

use std::collections::HashSet;

use mail_parser::{Encoding, Message, MessagePart, MimeHeaders, PartType};

use crate::encoding;
use crate::html::text_of;
use crate::text::clean;

/// The words of a mail: of a part that is there as text and as HTML, the text; and behind it the HTML where that says
/// other things, as the text may only say that a program for HTML is needed.
pub(super) fn body(message: &Message<'_>, notes: &mut Vec<String>) -> String {
    let text = joined(message, message.text_bodies(), notes);
    let mut of_html = Vec::new();
    let html = joined(message, message.html_bodies(), &mut of_html);
    if says(&text, &html) {
        return text;
    }
    notes.extend(of_html);
    format!("{}\n\n{html}", text.trim_end())
}

/// Whether a text has most of the words of another, and all of its figures.
fn says(text: &str, other: &str) -> bool {
    let words = |text: &str| -> HashSet<String> {
        let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        words.map(str::to_lowercase).collect()
    };
    let (said, other) = (words(text), words(other));
    let missing: Vec<&String> = other.difference(&said).collect();
    let is_figure = |word: &&String| word.contains(|letter: char| letter.is_ascii_digit());
    !missing.iter().any(is_figure) && 2 * missing.len() <= other.len()
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
    let files = message.attachments().filter(|part| !is_trimming(message, part)).zip(1..);
    files.filter_map(|(part, number)| Some((name(part, number), content(message, part)?))).collect()
}

/// Whether a part belongs to how the mail looks or is sent, and not to what it says.
fn is_trimming(message: &Message<'_>, part: &MessagePart<'_>) -> bool {
    let Some(kind) = part.content_type() else { return false };
    let (kind, subtype) =
        (kind.ctype().to_ascii_lowercase(), kind.subtype().unwrap_or_default().to_ascii_lowercase());
    let is_attached =
        part.content_disposition().is_some_and(|how| how.ctype().eq_ignore_ascii_case("attachment"));
    let is_look = matches!(kind.as_str(), "image" | "font")
        || matches!(subtype.as_str(), "css" | "html" | "javascript" | "x-javascript");
    let is_shown = !is_attached && is_look && is_of_page(message, part);
    is_shown || matches!(subtype.as_str(), "pgp-signature" | "pkcs7-signature" | "x-pkcs7-signature")
}

/// Whether the HTML of a mail names a part, or is a page that a browser saved with its parts, which have a location.
fn is_of_page(message: &Message<'_>, part: &MessagePart<'_>) -> bool {
    let name = part.content_id().map(|id| id.trim_matches(['<', '>'])).filter(|id| !id.is_empty());
    let names = |page: &str| {
        name.is_some_and(|name| {
            page.contains(&format!("cid:{name}"))
                || page.contains(&format!("cid:{}", name.replace('@', "%40")))
        })
    };
    message.html_bodies().any(|page| match &page.body {
        PartType::Html(html) => part.content_location().is_some() || names(html),
        _ => false,
    })
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

/// The name of a file, or one that says what it is. Names of files may leave this machine: a mail's is never taken from
/// its subject, as programs do that attach it.
fn name(part: &MessagePart<'_>, number: usize) -> String {
    if matches!(part.body, PartType::Message(_)) {
        return format!("mail {number}.eml");
    }
    let given = part.attachment_name().map(str::trim).filter(|name| !name.is_empty());
    given.map(str::to_owned).unwrap_or_else(|| {
        let end = match part.content_type().and_then(|kind| kind.subtype()).unwrap_or_default() {
            "plain" => "txt",
            other => other,
        };
        format!("part {number}.{end}").trim_end_matches('.').to_owned()
    })
}
