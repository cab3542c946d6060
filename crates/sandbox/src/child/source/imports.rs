//! Adapts imports: removes those of names in scope, and takes others from the shims.

use ruff_python_ast::{Alias, StmtImport, StmtImportFrom};
use ruff_text_size::Ranged;

use super::Adapter;

/// The modules of the interpreter.
#[rustfmt::skip]
const MODULES: &[&str] = &[
    "base64", "binascii", "collections", "dataclasses", "datetime", "functools", "itertools", "json", "math", "typing",
    "unicodedata",
];

/// Modules that the interpreter has too, but without anything useful.
const INERT: &[&str] = &["__future__", "asyncio", "os", "pathlib", "sys"];

/// The names that the prelude and the host put in scope.
#[rustfmt::skip]
const IN_SCOPE: &[&str] = &[
    "JobManifest", "JobOutput", "Job", "chunk_by_section", "chunk_by_page", "chunk_by_paragraph", "chunk_by_code",
    "chunk_by_function_and_class", "bm25_retrieve_top_k_chunks", "embedding_retrieve_top_k_chunks", "Any", "Callable", "Dict", "Iterable", "List", "Literal", "Mapping", "Optional",
    "Sequence", "Set", "Tuple", "Type", "Union", "dataclass", "Counter", "defaultdict", "deque", "namedtuple",
];

/// Modules whose names serve as annotations or bases alone, so that any value will do.
const HINTS: &[&str] = &["typing", "typing_extensions", "collections.abc", "pydantic", "abc"];

/// Names that the interpreter's modules lack and `shims.py` has.
#[rustfmt::skip]
const GAPS: &[(&str, &str)] = &[
    ("collections", "OrderedDict"), ("dataclasses", "asdict"), ("dataclasses", "field"), ("functools", "cache"),
    ("functools", "lru_cache"), ("functools", "wraps"), ("itertools", "combinations"),
    ("itertools", "from_iterable"), ("itertools", "groupby"), ("itertools", "product"),
];

/// Modules that `shims.py` replaces.
const STAND_INS: &[&str] = &["heapq", "operator", "re", "string", "textwrap"];

/// The name of the shim for a name in a module.
pub(super) fn shim(module: &str, name: &str) -> Option<String> {
    GAPS.contains(&(module, name)).then(|| format!("_minions_{module}_{name}"))
}

impl Adapter<'_> {
    pub(super) fn import(&mut self, import: &StmtImport) -> bool {
        let known = |alias: &Alias| importable(&alias.name);
        for alias in &import.names {
            if let Some(bound) = &alias.asname {
                self.modules.insert(bound.to_string(), alias.name.to_string());
            }
        }
        if import.names.iter().all(known) {
            return true;
        }
        let statements = import.names.iter().map(|alias| {
            let name = alias.name.as_str();
            let bound = alias.asname.as_ref().map_or(name, |bound| bound.as_str());
            match name {
                _ if known(alias) => format!("import {name} as {bound}"),
                _ if STAND_INS.contains(&name) => format!("{bound} = _minions_{name}"),
                _ => unknown(name),
            }
        });
        self.replace(import.range(), statements.collect());
        true
    }

    pub(super) fn import_from(&mut self, import: &StmtImportFrom) -> bool {
        let module = import.module.as_ref().map_or("", |module| module.as_str());
        let native = import.level == 0 && importable(module);
        let hint = HINTS.contains(&module);
        let gap = |alias: &Alias| shim(module, alias.name.as_str()).is_some();
        if native && !hint && !import.names.iter().any(gap) {
            return true;
        }
        let statements = import.names.iter().filter_map(|alias| {
            let name = alias.name.as_str();
            let bound = alias.asname.as_ref().map_or(name, |bound| bound.as_str());
            if let Some(shim) = shim(module, name) {
                return Some(format!("{bound} = {shim}"));
            }
            match name {
                _ if STAND_INS.contains(&module) => Some(format!("{bound} = _minions_{module}.{name}")),
                _ if IN_SCOPE.contains(&name) => (bound != name).then(|| format!("{bound} = {name}")),
                _ if hint => (name != "*").then(|| format!("{bound} = Any")),
                _ if native => Some(format!("from {module} import {name} as {bound}")),
                _ => Some(unknown(module)),
            }
        });
        let statements = statements.collect();
        self.replace(import.range(), statements);
        true
    }
}

fn importable(module: &str) -> bool {
    MODULES.contains(&module) || INERT.contains(&module)
}

fn unknown(module: &str) -> String {
    let mut modules: Vec<_> = MODULES.iter().chain(STAND_INS).copied().collect();
    modules.sort_unstable();
    let modules = modules.join(", ");
    let message = format!(
        "no module '{module}' here; JobManifest, JobOutput, Job, the chunk_by_ functions and the names of typing are \
         in scope without an import; modules: {modules}"
    );
    // For every possible module name, the Rust string literal is a Python one too.
    format!("raise ModuleNotFoundError({message:?})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Search;

    #[test]
    fn every_name_in_the_tables_exists() {
        let shims = concat!(
            include_str!("../prelude.py"),
            include_str!("../shims.py"),
            include_str!("../re_module.py")
        );
        for (module, name) in GAPS {
            let name = shim(module, name).unwrap();
            assert!(
                shims.contains(&format!("def {name}(")) || shims.contains(&format!("\n{name} = ")),
                "{name}"
            );
        }
        for module in STAND_INS {
            assert!(shims.contains(&format!("\n_minions_{module} = ")), "{module}");
        }
        let host = super::super::super::functions::HOST_FUNCTIONS;
        for name in IN_SCOPE {
            let searches = [Search::Bm25, Search::Embedding].map(Search::function);
            let defined = host.contains(name)
                || searches.contains(&Some(*name))
                || shims.contains(&format!("class {name}:"));
            let imported =
                shims.lines().any(|line| line.starts_with("from ") && line.contains(&format!(" {name}")));
            assert!(defined || imported, "{name}");
        }
    }
}
