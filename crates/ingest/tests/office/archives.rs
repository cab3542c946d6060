//! Zips of files, and zips that are cut, locked or hostile.

use minions_ingest::{FileReading, Kind, Limits, Problem, read_all};

use crate::word::{Word, p};
use crate::zip::{Header, Zip, deflated};
use crate::{reading, tried};

fn all(bytes: Vec<u8>) -> Vec<FileReading> {
    read_all("a.zip", bytes, &Limits::default())
}

/// The names of the readings, with their texts or what is wrong with them.
fn told(readings: &[FileReading]) -> Vec<(String, String)> {
    let outcome = |reading: &FileReading| match &reading.outcome {
        Ok(read) => read.text.clone(),
        Err(error) => format!("! {error}"),
    };
    readings.iter().map(|reading| (reading.name.clone(), outcome(reading))).collect()
}

#[test]
fn each_file_of_a_zip_is_read() {
    let inner = Zip::of(&[("deep.txt", "deep")]).bytes();
    let third = Zip::of(&[("inner.zip", "x")]).stored("third.zip", &inner).bytes();
    let mut zip = Zip::of(&[("a.txt", "one"), ("folder/", ""), ("folder/b.md", "# two"), ("a.txt", "again")]);
    zip.stored("../../etc/passwd", b"harmless")
        .file("letter.docx", &Word::of(&p("Dear Ada")).zip().bytes())
        .file("inner.zip", &inner)
        .file("two.zip", &third)
        .file("__MACOSX/._a.txt", b"litter")
        .raw(
            "link",
            &Header { mode: 0o120_777, ..Header::of(b"/etc/passwd", b"/etc/passwd") },
            b"/etc/passwd",
        );
    let expected = [
        ("a.zip/a.txt", "one"),
        ("a.zip/folder/b.md", "# two"),
        ("a.zip/a.txt (2)", "again"),
        ("a.zip/etc/passwd", "harmless"),
        ("a.zip/letter.docx", "Dear Ada"),
        ("a.zip/inner.zip/deep.txt", "deep"),
        ("a.zip/two.zip/inner.zip", "x"),
        (
            "a.zip/two.zip/third.zip",
            "! a.zip/two.zip/third.zip is not looked into: it is an archive within an archive within an archive",
        ),
        ("a.zip/link", "! a.zip/link is a link, and links in archives are not followed"),
    ];
    let expected = expected.map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(told(&all(zip.bytes())), expected);
    let outside: Vec<_> = all(zip.bytes()).into_iter().map(|reading| reading.told_as.unwrap()).collect();
    let expected = [
        "file 1 of a.zip",
        "file 2 of a.zip",
        "file 3 of a.zip",
        "file 4 of a.zip",
        "file 5 of a.zip",
        "file 1 of file 6 of a.zip",
        "file 1 of file 7 of a.zip",
        "file 2 of file 7 of a.zip",
        "file 8 of a.zip",
    ];
    assert_eq!(outside, expected);
    let single = all(b"plain".to_vec());
    assert_eq!(single[0].told_as, None);
    assert_eq!(told(&single), [("a.zip".to_owned(), "plain".to_owned())]);
    assert_eq!(
        told(&all(Zip::default().bytes())),
        [("a.zip".to_owned(), "! a.zip is damaged: no file is in it".to_owned())]
    );
    assert_eq!(tried(zip.bytes()).unwrap_err().problem, Problem::Unsupported(Kind::Archive.name()));
}

