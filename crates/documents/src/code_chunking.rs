//! Chunkers for Python source, by its grammar.

use ruff_python_ast::{ModModule, Stmt, StmtClassDef, StmtFunctionDef};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextRange};

use super::chunking::chunk_by_section;

/// The most characters of a piece of a text that is not cut by its grammar.
const PIECE_SIZE: usize = 3000;

/// Cuts a module into its functions and methods, decorators included, with `per_chunk` of them in a chunk.
///
/// A text that is not Python, or has no functions, is cut into pieces of whole lines.
pub fn chunk_by_code(doc: &str, per_chunk: usize) -> Vec<String> {
    let Some(module) = parsed(doc) else { return pieces(doc) };
    let mut functions = Vec::new();
    for statement in &module.body {
        match statement {
            Stmt::FunctionDef(function) => functions.push(lines_of(doc, function.range())),
            Stmt::ClassDef(class) => {
                functions.extend(methods(class).map(|method| lines_of(doc, method.range())))
            }
            _ => {}
        }
    }
    if functions.is_empty() {
        return pieces(doc);
    }
    functions.chunks(per_chunk.max(1)).map(|batch| batch.join("\n\n")).collect()
}

/// Cuts a module into its functions, its methods (each below the head of its class), and an outline of each class
/// (head, variables, heads of the methods). Every chunk begins with the imports of the module.
///
/// A text that is not Python, or has neither functions nor classes, is cut into pieces of whole lines.
pub fn chunk_by_function_and_class(doc: &str) -> Vec<String> {
    let Some(module) = parsed(doc) else { return pieces(doc) };
    let imports = imports(doc, &module.body);
    let mut chunks = Vec::new();
    for statement in &module.body {
        match statement {
            Stmt::FunctionDef(function) => {
                chunks.push(format!("{imports}{}", lines_of(doc, function.range())))
            }
            Stmt::ClassDef(class) => {
                let head = class_head(doc, class);
                let methods = methods(class).map(|method| lines_of(doc, method.range()));
                chunks.extend(methods.map(|method| format!("{imports}{head}\n{method}")));
                chunks.push(format!("{imports}{}", outline(doc, class, head)));
            }
            _ => {}
        }
    }
    if chunks.is_empty() { pieces(doc) } else { chunks }
}

fn parsed(doc: &str) -> Option<ModModule> {
    Some(parse_module(doc).ok()?.into_syntax())
}

fn methods(class: &StmtClassDef) -> impl Iterator<Item = &StmtFunctionDef> {
    class.body.iter().filter_map(Stmt::as_function_def_stmt)
}

/// The import statements of any depth, each once, and a blank line.
fn imports(doc: &str, body: &[Stmt]) -> String {
    use ruff_python_ast::statement_visitor::{StatementVisitor, walk_stmt};
    struct Imports<'a>(&'a str, Vec<&'a str>);
    impl StatementVisitor<'_> for Imports<'_> {
        fn visit_stmt(&mut self, statement: &Stmt) {
            if matches!(statement, Stmt::Import(_) | Stmt::ImportFrom(_)) {
                let text = &self.0[statement.range().to_std_range()];
                if !self.1.contains(&text) {
                    self.1.push(text);
                }
            }
            walk_stmt(self, statement);
        }
    }
    let mut found = Imports(doc, Vec::new());
    found.visit_body(body);
    if found.1.is_empty() { String::new() } else { format!("{}\n\n", found.1.join("\n")) }
}

/// The line `class Name(Bases):`, without decorators.
fn class_head<'a>(doc: &'a str, class: &StmtClassDef) -> &'a str {
    let name = class.name.start().to_usize();
    let start = doc[..name].rfind("class").unwrap_or(name);
    head(doc, start, &class.body)
}

fn outline(doc: &str, class: &StmtClassDef, head_of_class: &str) -> String {
    let members = class.body.iter().filter_map(|member| match member {
        Stmt::Assign(_) | Stmt::AnnAssign(_) => Some(lines_of(doc, member.range())),
        Stmt::FunctionDef(method) => {
            Some(head(doc, line_start(doc, method.start().to_usize()), &method.body))
        }
        _ => None,
    });
    std::iter::once(head_of_class).chain(members).collect::<Vec<_>>().join("\n")
}

