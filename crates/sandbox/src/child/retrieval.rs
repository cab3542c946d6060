//! The search functions in the code's scope.

use monty_types::{ExcType, MontyException, MontyObject};

use super::arguments::bind;
use super::ask::Ask;
use super::exceptions::{exception, type_error};
use crate::search::SearchArguments;
use crate::{HostCall, Search};
use minions_documents::{Query, bm25_top_k};

/// The number of chunks if the code gives no `k`.
const TOP_K: usize = 10;

/// Answers `search(queries, chunks, k=10, weights=None)`. Code for the original minions names the queries `keywords`,
/// and gives the weights third. The host takes at most `room` bytes of chunks.
pub(super) fn retrieve(
    name: &str,
    search: Search,
    room: usize,
    args: Vec<MontyObject>,
    mut kwargs: Vec<(MontyObject, MontyObject)>,
    ask: &mut Ask,
) -> Result<MontyObject, MontyException> {
    for (key, _) in &mut kwargs {
        if matches!(key, MontyObject::String(key) if key == "keywords") {
            *key = MontyObject::String("queries".to_owned());
        }
    }
    let values = bind(name, &["queries", "chunks", "k", "weights"], args, kwargs)?;
    let Ok([given, chunks, mut k, mut weights]) = <[Option<MontyObject>; 4]>::try_from(values) else {
        return Err(type_error(format!("{name}() takes queries, chunks and k")));
    };
    if matches!(k, Some(MontyObject::Dict(_))) {
        std::mem::swap(&mut k, &mut weights);
    }
    let queries = weighted(name, queries(name, given)?, weights)?;
    let chunks = texts(name, "chunks", chunks)?;
    let k = match k {
        None | Some(MontyObject::None) => TOP_K,
        Some(MontyObject::Int(k)) => usize::try_from(k).unwrap_or_default(),
        Some(other) => {
            return Err(type_error(format!("{name}(): k must be an int, not {}", other.type_name())));
        }
    };
    let found = match search {
        Search::Embedding if chunks.iter().map(String::len).sum::<usize>() > room => {
            let message =
                format!("{name}(): the chunks have more than {room} bytes, more than the documents can give");
            return Err(exception(ExcType::ValueError, &message));
        }
        Search::Embedding => by_meaning(name, SearchArguments { queries, k }, &chunks, ask)
            .map_err(|reason| exception(ExcType::RuntimeError, &format!("{name}(): {reason}")))?,
        Search::Bm25 | Search::Off => bm25_top_k(&queries, &chunks, k),
    };
    let chosen = found.into_iter().filter_map(|position| chunks.get(position).cloned());
    Ok(MontyObject::List(chosen.map(MontyObject::String).collect()))
}

/// The indices of the chunks that the host finds.
fn by_meaning(
    name: &str,
    arguments: SearchArguments,
    chunks: &[String],
    ask: &mut Ask,
) -> Result<Vec<usize>, String> {
    let lost = |error: serde_json::Error| format!("the search was lost: {error}");
    let arguments = serde_json::to_value(arguments).map_err(lost)?;
    let found = ask.call(HostCall { name: name.to_owned(), arguments }, chunks)?;
    serde_json::from_value(found).map_err(lost)
}

/// Reads a text, a list of texts, or a dict of texts and weights.
fn queries(name: &str, given: Option<MontyObject>) -> Result<Vec<Query>, MontyException> {
    match given {
        Some(MontyObject::String(text)) => Ok(vec![(text, 1.0)]),
        Some(MontyObject::Dict(pairs)) => pairs
            .into_iter()
            .map(|(text, weight)| Ok((string(name, "queries", text)?, number(name, &weight)?)))
            .collect(),
        other => Ok(texts(name, "queries", other)?.into_iter().map(|text| (text, 1.0)).collect()),
    }
}

fn weighted(
    name: &str,
    mut queries: Vec<Query>,
    weights: Option<MontyObject>,
) -> Result<Vec<Query>, MontyException> {
    let Some(MontyObject::Dict(pairs)) = weights else { return Ok(queries) };
    for (text, weight) in pairs {
        let (text, weight) = (string(name, "weights", text)?, number(name, &weight)?);
        queries.iter_mut().filter(|(query, _)| *query == text).for_each(|query| query.1 = weight);
    }
    Ok(queries)
}

fn texts(name: &str, what: &str, value: Option<MontyObject>) -> Result<Vec<String>, MontyException> {
    match value {
        Some(MontyObject::List(items) | MontyObject::Tuple(items)) => {
            items.into_iter().map(|item| string(name, what, item)).collect()
        }
        Some(other) => {
            Err(type_error(format!("{name}(): {what} must be a list of str, not {}", other.type_name())))
        }
        None => Err(type_error(format!("{name}() missing a required argument: '{what}'"))),
    }
}

fn string(name: &str, what: &str, value: MontyObject) -> Result<String, MontyException> {
    match value {
        MontyObject::String(text) => Ok(text),
        other => Err(type_error(format!("{name}(): {what} must be str, not {}", other.type_name()))),
    }
}

fn number(name: &str, value: &MontyObject) -> Result<f32, MontyException> {
    match value {
        MontyObject::Int(number) => Ok(*number as f32),
        MontyObject::Float(number) => Ok(*number as f32),
        other => Err(type_error(format!("{name}(): a weight must be a number, not {}", other.type_name()))),
    }
}
