//! HTML: the text that a browser shows, with its headings.
//!
//! The tokens are those of the standard; no tree is built. What is open is kept on a stack, and tags close what they
//! close in a browser as far as the text depends on it. The time is linear in the length, whatever the markup.

mod attributes;
mod flow;
mod links;
mod lists;
mod marks;
mod note;
mod open;
mod page;
mod small;
mod tables;
mod tags;

use std::collections::HashSet;
use std::convert::Infallible;

use html5gum::emitters::callback::{CallbackEmitter, CallbackEvent};
use html5gum::{Emitter, ForwardingEmitter, Span, State, Tokenizer};

use minions_documents::{Place, Places};
use page::Page;

use crate::Kind;
use crate::reading::{Limits, Problem, Reading};
use crate::{encoding, markup};

/// The text of an HTML document or of a part of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HtmlText {
    /// The text: blocks and list items on lines of their own, each row of a table on one line with ` | ` between cells.
    pub(crate) text: String,
    /// The headings with the offset of each in the text, in characters, in order.
    pub(crate) headings: Vec<(usize, String)>,
    /// The elements whose places were wanted, in the same way.
    pub(crate) anchors: Vec<(usize, String)>,
    /// The document's title, which is no part of the text.
    pub(crate) title: Option<String>,
}

/// The text that a browser shows. In XHTML an empty element may end in its start tag.
pub(crate) fn text_of(html: &str) -> HtmlText {
    text_with(html, &HashSet::new())
}

/// The same, with the places of the elements that have one of these names.
pub(crate) fn text_with(html: &str, wanted: &HashSet<String>) -> HtmlText {
    let text = shown(html, true, wanted);
    // A page that is nothing but its navigation, such as a table of contents.
    if text.text.is_empty() { shown(html, false, wanted) } else { text }
}

/// Reads a page. Its title is the first line, unless the text begins with it.
pub(crate) fn read(bytes: Vec<u8>, limits: &Limits) -> Result<Reading, Problem> {
    if bytes.len() > limits.text {
        return Err(Problem::TooLarge { bytes: bytes.len(), limit: limits.text });
    }
    let mut notes = Vec::new();
    let HtmlText { mut text, mut headings, title, .. } = text_of(&decoded(bytes, &mut notes));
    if let Some(title) = title.filter(|title| !text.starts_with(title.as_str())) {
        let before = title.chars().count() + 2;
        text = format!("{title}\n\n{text}");
        headings.iter_mut().for_each(|(offset, _)| *offset += before);
    }
    let places: Vec<_> =
        headings.into_iter().map(|(offset, title)| (offset, Place::Heading(title))).collect();
    Ok(Reading { kind: Kind::Html, text, places: Places::from(places), notes, scans: Vec::new() })
}

/// The characters of a page. Its own declaration of its encoding holds unless they are Unicode.
fn decoded(bytes: Vec<u8>, notes: &mut Vec<String>) -> String {
    let label = markup::encoding(&bytes).map(<[u8]>::to_vec);
    encoding::decode(bytes, label.as_deref(), notes)
}

fn shown(html: &str, without_navigation: bool, wanted: &HashSet<String>) -> HtmlText {
    let xhtml = is_xhtml(html);
    let mut page = Page::new(xhtml, without_navigation, wanted.clone());
    let mut inner = CallbackEmitter::new(|event: CallbackEvent<'_>, _: Span<()>| {
        match event {
            CallbackEvent::OpenStartTag { name } => page.open(name),
            CallbackEvent::AttributeName { name } => page.attributes.name(name),
            CallbackEvent::AttributeValue { value } => page.attributes.value(value),
            CallbackEvent::CloseStartTag { self_closing } => page.start(self_closing),
            CallbackEvent::EndTag { name } => page.end(name),
            CallbackEvent::String { value } => page.string(&String::from_utf8_lossy(value)),
            _ => {}
        }
        None::<Infallible>
    });
    inner.naively_switch_states(true);
    let Ok(()) = Tokenizer::new_with_emitter(html, Tokens { inner, xhtml, is_empty: false }).finish();
    page.finish()
}

/// Whether the document calls itself XHTML at its beginning.
fn is_xhtml(html: &str) -> bool {
    let mut head = html.len().min(1024);
    while !html.is_char_boundary(head) {
        head -= 1;
    }
    let head = html[..head].trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    head.starts_with("<?xml") || head.contains("http://www.w3.org/1999/xhtml") || head.contains("//DTD XHTML")
}

/// Tokens as the standard has them; in XHTML an element without content may end in its start tag.
struct Tokens<E> {
    inner: E,
    xhtml: bool,
    /// Whether the tag that is read ends with a slash.
    is_empty: bool,
}

impl<E: Emitter<Token = Infallible>> ForwardingEmitter for Tokens<E> {
    type Token = Infallible;

    fn inner(&mut self) -> &mut impl Emitter<Token = Infallible> {
        &mut self.inner
    }

    fn should_emit_errors(&mut self) -> bool {
        false
    }

    fn set_self_closing(&mut self) {
        self.is_empty = true;
        self.inner.set_self_closing();
    }

    fn emit_current_tag(&mut self) -> Option<State> {
        let state = self.inner.emit_current_tag();
        let is_empty = std::mem::take(&mut self.is_empty);
        state.filter(|_| !(is_empty && self.xhtml))
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&mut self) -> bool {
        self.xhtml
    }
}

#[cfg(test)]
mod tests;
