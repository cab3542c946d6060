//! Settings of people: which models they use, where the keys are, what tokens cost, what may be spent.
//!
//! In: the environment and the folder one works in. Out: the settings of `minions.toml`, the user's and the project's, on
//! top of what is built in. Jobs that come as JSON are not touched by them: who writes a job has said what is meant.
//! The command line wins over the environment, this over the project's file, that over the user's, and it over what is built in.

mod file;
mod places;
mod prices;
mod project;
#[cfg(test)]
mod tests;
mod toml_table;

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::chat::providers;
use crate::config::{self, Environment, KeyName, KeyState};
use crate::error::Failure;
use crate::files;
use crate::job::{self, ModelId, Prices};

use file::{At, FileSettings, Reader, Sides};

pub use file::Whose;
pub use places::FILE_NAME;
pub use prices::{PriceRow, TABLE as PRICE_TABLE, VendorPrices};
pub use project::is_hosted;

/// The most bytes of a settings file.
const LONGEST: usize = 1 << 20;

/// What holds for a user in a folder.
#[derive(Clone, Default)]
pub struct Settings {
    /// The project's, then the user's.
    files: Vec<(Whose, FileSettings)>,
    warnings: Vec<Warning>,
    environment: Environment,
}

/// What people should know of a settings file that is otherwise sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// What is not used.
    pub words: String,
    /// The file.
    pub path: PathBuf,
    /// Whether it is not read, as it belongs to another user.
    pub is_foreign: bool,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.words)
    }
}

/// A settings file that is there.
#[derive(Clone, Debug)]
pub struct SettingsFile {
    /// Whose it is.
    pub whose: Whose,
    /// Where it is.
    pub path: PathBuf,
    /// Why it is not used.
    pub problem: Option<Failure>,
}

/// The models of the two sides.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The worker.
    pub local: Chosen,
    /// The supervisor.
    pub remote: Chosen,
}

/// A model, and who chose it.
#[derive(Clone, Debug, PartialEq)]
pub struct Chosen {
    /// The model.
    pub model: ModelId,
    /// Who chose it.
    pub by: Origin,
}

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A variable of the environment.
    Variable(&'static str),
    /// A line of a file.
    File(PathBuf, usize),
    /// minions itself.
    BuiltIn,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::BuiltIn => f.write_str("built in"),
        }
    }
}

/// What a model costs, and who says so.
#[derive(Clone, Debug, PartialEq)]
pub struct Priced {
    /// Dollars for a million tokens.
    pub prices: Prices,
    /// A file's line, or the vendor's page and the day on which it was read.
    pub source: String,
}

/// The two sides.
#[derive(Clone, Copy)]
enum Side {
    Local,
    Remote,
}

impl Settings {
    /// The settings for one who works in `dir`.
    ///
    /// # Errors
    /// A file that can't be read or used, with its line and the remedy.
    pub fn load(environment: &Environment, dir: &Path) -> Result<Self, Failure> {
        let (settings, files) = Self::look(environment, dir);
        match files.into_iter().find_map(|file| file.problem) {
            Some(problem) => Err(problem),
            None => Ok(settings),
        }
    }

