//! A page as it is read: its tags become lines, lists, rows and headings.

use std::collections::HashSet;

use super::HtmlText;
use super::attributes::Attributes;
use super::flow::Flow;
use super::links::address;
use super::lists::Lists;
use super::marks::{Mark, Marks};
use super::note::Note;
use super::open::{Elements, Name};
use super::small::Small;
use super::tables::{DEEPEST, Table};
use super::tags::{Shape, Tag};
use crate::draft::in_one_line;
use crate::formula::Formula;
use crate::raised::Rise;

pub(super) struct Page {
    pub(super) attributes: Attributes,
    /// The tag that is read, and its name as it stands there.
    name: Option<Name>,
    open: Elements<Note>,
    flow: Flow,
    lists: Lists,
    tables: Vec<Grid>,
    marks: Marks,
    /// The names of elements whose places are wanted.
    wanted: HashSet<String>,
    title: Option<String>,
    /// How many of the open elements are hidden, and whether the text in the innermost is seen where none is.
    hidden: usize,
    visible: bool,
    formula: Option<Formula>,
    element: String,
    small: Small,
    /// How many of them strike their text out.
    struck: usize,
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

impl Page {
    pub(super) fn new(xhtml: bool, without_navigation: bool, wanted: HashSet<String>) -> Self {
        Self {
            attributes: Attributes::default(),
            name: None,
            open: Elements::new(),
            flow: Flow::default(),
            lists: Lists::default(),
            tables: Vec::new(),
            marks: Marks::default(),
            wanted,
            title: None,
            hidden: 0,
            visible: true,
            formula: None,
            element: String::new(),
            small: Small::default(),
            struck: 0,
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
        self.element = String::from_utf8_lossy(name).into_owned();
    }

    /// A start tag is complete.
    pub(super) fn start(&mut self, is_empty: bool) {
        let Some(name) = self.name.take() else { return };
        self.skip_newline = false;
        let Some(tag) = name.tag() else {
            self.anchor();
            self.push(name, Note::default());
            return self.end_empty(is_empty);
        };
        self.leave_formula(tag);
        self.close_to(self.open.left_by(tag));
        self.anchor();
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
            match &mut self.formula {
                _ if !self.visible => {}
                Some(formula) => formula.text(text),
                None if self.struck > 0 => self.flow.push_struck(text, self.kept > 0),
                None => self.flow.push(text, self.kept > 0),
            }
        } else if self.title.is_none() && self.open.is_open(Tag::Title) && !self.open.is_open(Tag::Svg) {
            self.title = Some(in_one_line(text)).filter(|title| !title.is_empty());
        }
    }

    pub(super) fn finish(mut self) -> HtmlText {
        // Navigation that never ends would take the whole page with it.
        self.without_navigation = false;
        self.close_to(0);
        self.flow.end();
        let mut text = self.flow.text;
        text.truncate(text.trim_end().len());
        let (headings, anchors) = self.marks.in_characters(&text);
        HtmlText { text, headings, anchors, title: self.title }
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
            rise: match tag {
                Tag::Sup => Rise::Raised,
                Tag::Sub => Rise::Lowered,
                _ => self.attributes.rise(),
            },
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
            Tag::Q if self.visible => self.flow.push("\"", true),
            Tag::Rt if self.visible => self.flow.push("(", true),
            Tag::Math if self.formula.is_none() => self.formula = Some(Formula::default()),
            _ if tag.is_list() => self.lists.open(tag, &self.attributes),
            _ if tag.is_heading() => self.flow.begin_heading(),
            _ => {}
        }
        let address = self.attributes.get("href").filter(|_| tag == Tag::A).and_then(address);
        self.push(tag.into(), Note { start, address, ..note });
    }