/// The text from `start` to the beginning of the body.
fn head<'a>(doc: &'a str, start: usize, body: &[Stmt]) -> &'a str {
    let end = body.first().map_or(doc.len(), |first| first.start().to_usize());
    doc[start..end].trim_end()
}

/// The lines that overlap the range, without the last line break.
fn lines_of(doc: &str, range: TextRange) -> &str {
    let end = range.end().to_usize();
    let end = doc[end..].find(['\n', '\r']).map_or(doc.len(), |offset| end + offset);
    &doc[line_start(doc, range.start().to_usize())..end]
}

fn line_start(doc: &str, byte: usize) -> usize {
    doc[..byte].rfind(['\n', '\r']).map_or(0, |line_break| line_break + 1)
}

/// Cuts a text into pieces of whole lines, of at most [`PIECE_SIZE`] characters; a longer line is cut.
fn pieces(doc: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let (mut piece, mut length) = (String::new(), 0);
    let lines = doc.split_inclusive('\n');
    for part in lines.flat_map(|line| chunk_by_section(line, PIECE_SIZE, 0).unwrap_or_default()) {
        let added = part.chars().count();
        if length + added > PIECE_SIZE {
            pieces.push(std::mem::take(&mut piece));
            length = 0;
        }
        piece.push_str(part);
        length += added;
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODULE: &str = "\
import os
from typing import (
    Any,
)

LIMIT = 3

@trace
def first(a,
          b=1):  # sums
    return a + b

async def second():
    import os
    import re

@dataclass
class Thing(Base):
    '''Kept out.'''
    size: int = 1
    names = [
        'é',
    ]

    def get(self):
        return self.size

    @property
    def name(
        self,
    ) -> str:
        return 'x'
";

    #[test]
    fn functions_and_methods_come_with_their_decorators() {
        let chunks = chunk_by_code(MODULE, 1);
        assert_eq!(chunks.len(), 4);
        assert_eq!(chunks[0], "@trace\ndef first(a,\n          b=1):  # sums\n    return a + b");
        assert!(chunks[1].starts_with("async def second():"));
        assert_eq!(chunks[2], "    def get(self):\n        return self.size");
        assert!(chunks[3].starts_with("    @property\n    def name("));
        assert_eq!(chunk_by_code(MODULE, 3), [chunks[..3].join("\n\n"), chunks[3].clone()]);
        assert_eq!(
            chunk_by_code("def f():\r\n    return 1\r\n\r\ndef g(): pass", 1),
            ["def f():\r\n    return 1", "def g(): pass"]
        );
    }

    #[test]
    fn classes_are_outlined_after_their_methods() {
        let imports = "import os\nfrom typing import (\n    Any,\n)\nimport re\n\n";
        let chunks = chunk_by_function_and_class(MODULE);
        assert_eq!(chunks.len(), 5);
        assert!(chunks.iter().all(|chunk| chunk.starts_with(imports)));
        let bare: Vec<_> = chunks.iter().map(|chunk| &chunk[imports.len()..]).collect();
        assert_eq!(bare[2], "class Thing(Base):\n    def get(self):\n        return self.size");
        assert_eq!(
            bare[4],
            "class Thing(Base):\n    size: int = 1\n    names = [\n        'é',\n    ]\n    def get(self):\n    \
             @property\n    def name(\n        self,\n    ) -> str:"
        );
    }

    #[test]
    fn what_is_no_python_comes_back_whole_or_in_lines() {
        for chunker in [|doc: &str| chunk_by_code(doc, 1), chunk_by_function_and_class] {
            assert_eq!(chunker(""), [""; 0]);
            assert_eq!(chunker("function f() { return 1 }\n"), ["function f() { return 1 }\n"]);
            assert_eq!(chunker("x = 1"), ["x = 1"]);
            let line = format!("{{ {} }}\n", "é".repeat(995));
            let pieces = chunker(&line.repeat(7));
            assert_eq!(pieces, [line.repeat(3), line.repeat(3), line.clone()]);
            let huge = "{é".repeat(5000);
            assert_eq!(chunker(&huge).concat(), huge);
        }
    }
}
