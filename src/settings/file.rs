//! What one settings file says.
//!
//! In: its text, and whose it is. Out: checked settings, or the first complaint with file, line and remedy.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::project;
use super::toml_table::{Entry, Source, Table};
use crate::chat::pasted;
use crate::chat::providers::{self, Provider, RuntimeKind};
use crate::error::Failure;
use crate::job::{self, JobError, ModelId, Prices};

/// The keys of a file.
const KEYS: [&str; 8] = ["local", "remote", "pair", "pairs", "keys", "addresses", "prices", "budget"];
const SIDES: [&str; 2] = ["local", "remote"];
const PRICES: [&str; 3] = ["input", "cached_input", "output"];

/// Whose a settings file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// In the folder that one works in, or above: it may have come with a stranger's repository.
    Project,
    /// In the user's folder of configuration.
    User,
}

/// A value with the place that it comes from.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct At<T> {
    pub value: T,
    /// From 1.
    pub line: usize,
}

/// The two sides of a pair, as far as they are given.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sides {
    pub local: Option<At<ModelId>>,
    pub remote: Option<At<ModelId>>,
}

/// What one file says.
#[derive(Clone, Debug, Default)]
pub(super) struct FileSettings {
    pub path: PathBuf,
    pub sides: Sides,
    /// The alias of the pair that is taken.
    pub pair: Option<At<String>>,
    pub pairs: BTreeMap<String, Sides>,
    /// The variables with the providers' keys, by the providers' names.
    pub keys: BTreeMap<&'static str, At<String>>,
    pub addresses: BTreeMap<&'static str, String>,
    /// By the models' names.
    pub prices: BTreeMap<String, At<Prices>>,
    /// As in a job.
    pub budget: Map<String, Value>,
}

/// Who reads: whose the file is, and the folders for paths.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    pub whose: Whose,
    pub path: &'a Path,
    pub home: Option<&'a Path>,
}

