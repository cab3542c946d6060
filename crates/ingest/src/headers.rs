//! Which texts are mails.

/// How much of a text is looked at.
const WITHIN: usize = 64 << 10;

/// Whether the text is a mail, or a mailbox with several: it begins with header fields, among them who sent it and one
/// that programs write.
pub(crate) fn is_mail(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(WITHIN)];
    let mut lines =
        head.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line)).peekable();
    lines.next_if(|line| line.starts_with(b"From "));
    let mut fields: Vec<String> = Vec::new();
    for line in lines.take_while(|line| !line.is_empty()) {
        match field(line) {
            Some(field) => fields.push(field.to_ascii_lowercase()),
            None if line.starts_with(b" ") || line.starts_with(b"\t") => {}
            None => return false,
        }
    }
    let has = |names: &[&str]| names.iter().any(|name| fields.iter().any(|field| field == name));
    let sent = has(&["from", "sender", "return-path"]);
    sent && (has(&["message-id", "received", "mime-version"])
        || has(&["date"]) && has(&["to", "cc", "bcc", "subject"]))
}

/// The name of the header field that a line begins.
pub(crate) fn field(line: &[u8]) -> Option<&str> {
    let end = line.iter().position(|byte| *byte == b':').filter(|end| (1..=76).contains(end))?;
    let name = line[..end].trim_ascii_end();
    name.iter().all(|byte| (b'!'..=b'~').contains(byte)).then(|| std::str::from_utf8(name).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_begins_with_its_fields() {
        let cases: &[(&str, bool)] = &[
            ("From: a@b.org\nTo: c@d.org\nDate: Mon, 1 Jan 2024 10:00:00 +0000\n\nHello", true),
            ("Return-Path: <a@b.org>\r\nReceived: from x\r\n\tby y; today\r\nFrom: a\r\n\r\nHello", true),
            ("From a@b.org Mon Jan  1 10:00:00 2024\nFrom: A <a@b.org>\nMessage-ID: <1@b.org>\n", true),
            ("From: me\nSubject: a note\n\nbody", false),
            ("Package: x\nVersion: 1\nMaintainer: me\n\n", false),
            ("From here on: nothing\nDate: x\nTo: y\n", false),
            ("HTTP/1.1 200 OK\nDate: x\nFrom: y\nTo: z\n", false),
            ("# Title\n\nFrom: a\nTo: b\nDate: c\n", false),
            ("", false),
        ];
        for (text, mail) in cases {
            assert_eq!(is_mail(text.as_bytes()), *mail, "{text}");
        }
    }
}