#[test]
fn what_is_left_of_a_cut_zip_is_read() {
    let mut zip = Zip::of(&[("a.txt", "one"), ("b.txt", "two")]);
    let whole = zip.bytes();
    let cut = whole[..zip.len() as usize].to_vec();
    let mut readings = told(&all(cut));
    let (_, problem) = readings.pop().unwrap();
    assert!(problem.starts_with("! a.zip is damaged: its list of files is missing"), "{problem}");
    assert_eq!(readings, told(&all(whole.clone())));
    // Cut where the second file begins: nothing else tells of it.
    let at = whole.windows(4).rposition(|mark| mark == b"PK\x03\x04").unwrap();
    let readings = told(&all(whole[..at].to_vec()));
    assert_eq!((readings.len(), readings[0].1.as_str()), (2, "one"));
    // A record of the directory is damaged: what it lists from there on is searched for.
    let mut wrong = whole.clone();
    let at = whole.windows(4).rposition(|mark| mark == b"PK\x01\x02").unwrap();
    wrong[at] = 0;
    let readings = told(&all(wrong.clone()));
    assert_eq!(readings.iter().map(|(_, text)| text.as_str()).take(2).collect::<Vec<_>>(), ["one", "two"]);
    assert!(readings[2].1.contains("files may be missing"), "{readings:?}");
    // And the file with it.
    let header = whole.windows(4).rposition(|mark| mark == b"PK\x03\x04").unwrap();
    wrong[header] = 0;
    let readings = told(&all(wrong));
    assert_eq!((readings.len(), readings[0].1.as_str()), (2, "one"));
    assert_eq!(told(&all([b"MZ some program".to_vec(), whole].concat())).len(), 1, "no zip by its beginning");
    let word = Word::of(&(0..2000).map(|index| p(&format!("Paragraph {index}"))).collect::<String>()).zip();
    let whole = word.bytes();
    let read = reading(whole[..whole.len() * 2 / 3].to_vec());
    assert!(read.text.contains("Paragraph 500"), "{}", read.text.len());
    assert!(read.notes.iter().any(|note| note.contains("end of the file is missing")), "{:?}", read.notes);
    zip.file("c.txt", b"three");
    let mut wrong = zip.bytes();
    wrong[36] ^= 1;
    assert!(told(&all(wrong))[0].1.starts_with("! a.zip/a.txt is damaged"));
}

