//! Adapts classes: removes copies of our classes, and bases without effect.

use ruff_python_ast::{Expr, Stmt, StmtClassDef};
use ruff_text_size::Ranged;

use super::Adapter;
use crate::child::report;

/// Our classes that code often defines again.
const OURS: &[&str] = &["JobManifest", "JobOutput", "Job"];

/// Methods that CPython calls and the interpreter passes by without a word. It names others where they are needed.
#[rustfmt::skip]
const NEVER_CALLED: &[&str] = &[
    "__bool__", "__delattr__", "__format__", "__getattribute__", "__len__", "__ne__", "__new__", "__setattr__",
];

impl Adapter<'_> {
    /// Adapts a class. Gives `true` if its body needs no visit.
    pub(super) fn class(&mut self, class: &StmtClassDef) -> bool {
        let methods = class.body.iter().filter_map(Stmt::as_function_def_stmt);
        if let Some(method) = methods.into_iter().find(|method| NEVER_CALLED.contains(&method.name.as_str()))
        {
            let message = format!("NotImplementedError: this Python does not call {}", method.name);
            let error = report::at_line(self.line(method.name.start()), self.code, &message);
            self.error.get_or_insert(error);
        }
        let name = class.name.as_str();
        let bases = class.arguments.as_ref();
        let derived = bases.is_some_and(|bases| {
            let plain = |base: &Expr| base.as_name_expr().is_some_and(|base| base.id == "object");
            !bases.keywords.is_empty() || !bases.args.iter().all(plain)
        });
        let bare = class.decorator_list.is_empty() && !class.body.iter().any(Stmt::is_function_def_stmt);
        if OURS.contains(&name) && (derived || bare) {
            self.replace(class.range(), Vec::new());
            return true;
        }
        let Some(bases) = bases else { return false };
        if !derived {
            let blank = self.text(bases.range()).replace(|c| c != '\n' && c != '\r', " ");
            self.edits.push((bases.range(), blank));
            return false;
        }
        match &bases.args[..] {
            // An exception class without a body becomes an alias of its base.
            [Expr::Name(base)] if is_exception(&base.id) && is_empty(&class.body) => {
                self.replace(class.range(), vec![format!("{name} = {}", base.id)]);
            }
            _ => self.reject(class),
        }
        true
    }

    fn reject(&mut self, class: &StmtClassDef) {
        let message = "NotImplementedError: this Python has no inheritance: write a plain class or a @dataclass \
                       (JobManifest, JobOutput and Job are in scope already)";
        let error = report::at_line(self.line(class.name.start()), self.code, message);
        self.error.get_or_insert(error);
    }
}

fn is_exception(name: &str) -> bool {
    name.ends_with("Error") || name.ends_with("Exception")
}

/// Whether the body consists of docstrings, `pass` and `...` alone.
fn is_empty(body: &[Stmt]) -> bool {
    body.iter().all(|statement| match statement {
        Stmt::Pass(_) => true,
        Stmt::Expr(expression) => expression.value.is_literal_expr(),
        _ => false,
    })
}
