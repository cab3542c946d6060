//! The search functions in the code's scope.

use rustpython_vm::builtins::PyDict;
use rustpython_vm::function::FuncArgs;
use rustpython_vm::{PyObjectRef, PyResult, VirtualMachine};

use super::arguments::{bind, count, text, texts, utf8, weights};
use super::functions::Text;
use super::{ask, watch};
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
    mut args: FuncArgs,
    vm: &VirtualMachine,
) -> PyResult<PyObjectRef> {
    if let Some(keywords) = args.kwargs.swap_remove("keywords") {
        args.kwargs.insert("queries".into(), keywords);
    }
    let mut values = bind(name, &["queries", "chunks", "k", "weights"], args, vm)?.into_iter();
    let mut next = || values.next().flatten().filter(|value| !vm.is_none(value));
    let (given, chunks, mut k, mut weighted) = (next(), next(), next(), next());
    if k.as_ref().is_some_and(|k| k.downcast_ref::<PyDict>().is_some()) {
        std::mem::swap(&mut k, &mut weighted);
    }
    let missing = |what: &str| vm.new_type_error(format!("{name}() missing a required argument: '{what}'"));
    let queries = queries(name, given.ok_or_else(|| missing("queries"))?, weighted, vm)?;
    let chunks = texts(&format!("{name}(): chunks"), &chunks.ok_or_else(|| missing("chunks"))?, vm)?;
    let k = k.map_or(Ok(TOP_K), |k| count(&format!("{name}(): k"), &k, vm))?;
    let found = match search {
        Search::Embedding => {
            if chunks.iter().map(|chunk| utf8(chunk).len()).sum::<usize>() > room {
                return Err(vm.new_value_error(format!(
                    "{name}(): the chunks have more than {room} bytes, more than the documents can give"
                )));
            }
            let texts: Vec<_> = chunks.iter().cloned().map(Text).collect();
            by_meaning(name, &SearchArguments { queries, k }, &texts)
                .map_err(|reason| vm.new_runtime_error(format!("{name}(): {reason}")))?
        }
        Search::Bm25 | Search::Off => {
            let texts: Vec<_> = chunks.iter().map(utf8).collect();
            bm25_top_k(&queries, &texts, k)
        }
    };
    let chosen = found.into_iter().filter_map(|position| chunks.get(position).cloned());
    Ok(vm.ctx.new_list(chosen.map(Into::into).collect()).into())
}

/// The indices of the chunks that the host finds. Its time is not the code's.
fn by_meaning(name: &str, arguments: &SearchArguments, chunks: &[Text]) -> Result<Vec<usize>, String> {
    let lost = |error: serde_json::Error| format!("the search was lost: {error}");
    let arguments = serde_json::to_value(arguments).map_err(lost)?;
    let call = HostCall { name: name.to_owned(), arguments };
    let found = watch::suspended(|| ask::call(call, chunks))?;
    serde_json::from_value(found).map_err(lost)
}

/// Reads a text, a list of texts, or a dict of texts and weights, and the weights beside them.
fn queries(
    name: &str,
    given: PyObjectRef,
    weighted: Option<PyObjectRef>,
    vm: &VirtualMachine,
) -> PyResult<Vec<Query>> {
    let what = format!("{name}(): queries");
    let mut queries: Vec<Query> = if given.downcast_ref::<rustpython_vm::builtins::PyStr>().is_some() {
        vec![(utf8(&text(&what, given, vm)?).to_owned(), 1.0)]
    } else if let Some(pairs) = weights(&what, &given, vm)? {
        pairs
    } else {
        texts(&what, &given, vm)?.iter().map(|text| (utf8(text).to_owned(), 1.0)).collect()
    };
    let more = weighted.map(|weighted| weights(&format!("{name}(): weights"), &weighted, vm)).transpose()?;
    for (text, weight) in more.flatten().unwrap_or_default() {
        queries.iter_mut().filter(|(query, _)| *query == text).for_each(|query| query.1 = weight);
    }
    Ok(queries)
}
