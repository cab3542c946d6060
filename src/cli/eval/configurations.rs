//! What is compared: configurations by their names, each a job without a question.

use std::fs;
use std::path::{Path, PathBuf};

use minions::error::Failure;
use minions::evaluation::{Problem, known_keys};
use minions::job::{self, ModelId, Prices, Subject};
use minions::settings::Settings;
use minions::words;
use serde_json::{Map, Value, json};

use super::options::EvalArgs;
use crate::cli::ask::{AskOptions, Models, Piped, Task};

/// The name of the configuration that nobody named.
pub(super) const USUAL: &str = "default";
/// As in `minions ask` about documents.
const PROTOCOL: &str = "minions";

/// A job without a question, and what tables call it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Configuration {
    pub name: String,
    pub job: Value,
}

/// The keys of a configuration in a file. The last five are those of a job.
const KEYS: [&str; 10] = [
    "pair",
    "local",
    "remote",
    "rounds",
    "prompts",
    "protocol",
    "local_client",
    "remote_client",
    "call_params",
    "budget",
];
/// What a question has itself.
const OF_QUESTIONS: [&str; 3] = ["task", "context", "context_files"];

/// The configurations that the command line names, else the usual pair; `is_dry` if they are not called.
///
/// # Errors
/// A file that can't be read or used, a pair that is not there, a name that comes twice.
pub(super) fn of(args: &EvalArgs, settings: &Settings, is_dry: bool) -> Result<Vec<Configuration>, Failure> {
    if args.config.is_empty() {
        return Ok(vec![Configuration {
            name: USUAL.to_owned(),
            job: Wanted::default().job(args, settings, is_dry)?,
        }]);
    }
    let mut configurations: Vec<Configuration> = Vec::new();
    for word in &args.config {
        for (name, wanted) in wanted(word)? {
            if name.is_empty() || name.contains(|c: char| c.is_control() || c == '/' || c == '#') {
                return Err(Failure::input(format!("--config: {name:?} can't be a configuration's name"))
                    .hint("take letters and digits, without / and #"));
            }
            if configurations.iter().any(|known| known.name == name) {
                return Err(Failure::input(format!("--config: two configurations are called {name}"))
                    .hint("each needs a name of its own: NAME=FILE"));
            }
            let job = wanted.job(args, settings, is_dry).map_err(|failure| Failure {
                message: format!("configuration {name}: {}", failure.message),
                ..failure
            })?;
            configurations.push(Configuration { name, job });
        }
    }
    Ok(configurations)
}

/// What a word of `--config` names.
fn wanted(word: &str) -> Result<Vec<(String, Wanted)>, Failure> {
    if let Some((name, file)) = word.split_once('=') {
        let file = PathBuf::from(file);
        let wanted = Wanted::read(&file, &file.display().to_string(), &table(&file)?)?;
        return Ok(vec![(name.to_owned(), wanted)]);
    }
    let file = Path::new(word);
    if !file.extension().is_some_and(|end| end == "json" || end == "toml") {
        let pair = Wanted { pair: Some(word.to_owned()), ..Wanted::default() };
        return Ok(vec![(word.to_owned(), pair)]);
    }
    let table = table(file)?;
    // A job or a configuration itself, which was given no name.
    if let Some(key) = table.keys().find(|key| KEYS.contains(&&***key)) {
        return Err(Failure::input(format!("{word} is one configuration (it has {key:?}), and has no name"))
            .hint(format!("--config NAME={word}")));
    }
    let one = |(name, value): (&String, &Value)| {
        let place = format!("{word}, {name}");
        let fields = value.as_object().ok_or_else(|| {
            Failure::input(format!("{place}: a configuration must be an object")).hint(EXAMPLE)
        })?;
        Ok((name.clone(), Wanted::read(file, &place, fields)?))
    };
    let all: Vec<_> = table.iter().map(one).collect::<Result<_, Failure>>()?;
    match all.is_empty() {
        true => Err(Failure::input(format!("{word} holds no configuration")).hint(EXAMPLE)),
        false => Ok(all),
    }
}

