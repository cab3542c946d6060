//! What the styles of an OpenDocument file say (OpenDocument 1.3 part 3, 16).

use std::collections::HashMap;

use super::super::block::Look;
use super::super::numerals::counted;
use super::super::symbols::bullet;
use crate::draft::Stop;
use crate::raised::Rise;
use crate::xml::{Element, Xml};

/// How many styles are asked for what a style inherits.
const ANCESTORS: usize = 16;

/// How deep lists are nested.
pub(super) const LEVELS: usize = 10;

/// The name that the numbering of headings goes by, which no list style has.
pub(super) const OUTLINE: &str = "";

/// The styles by family and name, and those of lists by name.
#[derive(Default)]
pub(super) struct Styles {
    styles: HashMap<(String, String), Style>,
    lists: HashMap<String, HashMap<usize, Level>>,
}

/// What a style sets; what it leaves open, it inherits.
#[derive(Default)]
struct Style {
    parent: Option<String>,
    hidden: Option<bool>,
    page_before: Option<bool>,
    page_after: Option<bool>,
    rise: Option<Rise>,
    struck: Option<bool>,
}

/// How a level of a list is labelled.
#[derive(Clone, Default)]
struct Level {
    bullet: Option<String>,
    format: String,
    before: String,
    after: String,
    shown_levels: usize,
    start: u32,
}

impl Styles {
    /// Reads a group of styles.
    pub(super) fn read(&mut self, xml: &mut Xml<'_>) -> Result<(), Stop> {
        xml.each(|xml, element| {
            let name = || element.attr("name").unwrap_or_default().into_owned();
            match element.name() {
                "style" => {
                    let family = element.attr("family").unwrap_or_default().into_owned();
                    let parent = element.attr("parent-style-name").map(String::from);
                    let mut style = Style { parent, ..Style::default() };
                    xml.each(|_, properties| {
                        style.set(properties);
                        Ok(())
                    })?;
                    self.styles.insert((family, name()), style);
                    Ok(())
                }
                "list-style" => self.list(xml, name()),
                "outline-style" => self.list(xml, OUTLINE.to_owned()),
                _ => Ok(()),
            }
        })
    }

    fn list(&mut self, xml: &mut Xml<'_>, name: String) -> Result<(), Stop> {
        let levels = self.lists.entry(name).or_default();
        xml.each(|_, level| {
            let text = |name: &str| level.attr(name).unwrap_or_default().into_owned();
            let number = level.number::<usize>("level").unwrap_or(1).clamp(1, LEVELS) - 1;
            let shown_levels = level.number("display-levels").unwrap_or(1);
            let start = level.number("start-value").unwrap_or(1);
            levels.insert(
                number,
                Level {
                    bullet: (level.name() == "list-level-style-bullet").then(|| text("bullet-char")),
                    format: text("num-format"),
                    before: text("num-prefix"),
                    after: text("num-suffix"),
                    shown_levels,
                    start,
                },
            );
            Ok(())
        })
    }

    /// Whether what has this style is not shown.
    pub(super) fn is_hidden(&self, family: &str, name: &str) -> bool {
        self.first(family, name, |style| style.hidden).unwrap_or(false)
    }

    /// How text of this style looks in text of a look.
    pub(super) fn look(&self, family: &str, name: &str, around: Look) -> Look {
        Look {
            hidden: around.hidden || self.is_hidden(family, name),
            rise: self.first(family, name, |style| style.rise).unwrap_or(around.rise),
            struck: self.first(family, name, |style| style.struck).unwrap_or(around.struck),
        }
    }

    /// Whether a page ends before and behind what has this style.
    pub(super) fn pages(&self, family: &str, name: &str) -> (bool, bool) {
        let is_set = |of: fn(&Style) -> Option<bool>| self.first(family, name, of).unwrap_or(false);
        (is_set(|style| style.page_before), is_set(|style| style.page_after))
    }

    fn first<T>(&self, family: &str, name: &str, has: impl Fn(&Style) -> Option<T>) -> Option<T> {
        let mut key = (family.to_owned(), name.to_owned());
        for _ in 0..ANCESTORS {
            let style = self.styles.get(&key)?;
            if let Some(found) = has(style) {
                return Some(found);
            }
            key.1 = style.parent.clone()?;
        }
        None
    }

    /// The number that a level of a list begins with.
    pub(super) fn start(&self, list: &str, level: usize) -> u32 {
        self.lists.get(list).and_then(|levels| levels.get(&level)).map_or(1, |level| level.start)
    }

    /// The label of an item of a list, with the counts of its level and those above.
    pub(super) fn label(&self, list: &str, counts: &[u32]) -> Option<String> {
        let levels = self.lists.get(list)?;
        let last = counts.len().checked_sub(1)?;
        let level = levels.get(&last)?;
        if let Some(sign) = &level.bullet {
            return Some(bullet(sign));
        }
        let first = (last + 1).saturating_sub(level.shown_levels.max(1));
        let numbers = (first..=last).filter_map(|upper| {
            let format = levels.get(&upper).map_or("", |level| level.format.as_str());
            (!format.is_empty()).then(|| counted(counts[upper], numeral(format)))
        });
        let numbers: Vec<String> = numbers.collect();
        if numbers.is_empty() {
            return None;
        }
        Some(format!("{}{}{}", level.before, numbers.join("."), level.after).trim().to_owned())
    }
}

impl Style {
    fn set(&mut self, properties: &Element) {
        let is = |name: &str, value: &str| properties.attr(name).map(|found| found == value);
        self.hidden = self.hidden.or_else(|| {
            // Text, tables and slides each have a word of their own for it.
            let text = is("display", "none").filter(|hidden| *hidden);
            let table = is("display", "false").filter(|_| properties.name() == "table-properties");
            text.or(table).or_else(|| is("visibility", "hidden"))
        });
        self.rise = self.rise.or_else(|| properties.attr("text-position").map(|position| rise(&position)));
        let through = ["text-line-through-style", "text-line-through-type"];
        let through = through.iter().find_map(|name| properties.attr(name));
        self.struck = self.struck.or_else(|| through.map(|line| line != "none"));
        self.page_before = self.page_before.or_else(|| is("break-before", "page"));
        self.page_after = self.page_after.or_else(|| is("break-after", "page"));
    }
}

/// How a text at this position stands to its line: `super 58%`, `-33% 58%`.
fn rise(position: &str) -> Rise {
    match position.split_whitespace().next().unwrap_or_default() {
        "super" => Rise::Raised,
        "sub" => Rise::Lowered,
        distance => Rise::by(distance.trim_end_matches('%').parse().unwrap_or(0.0)),
    }
}

/// The name of a format of numbers that OpenDocument writes as its first numeral.
fn numeral(format: &str) -> &'static str {
    match format {
        "a" => "lowerLetter",
        "A" => "upperLetter",
        "i" => "lowerRoman",
        "I" => "upperRoman",
        _ => "decimal",
    }
}
