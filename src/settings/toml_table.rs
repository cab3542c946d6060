//! Reads the tables of a TOML file, so that each complaint names its file, its line and its remedy.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use serde_json::{Number, Value};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::error::Failure;
use crate::job::nearest;

/// A text with the file that it is of.
#[derive(Clone, Copy)]
pub(super) struct Source<'a> {
    pub path: &'a Path,
    pub text: &'a str,
}

impl<'a> Source<'a> {
    /// The whole file as a table.
    pub(super) fn table(self) -> Result<Table<'a>, Failure> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let at = error.span().unwrap_or_default();
            let words = error.message().trim_end().replace('\n', ", ");
            self.complaint(&at, format!("it is not TOML: {words}"))
                .hint("docs/settings.md has a file to begin with")
        })?;
        Ok(Table::of(self, String::new(), table.into_inner()))
    }

    /// The line of a place, from 1.
    pub(super) fn line(self, at: &Range<usize>) -> usize {
        let before = self.text.get(..at.start).unwrap_or(self.text);
        before.matches('\n').count() + 1
    }

    /// A complaint about a place.
    pub(super) fn complaint(self, at: &Range<usize>, problem: String) -> Failure {
        Failure::input(format!("{}:{}: {problem}", self.path.display(), self.line(at)))
    }
}

/// A table whose keys are still to be read.
pub(super) struct Table<'a> {
    source: Source<'a>,
    /// Its name, empty for the whole file.
    name: String,
    entries: BTreeMap<String, Entry<'a>>,
}

/// A value with its full name and the place of its key.
pub(super) struct Entry<'a> {
    source: Source<'a>,
    /// Its key alone.
    pub key: String,
    /// With the tables around it.
    pub name: String,
    at: Range<usize>,
    value: DeValue<'a>,
}

impl<'a> Table<'a> {
    fn of(source: Source<'a>, name: String, table: DeTable<'a>) -> Self {
        let entry = |(key, value): (Spanned<DeString<'a>>, Spanned<DeValue<'a>>)| {
            let at = key.span();
            let key: String = key.into_inner().into_owned();
            let full = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
            (key.clone(), Entry { source, key, name: full, at, value: value.into_inner() })
        };
        let entries = table.into_iter().map(entry).collect();
        Self { source, name, entries }
    }

    /// The value of `key`.
    pub(super) fn take(&mut self, key: &str) -> Option<Entry<'a>> {
        self.entries.remove(key)
    }

    /// All values, where the keys are the user's own names.
    pub(super) fn all(self) -> impl Iterator<Item = Entry<'a>> {
        self.entries.into_values()
    }

    /// Complains of the first key that nobody has read; `known` are all that there are.
    pub(super) fn end(self, known: &[&str]) -> Result<(), Failure> {
        let Some(entry) = self.entries.into_values().min_by_key(|entry| entry.at.start) else {
            return Ok(());
        };
        let inside = if self.name.is_empty() { String::new() } else { format!(" in [{}]", self.name) };
        let meant = nearest(&entry.key, known.iter().copied());
        let hint = meant.map_or_else(
            || format!("known are {}", known.join(", ")),
            |meant| format!("did you mean `{meant}`?"),
        );
        Err(self.source.complaint(&entry.at, format!("unknown key `{}`{inside}", entry.key)).hint(hint))
    }
}

impl<'a> Entry<'a> {
    /// A complaint about it.
    pub(super) fn complaint(&self, problem: &str) -> Failure {
        self.source.complaint(&self.at, format!("`{}` {problem}", self.name))
    }

    /// `message` behind its file and line.
    pub(super) fn placed(&self, message: &str) -> String {
        format!("{}:{}: {message}", self.source.path.display(), self.line())
    }

    /// Its line, from 1.
    pub(super) fn line(&self) -> usize {
        self.source.line(&self.at)
    }

    /// A text.
    pub(super) fn text(&self) -> Result<&str, Failure> {
        self.value.as_str().ok_or_else(|| self.wrong_type("a text in quotes"))
    }

    /// A table.
    pub(super) fn table(self) -> Result<Table<'a>, Failure> {
        match self.value {
            DeValue::Table(table) => Ok(Table::of(self.source, self.name, table)),
            _ => Err(self.wrong_type("a table")),
        }
    }

    /// A number, as JSON has it.
    pub(super) fn number(&self) -> Result<Value, Failure> {
        let number = match &self.value {
            DeValue::Integer(integer) => {
                i64::from_str_radix(integer.as_str(), integer.radix()).ok().map(Number::from)
            }
            DeValue::Float(float) => float.as_str().parse().ok().and_then(Number::from_f64),
            _ => return Err(self.wrong_type("a number")),
        };
        number.map(Value::Number).ok_or_else(|| self.complaint("is too large, or no number"))
    }

    fn wrong_type(&self, wanted: &str) -> Failure {
        self.complaint(&format!("must be {wanted}, not {}", what(&self.value)))
    }
}

fn what(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