const EXAMPLE: &str =
    "such as {\"small\": {\"local\": \"ollama/llama3.2:3b\"}, \"large\": {\"local\": \"ollama/qwen3:8b\"}}";

fn table(file: &Path) -> Result<Map<String, Value>, Failure> {
    let name = file.display();
    let text = fs::read(file).map_err(|error| {
        Failure::input(format!("the configuration {name} can't be read: {}", words::of_io(&error)))
            .hint("--config takes a pair of minions.toml, NAME=FILE, or a file that ends in .json or .toml")
    })?;
    let is_toml = file.extension().is_some_and(|end| end == "toml");
    let value = if is_toml { toml_value(&text) } else { json_value(&text) };
    let value =
        value.map_err(|failure| Failure { message: format!("{name}: {}", failure.message), ..failure })?;
    match value {
        Value::Object(fields) => Ok(fields),
        _ => Err(Failure::input(format!("{name} must hold an object")).hint(EXAMPLE)),
    }
}

fn json_value(text: &[u8]) -> Result<Value, Failure> {
    job::value_of(Subject::Configuration, text, 1).map_err(Failure::from)
}

fn toml_value(text: &[u8]) -> Result<Value, Failure> {
    let text = std::str::from_utf8(text).map_err(|_| Failure::input("it is not UTF-8 text"))?;
    toml::from_str(text)
        .map_err(|error: toml::de::Error| Failure::input(error.to_string().trim_end().to_owned()))
}

/// What a configuration says of its own; the rest is usual.
#[derive(Clone, Debug, Default)]
struct Wanted {
    pair: Option<String>,
    local: Option<String>,
    remote: Option<String>,
    protocol: Option<String>,
    rounds: Option<u32>,
    /// In the form of a job, which goes over what is usual.
    job: Map<String, Value>,
}