    fn push(&mut self, name: Name, note: Note) {
        let hidden = note.hidden || name.tag().is_none() && self.attributes.is_hidden();
        let rise = if name.tag().is_none() { self.attributes.rise() } else { note.rise };
        let start = if name.tag().is_none() { self.flow.text.len() } else { note.start };
        let visibility = self.attributes.visibility();
        let seen_before = visibility.map(|visible| std::mem::replace(&mut self.visible, visible));
        if let Some(formula) = &mut self.formula {
            let attributes = &self.attributes;
            formula.open(&self.element, |name| attributes.get(name).map(str::to_owned));
        }
        let strikes = matches!(self.element.as_str(), "s" | "strike" | "del") || self.attributes.strikes();
        if rise != Rise::Level {
            self.flow.leave_struck();
        }
        let in_formula = self.formula.is_some();
        let note = Note { hidden, rise, strikes, start, seen_before, in_formula, ..note };
        self.hidden += usize::from(note.hidden);
        self.kept += usize::from(note.keeps_space);
        self.struck += usize::from(note.strikes);
        self.open.push(name, note);
    }

    /// Ends the innermost elements until `left` are open.
    fn close_to(&mut self, left: usize) {
        while self.open.len() > left {
            let Some(element) = self.open.pop() else { return };
            self.hidden -= usize::from(element.note.hidden);
            self.kept -= usize::from(element.note.keeps_space);
            self.struck -= usize::from(element.note.strikes);
            if let Some(formula) = self.formula.as_mut().filter(|_| element.note.in_formula) {
                formula.close();
            }
            if self.hidden == 0 && !element.note.hidden {
                if self.formula.is_none() {
                    self.small.write(&mut self.flow.text, element.note.start, element.note.rise);
                }
                if let Some(tag) = element.name.tag() {
                    self.close(tag, &element.note);
                }
            }
            self.visible = element.note.seen_before.unwrap_or(self.visible);
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
            Tag::Q if self.visible => self.flow.push("\"", true),
            Tag::Rt if self.visible => self.flow.push(")", true),
            Tag::A if self.visible => self.close_link(note),
            Tag::Math if !self.open.is_open(Tag::Math) => self.close_formula(),
            Tag::Nav if self.without_navigation => {
                self.flow.take_back(note.start);
                self.marks.back_to(note.start);
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
            grid.table.write(&mut self.flow.text, self.marks.all());
        }
    }

    fn close_heading(&mut self) {
        let Some(start) = self.flow.end_heading() else { return };
        let title = in_one_line(self.flow.text.get(start..).unwrap_or_default());
        if !title.is_empty() {
            self.marks.add(start, Mark::Heading(title));
        }
    }

    /// Notes where the element of the tag that is read begins, if that is wanted.
    fn anchor(&mut self) {
        let names = ["id", "name"].into_iter().filter_map(|name| self.attributes.get(name));
        if let Some(name) = names.into_iter().find(|name| self.wanted.contains(*name)) {
            let offset = self.flow.text.trim_end_matches(' ').len();
            self.marks.add(offset, Mark::Anchor(name.to_owned()));
        }
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

    /// Tags that stand in no equation end one that never ended.
    fn leave_formula(&mut self, tag: Tag) {
        let is_outside = matches!(tag.shape(), Shape::Block | Shape::Spaced) && self.formula.is_some();
        if let Some(left) = self.open.closed_by(Tag::Math.into()).filter(|_| is_outside) {
            self.close_to(left);
        }
    }

    /// Writes an equation, which is no part of the word or number before it: `2 1/2`.
    fn close_formula(&mut self) {
        let line = self.formula.take().map(Formula::line).unwrap_or_default();
        if self.flow.text.ends_with(char::is_alphanumeric) && line.starts_with(char::is_alphanumeric) {
            self.flow.space();
        }
        self.flow.push(&line, false);
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
        let is_seen = self.attributes.visibility().unwrap_or(self.visible);
        match tag {
            Tag::Br => self.flow.br(),
            Tag::Hr => self.flow.break_line(2),
            Tag::Img | Tag::Image if is_seen => {
                self.flow.push(self.attributes.get("alt").unwrap_or_default(), false)
            }
            Tag::Input if is_seen => self.input(),
            _ => {}
        }
    }

    fn input(&mut self) {
        if let Some(shown) = self.attributes.field() {
            self.flow.space();
            self.flow.push(shown, false);
            self.flow.space();
        }
    }
}
