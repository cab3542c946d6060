//! `minions models`: the models that could be used here, local ones and those of vendors whose keys are set.
//!
//! In: the environment, the settings, what answers on this machine, the GGUF files in `models/`. Out: a table or JSON.

use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use minions::chat::base_url;
use minions::chat::providers::{PROVIDERS, RuntimeKind};
use minions::config::{Environment, KeyState};
use minions::engine;
use minions::error::Failure;
use minions::job::ModelId;
use minions::llama;
use minions::runtimes::survey::Answers;
use minions::servers::{self, Server};
use minions::settings::{PRICE_TABLE, Settings};

use super::columns::{bytes, table};
use super::waiting::wait_for;
use super::{screen, stdout};

/// Options of `models`.
#[derive(Args, Debug)]
pub(crate) struct ModelsOptions {
    /// As JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// A model that could be used.
#[derive(Debug, Serialize)]
struct Usable {
    /// As `--local` and `--remote` take it.
    name: String,
    /// Whether it runs on this machine or in its private network.
    local: bool,
    /// Where it is.
    place: String,
    /// Bytes of its files.
    bytes: Option<u64>,
    /// Dollars for a million tokens of prompts, cached prompts and replies.
    prices: Option<[f64; 3]>,
    /// Who says so.
    price_source: Option<String>,
    /// Whose usual model it is: `worker`, `supervisor`.
    usual: Vec<&'static str>,
}

/// `minions models`.
pub(crate) fn run(options: &ModelsOptions) -> ExitCode {
    let found = std::env::current_dir().map_err(|error| Failure::system(error.to_string()));
    let settings = found.and_then(|dir| Settings::load(&Environment::of_process(), &dir));
    let settings = match settings {
        Ok(settings) => settings,
        Err(failure) => return ExitCode::from(screen::tell(&failure) as u8),
    };
    let environment = settings.environment();
    let Some(servers) = wait_for(servers::look(&environment)) else { return ExitCode::FAILURE };
    let models = match usable(&settings, &environment, &servers) {
        Ok(models) => models,
        Err(failure) => return ExitCode::from(screen::tell(&failure) as u8),
    };
    let text = match options.json {
        true => format!("{:#}\n", serde_json::json!(models)),
        false => text(&models),
    };
    stdout::print(&text)
}

fn usable(
    settings: &Settings,
    environment: &Environment,
    servers: &[Server],
) -> Result<Vec<Usable>, Failure> {
    let pair = settings.pair(None)?;
    let usual_models = [&pair.local.model, &pair.remote.model];
    let mut all = Vec::new();
    for server in servers {
        let Answers::Server(surveyed) = &server.answers else { continue };
        let Some(provider) = server.types.first() else { continue };
        all.extend(surveyed.models.iter().map(|model| {
            let id = ModelId { provider, model: Some(model.name.clone()) };
            let is_it = |usual: &ModelId| {
                let name = usual.model.as_deref().unwrap_or(provider.model);
                usual.provider == *provider && surveyed.find(provider, name) == Some(model)
            };
            let usable = of(settings, &id, true, base_url::shown(&server.address));
            Usable { bytes: model.bytes, usual: usual(settings, is_it), ..usable }
        }));
    }
    if let Some(engine) = PROVIDERS.iter().find(|provider| provider.runtime == RuntimeKind::Embedded) {
        let built = if llama::check_built().is_ok() { "built in" } else { "needs --features embedded" };
        all.extend(servers::model_files().into_iter().map(|path| {
            let id = ModelId { provider: engine, model: Some(path.display().to_string()) };
            Usable { bytes: size(&path), ..of(settings, &id, true, built.to_owned()) }
        }));
    }
    for provider in PROVIDERS.iter().filter(|provider| !provider.local) {
        let Some((variable, KeyState::Set)) = environment.key(provider) else { continue };
        let address = engine::usual_address(provider, environment).unwrap_or_default();
        if provider.missing_url_part(&address).is_some() {
            continue;
        }
        let listed = PRICE_TABLE.iter().filter(|vendor| vendor.provider == provider.name);
        let listed = listed.flat_map(|vendor| vendor.rows.iter().map(|row| row.model));
        let usual = usual_models.into_iter().filter(|usual| usual.provider == provider);
        let usual = usual.filter_map(|usual| usual.model.as_deref());
        let mut names: Vec<&str> = [provider.model].into_iter().chain(usual).chain(listed).collect();
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(*name));
        all.extend(names.into_iter().map(|name| {
            let id = ModelId { provider, model: Some(name.to_owned()) };
            of(settings, &id, false, format!("{variable} is set"))
        }));
    }
    Ok(all)
}

fn of(settings: &Settings, id: &ModelId, local: bool, place: String) -> Usable {
    let name = id.to_string();
    let price = if local { None } else { settings.prices(id) };
    let usual = usual(settings, |usual| usual.to_string() == name);
    let prices =
        price.as_ref().map(|price| [price.prices.input, price.prices.cached_input, price.prices.output]);
    let price_source = price.map(|price| price.source);
    Usable { name, local, place, bytes: None, prices, price_source, usual }
}

/// The sides whose usual model `is_it`.
fn usual(settings: &Settings, is_it: impl Fn(&ModelId) -> bool) -> Vec<&'static str> {
    let Ok(pair) = settings.pair(None) else { return Vec::new() };
    let sides = [("worker", pair.local.model), ("supervisor", pair.remote.model)];
    sides.into_iter().filter(|(_, model)| is_it(model)).map(|(side, _)| side).collect()
}

fn size(path: &Path) -> Option<u64> {
    Some(path.metadata().ok()?.len())
}

fn text(models: &[Usable]) -> String {
    if models.is_empty() {
        return "No model could be used here yet: `minions doctor` says what is missing.\n".to_owned();
    }
    let head = ["model", "size", "$/M in", "cached", "out", "usual", "where"].map(str::to_owned).to_vec();
    let row = |model: &Usable| {
        let prices = model.prices.map(|prices| prices.map(|price| format!("{price}")));
        let [input, cached, output] = prices.unwrap_or_default();
        let size = model.bytes.map(bytes).unwrap_or_default();
        vec![model.name.clone(), size, input, cached, output, model.usual.join(", "), model.place.clone()]
    };
    let rows: Vec<_> = std::iter::once(head).chain(models.iter().map(row)).collect();
    table(&rows) + "\nA vendor has more models than are listed; any of them can be named as provider/model.\n"
}
