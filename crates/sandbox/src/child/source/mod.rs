//! Adapts the supervisor's source to the interpreter, and keeps every line in its place.
//!
//! Code written for CPython imports names that are in scope here already, derives copies of our classes from
//! pydantic, or uses features that the interpreter lacks and that have a plain substitute. The adapter replaces such
//! places and leaves everything else.

mod classes;
mod imports;
mod prelude;
mod values;

use std::collections::HashMap;
use std::ops::RangeInclusive;

use ruff_python_ast::token::{Token, TokenKind, Tokens};
use ruff_python_ast::{
    CmpOp, Expr, ExprAttribute, Stmt, StmtDelete, StmtFunctionDef, StmtIf,
    visitor::{Visitor, walk_expr, walk_stmt},
};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextRange, TextSize};

pub(super) use prelude::with_builtins_of_its_own;

use super::report;
use crate::CodeError;

/// What the names of the host's own in the code's scope begin with.
const HOST: &str = "_minions";
/// Spaces to CPython and not to the interpreter.
const SEPARATORS: RangeInclusive<char> = '\u{1c}'..='\u{1f}';

/// Source for the interpreter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Module {
    /// The adapted code, with as many lines as the original.
    pub code: String,
    /// The number of parameters of `prepare_jobs`, up to three: context, manifests, outputs.
    pub prepare_arity: usize,
}

/// Replaces code that the interpreter would reject though it has a substitute, or whose value would be another one.
pub(super) fn adapt(code: &str, documents: &[String]) -> Result<Module, CodeError> {
    let Ok(parsed) = parse_module(code) else {
        // The interpreter reports a syntax error in the words of Python.
        return Ok(Module { code: code.to_owned(), prepare_arity: 3 });
    };
    let mut texts = documents.iter().map(String::as_str).chain([code]);
    let has_separators =
        texts.any(|text| text.contains(|c| SEPARATORS.contains(&c))) || code.contains("\\x1");
    let mut adapter =
        Adapter { code, edits: Vec::new(), modules: HashMap::new(), has_separators, error: None };
    adapter.reject_names_of_the_host(parsed.tokens());
    adapter.visit_body(parsed.suite());
    let functions = parsed.suite().iter().rev().filter_map(Stmt::as_function_def_stmt);
    let prepare = functions.into_iter().find(|function| function.name.as_str() == "prepare_jobs");
    let prepare_arity = prepare.map_or(3, arity);
    adapter.finish().map(|code| Module { code, prepare_arity })
}

fn arity(function: &StmtFunctionDef) -> usize {
    let parameters = &function.parameters;
    if parameters.vararg.is_some() {
        3
    } else {
        (parameters.posonlyargs.len() + parameters.args.len()).min(3)
    }
}

struct Adapter<'a> {
    code: &'a str,
    /// Ranges and their replacements. No two ranges overlap.
    edits: Vec<(TextRange, String)>,
    /// The aliases under which the code imported modules, with the modules' own names.
    modules: HashMap<String, String>,
    /// Whether a text may hold one of [`SEPARATORS`].
    has_separators: bool,
    error: Option<CodeError>,
}

impl<'a> Visitor<'a> for Adapter<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        let done = match statement {
            Stmt::Import(import) => self.import(import),
            Stmt::ImportFrom(import) => self.import_from(import),
            Stmt::ClassDef(class) => self.class(class),
            Stmt::If(branch) => self.main_guard(branch),
            Stmt::Delete(delete) => self.delete(delete),
            Stmt::AugAssign(assignment) => self.operation_in_place(assignment),
            _ => false,
        };
        if !done {
            walk_stmt(self, statement);
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            // The interpreter makes a list of it, and `next` takes no list.
            Expr::Generator(generator) => {
                self.edits.push((TextRange::empty(generator.start()), "iter(".to_owned()));
                self.edits.push((TextRange::empty(generator.end()), ")".to_owned()));
            }
            Expr::Attribute(attribute) if self.attribute(attribute) => return,
            Expr::Call(call) => self.method(call),
            Expr::BinOp(operation) => self.operation(operation),
            _ => {}
        }
        walk_expr(self, expression);
    }
}

