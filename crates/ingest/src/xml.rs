//! XML as it is read: elements and texts one by one, never a tree. Entities of a DTD are not expanded, nothing is
//! fetched, and names go by their local part, as every program takes prefixes of its own.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Cursor, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::archive::{Archive, Entry, Inflating, problem_of};
use crate::draft::Stop;
use crate::reading::Problem;

/// How deep elements may be nested. Office programs write some 30 levels.
const DEPTH: usize = 256;

/// How much is inflated at a time.
const BUFFER: usize = 64 << 10;

/// XML that is being read.
pub(crate) struct Xml<'a> {
    reader: Reader<Box<dyn BufRead + 'a>>,
    buffer: Vec<u8>,
    depth: usize,
    foreign: bool,
}

/// The start of an element.
pub(crate) struct Element(BytesStart<'static>);

/// What stands in an element.
pub(crate) enum Node<'n> {
    Element(&'n Element),
    Text(&'n str),
}

enum Piece {
    Open(Element),
    Close,
    Text(String),
    End,
}

impl Element {
    /// Its name without a prefix.
    pub(crate) fn name(&self) -> &str {
        self.0.local_name().into_inner()
    }

    /// The value of an attribute, by its name without a prefix. One without a prefix comes first.
    pub(crate) fn attr(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut prefixed = None;
        let mut attributes = self.0.attributes();
        for attribute in attributes.with_checks(false).flatten() {
            if attribute.key.as_ref() == name {
                return Some(unescaped(attribute.value));
            }
            if prefixed.is_none() && attribute.key.local_name().as_ref() == name {
                prefixed = Some(attribute.value);
            }
        }
        prefixed.map(unescaped)
    }

    /// The value of an attribute that has a prefix, as references to other parts have.
    pub(crate) fn prefixed(&self, name: &str) -> Option<Cow<'_, str>> {
        let mut attributes = self.0.attributes();
        let found = attributes.with_checks(false).flatten().find(|attribute| {
            attribute.key.prefix().is_some() && attribute.key.local_name().as_ref() == name
        });
        found.map(|attribute| unescaped(attribute.value))
    }

    /// The attribute as a number.
    pub(crate) fn number<N: std::str::FromStr>(&self, name: &str) -> Option<N> {
        self.attr(name)?.trim().parse().ok()
    }

    /// Whether a property that is on where it stands is on: `<w:b/>`, `<w:b w:val="0"/>`.
    pub(crate) fn is_on(&self) -> bool {
        !matches!(self.attr("val").as_deref(), Some("0" | "false" | "off" | "none"))
    }
}

fn unescaped(value: Cow<'_, str>) -> Cow<'_, str> {
    if !value.contains('&') {
        return value;
    }
    let unescaped = quick_xml::escape::unescape(&value).map(Cow::into_owned);
    unescaped.map_or(value, Cow::Owned)
}

impl<'a> Xml<'a> {
    /// Reads the entry of a zip.
    pub(crate) fn open(archive: &'a Archive<'_>, entry: &'a Entry) -> Result<Self, Stop> {
        let mut source = BufReader::with_capacity(BUFFER, archive.inflate(entry)?);
        let start = source.fill_buf().map_err(|error| stop_of(&error))?;
        if matches!(start, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
            return Ok(Self::new(Box::new(Cursor::new(from_utf16(source)?))));
        }
        Ok(Self::new(Box::new(source)))
    }

    fn new(source: Box<dyn BufRead + 'a>) -> Self {
        let mut reader = Reader::from_reader(source);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.allow_dangling_amp = true;
        Self { reader, buffer: Vec::new(), depth: 0, foreign: false }
    }

    /// Whether entities of a DTD were left out.
    pub(crate) fn has_foreign_entities(&self) -> bool {
        self.foreign
    }

    /// Visits the elements in the one that was opened last, or the root. What the visitor leaves unread of an element
    /// is skipped.
    pub(crate) fn each(
        &mut self,
        mut visit: impl FnMut(&mut Self, &Element) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.each_node(|xml, node| match node {
            Node::Element(element) => visit(xml, element),
            Node::Text(_) => Ok(()),
        })
    }

    /// The same with the texts between the elements.
    pub(crate) fn each_node(
        &mut self,
        mut visit: impl FnMut(&mut Self, Node<'_>) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        let floor = self.depth;
        loop {
            match self.next()? {
                Piece::Open(element) => {
                    visit(self, Node::Element(&element))?;
                    self.leave(floor)?;
                }
                Piece::Text(text) => visit(self, Node::Text(&text))?,
                Piece::Close => return Ok(()),
                Piece::End if floor == 0 => return Ok(()),
                Piece::End => return Err(Stop::Damaged),
            }
        }
    }

    /// All text in the element that was opened last.
    pub(crate) fn text(&mut self) -> Result<String, Stop> {
        let floor = self.depth;
        let mut text = String::new();
        loop {
            match self.next()? {
                Piece::Text(more) if text.is_empty() => text = more,
                Piece::Text(more) => text.push_str(&more),
                Piece::Close if self.depth < floor => return Ok(text),
                Piece::End => return Err(Stop::Damaged),
                Piece::Open(_) | Piece::Close => {}
            }
        }
    }

    /// Reads on until the elements above this depth are closed.
    fn leave(&mut self, depth: usize) -> Result<(), Stop> {
        while self.depth > depth {
            self.buffer.clear();
            match self.reader.read_event_into(&mut self.buffer).map_err(|error| stop_of_xml(&error))? {
                Event::Start(_) => self.depth += 1,
                Event::End(_) => self.depth -= 1,
                Event::Eof => return Err(Stop::Damaged),
                _ => {}
            }
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Piece, Stop> {
        loop {
            self.buffer.clear();
            let event = self.reader.read_event_into(&mut self.buffer).map_err(|error| stop_of_xml(&error))?;
            let piece = match event {
                Event::Start(start) => {
                    self.depth += 1;
                    if self.depth > DEPTH {
                        return Err(Stop::Refused(Problem::Bomb("its XML is nested too deeply")));
                    }
                    Piece::Open(Element(start.into_owned()))
                }
                Event::End(_) => {
                    self.depth = self.depth.checked_sub(1).ok_or(Stop::Damaged)?;
                    Piece::Close
                }
                Event::Text(text) => Piece::Text(text.into_inner().into_owned()),
                Event::CData(text) => Piece::Text(text.into_inner().into_owned()),
                Event::GeneralRef(reference) => match resolved(&reference) {
                    Some(letter) => Piece::Text(letter.to_string()),
                    None => {
                        self.foreign = true;
                        continue;
                    }
                },
                Event::Eof => Piece::End,
                _ => continue,
            };
            return Ok(piece);
        }
    }
}

/// The character of a reference that XML itself knows.
fn resolved(reference: &BytesRef<'_>) -> Option<char> {
    if let Ok(Some(letter)) = reference.resolve_char_ref() {
        return Some(letter);
    }
    Some(match &**reference {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "quot" => '"',
        "apos" => '\'',
        _ => return None,
    })
}

/// UTF-16 with a byte order mark, as UTF-8.
fn from_utf16(mut source: BufReader<Inflating<'_>>) -> Result<String, Stop> {
    let mut bytes = Vec::new();
    source.read_to_end(&mut bytes).map_err(|error| stop_of(&error))?;
    let unit = if bytes[0] == 0xff { u16::from_le_bytes } else { u16::from_be_bytes };
    let units = bytes[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    Ok(char::decode_utf16(units).map(|unit| unit.unwrap_or('\u{fffd}')).collect())
}

fn stop_of(error: &std::io::Error) -> Stop {
    problem_of(error).map_or(Stop::Damaged, Stop::Refused)
}

fn stop_of_xml(error: &quick_xml::Error) -> Stop {
    match error {
        quick_xml::Error::Io(error) => stop_of(error),
        _ => Stop::Damaged,
    }
}
