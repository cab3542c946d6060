//! A document: its text, its name, and which of its places stands where in the text.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

/// A document of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// The name that the job gives it, such as a file's.
    pub name: Option<String>,
    /// The whole text.
    pub text: String,
    /// Where in the text its pages, slides or rows begin; empty if that is not known.
    pub places: Places,
}

impl Document {
    /// The length of the text in characters (Unicode scalar values).
    pub fn chars(&self) -> usize {
        self.text.chars().count()
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
    /// A line of a plain text.
    Line(u32),
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
    /// The place that holds the character at `offset`: the last one that begins there or before.
    pub fn at(&self, offset: usize) -> Option<&Place> {
        let after = self.0.partition_point(|(start, _)| *start <= offset);
        self.0[..after].last().map(|(_, place)| place)
    }
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