    /// The same without the files that can't be used, and all files that are there.
    pub fn look(environment: &Environment, dir: &Path) -> (Self, Vec<SettingsFile>) {
        let mut settings = Self { environment: environment.clone(), ..Self::default() };
        let mut found = Vec::new();
        let user = places::of_user(environment);
        let same =
            |a: &Path, b: &Path| a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b));
        let project = places::of_project(environment, dir)
            .filter(|path| user.as_deref().is_none_or(|user| !same(path, user)));
        // The user's prices have to be known before the project's are looked at.
        let user = user.filter(|path| path.symlink_metadata().is_ok());
        for (whose, path) in
            user.map(|path| (Whose::User, path)).into_iter().chain(project.map(|path| (Whose::Project, path)))
        {
            let problem = match places::stranger(&path) {
                Some(owner) => {
                    let words = format!(
                        "{} is not read: it belongs to another user (number {owner}); copy it to have it be yours",
                        path.display()
                    );
                    settings.warnings.push(Warning { words, path, is_foreign: true });
                    continue;
                }
                None => settings.add(whose, &path).err(),
            };
            found.push(SettingsFile { whose, path, problem });
        }
        (settings, found)
    }

    fn add(&mut self, whose: Whose, path: &Path) -> Result<(), Failure> {
        let text = files::read(path, LONGEST)
            .and_then(|bytes| String::from_utf8(bytes).map_err(|_| "is not UTF-8 text".to_owned()))
            .map_err(|problem| {
                Failure::input(format!("the settings file {} {problem}", path.display()))
                    .hint("write it as UTF-8 text; `minions doctor` says where it is")
            })?;
        let home = places::home(&self.environment);
        let file = Reader { whose, path, home: home.as_deref() }.read(&text)?;
        self.check(whose, &file)?;
        let is_known = |alias: &&String| self.sides_of(alias).is_some();
        for alias in file.pairs.keys().filter(is_known).cloned().collect::<Vec<_>>() {
            let words =
                format!("[pairs.{alias}] of {} is not used: you have a pair of that name", path.display());
            self.warnings.push(Warning { words, path: path.to_owned(), is_foreign: false });
        }
        // The project's comes first.
        self.files.insert(0, (whose, file));
        Ok(())
    }

    /// Checks what a file says against the files before it.
    fn check(&self, whose: Whose, file: &FileSettings) -> Result<(), Failure> {
        let place = |line: usize| format!("{}:{line}", file.path.display());
        if let Some(At { value: alias, line }) = &file.pair
            && !file.pairs.contains_key(alias)
            && self.sides_of(alias).is_none()
        {
            let failure = self.unknown_pair(alias, file.pairs.keys().map(String::as_str));
            return Err(Failure { message: format!("{}: {}", place(*line), failure.message), ..failure });
        }
        for (model, At { value, line }) in &file.prices {
            let usual = ModelId::parse("", model).ok().and_then(|model| self.prices(&model));
            if whose == Whose::Project && usual.is_none_or(|usual| project::lowers(value, &usual.prices)) {
                return Err(project::too_cheap(&place(*line), model));
            }
        }
        Ok(())
    }

    /// What people should know: files that were left out.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The files that count, the project's before the user's.
    pub fn files(&self) -> impl Iterator<Item = (Whose, &Path)> {
        self.files.iter().map(|(whose, file)| (*whose, &*file.path))
    }

    /// Where the user's own file is or would be.
    pub fn users_place(environment: &Environment) -> Option<PathBuf> {
        places::of_user(environment)
    }

    /// The pair of an alias, or the usual one. A side that the alias leaves open is the usual one's. `--local` and
    /// `--remote` win over it.
    ///
    /// # Errors
    /// An alias that no file has; a variable that can't be read.
    pub fn pair(&self, alias: Option<&str>) -> Result<Pair, Failure> {
        let sides = match alias {
            None => None,
            Some(alias) => match self.sides_of(alias) {
                Some(sides) => Some(sides),
                None => return Err(self.unknown_pair(alias, std::iter::empty())),
            },
        };
        let side = |side: Side| match sides.as_ref().and_then(|(path, sides)| chosen(path, sides, side)) {
            Some(chosen) => Ok(chosen),
            None => self.usual(side),
        };
        Ok(Pair { local: side(Side::Local)?, remote: side(Side::Remote)? })
    }

    /// The aliases of pairs, each once.
    pub fn aliases(&self) -> Vec<&str> {
        let mut aliases: Vec<_> =
            self.files.iter().flat_map(|(_, file)| file.pairs.keys().map(String::as_str)).collect();
        aliases.sort_unstable();
        aliases.dedup();
        aliases
    }

    /// The limits of each job, in the form that a job has for them. A project's can only be stricter than the user's.
    pub fn budget(&self) -> Map<String, Value> {
        self.files.iter().fold(Map::new(), |budget, (_, file)| project::stricter(budget, &file.budget))
    }

    /// What a model costs, if somebody says so. One on a server of the user's costs nothing by the token. The table that is built in says it of vendors at their own addresses alone.
    pub fn prices(&self, model: &ModelId) -> Option<Priced> {
        let name = model.to_string();
        let told = self.files.iter().find_map(|(_, file)| {
            let At { value, line } = file.prices.get(&name)?;
            let source = Origin::File(file.path.clone(), *line).to_string();
            Some(Priced { prices: *value, source })
        });
        told.or_else(|| {
            let provider = model.provider;
            if !project::is_hosted(model) {
                let prices = Prices { input: 0.0, cached_input: 0.0, output: 0.0 };
                return Some(Priced { prices, source: "a server of your own".to_owned() });
            }
            let environment = self.environment();
            let mut elsewhere = provider
                .base_url_names()
                .into_iter()
                .filter_map(|name| environment.get(&name).map(str::to_owned));
            if elsewhere.any(|url| !provider.is_vendor(&url)) {
                return None;
            }
            let (vendor, row) = prices::of(provider.name, model.model.as_deref().unwrap_or(provider.model))?;
            let source = format!("{}, read on {}", vendor.source, vendor.read_on);
            Some(Priced { prices: row.prices(), source })
        })
    }

    /// Checks that `pair` can be used with what the files say: that the variables which they name for its keys are set, and
    /// that somebody says what it costs where dollars are limited.
    ///
    /// # Errors
    /// A variable that is not set or holds no key; no price.
    pub fn check_keys(&self, pair: &Pair) -> Result<(), Failure> {
        self.check_but_for_keys(pair)?;
        let environment = self.environment();
        for model in [&pair.local.model, &pair.remote.model] {
            if let Some(name) = environment.key_name(model.provider)
                && let Some((_, KeyState::Missing)) = environment.key(model.provider)
            {
                return Err(name.missing(model.provider));
            }
        }
        Ok(())
    }

    /// The same for an estimate, which needs no key.
    ///
    /// # Errors
    /// A variable that holds what is no key; no price.
    pub fn check_but_for_keys(&self, pair: &Pair) -> Result<(), Failure> {
        let remote = &pair.remote.model;
        let limiting = self.files.iter().find(|(_, file)| file.budget.contains_key("usd"));
        if let Some((_, file)) = limiting.filter(|_| self.prices(remote).is_none()) {
            let problem =
                format!("{} limits dollars, and nobody says what {remote} costs", file.path.display());
            return Err(Failure::input(problem).hint(format!(
                "add [prices.\"{remote}\"] with `input` and `output`, dollars for a million tokens, or leave `usd` out"
            )));
        }
        let environment = self.environment();
        for model in [&pair.local.model, &pair.remote.model] {
            if let Some(KeyName { variable, .. }) = environment.key_name(model.provider)
                && let Some((_, KeyState::Unusable(problem))) = environment.key(model.provider)
            {
                return Err(Failure::input(format!("{variable} in the environment {problem}")));
            }
        }
        Ok(())
    }

    /// The environment with what the files say of keys and addresses. Jobs of people run with it.
    pub fn environment(&self) -> Environment {
        let mut environment = self.environment.clone();
        for (_, file) in self.files.iter().rev() {
            for (provider, At { value, line }) in &file.keys {
                let place = Origin::File(file.path.clone(), *line).to_string();
                environment.name_key(provider, KeyName { variable: value.clone(), place });
            }
            for (provider, address) in &file.addresses {
                providers::find(provider)
                    .into_iter()
                    .for_each(|row| environment.suggest_address(row, address));
            }
        }
        environment
    }

    /// The sides of an alias, with the file that has them. The user's own win: a project can't send them elsewhere.
    fn sides_of(&self, alias: &str) -> Option<(&Path, &Sides)> {
        self.files.iter().rev().find_map(|(_, file)| Some((&*file.path, file.pairs.get(alias)?)))
    }

    fn unknown_pair<'a>(&'a self, alias: &str, more: impl Iterator<Item = &'a str>) -> Failure {
        let known: Vec<_> = self.aliases().into_iter().chain(more).collect();
        let failure = Failure::input(format!("there is no pair `{alias}`"));
        match (job::nearest(alias, known.iter().copied()), &known[..]) {
            (Some(meant), _) => failure.hint(format!("did you mean `{meant}`?")),
            (None, []) => failure.hint(format!(
                "give it two models in {FILE_NAME}: [pairs.{alias}] with `local` and `remote`"
            )),
            (None, known) => failure.hint(format!("there are {}", known.join(", "))),
        }
    }

    /// The model of a side where no alias says more.
    fn usual(&self, side: Side) -> Result<Chosen, Failure> {
        let (variable, built_in) = match side {
            Side::Local => (config::ENV_LOCAL, config::LOCAL),
            Side::Remote => (config::ENV_REMOTE, config::REMOTE),
        };
        if let Some(text) = self.environment.get(variable) {
            let model = ModelId::parse(variable, text)?;
            return Ok(Chosen { model, by: Origin::Variable(variable) });
        }
        for (_, file) in &self.files {
            let of_pair = || {
                let (path, sides) = self.sides_of(&file.pair.as_ref()?.value)?;
                chosen(path, sides, side)
            };
            if let Some(chosen) = chosen(&file.path, &file.sides, side).or_else(of_pair) {
                return Ok(chosen);
            }
        }
        Ok(Chosen { model: ModelId::parse(variable, built_in)?, by: Origin::BuiltIn })
    }
}

/// The model of a side, if it is given.
fn chosen(path: &Path, sides: &Sides, side: Side) -> Option<Chosen> {
    let given = match side {
        Side::Local => &sides.local,
        Side::Remote => &sides.remote,
    };
    let At { value, line } = given.as_ref()?;
    Some(Chosen { model: value.clone(), by: Origin::File(path.to_owned(), *line) })
}
