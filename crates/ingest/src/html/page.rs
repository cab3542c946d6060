//! A page as it is read: its tags become lines, lists, rows and headings.

use super::HtmlText;
use super::attributes::Attributes;
use super::flow::Flow;
use super::lists::Lists;
use super::open::{Elements, Name};
use super::tables::{DEEPEST, Table};
use super::tags::{Shape, Tag};
use crate::raised::{subscript, superscript};

pub(super) struct Page {
    pub(super) attributes: Attributes,
    /// The name of the tag that is read.
    name: Option<Name>,
    open: Elements<Note>,
    flow: Flow,
    lists: Lists,
    tables: Vec<Grid>,
    /// The headings, each with its offset in bytes.
    headings: Vec<(usize, String)>,
    title: Option<String>,
    /// How many of the open elements are hidden.
    hidden: usize,
    /// How many of them keep white space.
    kept: usize,
    /// Whether a line break that comes now belongs to the start tag before it.
    skip_newline: bool,
    xhtml: bool,
    without_navigation: bool,
}

/// A table with the column in which its next cell stands.
struct Grid {
    table: Table,
    next_column: usize,
}

/// What is to be known of an element when it ends.
#[derive(Default)]
struct Note {
    hidden: bool,
    keeps_space: bool,
    /// Where its text begins, in bytes.
    start: usize,
    /// The address of a link that its text may lack.
    address: Option<String>,
}

impl Page {
    pub(super) fn new(xhtml: bool, without_navigation: bool) -> Self {
        Self {
            attributes: Attributes::default(),
            name: None,
            open: Elements::new(),
            flow: Flow::default(),
            lists: Lists::default(),
            tables: Vec::new(),
            headings: Vec::new(),
            title: None,
            hidden: 0,
            kept: 0,
            skip_newline: false,
            xhtml,
            without_navigation,
        }
    }

    /// A start tag begins.
    pub(super) fn open(&mut self, name: &[u8]) {
        self.attributes.clear();
        self.name = Some(self.open.name(name));
    }

    /// A start tag is complete.
    pub(super) fn start(&mut self, is_empty: bool) {
        let Some(name) = self.name.take() else { return };
        self.skip_newline = false;
        let Some(tag) = name.tag() else {
            self.push(name, Note::default());
            return self.end_empty(is_empty);
        };
        self.close_to(self.open.left_by(tag));
        match tag.shape() {
            Shape::Ignored => return,
            Shape::Void => return self.void(tag),
            _ => {}
        }
        if self.is_misplaced(tag) {
            return;
        }
        if tag.is_cell() && !self.is_row_open() {
            self.start_element(Tag::Tr);
        }
        self.start_element(tag);
        self.end_empty(is_empty);
    }

    /// An end tag. What is open in its element ends with it.
    pub(super) fn end(&mut self, name: &[u8]) {
        self.skip_newline = false;
        let name = self.open.name(name);
        match (self.open.closed_by(name), name.tag()) {
            (Some(left), _) => self.close_to(left),
            (None, Some(Tag::Br)) if self.hidden == 0 && !self.xhtml => self.flow.br(),
            (None, Some(Tag::P)) if self.hidden == 0 => self.flow.break_line(2),
            _ => {}
        }
    }

    pub(super) fn string(&mut self, text: &str) {
        let text = if std::mem::take(&mut self.skip_newline) {
            text.strip_prefix('\n').unwrap_or(text)
        } else {
            text
        };
        if self.hidden == 0 {
            self.flow.push(text, self.kept > 0);
        } else if self.title.is_none() && self.open.is_open(Tag::Title) && !self.open.is_open(Tag::Svg) {
            self.title = Some(words(text)).filter(|title| !title.is_empty());
        }
    }

    pub(super) fn finish(mut self) -> HtmlText {
        // Navigation that never ends would take the whole page with it.
        self.without_navigation = false;
        self.close_to(0);
        self.flow.end();
        let mut text = self.flow.text;
        text.truncate(text.trim_end().len());
        let headings = in_characters(&text, self.headings);
        HtmlText { text, headings, title: self.title }
    }

    fn end_empty(&mut self, is_empty: bool) {
        let foreign = self.open.is_open(Tag::Svg) || self.open.is_open(Tag::Math);
        if is_empty && (self.xhtml || foreign) {
            self.close_to(self.open.len() - 1);
        }
    }

