//! Makes Word documents for the tests.

use crate::zip::Zip;

/// The parts of a document besides its body.
#[derive(Default)]
pub(crate) struct Word {
    body: String,
    relations: String,
    parts: Vec<(String, String)>,
}

const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";

impl Word {
    /// A document with this body.
    pub(crate) fn of(body: &str) -> Self {
        Self { body: body.to_owned(), ..Self::default() }
    }

    /// Adds a part of this kind, such as `styles`, with these elements.
    pub(crate) fn part(mut self, kind: &str, content: &str) -> Self {
        let name = format!("{kind}{}.xml", self.parts.len());
        self.relations += &relation(&format!("r{}", self.parts.len()), kind, &name);
        self.parts.push((format!("word/{name}"), format!("<w:{kind} xmlns:w='w'>{content}</w:{kind}>")));
        self
    }

    /// The file as a zip.
    pub(crate) fn zip(&self) -> Zip {
        let mut zip = Zip::of(&[
            ("[Content_Types].xml", "<Types/>"),
            ("_rels/.rels", &relations(&relation("d", "officeDocument", "word/document.xml"))),
            ("word/_rels/document.xml.rels", &relations(&self.relations)),
            (
                "word/document.xml",
                &format!(
                    "<?xml version='1.0'?><w:document xmlns:w='w'><w:body>{}</w:body></w:document>",
                    self.body
                ),
            ),
        ]);
        for (name, content) in &self.parts {
            zip.file(name, content.as_bytes());
        }
        zip
    }
}

/// A part that lists references.
pub(crate) fn relations(relations: &str) -> String {
    format!("<Relationships xmlns='{PACKAGE}'>{relations}</Relationships>")
}

/// A reference.
pub(crate) fn relation(id: &str, kind: &str, target: &str) -> String {
    format!("<Relationship Id='{id}' Type='{OFFICE}/{kind}' Target='{target}'/>")
}

/// A paragraph of one run.
pub(crate) fn p(text: &str) -> String {
    format!("<w:p>{}</w:p>", r(text))
}

/// A paragraph with properties.
pub(crate) fn p_with(properties: &str, text: &str) -> String {
    format!("<w:p><w:pPr>{properties}</w:pPr>{}</w:p>", r(text))
}

/// A run.
pub(crate) fn r(text: &str) -> String {
    format!("<w:r><w:t xml:space='preserve'>{text}</w:t></w:r>")
}

/// A table of cells, each with its properties and text.
pub(crate) fn table(rows: &[&[(&str, &str)]]) -> String {
    let cell =
        |(properties, text): &(&str, &str)| format!("<w:tc><w:tcPr>{properties}</w:tcPr>{}</w:tc>", p(text));
    let row =
        |cells: &&[(&str, &str)]| format!("<w:tr>{}</w:tr>", cells.iter().map(cell).collect::<String>());
    format!("<w:tbl><w:tblPr/>{}</w:tbl>", rows.iter().map(row).collect::<String>())
}
