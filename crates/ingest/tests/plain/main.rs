//! Texts, pages of HTML, mails and RTF, as they are and damaged.

use minions_ingest::{FileReading, Limits, read, read_all};

const PAGE: &str = "<!DOCTYPE html><html><head><title>A &amp; b</title><style>p{}</style></head><body><nav>x</nav>\
    <h1>One</h1><p>Text with <b>bold</b>, <a href='mailto:a@b.org'>a link</a> &eacute;&#8364;.<ul><li>a<li>b</ul>\
    <table><tr><th>Year<th colspan=2>Sales<tr><td rowspan=2>2022<td>$<td>5<tr><td>7<td>)</table><pre>\n a\n  b</pre>\
    <svg><text>t</text></svg><script>if (a < b) { c('</p>'); }</script><!-- c --></body></html>";

const MAIL: &str = "From: =?UTF-8?Q?J=C3=BCrgen?= <j@example.org>\r\nTo: a@example.org, b: c@example.org;\r\n\
    Subject: =?ISO-8859-1?B?TeRyeg==?=\r\nDate: Mon, 1 Apr 2024 10:00:00 +0200\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n\
    --c\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
    Preis: 5 =E2=82=AC=\r\n, ja\r\n--c\r\nContent-Type: text/html\r\n\r\n<p>html\r\n--c--\r\n--b\r\n\
    Content-Type: text/csv; name=a.csv\r\nContent-Transfer-Encoding: base64\r\n\r\neCx5CjEsMg==\r\n--b\r\n\
    Content-Type: message/rfc822\r\n\r\nFrom: z@example.org\r\nDate: x\r\nSubject: Inner\r\n\r\nwords\r\n--b--\r\n";

const RTF: &str = r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 A;}}\uc1 Gr\'fc\'dfe \u8364? \u-10179?\u-8704?\par{\*\x y}a\cell b\row\bin4 abcd}";

const MARKDOWN: &str =
    "---\ntitle: x\n---\n# One\n\ntext\n```\n# no\n```\nTwo\n===\n| a | b |\n|---|---|\n## Three\n";

/// The files, each with its name.
fn sources() -> Vec<(&'static str, Vec<u8>)> {
    let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let mailbox = format!("From a\n{MAIL}\n\nFrom b\n{MAIL}");
    vec![
        ("page", PAGE.into()),
        ("page.xhtml", format!("<?xml version='1.0'?>{PAGE}").into()),
        ("mail", MAIL.into()),
        ("mailbox", mailbox.into()),
        ("rtf", RTF.into()),
        ("text.md", MARKDOWN.into()),
        ("wide.md", wide(MARKDOWN)),
        ("wide page", wide(PAGE)),
        ("old", b"\x93\xfa\x96\x7b\x8c\xea \x82\xcc text\r\nline\rline\0".to_vec()),
    ]
}

/// Numbers that look like chance and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

#[test]
fn whole_files_are_read() {
    for (name, bytes) in sources() {
        for FileReading { name, outcome, .. } in read_all(name, bytes, &Limits::default()) {
            let reading = outcome.unwrap_or_else(|error| panic!("{error}"));
            assert!(!reading.text.trim().is_empty(), "{name}");
            assert!(!reading.text.contains(['\r', '\0']), "{name}");
        }
    }
}

#[test]
fn mutants_are_read_or_refused() {
    let sources = sources();
    let mut numbers = Numbers(0x2545_F491_4F6C_DD1D);
    for round in 0..4000 {
        let (name, mut bytes) = sources[round % sources.len()].clone();
        for _ in 0..=numbers.below(8) {
            let at = numbers.below(bytes.len());
            match numbers.below(4) {
                0 => bytes[at] ^= 1 << numbers.below(8),
                1 => bytes.truncate(at.max(1)),
                2 => {
                    // A part again elsewhere.
                    let end = (at + numbers.below(40)).min(bytes.len());
                    let part = bytes[at..end].to_vec();
                    let to = numbers.below(bytes.len());
                    bytes.splice(to..to, part);
                }
                _ => bytes[at] = b"<>&\"'\\{}-=\n\0"[numbers.below(12)],
            }
        }
        for FileReading { outcome, .. } in read_all(name, bytes, &Limits::default()) {
            let Ok(reading) = outcome else { continue };
            let end = reading.text.chars().count();
            let document = reading.into_document(name);
            document.place_at(0);
            document.place_at(end);
        }
    }
}

#[test]
fn hostile_mails_end() {
    let many = |part: &str, count: usize| part.repeat(count);
    let head = "From: a@example.org\nDate: x\nMessage-ID: <1>\n";
    let nested: String = (0..2000)
        .map(|depth| format!("Content-Type: multipart/mixed; boundary=b{depth}\n\n--b{depth}\n"))
        .collect();
    let cases = [
        format!("{head}{nested}\nwords\n"),
        format!("{head}Content-Type: message/rfc822\n\n").repeat(2000),
        format!("{head}Content-Type: multipart/mixed; boundary=b\n\n{}", many("--b\n\nx\n", 50_000)),
        format!("{head}{}\n\nwords", many("X: y\n", 200_000)),
        format!("{head}To: {}\n\nwords", many("a@example.org, ", 100_000)),
        format!("{head}Subject: {}\n\nwords", many("=?UTF-8?Q?=C3=BC?= ", 50_000)),
        many("From x\nFrom: a@example.org\nDate: x\nTo: y\n\nwords\n\n", 20_000),
        many("{\\rtf1 ", 100_000),
    ];
    for mail in cases {
        for FileReading { outcome, .. } in read_all("m", mail.into_bytes(), &Limits::default()) {
            let _ = outcome;
        }
    }
}

#[test]
fn a_file_over_the_limit_has_one_clear_line() {
    let limits = Limits { bytes: 20, ..Limits::default() };
    for (name, bytes) in sources() {
        let [FileReading { outcome: Err(error), .. }] = &read_all(name, bytes, &limits)[..] else {
            panic!("{name} is read");
        };
        let line = error.to_string();
        assert!(line.starts_with(&format!("{name} is too large: ")) && !line.contains('\n'), "{line}");
    }
}

/// Two hundred quotes in a text, each in a line of its own that is known.
#[test]
fn planted_quotes_are_found_in_their_lines() {
    let lines: Vec<String> = (1..=5000)
        .map(|line| {
            if line % 25 == 0 {
                format!("Ein Zitat Nr. {line} — so steht’s da.")
            } else {
                "é".repeat(line % 90)
            }
        })
        .collect();
    let text = lines.join("\r\n");
    let reading = read("a.txt", text.into_bytes(), &Limits::default()).unwrap();
    let document = reading.into_document("a.txt");
    for line in (25..=5000).step_by(25) {
        let byte = document.text.find(&format!("Zitat Nr. {line} ")).unwrap();
        let place = document.place_at(document.text[..byte].chars().count()).unwrap();
        assert_eq!(place.to_string(), format!("line {line}"));
    }
}
