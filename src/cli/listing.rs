//! What the program tells about itself on demand: the table of providers.
//!
//! In: how it is to be shown. Out: text on stdout for people, or JSON. There is no job, so there is no envelope.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::stdout;
use minions::chat::providers::{PROVIDERS, Provider, Source};
use minions::config::{Environment, KeyState};

/// `minions providers`. No key is shown, only whether it is set.
pub(crate) fn providers(as_json: bool) -> ExitCode {
    let environment = Environment::of_process();
    let text = if as_json { in_json(&environment) } else { in_columns(&environment) };
    stdout::print(&text)
}

/// `minions version`.
pub(crate) fn version() -> ExitCode {
    stdout::print(concat!("minions ", env!("CARGO_PKG_VERSION"), "\n"))
}

fn in_json(environment: &Environment) -> String {
    let rows: Vec<Value> = PROVIDERS
        .iter()
        .map(|provider| {
            json!({
                "name": provider.name,
                "dialect": dialect(provider),
                "base_url": provider.base_url,
                "key": provider.key_env,
                "key_set": key(provider, environment).map(|(_, state)| state),
                "model": provider.model,
                "local": provider.local,
                "checked": provider.source.document(),
                "parameters_checked": matches!(provider.source, Source::All(_)),
            })
        })
        .collect();
    format!("{:#}\n", Value::from(rows))
}

fn in_columns(environment: &Environment) -> String {
    let head = ["type", "dialect", "key", "set", "default model"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(PROVIDERS.iter().map(|provider| {
        let (name, state) = key(provider, environment).unwrap_or_default();
        [provider.name, dialect(provider), name, state, provider.model].map(str::to_owned)
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    let table: String = rows.iter().map(line).collect();
    table
        + "\n`minions providers --json` has the addresses, and the documents that they were checked against.\n"
}

/// The variable of the provider's key, and whether it is set; `None` if it needs no key.
fn key<'a>(provider: &Provider, environment: &'a Environment) -> Option<(&'a str, &'static str)> {
    let (name, state) = environment.key(provider)?;
    Some((
        name,
        match state {
            KeyState::Set => "yes",
            KeyState::Unusable(_) => "bad",
            KeyState::Missing => "no",
        },
    ))
}

fn dialect(provider: &Provider) -> &'static str {
    provider.dialect.map_or("built in", |dialect| dialect.name())
}
