//! Adapts the supervisor's source to the interpreter, without moving a line.
//!
//! Code written for the usual Python imports what is in scope here already, derives its own copy of our classes
//! from pydantic, or uses a corner of the language that the interpreter lacks and that has a plain substitute.
//! Such places are replaced; everything else stays as it was written.

mod classes;
mod imports;

use std::collections::HashMap;

use ruff_python_ast::{
    CmpOp, Expr, ExprAttribute, Stmt, StmtDelete, StmtFunctionDef, StmtIf,
    visitor::{Visitor, walk_expr, walk_stmt},
};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextRange, TextSize};

use crate::CodeError;

/// Source for the interpreter.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Module {
    /// As many lines as the original.
    pub code: String,
    /// How many of context, manifests and outputs `prepare_jobs` takes.
    pub prepare_arity: usize,
}

/// Replaces what the interpreter would reject without need.
pub(super) fn adapt(code: &str) -> Result<Module, CodeError> {
    let Ok(parsed) = parse_module(code) else {
        // Left to the interpreter, which words a syntax error as Python does.
        return Ok(Module { code: code.to_owned(), prepare_arity: 3 });
    };
    let mut adapter = Adapter { code, edits: Vec::new(), modules: HashMap::new(), error: None };
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
    /// Ranges and what goes there; none overlaps another.
    edits: Vec<(TextRange, String)>,
    /// Names under which the code imported modules, where they differ from the modules' own.
    modules: HashMap<String, String>,
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
            _ => false,
        };
        if !done {
            walk_stmt(self, statement);
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        match expression {
            // A list to the interpreter, which `next` does not take.
            Expr::Generator(generator) => {
                self.edits.push((TextRange::empty(generator.start()), "iter(".to_owned()));
                self.edits.push((TextRange::empty(generator.end()), ")".to_owned()));
            }
            Expr::Attribute(attribute) if self.attribute(attribute) => return,
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
        // An insertion goes before what it precedes.
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

    fn text(&self, range: TextRange) -> &str {
        &self.code[range.to_std_range()]
    }

    /// Puts simple statements in place of one, over as many lines.
    fn replace(&mut self, range: TextRange, mut statements: Vec<String>) {
        let lines = self.text(range).matches('\n').count();
        if lines > 0 || statements.is_empty() {
            statements.push(format!("(None{})", "\n".repeat(lines)));
        }
        self.edits.push((range, statements.join("; ")));
    }

    /// `itertools.groupby` and the like.
    fn attribute(&mut self, attribute: &ExprAttribute) -> bool {
        let name = attribute.attr.as_str();
        let shim = match &*attribute.value {
            _ if name == "from_iterable" => imports::shim("itertools", name),
            // `key=str.lower`: its types have no methods, only their values do.
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

    /// `if __name__ == "__main__":` never holds here: the functions are called from outside.
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

    /// `del d[k]` takes the item out, `del x` lets go of the value.
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

    /// The line, counted from one, on which this byte is.
    fn line(&self, at: TextSize) -> usize {
        self.code[..at.to_usize()].matches('\n').count() + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapted(code: &str) -> String {
        let adapted = adapt(code).unwrap().code;
        assert_eq!(adapted.matches('\n').count(), code.matches('\n').count(), "{adapted}");
        adapted
    }

    #[test]
    fn what_the_interpreter_takes_is_left_alone() {
        for code in [
            "",
            "import re, json\nfrom collections import Counter\nfrom math import sqrt as root\nx = re.findall('a', 'b')\n",
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
        assert_eq!(adapted("import re, string as s"), "import re as re; s = _minions_string");
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
        let arity =
            |parameters: &str| adapt(&format!("def prepare_jobs({parameters}): pass")).unwrap().prepare_arity;
        assert_eq!(
            ["", "a", "a, b=1", "a, /, b, c=None", "a, b, c, d=1", "*a", "a, **k"].map(arity),
            [0, 1, 2, 3, 3, 3, 1]
        );
        assert_eq!(adapt("x = 1").unwrap().prepare_arity, 3);
    }
}
