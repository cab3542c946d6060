//! A document: its text, its name, and which of its places stands where in the text.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

/// A document of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The name that the job gives it, such as a file's.
    pub name: Option<String>,
    /// What the supervisor is told in place of the name, where somebody else wrote that, as the names within an archive are.
    pub told_as: Option<String>,
    /// The whole text.
    pub text: String,
    /// Where in the text its pages, slides or rows begin; empty if that is not known.
    pub places: Places,
}

impl Document {
    /// What it is called where it leaves this machine.
    pub fn told_name(&self) -> Option<&str> {
        self.told_as.as_deref().or(self.name.as_deref())
    }

    /// The length of the text in characters (Unicode scalar values).
    pub fn chars(&self) -> usize {
        self.text.chars().count()
    }

    /// The place that holds the character at `offset`. Lines are counted in the text from the last place that has one.
    pub fn place_at(&self, offset: usize) -> Option<Place> {
        self.place_with(offset, |from, to| lines_between(&self.text, from, to))
    }

    /// The same, where `lines` counts the lines that end between two offsets in characters.
    pub(crate) fn place_with(&self, offset: usize, lines: impl FnOnce(usize, usize) -> u32) -> Option<Place> {
        let (start, place) = self.places.last_before(offset)?;
        let mut place = place.clone();
        if let Place::Line(line) | Place::Section { line, .. } = &mut place {
            *line = line.saturating_add(lines(*start, offset));
        }
        Some(place)
    }
}

impl From<String> for Document {
    fn from(text: String) -> Self {
        Self { text, ..Self::default() }
    }
}

impl AsRef<str> for Document {
    fn as_ref(&self) -> &str {
        &self.text
    }
}

/// Writes a document as a job gives it: the text alone, or name and text. The places are left out.
impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(name) = &self.name else { return self.text.serialize(serializer) };
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("name", name)?;
        map.serialize_entry("text", &self.text)?;
        map.end()
    }
}

/// One place in a document, as its author would cite it. Numbers count from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A page of a paginated document.
    Page(u32),
    /// A slide of a presentation.
    Slide(u32),
    /// A sheet of a workbook, or one of its rows.
    Sheet {
        /// The sheet's name.
        name: String,
        /// The row, if the place is that small.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        row: Option<u32>,
    },
    /// A chapter of a book, by its title.
    Chapter(String),
    /// A section, by its heading.
    Heading(String),
    /// A line of a plain text. A document lists it once, for the text that begins there; the lines after it are counted
    /// when they are asked for.
    Line(u32),
    /// A line below a heading of a plain text. The lines after it are counted as for [`Self::Line`].
    Section {
        /// The heading.
        heading: String,
        /// The line.
        line: u32,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Page(number) => write!(f, "p. {number}"),
            Self::Slide(number) => write!(f, "slide {number}"),
            Self::Sheet { name, row: None } => write!(f, "sheet {name}"),
            Self::Sheet { name, row: Some(row) } => write!(f, "sheet {name} row {row}"),
            Self::Chapter(title) => write!(f, "chapter {title}"),
            Self::Heading(title) => write!(f, "section {title}"),
            Self::Line(number) => write!(f, "line {number}"),
            Self::Section { heading, line } => write!(f, "line {line} ({heading})"),
        }
    }
}

/// The places of a document, each with the offset of its first character (from 0), in the order of the text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(usize, Place)>")]
pub struct Places(Vec<(usize, Place)>);

impl From<Vec<(usize, Place)>> for Places {
    /// Sorts by offset. Of two places at one offset the later one in the list holds.
    fn from(mut places: Vec<(usize, Place)>) -> Self {
        places.sort_by_key(|(offset, _)| *offset);
        Self(places)
    }
}

impl Places {
    /// The places of a plain text: its lines.
    pub fn of_lines() -> Self {
        Self(vec![(0, Place::Line(1))])
    }

    /// Each place with the offset of its first character, in the order of the text.
    pub fn iter(&self) -> impl Iterator<Item = &(usize, Place)> {
        self.0.iter()
    }

    /// The place that holds the character at `offset`: the last one that begins there or before. Of lines it is the
    /// first one; [`Document::place_at`] counts on from there.
    pub fn at(&self, offset: usize) -> Option<&Place> {
        self.last_before(offset).map(|(_, place)| place)
    }

    fn last_before(&self, offset: usize) -> Option<&(usize, Place)> {
        let after = self.0.partition_point(|(start, _)| *start <= offset);
        self.0[..after].last()
    }
}

