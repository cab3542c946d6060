//! Makes our own Python independent of the supervisor's, which has the same scope.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ruff_python_ast::{
    Expr, ExprContext,
    visitor::{Visitor, walk_expr},
};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextRange};

/// The builtins that our own Python uses.
const BUILTINS: &[&str] = &[
    "IndexError",
    "NotImplementedError",
    "TypeError",
    "ValueError",
    "ZeroDivisionError",
    "abs",
    "bool",
    "bytes",
    "chr",
    "dict",
    "enumerate",
    "filter",
    "float",
    "getattr",
    "hasattr",
    "hash",
    "int",
    "isinstance",
    "iter",
    "len",
    "list",
    "map",
    "max",
    "min",
    "pow",
    "range",
    "reversed",
    "round",
    "sorted",
    "str",
    "tuple",
    "type",
    "zip",
];

/// The code with names of its own for the builtins, so that code which calls something `list` or `len` changes nothing.
pub(in crate::child) fn with_builtins_of_its_own(code: &str) -> String {
    let mut found = Found::default();
    if let Ok(parsed) = parse_module(code) {
        found.visit_body(parsed.suite());
    }
    // The visitor goes by the order of evaluation.
    found.uses.sort_by_key(Ranged::start);
    let names: BTreeSet<_> = found.uses.iter().map(|range| &code[range.to_std_range()]).collect();
    let mut bound = String::with_capacity(code.len() + (code.len() >> 1));
    for name in names {
        let _ = writeln!(bound, "_minions_builtin_{name} = {name}");
    }
    let mut from = 0;
    for range in found.uses {
        let range = range.to_std_range();
        bound.push_str(&code[from..range.start]);
        bound.push_str("_minions_builtin_");
        from = range.start;
    }
    bound.push_str(&code[from..]);
    bound
}

/// The places of builtins.
#[derive(Default)]
struct Found {
    uses: Vec<TextRange>,
}

impl<'a> Visitor<'a> for Found {
    fn visit_annotation(&mut self, _: &'a Expr) {}

    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Name(name) = expression
            && name.ctx == ExprContext::Load
            && BUILTINS.contains(&name.id.as_str())
        {
            self.uses.push(name.range());
        }
        walk_expr(self, expression);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builtins_are_bound_before_any_code_runs() {
        let bound = with_builtins_of_its_own("def f(list: str):\n    return len([str(x) for x in y])\n");
        assert_eq!(
            bound,
            "_minions_builtin_len = len\n_minions_builtin_str = str\ndef f(list: str):\n    return \
             _minions_builtin_len([_minions_builtin_str(x) for x in y])\n"
        );
    }
}