    /// Whether a browser leaves out the tag: parts of a table outside of one.
    fn is_misplaced(&self, tag: Tag) -> bool {
        let part = matches!(tag, Tag::Tr | Tag::Tbody | Tag::Thead | Tag::Tfoot | Tag::Caption);
        (part || tag.is_cell()) && !self.open.is_open(Tag::Table)
    }

    fn is_row_open(&self) -> bool {
        self.open.closed_by(Tag::Tr.into()).is_some()
    }

    fn start_element(&mut self, tag: Tag) {
        let note = Note {
            hidden: self.hides(tag),
            keeps_space: tag.keeps_space() || self.attributes.keeps_space(),
            ..Note::default()
        };
        self.skip_newline = matches!(tag, Tag::Pre | Tag::Listing | Tag::Textarea);
        if self.hidden > 0 || note.hidden {
            return self.push(tag.into(), note);
        }
        self.around(tag);
        let start = if tag.is_cell() || matches!(tag, Tag::Table | Tag::Tr | Tag::Nav) {
            self.flow.end()
        } else {
            self.flow.text.len()
        };
        match tag {
            Tag::Table => {
                if let Some(outer) = self.tables.last_mut() {
                    outer.table.note_table();
                }
                self.tables.push(Grid { table: Table::at(start), next_column: 0 });
            }
            Tag::Tr => {
                if let Some(grid) = self.tables.last_mut() {
                    grid.table.begin_row(start);
                    grid.next_column = 0;
                }
            }
            Tag::Td | Tag::Th => {
                let width = self.attributes.number("colspan").unwrap_or(1);
                let height = self.attributes.number("rowspan").unwrap_or(1);
                if let Some(grid) = self.tables.last_mut() {
                    grid.next_column = grid.table.begin_cell(start, width, height, grid.next_column);
                }
            }
            Tag::Li => {
                let marker = self.lists.marker(&self.attributes);
                self.flow.mark_item(marker);
            }
            Tag::Dd => self.flow.mark_item("  ".to_owned()),
            Tag::Q => self.flow.push("\"", true),
            Tag::Rt => self.flow.push("(", true),
            _ if tag.is_list() => self.lists.open(tag, &self.attributes),
            _ if tag.is_heading() => self.flow.begin_heading(),
            _ => {}
        }
        let address = self.attributes.get("href").filter(|_| tag == Tag::A).and_then(address);
        self.push(tag.into(), Note { start, address, ..note });
    }

    fn push(&mut self, name: Name, note: Note) {
        let hidden = note.hidden || name.tag().is_none() && self.attributes.is_hidden();
        let note = Note { hidden, ..note };
        self.hidden += usize::from(note.hidden);
        self.kept += usize::from(note.keeps_space);
        self.open.push(name, note);
    }

    /// Ends the innermost elements until `left` are open.
    fn close_to(&mut self, left: usize) {
        while self.open.len() > left {
            let Some(element) = self.open.pop() else { return };
            self.hidden -= usize::from(element.note.hidden);
            self.kept -= usize::from(element.note.keeps_space);
            if let Some(tag) = element.name.tag().filter(|_| self.hidden == 0 && !element.note.hidden) {
                self.close(tag, &element.note);
            }
        }
    }

    fn close(&mut self, tag: Tag, note: &Note) {
        match tag {
            Tag::Table => self.close_table(),
            Tag::Tr => {
                let end = self.flow.end();
                if let Some(grid) = self.tables.last_mut() {
                    grid.table.end_row(end);
                }
            }
            Tag::Td | Tag::Th => {
                let end = self.flow.end();
                if let Some(grid) = self.tables.last_mut() {
                    grid.table.end_cell(end);
                }
            }
            Tag::Li | Tag::Dd => self.flow.unmark_item(),
            Tag::Q => self.flow.push("\"", true),
            Tag::Rt => self.flow.push(")", true),
            Tag::A => self.close_link(note),
            Tag::Sup => self.close_small(note, superscript),
            Tag::Sub => self.close_small(note, subscript),
            Tag::Nav if self.without_navigation => {
                self.flow.take_back(note.start);
                self.headings.truncate(self.headings.partition_point(|(start, _)| *start < note.start));
            }
            _ if tag.is_list() => self.lists.close(),
            _ if tag.is_heading() => self.close_heading(),
            _ => {}
        }
        self.around(tag);
    }