/// How many lines end between two offsets in characters.
fn lines_between(text: &str, from: usize, to: usize) -> u32 {
    let from = byte_of(text, 0, from);
    let to = byte_of(text, from.0, to - from.1);
    let lines = text.as_bytes()[from.0..to.0].iter().filter(|byte| **byte == b'\n').count();
    u32::try_from(lines).unwrap_or(u32::MAX)
}

/// The offset in bytes of the character that stands `chars` after the byte `start`, and how many characters there were.
fn byte_of(text: &str, start: usize, chars: usize) -> (usize, usize) {
    const BLOCK: usize = 4096;
    let bytes = &text.as_bytes()[start..];
    let (mut at, mut left) = (0, chars);
    while let Some(block) = bytes.get(at..at + BLOCK) {
        let begun = block.iter().filter(|byte| begins_character(**byte)).count();
        if begun > left {
            break;
        }
        at += BLOCK;
        left -= begun;
    }
    for byte in &bytes[at..] {
        if begins_character(*byte) {
            if left == 0 {
                break;
            }
            left -= 1;
        }
        at += 1;
    }
    (start + at, chars - left)
}

fn begins_character(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_looked_up_by_offset() {
        let row = |row| Place::Sheet { name: "Sales".to_owned(), row };
        let places = Places::from(vec![
            (20, row(Some(12))),
            (5, Place::Page(40)),
            (5, Place::Heading("Risks".to_owned())),
            (9, Place::Slide(3)),
            (30, Place::Chapter("The Storm".to_owned())),
            (31, Place::Line(7)),
            (32, row(None)),
        ]);
        let cases = [
            (0, None),
            (4, None),
            (5, Some("section Risks")),
            (8, Some("section Risks")),
            (9, Some("slide 3")),
            (20, Some("sheet Sales row 12")),
            (29, Some("sheet Sales row 12")),
            (30, Some("chapter The Storm")),
            (31, Some("line 7")),
            (usize::MAX, Some("sheet Sales")),
        ];
        for (offset, place) in cases {
            assert_eq!(places.at(offset).map(Place::to_string).as_deref(), place, "{offset}");
        }
        assert_eq!(Place::Page(40).to_string(), "p. 40");
        assert_eq!(Places::default().at(0), None);
    }

    #[test]
    fn lines_are_counted_from_the_last_place_that_has_one() {
        let text = "é1\n2\n\n# Ä\n5\n6".to_owned();
        let heading = Place::Section { heading: "Ä".to_owned(), line: 4 };
        let places = Places::from(vec![(0, Place::Line(1)), (6, heading)]);
        let document = Document { text, places, ..Document::default() };
        let cases = [
            (0, "line 1"),
            (2, "line 1"),
            (3, "line 2"),
            (5, "line 3"),
            (6, "line 4 (Ä)"),
            (10, "line 5 (Ä)"),
            (12, "line 6 (Ä)"),
            (99, "line 6 (Ä)"),
        ];
        for (offset, place) in cases {
            assert_eq!(document.place_at(offset).unwrap().to_string(), place, "{offset}");
        }
        assert_eq!(Document::default().place_at(0), None);
    }

    #[test]
    fn lines_of_long_texts_are_counted() {
        let text = "zeile mit ä\n".repeat(5000) + "last";
        let document = Document { text, places: Places::of_lines(), ..Document::default() };
        for line in [0, 1, 340, 341, 342, 4999] {
            assert_eq!(document.place_at(line * 12), Some(Place::Line(line as u32 + 1)));
            assert_eq!(document.place_at(line * 12 + 11), Some(Place::Line(line as u32 + 1)));
        }
        assert_eq!(document.place_at(usize::MAX), Some(Place::Line(5001)));
    }

    #[test]
    fn json_keeps_the_places_and_their_order() {
        let written = r#"[[5,{"slide":3}],[0,{"page":1}],[9,{"sheet":{"name":"A","row":2}}],[12,{"sheet":{"name":"B"}}]]"#;
        let places: Places = serde_json::from_str(written).unwrap();
        assert_eq!(places.at(3), Some(&Place::Page(1)));
        let again: Places = serde_json::from_str(&serde_json::to_string(&places).unwrap()).unwrap();
        assert_eq!(again, places);
    }

    #[test]
    fn a_document_is_written_as_a_job_gives_it() {
        let mut document = Document::from("é".to_owned());
        assert_eq!(serde_json::to_string(&document).unwrap(), r#""é""#);
        document.name = Some("a.pdf".to_owned());
        document.places = Places::from(vec![(0, Place::Page(1))]);
        assert_eq!(serde_json::to_string(&document).unwrap(), r#"{"name":"a.pdf","text":"é"}"#);
    }
}