impl Wanted {
    /// Reads the `fields` of a configuration, which stand at `place` in `file`.
    fn read(file: &Path, place: &str, fields: &Map<String, Value>) -> Result<Self, Failure> {
        let bad = |problem: Problem| {
            Failure::input(format!("{place}: {}", problem.to_string().replace("the question ", "")))
                .hint(problem.hint)
        };
        known_keys("", fields, &KEYS).map_err(bad)?;
        let text = |key: &str| match fields.get(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Failure::input(format!("{place}: {key} must be a text"))
                .hint("models are named as provider/model, such as ollama/llama3.2:3b")),
        };
        let rounds = fields.get("rounds").map(|value| {
            let rounds =
                value.as_u64().and_then(|rounds| u32::try_from(rounds).ok()).filter(|rounds| *rounds > 0);
            rounds.ok_or_else(|| {
                Failure::input(format!("{place}: rounds must be a whole number from 1 to 1000"))
            })
        });
        let mut wanted = Self {
            pair: text("pair")?,
            local: text("local")?,
            remote: text("remote")?,
            rounds: rounds.transpose()?,
            ..Self::default()
        };
        for (side, client) in [("local", "local_client"), ("remote", "remote_client")] {
            if fields.contains_key(side) && fields.contains_key(client) {
                return Err(Failure::input(format!("{place}: {side} and {client} name the same side"))
                    .hint("give one of the two"));
            }
        }
        for key in ["local_client", "remote_client", "budget", "call_params", "protocol"] {
            match fields.get(key) {
                None => {}
                Some(Value::String(kind)) if key == "protocol" => wanted.protocol = Some(kind.clone()),
                Some(Value::Object(of_job)) => {
                    let taken = OF_QUESTIONS
                        .into_iter()
                        .find(|own| key == "call_params" && of_job.contains_key(*own));
                    if let Some(taken) = taken {
                        return Err(Failure::input(format!(
                            "{place}: call_params.{taken} belongs to a question"
                        ))
                        .hint("leave it out"));
                    }
                    wanted.job.insert(key.to_owned(), of_job.clone().into());
                }
                Some(_) => {
                    return Err(Failure::input(format!("{place}: {key} must be an object, as in a job"))
                        .hint("docs/job.md has its keys"));
                }
            }
        }
        if let Some(prompts) = fields.get("prompts") {
            let folder = file.parent().unwrap_or(Path::new(""));
            let Some(prompts) = prompts.as_object() else {
                return Err(Failure::input(format!("{place}: prompts must be an object"))
                    .hint("{\"minions_worker\": \"my_worker.md\"}"));
            };
            let from_here = |(name, value): (&String, &Value)| {
                let path = value
                    .as_str()
                    .map_or(value.clone(), |path| folder.join(path).display().to_string().into());
                (name.clone(), path)
            };
            let prompts: Map<String, Value> = prompts.iter().map(from_here).collect();
            merge(
                wanted.job.entry("protocol").or_insert_with(|| json!({})),
                &json!({"kwargs": {"prompts": prompts}}),
            );
        }
        Ok(wanted)
    }

    /// The job, without a question.
    fn job(self, args: &EvalArgs, settings: &Settings, is_dry: bool) -> Result<Value, Failure> {
        let has_pair = self.pair.is_some();
        let usual = |of_args: &Option<String>| of_args.clone().filter(|_| !has_pair);
        let options = AskOptions {
            local: self.local.or_else(|| usual(&args.local)),
            remote: self.remote.or_else(|| usual(&args.remote)),
            pair: self.pair,
            protocol: self.protocol.or_else(|| args.protocol.clone()).or_else(|| Some(PROTOCOL.to_owned())),
            rounds: self.rounds.or(args.rounds),
            ..AskOptions::default()
        };
        let models = Models::of(&options, settings, is_dry)?;
        let task = Task {
            question: "",
            files: &[],
            piped: &Piped::default(),
            options: &options,
            models: &models,
            session: None,
        };
        let mut job = task.job()?;
        job["call_params"] = json!({});
        // The documents come with the questions.
        job["protocol"]["type"] = options.protocol.as_deref().into();
        for client in ["local_client", "remote_client"] {
            // Another client shares nothing with the usual one.
            if let Some(own) = self.job.get(client) {
                job[client] = own.clone();
            }
        }
        if let Some(remote) = self.job.get("remote_client") {
            set_prices(&mut job, prices(remote, settings));
        }
        merge(&mut job, &Value::Object(self.job));
        Ok(job)
    }
}

/// What the tokens of a client of a job cost, if somebody says so.
pub(super) fn prices(client: &Value, settings: &Settings) -> Option<Prices> {
    // At another address the vendor's prices don't hold.
    if !client["kwargs"]["base_url"].is_null() {
        return None;
    }
    let kind = client["type"].as_str()?;
    let name = client["model_name"].as_str().map_or(kind.to_owned(), |model| format!("{kind}/{model}"));
    settings.prices(&ModelId::parse("remote_client", &name).ok()?).map(|priced| priced.prices)
}

/// Puts `prices` into a job, or takes out those of another model.
pub(super) fn set_prices(job: &mut Value, prices: Option<Prices>) {
    match prices {
        Some(Prices { input, cached_input, output }) => {
            let prices = json!({"input": input, "cached_input": cached_input, "output": output});
            merge(job, &json!({"protocol": {"kwargs": {"prices": prices}}}));
        }
        None => {
            if let Some(kwargs) = job["protocol"]["kwargs"].as_object_mut() {
                kwargs.remove("prices");
            }
        }
    }
}

/// Puts what `from` has over what `into` has, object by object.
pub(super) fn merge(into: &mut Value, from: &Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => into.clone_from(from),
    }
}
