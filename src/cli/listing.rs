//! What the program tells about itself on demand: the table of providers.
//!
//! In: how it is to be shown. Out: text on stdout for people, or JSON. There is no job, so there is no envelope.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

use minions::chat::providers::{PROVIDERS, Provider, Source};

/// `minions providers`.
pub(crate) fn providers(as_json: bool) -> ExitCode {
    let text = if as_json { in_json() } else { in_columns() };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// `minions version`.
pub(crate) fn version() -> ExitCode {
    match writeln!(io::stdout().lock(), "minions {}", env!("CARGO_PKG_VERSION")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn in_json() -> String {
    let rows: Vec<Value> = PROVIDERS
        .iter()
        .map(|provider| {
            json!({
                "name": provider.name,
                "dialect": dialect(provider),
                "base_url": provider.base_url,
                "key": provider.key_env,
                "model": provider.model,
                "local": provider.local,
                "checked": provider.source.document(),
                "parameters_checked": matches!(provider.source, Source::All(_)),
            })
        })
        .collect();
    format!("{:#}\n", Value::from(rows))
}

fn in_columns() -> String {
    let head = ["type", "dialect", "base URL", "key", "default model", "checked against"];
    let mut rows = vec![head.map(str::to_owned)];
    rows.extend(PROVIDERS.iter().map(|provider| {
        let checked = match provider.source {
            Source::All(document) => document.to_owned(),
            Source::Address(document) => format!("{document} (parameters not checked)"),
        };
        let key = provider.key_env.first().copied().unwrap_or_default();
        let cells = [provider.name, dialect(provider), provider.base_url, key, provider.model, &checked];
        cells.map(str::to_owned)
    }));
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

fn dialect(provider: &Provider) -> &'static str {
    provider.dialect.map_or("in process", |dialect| dialect.name())
}
