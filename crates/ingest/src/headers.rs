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
    let mut is_sent = false;
    for line in lines.take_while(|line| !line.is_empty()) {
        match field(line) {
            Some(field) => {
                let name = field.to_ascii_lowercase();
                is_sent |= says_so(&name, &line[field.len()..]);
                fields.push(name);
            }
            None if line.starts_with(b" ") || line.starts_with(b"\t") => {}
            None => return false,
        }
    }
    let has = |names: &[&str]| names.iter().any(|name| fields.iter().any(|field| field == name));
    let sent = has(&["from", "sender", "return-path"]);
    sent && (has(&["message-id", "received", "mime-version"])
        || is_sent && has(&["date", "subject"]) && has(&["to", "cc", "bcc", "subject", "date"]))
}

/// Whether a field's value is one that programs write: an address of mail, or a date with the time and its zone. A memo
/// has fields of the same names, and others that a reader of mails would leave out.
fn says_so(name: &str, value: &[u8]) -> bool {
    let value = String::from_utf8_lossy(value);
    let is_address = |word: &str| {
        let word = word.trim_matches(|letter: char| "<>,;:()\"".contains(letter));
        word.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
    };
    match name {
        "from" | "sender" | "return-path" | "to" | "cc" | "bcc" => value.split_whitespace().any(is_address),
        "date" => {
            let mut words = value.split_whitespace().skip_while(|word| !word.contains(':') || word.len() < 4);
            let is_zone = |word: &str| {
                word.len() == 5
                    && word.starts_with(['+', '-'])
                    && word[1..].bytes().all(|byte| byte.is_ascii_digit())
                    || matches!(word, "GMT" | "UT" | "UTC")
            };
            words.any(is_zone)
        }
        _ => false,
    }
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
            ("From a@b.org Fri Mar  1 10:00:00 2024\nFrom: a@b.org\nTo: c@d.org\nSubject: one\n\nbody", true),
            ("From: Ann <ann@x.org>\nSent: today\nTo: Bob\nSubject: one\n\nbody", true),
            ("From: Ann\nTo: Bob\nDate: Mon, 1 Jan 2024 10:00:00 +0100\n\nbody", true),
            ("TO: Board\nFROM: CFO\nDATE: May 3, 2024\nRE: Budget cut of 12 percent\n\nText.\n", false),
            ("From: A B\nTo: C D\nDate: 1 March 1842\nAmount: 1,500 pounds\n\nText.", false),
            ("From: station A\nTo: station B\nDate: 2024-05-01\nPrice: 49 EUR\n\nNext", false),
            ("From: Ann\nTo: Bob\nDate: 3 May 2024 10:30\nSubject: Rates @ 5%\nProject: X\n\nText.", false),
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