    fn close_table(&mut self) {
        let depth = self.tables.len();
        self.flow.end();
        if let Some(grid) = self.tables.pop().filter(|_| depth <= DEEPEST) {
            grid.table.write(&mut self.flow.text, &mut self.headings);
        }
    }

    fn close_heading(&mut self) {
        let start = self.flow.end_heading();
        let heading = start.and_then(|start| Some((start, words(self.flow.text.get(start..)?))));
        self.headings.extend(heading.filter(|(_, title)| !title.is_empty()));
    }

    /// Names the address of a link whose text lacks it.
    fn close_link(&mut self, note: &Note) {
        let Some(address) = &note.address else { return };
        let text = self.flow.text.get(note.start..).unwrap_or_default();
        if !text.contains(address.as_str()) {
            let spoken = format!(" ({address})");
            self.flow.push(&spoken, false);
        }
    }

    /// Raises or lowers the digits that the element holds.
    fn close_small(&mut self, note: &Note, form: fn(&str) -> Option<String>) {
        let written = self.flow.text.get(note.start..).unwrap_or_default();
        let words = written.trim_start();
        let start = note.start + written.len() - words.len();
        if let Some(small) = form(words) {
            self.flow.text.truncate(start);
            self.flow.text.push_str(&small);
        }
    }

    /// Sets what is around an element apart from it.
    fn around(&mut self, tag: Tag) {
        match tag.shape() {
            Shape::Apart => self.flow.space(),
            Shape::Block => self.flow.break_line(1),
            Shape::Spaced if tag.is_list() && !self.lists.is_empty() => self.flow.break_line(1),
            Shape::Spaced => self.flow.break_line(2),
            _ => {}
        }
    }

    fn hides(&self, tag: Tag) -> bool {
        let in_picture = matches!(tag, Tag::Desc | Tag::Defs | Tag::Metadata) && self.open.is_open(Tag::Svg);
        let closed = tag == Tag::Dialog && self.attributes.get("open").is_none();
        tag.shape() == Shape::Hidden || in_picture || closed || self.attributes.is_hidden()
    }

    fn void(&mut self, tag: Tag) {
        if self.hidden > 0 || self.attributes.is_hidden() {
            return;
        }
        match tag {
            Tag::Br => self.flow.br(),
            Tag::Hr => self.flow.break_line(2),
            Tag::Img | Tag::Image => self.flow.push(self.attributes.get("alt").unwrap_or_default(), false),
            Tag::Input => self.input(),
            _ => {}
        }
    }

    /// What a field of a form shows.
    fn input(&mut self) {
        let checked = self.attributes.get("checked").is_some();
        let kind = self.attributes.get("type").unwrap_or("text").trim().to_ascii_lowercase();
        let shown = match kind.as_str() {
            "hidden" | "password" | "file" | "image" | "color" | "range" => return,
            "checkbox" | "radio" if checked => "[x]",
            "checkbox" | "radio" => "[ ]",
            _ => self.attributes.get("value").unwrap_or_default(),
        };
        self.flow.space();
        self.flow.push(shown, false);
        self.flow.space();
    }
}

/// The address of a link that a reader might ask for: of mail and telephones.
fn address(href: &str) -> Option<String> {
    let href = href.trim();
    let address = href.strip_prefix("mailto:").or_else(|| href.strip_prefix("tel:"))?;
    let address = address.split('?').next().unwrap_or_default();
    Some(address.to_owned()).filter(|address| !address.is_empty())
}

/// A text in one line.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Offsets in bytes, which ascend, as offsets in characters.
fn in_characters(text: &str, marks: Vec<(usize, String)>) -> Vec<(usize, String)> {
    let (mut bytes, mut characters) = (0, 0);
    let mut marked = Vec::with_capacity(marks.len());
    for (mark, title) in marks {
        characters += text.get(bytes..mark).map_or(0, |between| between.chars().count());
        bytes = mark;
        marked.push((characters, title));
    }
    marked
}