impl Reader<'_> {
    /// Reads the file's `text`.
    pub(super) fn read(self, text: &str) -> Result<FileSettings, Failure> {
        let mut root =
            Source { path: self.path, text: text.strip_prefix('\u{feff}').unwrap_or(text) }.table()?;
        let settings = FileSettings {
            path: self.path.to_owned(),
            sides: self.sides(&mut root)?,
            pair: root.take("pair").map(|entry| located(&entry, entry.text()?.to_owned())).transpose()?,
            pairs: self.pairs(root.take("pairs"))?,
            keys: self.keys(root.take("keys"))?,
            addresses: self.addresses(root.take("addresses"))?,
            prices: prices(root.take("prices"))?,
            budget: budget(root.take("budget"))?,
        };
        root.end(&KEYS)?;
        Ok(settings)
    }

    fn sides(self, table: &mut Table<'_>) -> Result<Sides, Failure> {
        let mut side = |name: &str| {
            let Some(entry) = table.take(name) else { return Ok(None) };
            let model = ModelId::parse(&entry.name, entry.text()?).map_err(|error| within(&entry, error))?;
            let model = self.with_whole_path(model);
            if name == "local" && self.whose == Whose::Project {
                project::check_worker(&entry, &model)?;
            }
            located(&entry, model).map(Some)
        };
        Ok(Sides { local: side("local")?, remote: side("remote")? })
    }

    /// A model's file is looked for from the folder of the settings file.
    fn with_whole_path(self, mut model: ModelId) -> ModelId {
        if model.provider.runtime == RuntimeKind::Embedded {
            let folder = self.path.parent().unwrap_or(Path::new(""));
            let whole = |path: String| match path.strip_prefix("~/").zip(self.home) {
                Some((rest, home)) => home.join(rest).display().to_string(),
                None => folder.join(path).display().to_string(),
            };
            model.model = model.model.map(whole);
        }
        model
    }

    fn pairs(self, entry: Option<Entry<'_>>) -> Result<BTreeMap<String, Sides>, Failure> {
        let mut pairs = BTreeMap::new();
        for pair in tables(entry)? {
            let (name, empty) = (pair.key.clone(), pair.complaint("names no model"));
            let mut table = pair.table()?;
            let sides = self.sides(&mut table)?;
            table.end(&SIDES)?;
            if sides == Sides::default() {
                return Err(empty.hint("give it `local`, `remote` or both"));
            }
            pairs.insert(name, sides);
        }
        Ok(pairs)
    }

    fn keys(self, entry: Option<Entry<'_>>) -> Result<BTreeMap<&'static str, At<String>>, Failure> {
        let mut keys = BTreeMap::new();
        for entry in tables(entry)? {
            let provider = provider(&entry)?;
            let name = pasted::bare(entry.text()?);
            let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(is_name)
            {
                // It may be the key itself, so it is not shown.
                return Err(entry.complaint("is not the name of a variable in capitals").hint(format!(
                    "keep the key itself out of files: `export {}=...`, and write that name here",
                    provider.key_env.first().copied().unwrap_or("MY_KEY")
                )));
            }
            if self.whose == Whose::Project {
                project::check_key(&entry, provider, name)?;
            }
            keys.insert(provider.name, located(&entry, name.to_owned())?);
        }
        Ok(keys)
    }

    fn addresses(self, entry: Option<Entry<'_>>) -> Result<BTreeMap<&'static str, String>, Failure> {
        if self.whose == Whose::Project
            && let Some(entry) = &entry
        {
            return Err(project::no_addresses(entry));
        }
        let mut addresses = BTreeMap::new();
        for entry in tables(entry)? {
            let provider = provider(&entry)?;
            let text = entry.text()?;
            provider.read_address(text).map_err(|problem| entry.complaint(&problem))?;
            addresses.insert(provider.name, text.to_owned());
        }
        Ok(addresses)
    }
}

fn prices(entry: Option<Entry<'_>>) -> Result<BTreeMap<String, At<Prices>>, Failure> {
    let mut prices = BTreeMap::new();
    for entry in tables(entry)? {
        let model = ModelId::parse(&entry.name, &entry.key).map_err(|error| within(&entry, error))?;
        let line = entry.line();
        let lacks = entry.complaint("lacks `input` or `output`, in dollars for a million tokens");
        let mut table = entry.table()?;
        let mut given = Map::new();
        for key in PRICES {
            if let Some(entry) = table.take(key) {
                let number = entry.number()?;
                job::prices_of(Value::from_iter([("input", number.clone()), ("output", number.clone())]))
                    .map_err(|_| entry.complaint("must be dollars for a million tokens, 0 or more"))?;
                given.insert(key.to_owned(), number);
            }
        }
        table.end(&PRICES)?;
        let value = job::prices_of(Value::Object(given))
            .map_err(|_| lacks.hint(format!("[prices.\"{model}\"] with `input = ...` and `output = ...`")))?;
        prices.insert(model.to_string(), At { value, line });
    }
    Ok(prices)
}

fn budget(entry: Option<Entry<'_>>) -> Result<Map<String, Value>, Failure> {
    let Some(entry) = entry else { return Ok(Map::new()) };
    let mut table = entry.table()?;
    let mut budget = Map::new();
    for key in job::BUDGET {
        if let Some(entry) = table.take(key) {
            let number = entry.number()?;
            job::check_budget(key, number.clone()).map_err(|error| within(&entry, error))?;
            budget.insert(key.to_owned(), number);
        }
    }
    table.end(&job::BUDGET)?;
    Ok(budget)
}

/// The entries of a table, if it is there.
fn tables<'a>(entry: Option<Entry<'a>>) -> Result<impl Iterator<Item = Entry<'a>>, Failure> {
    let table = entry.map(Entry::table).transpose()?;
    Ok(table.into_iter().flat_map(Table::all))
}

/// The provider that an entry is named after. It calls a server.
fn provider(entry: &Entry<'_>) -> Result<&'static Provider, Failure> {
    let found = providers::find(&entry.key).filter(|provider| provider.dialect.is_some());
    found.ok_or_else(|| {
        let callable = providers::PROVIDERS.iter().filter(|provider| provider.dialect.is_some());
        let meant = job::nearest(&entry.key, callable.map(|provider| provider.name));
        let meant = meant.filter(|_| providers::find(&entry.key).is_none());
        let hint = "`minions providers` lists them".to_owned();
        let hint = meant.map_or(hint, |meant| format!("did you mean `{meant}`?"));
        entry.complaint("is no client type that calls a server").hint(hint)
    })
}

fn located<T>(entry: &Entry<'_>, value: T) -> Result<At<T>, Failure> {
    Ok(At { value, line: entry.line() })
}

/// `error`, which names its key, with the file and the line.
fn within(entry: &Entry<'_>, error: JobError) -> Failure {
    let error = Failure::from(error);
    Failure { message: entry.placed(&error.message), ..error }
}
