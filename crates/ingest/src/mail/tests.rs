use super::*;

fn opened(mail: &str) -> Mail {
    open(mail.replace('\n', "\r\n").as_bytes(), &Limits::default()).unwrap()
}

const HEAD: &str = "From: =?UTF-8?Q?J=C3=BCrgen_Gro=C3=9F?= <j@example.org>\n\
    To: \"Ann, B.\" <ann@example.org>, bob@example.org\nCc: team: c@example.org, d@example.org;\n\
    Subject: =?ISO-8859-1?Q?Rechnung_f=FCr?=\n  =?UTF-8?B?TcOkcno=?=\n\
    Date: Mon, 1 Apr 2024 10:00:00 +0200\nMessage-ID: <1@example.org>\nMIME-Version: 1.0\n";

const WRITTEN: &str = "From: Jürgen Groß <j@example.org>\nTo: Ann, B. <ann@example.org>, bob@example.org\n\
    Cc: c@example.org, d@example.org\nDate: Mon, 1 Apr 2024 10:00:00 +0200\nSubject: Rechnung fürMärz\n";

#[test]
fn the_head_and_the_words_are_read() {
    let cases = [
        ("\nHello,\n\n  this.\n", "Hello,\n\n  this."),
        (
            "Content-Type: text/plain; charset=iso-8859-15\nContent-Transfer-Encoding: quoted-printable\n\nPreis: 5 =A4, =\nja\n",
            "Preis: 5 €, ja",
        ),
        (
            "Content-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: base64\n\n8NLJ18XU\n",
            "Привет",
        ),
        (
            "Content-Type: text/html; charset=utf-8\n\n<html><style>p{}</style><p>One<p>two &amp; <b>three</b></html>\n",
            "One\n\ntwo & three",
        ),
        (
            "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nplain *words*\n--b\n\
             Content-Type: text/html\n\n<p>Plain <b>words</b></p><p>Unsubscribe</p>\n--b--\n",
            "plain *words*",
        ),
        (
            "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nThis needs a viewer.\n\
             --b\nContent-Type: text/html\n\n<p>Your invoice is 1,234 EUR.</p>\n--b--\n",
            "This needs a viewer.\n\nYour invoice is 1,234 EUR.",
        ),
        (
            "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\n \n--b\n\
             Content-Type: text/html\n\n<p>html</p>\n--b--\n",
            "html",
        ),
        (
            "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nYour order is confirmed and comes soon.\n--b\n\
             Content-Type: text/html\n\n<p>Your order is confirmed and comes soon.</p><table><tr><td>Total<td>912.50 EUR</table>\n--b--\n",
            "Your order is confirmed and comes soon.\n\nYour order is confirmed and comes soon.\n\nTotal | 912.50 EUR",
        ),
        (
            "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nThe price is 10 EUR for four weeks.\n--b\n\
             Content-Type: text/html\n\n<p>The price is 20 EUR for four weeks.</p>\n--b--\n",
            "The price is 10 EUR for four weeks.\n\nThe price is 20 EUR for four weeks.",
        ),
        (
            "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nThe price is 10 EUR.\n--b\n\
             Content-Type: text/html\n\n<p>The price is <b>10</b> EUR. Unsubscribe</p>\n--b--\n",
            "The price is 10 EUR.",
        ),
    ];
    for (rest, body) in cases {
        let mail = opened(&format!("{HEAD}{rest}"));
        assert_eq!(mail.reading.text, format!("{WRITTEN}\n{body}"), "{rest}");
        assert!(mail.attachments.is_empty());
    }
}

#[test]
fn bytes_without_an_encoding_are_guessed() {
    let mail = [HEAD.as_bytes(), "\nСлово: ".as_bytes(), b"\n"].concat();
    let words = encoding_rs::KOI8_R.encode("\nЭто русский текст, который сохранён в старой кодировке.\n").0;
    let old = [HEAD.as_bytes(), &words].concat();
    assert!(open(&mail, &Limits::default()).unwrap().reading.text.ends_with("Слово:"));
    assert!(open(&old, &Limits::default()).unwrap().reading.text.ends_with("старой кодировке."));
}

#[test]
fn attachments_are_listed_and_kept() {
    let mail = opened(&format!(
        "{HEAD}Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: multipart/related; boundary=c\n\n\
         --c\nContent-Type: text/html\n\n<p>See <img src=cid:1></p>\n--c\nContent-Type: image/png\nContent-ID: <1>\n\
         Content-Transfer-Encoding: base64\n\niVBORw0K\n--c--\n\
         --b\nContent-Type: application/pdf; name=\"old.pdf\"\nContent-Transfer-Encoding: base64\n\
         Content-Disposition: attachment; filename*=UTF-8''Gr%C3%B6%C3%9Fe.pdf\n\nJVBERi0xLjQ=\n\
         --b\nContent-Type: text/csv\nContent-Disposition: attachment; filename=\"../a.csv\"\n\nx,y\n1,2\n\
         --b\nContent-Type: message/rfc822\n\nFrom: z@example.org\nDate: x\nSubject: Inner\n\ninner words\n\
         --b\nContent-Type: application/pgp-signature; name=s.asc\n\nxx\n--b--\n"
    ));
    let files: Vec<_> = mail
        .attachments
        .iter()
        .map(|(name, bytes)| (name.as_str(), String::from_utf8_lossy(bytes)))
        .collect();
    assert_eq!(
        files,
        [
            ("Größe.pdf", "%PDF-1.4".into()),
            ("../a.csv", "x,y\r\n1,2".into()),
            ("mail 3.eml", "From: z@example.org\r\nDate: x\r\nSubject: Inner\r\n\r\ninner words".into()),
        ]
    );
    assert_eq!(mail.reading.text, format!("{WRITTEN}Attachments: Größe.pdf, ../a.csv, mail 3.eml\n\nSee"));
}

