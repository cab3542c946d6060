//! The elements that are open. Each step takes a fixed time on average, however many there are: nothing is searched for.

use std::collections::HashMap;

use super::tags::Tag;

/// How many names of unknown elements are told apart.
const MOST_NAMES: usize = 4096;

/// What ends the search for an open element.
const SCOPE: &[Tag] = &[Tag::Table, Tag::Td, Tag::Th, Tag::Caption, Tag::Template, Tag::Object];
const ITEM_SCOPE: &[Tag] = &[
    Tag::Table,
    Tag::Td,
    Tag::Th,
    Tag::Caption,
    Tag::Template,
    Tag::Ul,
    Tag::Ol,
    Tag::Menu,
    Tag::Dir,
    Tag::Dl,
];
const PARAGRAPH_SCOPE: &[Tag] =
    &[Tag::Table, Tag::Td, Tag::Th, Tag::Caption, Tag::Template, Tag::Object, Tag::Button];
const HEADINGS: &[Tag] = &[Tag::H1, Tag::H2, Tag::H3, Tag::H4, Tag::H5, Tag::H6];
const TABLE_SCOPE: &[Tag] = &[Tag::Table, Tag::Template];

/// The name of an element: a known one, or one of the unknown ones.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Name(usize);

impl Name {
    pub(super) fn tag(self) -> Option<Tag> {
        Tag::ALL.get(self.0).copied()
    }
}

impl From<Tag> for Name {
    fn from(tag: Tag) -> Self {
        Self(tag as usize)
    }
}

/// An open element with what is to be known when it closes.
pub(super) struct Element<T> {
    pub(super) name: Name,
    pub(super) note: T,
}

/// The open elements, the innermost last.
pub(super) struct Elements<T> {
    stack: Vec<Element<T>>,
    /// For each name, where in the stack its elements are.
    positions: Vec<Vec<usize>>,
    /// Where in the stack the special elements are.
    special: Vec<usize>,
    unknown: HashMap<Box<[u8]>, usize>,
}

impl<T> Elements<T> {
    pub(super) fn new() -> Self {
        let positions = vec![Vec::new(); Tag::ALL.len() + 1];
        Self { stack: Vec::new(), positions, special: Vec::new(), unknown: HashMap::new() }
    }

    /// The name that `name`, in lower case, stands for.
    pub(super) fn name(&mut self, name: &[u8]) -> Name {
        if let Some(tag) = Tag::of(name) {
            return tag.into();
        }
        if let Some(known) = self.unknown.get(name) {
            return Name(*known);
        }
        if self.unknown.len() == MOST_NAMES {
            return Name(Tag::ALL.len());
        }
        self.unknown.insert(name.into(), self.positions.len());
        self.positions.push(Vec::new());
        Name(self.positions.len() - 1)
    }

    pub(super) fn push(&mut self, name: Name, note: T) {
        let position = self.stack.len();
        self.positions[name.0].push(position);
        if name.tag().is_some_and(Tag::is_special) {
            self.special.push(position);
        }
        self.stack.push(Element { name, note });
    }

    pub(super) fn pop(&mut self) -> Option<Element<T>> {
        let element = self.stack.pop()?;
        self.positions[element.name.0].pop();
        self.special.pop_if(|position| *position == self.stack.len());
        Some(element)
    }

    pub(super) fn len(&self) -> usize {
        self.stack.len()
    }

    pub(super) fn is_open(&self, tag: Tag) -> bool {
        !self.positions[tag as usize].is_empty()
    }

    /// How many elements stay open when an end tag has closed what it closes; `None` if it closes nothing.
    pub(super) fn closed_by(&self, end: Name) -> Option<usize> {
        let heading = end.tag().is_some_and(Tag::is_heading);
        let position = if heading { self.last_of(HEADINGS) } else { self.last(end) }?;
        let barrier = match end.tag() {
            Some(Tag::Table) => self.last_of(&[Tag::Template]),
            Some(Tag::Td | Tag::Th | Tag::Tr | Tag::Tbody | Tag::Thead | Tag::Tfoot | Tag::Caption) => {
                self.last_of(TABLE_SCOPE)
            }
            Some(Tag::Li) => self.last_of(ITEM_SCOPE),
            Some(tag) if tag.is_cell() || SCOPE.contains(&tag) => None,
            Some(tag) if tag.is_special() => self.last_of(SCOPE),
            _ => self.special.last().copied(),
        };
        (Some(position) >= barrier).then_some(position)
    }

    /// How many elements stay open when a start tag has closed what it closes.
    pub(super) fn left_by(&self, start: Tag) -> usize {
        let closes =
            |tags: &[Tag], scope| self.last_of(tags).filter(|position| Some(*position) > self.last_of(scope));
        let closed = match start {
            Tag::Li => closes(&[Tag::Li], ITEM_SCOPE),
            Tag::Dt | Tag::Dd => closes(&[Tag::Dt, Tag::Dd], ITEM_SCOPE),
            Tag::Option => closes(&[Tag::Option], &[Tag::Select]),
            Tag::Optgroup => {
                closes(&[Tag::Optgroup], &[Tag::Select]).or_else(|| closes(&[Tag::Option], &[Tag::Select]))
            }
            Tag::Td | Tag::Th => closes(&[Tag::Td], TABLE_SCOPE).or_else(|| closes(&[Tag::Th], TABLE_SCOPE)),
            Tag::Tr => closes(&[Tag::Tr], TABLE_SCOPE),
            Tag::Tbody | Tag::Thead | Tag::Tfoot | Tag::Caption => {
                [Tag::Tbody, Tag::Thead, Tag::Tfoot, Tag::Caption, Tag::Tr]
                    .iter()
                    .filter_map(|tag| closes(&[*tag], TABLE_SCOPE))
                    .min()
            }
            tag if tag.is_heading() => self
                .stack
                .last()
                .and_then(|open| open.name.tag().is_some_and(Tag::is_heading).then(|| self.stack.len() - 1)),
            Tag::Rt | Tag::Rp => closes(&[Tag::Rt, Tag::Rp], &[Tag::Ruby]),
            Tag::A => closes(&[Tag::A], SCOPE).filter(|position| Some(position) > self.special.last()),
            _ => None,
        };
        let paragraph = start.closes_paragraph().then(|| closes(&[Tag::P], PARAGRAPH_SCOPE)).flatten();
        [closed, paragraph].into_iter().flatten().min().unwrap_or(self.stack.len())
    }

    fn last(&self, name: Name) -> Option<usize> {
        self.positions[name.0].last().copied()
    }

    fn last_of(&self, tags: &[Tag]) -> Option<usize> {
        tags.iter().filter_map(|tag| self.last((*tag).into())).max()
    }
}