#[test]
fn what_is_left_out_of_folders_is_left_out_of_zips() {
    let names =
        ["p/a.txt", "p/.env", "p/.git/config", "p/node_modules/x/i.js", "p/b.jpg", "p/__MACOSX", "p/c.md"];
    let zip = Zip::of(&names.map(|name| (name, "x"))).bytes();
    let expected = [
        ("a.zip/p/a.txt", "x"),
        ("a.zip/p/__MACOSX", "x"),
        ("a.zip/p/c.md", "x"),
        (
            "a.zip",
            "! a.zip was read without files that programs made or that are no text: 2, such as p/node_modules/x/i.js",
        ),
        ("a.zip", "! a.zip was read without hidden files: 2, such as p/.env"),
    ];
    assert_eq!(told(&all(zip.clone())), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    // The same of a zip in a zip, and nothing of one in which is nothing else.
    let outer = Zip::default().file("inner.zip", &zip).bytes();
    assert!(
        told(&all(outer))
            .iter()
            .all(|(_, text)| text == "x" || text.starts_with("! a.zip/inner.zip was read without"))
    );
    let made = told(&all(Zip::of(&[("dist/a.txt", "kept"), ("dist/lib/x.min.js", "y")]).bytes()));
    assert_eq!((made.len(), made[0].1.as_str()), (2, "kept"));
    let none = all(Zip::of(&[(".env", "x")]).bytes());
    assert_eq!(none.len(), 1);
    assert!(none[0].outcome.clone().unwrap_err().hint().contains("Unpack it"));
}

#[test]
fn mails_over_the_limit_are_told() {
    let mailbox = "From x\nFrom: a@example.org\nDate: x\nTo: y\n\nwords\n\n".repeat(5);
    let limits = Limits { entries: 3, ..Limits::default() };
    let readings = read_all("a.mbox", mailbox.into_bytes(), &limits);
    assert_eq!(readings.len(), 4);
    assert_eq!(
        readings[3].outcome.clone().unwrap_err().to_string(),
        "a.mbox holds too many files: more than 3"
    );
}

#[test]
fn locked_files_say_so() {
    let mut zip = Zip::of(&[("open.txt", "open")]);
    zip.raw("locked.txt", &Header { flags: 1, ..Header::of(b"x", b"x") }, b"x");
    zip.raw("packed.txt", &Header { method: 93, ..Header::of(b"x", b"x") }, b"x");
    let readings = all(zip.bytes());
    assert_eq!(readings[0].outcome.as_ref().unwrap().text, "open");
    let error = |index: usize| readings[index].outcome.clone().unwrap_err();
    assert_eq!(error(1).to_string(), "a.zip/locked.txt is locked with a password");
    assert!(error(1).hint().contains("Unpack it with its password"));
    assert_eq!(
        error(2).to_string(),
        "a.zip/packed.txt is compressed with Zstandard, which can't be undone here"
    );
    let utf16 = |name: &str| name.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let compound =
        |stream: &str| [b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1".to_vec(), vec![0; 600], utf16(stream)].concat();
    for (stream, said, remedy) in [
        ("EncryptedPackage", "a is locked with a password", "save a copy without the password"),
        ("WordDocument", "Word document of before 2007", "--convert-to docx"),
        ("Workbook", "Excel workbook of before 2007", "--convert-to xlsx"),
        ("PowerPoint Document", "PowerPoint presentation of before 2007", "--convert-to pptx"),
        ("__substg1.0_", "message of Outlook", ".eml"),
        ("Other", "office program of before 2007", "current format"),
    ] {
        let error = tried(compound(stream)).unwrap_err();
        assert!(error.to_string().contains(said), "{error}");
        assert!(error.hint().contains(remedy), "{}", error.hint());
    }
}

#[test]
fn bombs_cost_one_line() {
    let zeros = deflated(&vec![b' '; 64 << 20]);
    let header = Header { method: 8, size: 10, compressed: zeros.len() as u32, ..Header::default() };
    let mut lying = Zip::default();
    lying.raw("a.txt", &header, &zeros);
    let said = |bytes: Vec<u8>| told(&all(bytes)).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    assert_eq!(
        said(lying.bytes()),
        ["! a.zip/a.txt looks like a bomb: a part of it swells to more than 200 times its size"]
    );
    let mut shared = Zip::default();
    shared.raw("a.txt", &header, &zeros);
    for name in ["b.txt", "c.txt"] {
        shared.listed(name, &header, 0);
    }
    assert_eq!(said(shared.bytes()), ["! a.zip looks like a bomb: its entries share their bytes"]);
    // Little that swells much, in much that does not: the sum counts.
    let limits = Limits { archive: 3000, ..Limits::default() };
    let mut many = Zip::default();
    for index in 0..5 {
        many.file(&format!("{index}.txt"), &[b'x'; 1000]);
    }
    let readings = read_all("a.zip", many.bytes(), &limits);
    let count = readings.iter().filter(|reading| reading.outcome.is_ok()).count();
    assert_eq!((count, readings.len()), (3, 5));
    assert!(readings[4].outcome.clone().unwrap_err().to_string().contains("holds too much"));
    let limits = Limits { entries: 4, ..Limits::default() };
    let error = read_all("a.zip", many.bytes(), &limits)[0].outcome.clone().unwrap_err();
    assert_eq!(error.to_string(), "a.zip holds too many files: more than 4");
    let nested = Zip::default().file("inner.zip", &many.bytes()).bytes();
    let limits = Limits { archive: 5000, ..Limits::default() };
    assert!(read_all("a.zip", nested, &limits).iter().any(|reading| reading.outcome.is_err()));
}

#[test]
fn xml_bombs_give_nothing() {
    let laughs = "<!DOCTYPE w:document [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>\
                  <!ENTITY x SYSTEM 'file:///etc/passwd'>]>";
    let body = p("I say &b; and &x; and &amp;.");
    let mut zip = Zip::of(&[("[Content_Types].xml", "<Types/>")]);
    zip.file(
        "word/document.xml",
        format!("<?xml version='1.0'?>{laughs}<w:document><w:body>{body}</w:body></w:document>").as_bytes(),
    );
    let read = reading(zip.bytes());
    assert_eq!(read.text, "I say  and  and &.");
    assert_eq!(read.notes, ["It defines entities of XML of its own, which are left out."]);
    let deep = Word::of(&"<w:sdt>".repeat(100_000)).zip().bytes();
    assert_eq!(tried(deep).unwrap_err().to_string(), "a looks like a bomb: its XML is nested too deeply");
}

#[test]
fn what_is_named_very_often_is_read_within_the_limits() {
    let note = "word ".repeat(2000);
    let refers = "<w:r><w:footnoteReference w:id='1'/></w:r>".repeat(5000);
    let word = Word::of(&format!("<w:p><w:r><w:t>Text</w:t></w:r>{refers}</w:p>"))
        .part("footnotes", &format!("<w:footnote w:id='1'>{}</w:footnote>", p(&note)));
    let read = reading(word.zip().bytes());
    assert_eq!(read.text.matches("word word").count(), 1000);
    let limits = Limits { archive: 200_000, text: 50_000, ..Limits::default() };
    let sheet = "<sheetData><row>".to_owned() + &"<c t='s'><v>0</v></c>".repeat(3000) + "</row></sheetData>";
    let mut zip = crate::workbooks::workbook(&[("A", "visible", &sheet)]);
    let shared = format!("<sst><si><t>{}</t></si></sst>", "x".repeat(30_000));
    zip = zip.with("xl/shared.xml", shared.as_bytes());
    let read = minions_ingest::read("a", zip.bytes(), &limits).unwrap();
    assert!(read.text.len() <= 50_000 && read.notes[0].contains("too long"), "{:?}", read.notes);
    // One slide that is shown a thousand times costs as much as a thousand slides.
    let slide = crate::slides::slide(&crate::slides::shape("body", &["x"])).replace('x', &"x".repeat(500));
    let mut show = Zip::default();
    let list = "<p:sldId r:id='s'/>".repeat(1000);
    show.file("[Content_Types].xml", b"<Types/>")
        .file("ppt/presentation.xml", format!("<p:x><p:sldIdLst>{list}</p:sldIdLst></p:x>").as_bytes())
        .file(
            "ppt/_rels/presentation.xml.rels",
            crate::word::relations(&crate::word::relation("s", "slide", "s.xml")).as_bytes(),
        )
        .file("ppt/s.xml", slide.as_bytes());
    let limits = Limits { archive: 200_000, ..Limits::default() };
    let error = minions_ingest::read("a", show.bytes(), &limits).unwrap_err();
    assert_eq!(error.problem, Problem::TooMuchInside { limit: 200_000 });
}

#[test]
fn kinds_are_known_by_their_media_types() {
    let types = |main: &str| {
        format!(
            "<Types><Default Extension='xlsx' ContentType='application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'/>\
             <Override PartName='/d.xml' ContentType='application/{main}.main+xml'/></Types>"
        )
    };
    for (main, kind) in [
        ("vnd.openxmlformats-officedocument.wordprocessingml.document", Kind::Docx),
        ("vnd.ms-word.document.macroEnabled", Kind::Docx),
        ("vnd.openxmlformats-officedocument.presentationml.slideshow", Kind::Pptx),
        ("vnd.openxmlformats-officedocument.spreadsheetml.template", Kind::Workbook),
    ] {
        let error = tried(Zip::of(&[("[Content_Types].xml", &types(main))]).bytes()).unwrap_err();
        assert_eq!(
            (error.kind, error.to_string().as_str()),
            (kind, "a is damaged: its main part is missing")
        );
    }
    let other = [
        ("xl/workbook.bin", "binary workbook"),
        ("Index/Document.iwa", "Pages, Numbers"),
        ("visio/document.xml", "Visio"),
    ];
    for (part, said) in other {
        assert!(tried(Zip::of(&[(part, "x")]).bytes()).unwrap_err().to_string().contains(said));
    }
    let java =
        Zip::of(&[("META-INF/MANIFEST.MF", "x"), ("META-INF/container.xml", "<x/>"), ("a.txt", "one")]);
    assert_eq!(all(java.bytes()).len(), 3);
}

#[test]
fn what_has_no_room_is_not_unpacked() {
    let broken = Header { crc: 1, ..Header::of(b"never looked at", b"never looked at") };
    let mut zip = Zip::of(&[("a.txt", "12345"), ("b.txt", "123456789"), ("c.txt", "1234"), ("d.txt", "123")]);
    zip.raw("e.txt", &broken, b"never looked at").file("f.zip", &Zip::of(&[("g.txt", "")]).bytes());
    let mail = "From a@b.c Mon Mar  2 10:00:00 2026\nFrom: A <a@b.c>\nTo: b@b.c\nSubject: x\nDate: Mon, 2 Mar 2026 10:00:00 +0000\n\nz\n\n";
    let mailbox = mail.repeat(2);
    let limits = Limits { plain_text: 8, ..Limits::default() };
    for (bytes, room, expected) in [
        (
            zip.bytes(),
            11,
            &[
                "12345",
                "! a.zip/b.txt is too large: 9 bytes, and 8 are read at most",
                "1234",
                "! a.zip/d.txt is left out: there is no room for its text",
                "! a.zip/e.txt is left out: there is no room for its text",
                "! a.zip/f.zip is left out: there is no room for its text",
            ][..],
        ),
        (
            mailbox.as_bytes().to_vec(),
            20,
            &[
                "! a.zip/1 is left out: there is no room for its text",
                "! a.zip/2 is left out: there is no room for its text",
            ],
        ),
    ] {
        let readings = read_all("a.zip", bytes, &Limits { room, ..limits });
        let texts: Vec<_> = told(&readings).into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, expected);
    }
}
