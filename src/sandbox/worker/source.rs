//! Adapts the supervisor's source to the interpreter, without moving a line.
//!
//! Code written for the usual Python imports what is in scope here already, or derives its own copy of our
//! classes from pydantic. Such statements are replaced in place; everything else stays as it was written.

use ruff_python_ast::{
    Alias, Expr, Stmt, StmtClassDef, StmtFunctionDef, StmtImport, StmtImportFrom,
    statement_visitor::{StatementVisitor, walk_stmt},
};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextRange};

use super::report;
use crate::sandbox::CodeError;

/// What the interpreter can import by itself.
const MODULES: &[&str] = &[
    "__future__",
    "asyncio",
    "base64",
    "binascii",
    "collections",
    "dataclasses",
    "datetime",
    "functools",
    "itertools",
    "json",
    "math",
    "os",
    "pathlib",
    "re",
    "sys",
    "typing",
    "unicodedata",
];

/// What the prelude and the host put in scope.
const IN_SCOPE: &[&str] = &[
    "JobManifest",
    "JobOutput",
    "Job",
    "chunk_by_section",
    "chunk_by_page",
    "chunk_by_paragraph",
    "chunk_by_code",
    "chunk_by_function_and_class",
    "Any",
    "Callable",
    "Dict",
    "Iterable",
    "List",
    "Literal",
    "Mapping",
    "Optional",
    "Sequence",
    "Set",
    "Tuple",
    "Type",
    "Union",
    "dataclass",
    "field",
    "Counter",
    "defaultdict",
    "deque",
    "namedtuple",
];

/// Imported to annotate or to derive from, so any value will do.
const HINT_MODULES: &[&str] = &["typing", "typing_extensions", "collections.abc", "pydantic", "abc"];

/// The classes of ours that code likes to define again.
const OURS: &[&str] = &["JobManifest", "JobOutput", "Job"];

/// Source for the interpreter.
pub struct Module {
    /// As many lines as the original.
    pub code: String,
    /// How many of context, manifests and outputs `prepare_jobs` takes.
    pub prepare_arity: usize,
}

/// Replaces the statements that the interpreter would reject without need.
pub fn adapt(code: &str) -> Result<Module, CodeError> {
    // Left to the interpreter, which words a syntax error as Python does.
    let unchanged = |code: &str| Module { code: code.to_owned(), prepare_arity: 3 };
    let Ok(parsed) = parse_module(code) else { return Ok(unchanged(code)) };
    let mut adapter = Adapter { code, edits: Vec::new(), error: None };
    adapter.visit_body(parsed.suite());
    if let Some(error) = adapter.error {
        return Err(error);
    }
    let prepare = parsed
        .suite()
        .iter()
        .rev()
        .filter_map(Stmt::as_function_def_stmt)
        .find(|f| f.name.as_str() == "prepare_jobs");
    let mut code = code.to_owned();
    for (range, text) in adapter.edits.into_iter().rev() {
        code.replace_range(range.to_std_range(), &text);
    }
    Ok(Module { code, prepare_arity: prepare.map_or(3, arity) })
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
    /// In source order, none inside another.
    edits: Vec<(TextRange, String)>,
    error: Option<CodeError>,
}

impl StatementVisitor<'_> for Adapter<'_> {
    fn visit_stmt(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Import(import) => self.import(import),
            Stmt::ImportFrom(import) => self.import_from(import),
            Stmt::ClassDef(class) if self.class(class) => {}
            other => walk_stmt(self, other),
        }
    }
}