#[test]
fn what_no_page_shows_is_a_file() {
    let picture = "Content-Transfer-Encoding: base64\n\niVBORw0K\n";
    let text = "Content-Type: text/plain\n\nsee\n";
    let page = "Content-Type: text/html\n\n<p>see <img src=\"cid:a%40x\">\n";
    let cases: &[(&str, String, &[&str])] = &[
        (text, "Content-Type: text/csv; name=f.csv\nContent-Location: f.csv\n\na,b\n".to_owned(), &["f.csv"]),
        (page, "Content-Type: text/csv; name=f.csv\nContent-Location: f.csv\n\na,b\n".to_owned(), &["f.csv"]),
        (
            text,
            format!(
                "Content-Type: image/png; name=r.png\nContent-Disposition: inline\nContent-Id: <a@x>\n{picture}"
            ),
            &["r.png"],
        ),
        (page, format!("Content-Type: image/png; name=r.png\nContent-Id: <a@x>\n{picture}"), &[]),
        (page, format!("Content-Type: image/png; name=r.png\nContent-Id: <b@x>\n{picture}"), &["r.png"]),
        (
            text,
            "Content-Type: message/rfc822; name=\"Her salary.eml\"\nContent-Disposition: attachment; \
             filename=\"Her salary.eml\"\n\nFrom: z@example.org\nDate: x\nSubject: Her salary\n\nwords\n"
                .to_owned(),
            &["mail 1.eml"],
        ),
    ];
    for (body, part, names) in cases {
        let mail = opened(&format!(
            "{HEAD}Content-Type: multipart/mixed; boundary=b\n\n--b\n{body}--b\n{part}--b--\n"
        ));
        let found: Vec<_> = mail.attachments.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(found, *names, "{body}{part}");
    }
}

#[test]
fn a_page_saved_as_a_mail_is_its_text() {
    let mail = opened(
        "From: <Saved by a browser>\nSnapshot-Content-Location: https://example.org/\nSubject: A page\nDate: x\n\
         MIME-Version: 1.0\nContent-Type: multipart/related; type=\"text/html\"; boundary=b\n\n--b\n\
         Content-Type: text/html\nContent-ID: <f@x>\nContent-Location: https://example.org/\n\n<h1>One</h1><p>two\n--b\n\
         Content-Type: text/css\nContent-Location: cid:css@x\n\np { color: red }\n--b\n\
         Content-Type: image/png\nContent-Location: https://example.org/a.png\nContent-Transfer-Encoding: base64\n\n\
         iVBORw0K\n--b--\n",
    );
    assert!(mail.reading.text.ends_with("Subject: A page\n\nOne\n\ntwo"), "{}", mail.reading.text);
    assert_eq!(mail.attachments, []);
}

#[test]
fn a_mailbox_has_several() {
    let one =
        "From a@b Mon Jan  1 10:00:00 2024\nFrom: a@b\nDate: x\n\nHello\n\nFrom here on it is text.\n\n";
    let mailbox = one.repeat(2) + "From c@d Tue Jan  2 10:00:00 2024\nFrom: c@d\nDate: y\n\nLast\n";
    let mails = split(mailbox.as_bytes());
    assert_eq!(mails.len(), 3);
    assert!(mails[0].starts_with(b"From: a@b") && mails[0].ends_with(b"it is text.\n\n"));
    assert_eq!(mails[2], b"From: c@d\nDate: y\n\nLast\n");
    assert_eq!(split(b"From: a\n\nFrom x\nFrom: b\n").len(), 1);
}

#[test]
fn files_in_a_mail_are_files_of_their_own() {
    let inner = "From: z@example.org\nDate: x\nSubject: Inner\n\ninner words";
    let mail = format!(
        "{HEAD}Content-Type: multipart/mixed; boundary=b\n\n--b\n\nsee\n--b\nContent-Type: message/rfc822\n\n{inner}\n\
         --b\nContent-Disposition: attachment; filename=\"a/../b.md\"\nContent-Type: text/markdown\n\n# One\n--b--\n"
    );
    let names = |name: &str, bytes: &str| -> Vec<(String, String)> {
        let all = crate::read_all(name, bytes.as_bytes().to_vec(), &Limits::default());
        all.into_iter().map(|file| (file.name, file.outcome.unwrap().text)).collect()
    };
    let files = names("m.eml", &mail);
    assert_eq!(files[0].1, format!("{WRITTEN}Attachments: mail 1.eml, a/../b.md\n\nsee"));
    let found: Vec<_> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(found, ["m.eml", "m.eml/mail 1.eml", "m.eml/a/b.md"]);
    let mailbox = format!("From x\n{mail}\n\nFrom y\n{inner}\n");
    let names: Vec<_> = names("m.mbox", &mailbox).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["m.mbox/1", "m.mbox/1/mail 1.eml", "m.mbox/1/a/b.md", "m.mbox/2"]);
}
