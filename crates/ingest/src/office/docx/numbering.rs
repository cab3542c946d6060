//! The numbers and bullets of lists and headings (ECMA-376 part 1, 17.9).

use std::collections::{HashMap, HashSet};

use super::super::numerals::counted;
use super::super::symbols::bullet;
use crate::draft::Stop;
use crate::xml::{Element, Xml};

/// How many levels a list has.
const LEVELS: usize = 9;

/// The lists of a document, and how far each has counted.
#[derive(Default)]
pub(super) struct Numbering {
    lists: HashMap<String, List>,
    patterns: HashMap<String, Pattern>,
    counters: HashMap<String, [Option<u32>; LEVELS]>,
    restarted: HashSet<(String, usize)>,
}

/// A list that paragraphs name. Several may count together, by one pattern.
#[derive(Default)]
struct List {
    pattern: String,
    starts: HashMap<usize, u32>,
    levels: HashMap<usize, Level>,
}

type Pattern = HashMap<usize, Level>;

#[derive(Clone)]
struct Level {
    start: u32,
    format: String,
    text: String,
    restart: Option<usize>,
    decimal: bool,
}

impl Default for Level {
    fn default() -> Self {
        Self { start: 1, format: "decimal".to_owned(), text: String::new(), restart: None, decimal: false }
    }
}

impl Numbering {
    /// Reads the part of the numbering.
    pub(super) fn read(&mut self, xml: &mut Xml<'_>) -> Result<(), Stop> {
        xml.each(|xml, _| {
            xml.each(|xml, element| match element.name() {
                "abstractNum" => {
                    let id = element.attr("abstractNumId").unwrap_or_default().into_owned();
                    let mut pattern = Pattern::new();
                    xml.each(|xml, element| level(xml, element, &mut pattern))?;
                    self.patterns.insert(id, pattern);
                    Ok(())
                }
                "num" => {
                    let id = element.attr("numId").unwrap_or_default().into_owned();
                    let mut list = List::default();
                    xml.each(|xml, element| list.property(xml, element))?;
                    self.lists.insert(id, list);
                    Ok(())
                }
                _ => Ok(()),
            })
        })
    }

    /// Counts on, and gives the number or bullet of a paragraph in this list; none where the list is not known, as the
    /// number 0 that takes a paragraph out of its style's list.
    pub(super) fn next(&mut self, list_id: &str, level: u8) -> Option<String> {
        let level = usize::from(level).min(LEVELS - 1);
        let list = self.lists.get(list_id)?;
        let pattern = self.patterns.get(&list.pattern)?;
        let of = |level: usize| {
            list.levels.get(&level).or_else(|| pattern.get(&level)).cloned().unwrap_or_default()
        };
        let counters = self.counters.entry(list.pattern.clone()).or_default();
        if let Some(start) = list.starts.get(&level)
            && self.restarted.insert((list_id.to_owned(), level))
        {
            counters[level] = start.checked_sub(1);
            if *start == 0 {
                counters[level] = None;
            }
        }
        counters[level] = Some(counters[level].map_or(of(level).start, |count| count.saturating_add(1)));
        for (below, counter) in counters.iter_mut().enumerate().skip(level + 1) {
            // A level counts anew after one above it, or after the level that it names; 0 stands for never.
            if of(below).restart.is_none_or(|restart| restart != 0 && level < restart) {
                *counter = None;
            }
        }
        let own = of(level);
        if own.format == "bullet" {
            return Some(bullet(&own.text));
        }
        let mut label = own.text.clone();
        for (upper, counter) in counters.iter().enumerate().take(level + 1) {
            let pattern = of(upper);
            let count = counter.unwrap_or(pattern.start);
            let format = if own.decimal { "decimal" } else { &pattern.format };
            label = label.replace(&format!("%{}", upper + 1), &counted(count, format));
        }
        Some(label.trim().to_owned())
    }
}

impl List {
    fn property(&mut self, xml: &mut Xml<'_>, element: &Element) -> Result<(), Stop> {
        match element.name() {
            "abstractNumId" => self.pattern = element.attr("val").unwrap_or_default().into_owned(),
            "lvlOverride" => {
                let number: usize = element.number("ilvl").unwrap_or(0);
                let mut start = None;
                xml.each(|xml, element| {
                    if element.name() == "startOverride" {
                        start = element.number("val");
                    }
                    level(xml, element, &mut self.levels)
                })?;
                if let Some(start) = start {
                    self.starts.insert(number, start);
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Reads the element of a level.
fn level(xml: &mut Xml<'_>, element: &Element, levels: &mut Pattern) -> Result<(), Stop> {
    if element.name() != "lvl" {
        return Ok(());
    }
    let mut level = Level::default();
    xml.each(|xml, property| {
        let value = || property.attr("val").unwrap_or_default().into_owned();
        match property.name() {
            "start" => level.start = property.number("val").unwrap_or(1),
            "numFmt" => level.format = value(),
            "lvlText" => level.text = value(),
            "lvlRestart" => level.restart = property.number("val"),
            "isLgl" => level.decimal = property.is_on(),
            "AlternateContent" => {
                // Formats that are newer than the standard; the fallback is one of the standard's.
                xml.each(|xml, choice| match choice.name() {
                    "Fallback" => xml.each(|_, property| {
                        level.format = property.attr("val").unwrap_or_default().into_owned();
                        Ok(())
                    }),
                    _ => Ok(()),
                })?;
            }
            _ => {}
        }
        Ok(())
    })?;
    levels.insert(element.number("ilvl").unwrap_or(0), level);
    Ok(())
}