impl Adapter<'_> {
    fn import(&mut self, import: &StmtImport) {
        let known = |alias: &Alias| MODULES.contains(&alias.name.as_str());
        if import.names.iter().all(known) {
            return;
        }
        let statements = import.names.iter().map(|alias| match (&alias.asname, alias.name.as_str()) {
            (Some(bound), name) if known(alias) => format!("import {name} as {bound}"),
            (None, name) if known(alias) => format!("import {name}"),
            (_, name) => no_module(name),
        });
        self.replace(import.range(), statements.collect());
    }

    fn import_from(&mut self, import: &StmtImportFrom) {
        let module = import.module.as_ref().map_or("", |module| module.as_str());
        let hints = HINT_MODULES.contains(&module);
        if import.level == 0 && MODULES.contains(&module) && !hints {
            return;
        }
        let statements = import.names.iter().filter_map(|alias| {
            let name = alias.name.as_str();
            let bound = alias.asname.as_ref().map_or(name, |bound| bound.as_str());
            match (IN_SCOPE.contains(&name), hints) {
                (true, _) if bound == name => None,
                (true, _) => Some(format!("{bound} = {name}")),
                (false, true) if name == "*" => None,
                (false, true) => Some(format!("{bound} = Any")),
                (false, false) => Some(no_module(module)),
            }
        });
        self.replace(import.range(), statements.collect());
    }

    /// Whether the class needs no further look.
    fn class(&mut self, class: &StmtClassDef) -> bool {
        let name = class.name.as_str();
        let bases = class.arguments.as_ref();
        let derived = bases.is_some_and(|bases| {
            !bases.keywords.is_empty()
                || bases.args.iter().any(|base| !is_name(base, |name| name == "object"))
        });
        let bare =
            class.decorator_list.is_empty() && class.body.iter().all(|member| !member.is_function_def_stmt());
        if OURS.contains(&name) && (derived || bare) {
            self.replace(class.range(), Vec::new());
            return true;
        }
        let Some(bases) = bases else { return false };
        if !derived {
            let blank = self.code[bases.range().to_std_range()].replace(|c| c != '\n' && c != '\r', " ");
            self.edits.push((bases.range(), blank));
            return false;
        }
        match &bases.args[..] {
            [Expr::Name(base)] if is_exception(&base.id) && is_empty(&class.body) => {
                self.replace(class.range(), vec![format!("{name} = {}", base.id)]);
            }
            _ => self.reject(class),
        }
        true
    }

    fn reject(&mut self, class: &StmtClassDef) {
        let line = self.code[..class.name.start().to_usize()].matches('\n').count() + 1;
        let message = "NotImplementedError: this Python has no inheritance: write a plain class, or a @dataclass \
                       (JobManifest, JobOutput and Job are in scope already)";
        self.error.get_or_insert_with(|| report::at_line(line, self.code, message));
    }

    /// Puts simple statements in place of one, over as many lines.
    fn replace(&mut self, range: TextRange, mut statements: Vec<String>) {
        let lines = self.code[range.to_std_range()].matches('\n').count();
        if lines > 0 || statements.is_empty() {
            statements.push(format!("(None{})", "\n".repeat(lines)));
        }
        self.edits.push((range, statements.join("; ")));
    }
}

fn is_name(expression: &Expr, test: impl Fn(&str) -> bool) -> bool {
    expression.as_name_expr().is_some_and(|name| test(&name.id))
}

fn is_exception(name: &str) -> bool {
    name.ends_with("Error") || name.ends_with("Exception")
}

/// A docstring, `pass` or `...` and nothing else.
fn is_empty(body: &[Stmt]) -> bool {
    body.iter().all(|statement| match statement {
        Stmt::Pass(_) => true,
        Stmt::Expr(expression) => expression.value.is_literal_expr(),
        _ => false,
    })
}

fn no_module(name: &str) -> String {
    let available =
        MODULES.iter().filter(|module| !module.starts_with('_')).copied().collect::<Vec<_>>().join(", ");
    let message = format!(
        "no module named '{name}' here; in scope without an import are JobManifest, JobOutput, Job and the chunk_by_ \
         functions; importable are {available}"
    );
    // A Python string literal is close enough to a Rust one for what a module name can hold.
    format!("raise ModuleNotFoundError({message:?})")
}
