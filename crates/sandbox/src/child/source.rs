//! Removes copies of our classes from the supervisor's source, and keeps every line in its place.

use ruff_python_ast::{
    Stmt, StmtClassDef,
    visitor::{Visitor, walk_stmt},
};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextRange};

/// Our classes, which code often writes out again.
const OURS: &[&str] = &["JobManifest", "JobOutput", "Job"];

/// The source with `pass` for each class of [`OURS`] that can't make anything: it has no base, no decorator and no method,
/// so it only says which fields there are.
pub(super) fn without_copies(code: &str) -> String {
    let mut copies = Copies::default();
    // The interpreter reports a syntax error.
    if let Ok(parsed) = parse_module(code) {
        copies.visit_body(parsed.suite());
    }
    let mut changed = String::with_capacity(code.len());
    let mut from = 0;
    for range in copies.0 {
        let range = range.to_std_range();
        changed.push_str(&code[from..range.start]);
        changed.push_str("pass");
        changed.extend(code[range.clone()].chars().filter(|c| matches!(c, '\n' | '\r')));
        from = range.end;
    }
    changed.push_str(&code[from..]);
    changed
}

/// The places of the copies.
#[derive(Default)]
struct Copies(Vec<TextRange>);

impl<'a> Visitor<'a> for Copies {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::ClassDef(class) if is_copy(class) => self.0.push(class.range()),
            _ => walk_stmt(self, statement),
        }
    }
}

fn is_copy(class: &StmtClassDef) -> bool {
    let derived = class.arguments.as_ref().is_some_and(|bases| !bases.is_empty());
    let bare = class.decorator_list.is_empty() && !class.body.iter().any(Stmt::is_function_def_stmt);
    OURS.contains(&class.name.as_str()) && bare && !derived
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_go_and_lines_stay() {
        for (code, left) in [
            ("class JobOutput:\n    answer: str\nx = 1", "pass\n\nx = 1"),
            ("if 1:\n    class Job():\n        '''It.'''\n        a: int\ny", "if 1:\n    pass\n\n\ny"),
            ("class Mine:\n    a: str", "class Mine:\n    a: str"),
            ("class Job(Base):\n    a: str", "class Job(Base):\n    a: str"),
            ("@dataclass\nclass Job:\n    a: str", "@dataclass\nclass Job:\n    a: str"),
            ("class Job:\n    def f(self): pass", "class Job:\n    def f(self): pass"),
            ("class Job(:", "class Job(:"),
        ] {
            assert_eq!(without_copies(code), left);
        }
    }
}