impl Adapter<'_> {
    fn finish(mut self) -> Result<String, CodeError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        // An insertion at the start of a range comes first.
        self.edits.sort_by_key(|(range, _)| (range.start(), range.end()));
        let mut adapted = String::with_capacity(self.code.len());
        let mut from = 0;
        for (range, text) in self.edits {
            adapted.push_str(&self.code[from..range.start().to_usize()]);
            adapted.push_str(&text);
            from = range.end().to_usize();
        }
        adapted.push_str(&self.code[from..]);
        Ok(adapted)
    }

    /// The code could end its own run, or hand over what is not its own.
    fn reject_names_of_the_host(&mut self, tokens: &Tokens) {
        let of_the_host =
            |token: &&Token| token.kind() == TokenKind::Name && self.text(token.range()).starts_with(HOST);
        let Some(token) = tokens.iter().find(of_the_host) else { return };
        let message = format!(
            "TypeError: {} is not for the code to use: names that begin with {HOST} are the host's own",
            self.text(token.range())
        );
        self.error = Some(report::at_line(self.line(token.start()), self.code, &message));
    }

    fn text(&self, range: TextRange) -> &str {
        &self.code[range.to_std_range()]
    }

    /// Replaces one statement by simple statements that span as many lines.
    fn replace(&mut self, range: TextRange, mut statements: Vec<String>) {
        let lines = self.text(range).matches('\n').count();
        if lines > 0 || statements.is_empty() {
            statements.push(format!("(None{})", "\n".repeat(lines)));
        }
        self.edits.push((range, statements.join("; ")));
    }

    /// Replaces attributes of modules such as `itertools.groupby` by their shims.
    fn attribute(&mut self, attribute: &ExprAttribute) -> bool {
        let name = attribute.attr.as_str();
        let shim = match &*attribute.value {
            _ if name == "from_iterable" => imports::shim("itertools", name),
            // In the interpreter `str.lower` does not exist, only methods of values do.
            Expr::Name(kind) if kind.id == "str" && self.is_shimmed(name) => Some(values::shim(name)),
            Expr::Name(kind) if kind.id == "str" && name != "maketrans" && !name.starts_with('_') => {
                Some(format!("(lambda text, *rest: text.{name}(*rest))"))
            }
            Expr::Name(module) => {
                let module = module.id.as_str();
                imports::shim(self.modules.get(module).map_or(module, String::as_str), name)
            }
            _ => None,
        };
        let Some(shim) = shim.filter(|_| !self.text(attribute.range()).contains('\n')) else { return false };
        self.edits.push((attribute.range(), shim));
        true
    }

    /// Replaces the test of `if __name__ == "__main__":` by `False`, as the host calls the functions.
    fn main_guard(&mut self, branch: &StmtIf) -> bool {
        let is_name = |side: &Expr| side.as_name_expr().is_some_and(|name| name.id == "__name__");
        let is_main =
            |side: &Expr| side.as_string_literal_expr().is_some_and(|text| text.value == *"__main__");
        if let Expr::Compare(test) = &*branch.test
            && let ([CmpOp::Eq], [right]) = (&*test.ops, &*test.comparators)
            && (is_name(&test.left) && is_main(right) || is_main(&test.left) && is_name(right))
        {
            self.edits.push((test.range(), "False".to_owned()));
            return true;
        }
        false
    }

    /// Replaces `del d[k]` by `d.pop(k)`, and `del x` by `x = None`.
    fn delete(&mut self, delete: &StmtDelete) -> bool {
        let simple = |target: &Expr| match target {
            Expr::Name(_) => true,
            Expr::Subscript(target) => !target.slice.is_slice_expr() && !target.slice.is_tuple_expr(),
            _ => false,
        };
        if !delete.targets.iter().all(simple) {
            return false;
        }
        let statement = |target: &Expr| match target {
            Expr::Subscript(target) => {
                let bracket = target.value.end().to_usize();
                let bracket = bracket + self.code[bracket..].find('[').unwrap_or_default();
                let (from, key) =
                    (target.start().to_usize()..bracket, bracket + 1..target.end().to_usize() - 1);
                format!("{}.pop({})", &self.code[from], &self.code[key])
            }
            target => format!("{} = None", self.text(target.range())),
        };
        let statements = delete.targets.iter().map(statement).collect::<Vec<_>>();
        if statements.iter().any(|statement| statement.contains('\n')) {
            return false;
        }
        self.replace(delete.range(), statements);
        true
    }

    /// The line of this byte offset, from 1.
    fn line(&self, at: TextSize) -> usize {
        self.code[..at.to_usize()].matches('\n').count() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapted(code: &str) -> String {
        let adapted = adapt(code, &[]).unwrap().code;
        assert_eq!(adapted.matches('\n').count(), code.matches('\n').count(), "{adapted}");
        adapted
    }

    #[test]
    fn what_the_interpreter_takes_is_left_alone() {
        for code in [
            "",
            "import json\nfrom collections import Counter\nfrom math import sqrt as root\nx = re.findall('a', 'b')\n",
            "@dataclass\nclass JobManifest:\n    chunk: str\n\nclass Other:\n    x = 1\n",
            "def f(:\n",
            "del a[1:2], b.c\n",
            "[x for x in y]\n{x: 1 for x in y}\n",
            "if type(x).__name__ == 'str':\n    y()\n",
            "if x.__name__ == '__main__' or __name__ == 'x':\n    y()\n",
            "if __name__ != '__main__':\n    y()\n",
        ] {
            assert_eq!(adapted(code), code);
        }
    }

    #[test]
    fn replacements_keep_to_their_lines() {
        assert_eq!(adapted("from typing import (\n  List,\n  Dict,\n); x = 1"), "(None\n\n\n); x = 1");
        assert_eq!(adapted("from minions import JobManifest as JM, Job"), "JM = JobManifest");
        assert_eq!(adapted("import json, string as s"), "import json as json; s = _minions_string");
        assert_eq!(adapted("import re"), "re = _minions_re");
        assert_eq!(adapted("from re import sub as s, I"), "s = _minions_re.sub; I = _minions_re.I");
        assert_eq!(
            adapted("from itertools import chain, groupby as g"),
            "from itertools import chain as chain; g = _minions_itertools_groupby"
        );
        assert_eq!(
            adapted("import itertools as it\nit.product(it.chain([1]))"),
            "import itertools as it\n_minions_itertools_product(it.chain([1]))"
        );
        assert_eq!(adapted("class Job(BaseModel):\n    a: int\n    b: int\n"), "(None\n\n)\n");
        assert_eq!(adapted("class A(object): pass"), "class A        : pass");
        assert_eq!(adapted("class E(ValueError):\n    pass"), "E = ValueError; (None\n)");
        assert_eq!(adapted("sum(x for x in (y for y in z))"), "sum(iter(x for x in iter((y for y in z))))");
        assert_eq!(adapted("f'{next(x for x in y)}'"), "f'{next(iter(x for x in y))}'");
        assert_eq!(
            adapted("sorted(x, key=str.lower)"),
            "sorted(x, key=(lambda text, *rest: text.lower(*rest)))"
        );
        assert_eq!(adapted("del a, (b or c)['k'], d[e[1]]"), "a = None; (b or c).pop('k'); d.pop(e[1])");
        for test in ["__name__ == '__main__'", "\"__main__\" == __name__"] {
            assert_eq!(adapted(&format!("if {test}:\n    main()")), "if False:\n    main()");
        }
        assert!(
            adapted("import numpy as np").starts_with("raise ModuleNotFoundError(\"no module 'numpy' here;")
        );
    }

    #[test]
    fn arguments_are_those_that_prepare_jobs_takes() {
        let arity = |parameters: &str| {
            adapt(&format!("def prepare_jobs({parameters}): pass"), &[]).unwrap().prepare_arity
        };
        assert_eq!(
            ["", "a", "a, b=1", "a, /, b, c=None", "a, b, c, d=1", "*a", "a, **k"].map(arity),
            [0, 1, 2, 3, 3, 3, 1]
        );
        assert_eq!(adapt("x = 1", &[]).unwrap().prepare_arity, 3);
    }
}
