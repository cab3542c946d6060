//! Changes the supervisor's source where it would not do what its author means, and keeps every line in its place.

use ruff_python_ast::{
    Expr, Operator, Stmt, StmtClassDef,
    visitor::{Visitor, walk_expr, walk_stmt},
};
use ruff_python_parser::parse_module;
use ruff_text_size::{Ranged, TextRange};

/// Our classes, which code often writes out again.
const OURS: &[&str] = &["JobManifest", "JobOutput", "Job"];

/// The source with `pass` for each class of [`OURS`] that can't make anything: it has no base, no decorator and no method,
/// so it only says which fields there are. And with quotients that are computed when the code runs.
pub(super) fn adapted(code: &str) -> String {
    let mut edits = Edits { code, list: Vec::new() };
    // The interpreter reports a syntax error.
    if let Ok(parsed) = parse_module(code) {
        edits.visit_body(parsed.suite());
    }
    edits.list.sort_by_key(|(range, _)| (range.start(), range.end()));
    let mut changed = String::with_capacity(code.len());
    let mut from = 0;
    for (range, text) in edits.list {
        changed.push_str(&code[from..range.start().to_usize()]);
        changed.push_str(&text);
        from = range.end().to_usize();
    }
    changed.push_str(&code[from..]);
    changed
}

/// Ranges and their replacements. No two ranges overlap.
struct Edits<'a> {
    code: &'a str,
    list: Vec<(TextRange, String)>,
}

impl<'a> Visitor<'a> for Edits<'_> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::ClassDef(class) if is_copy(class) => {
                let lines =
                    self.code[class.range().to_std_range()].chars().filter(|c| matches!(c, '\n' | '\r'));
                self.list.push((class.range(), "pass".chars().chain(lines).collect()));
            }
            _ => walk_stmt(self, statement),
        }
    }

    fn visit_expr(&mut self, expression: &'a Expr) {
        // The compiler folds floats that divide without a rest to zero.
        if let Expr::BinOp(operation) = expression
            && operation.op == Operator::FloorDiv
            && let Expr::NumberLiteral(last) = last_operand(&operation.left)
        {
            self.list.push((TextRange::empty(last.start()), "[".to_owned()));
            self.list.push((TextRange::empty(last.end()), "][0]".to_owned()));
        }
        walk_expr(self, expression);
    }
}

/// The operand of an expression that stands last.
fn last_operand(expression: &Expr) -> &Expr {
    match expression {
        Expr::BinOp(operation) => last_operand(&operation.right),
        Expr::UnaryOp(operation) => last_operand(&operation.operand),
        other => other,
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
    fn what_misleads_goes_and_lines_stay() {
        for (code, left) in [
            ("class JobOutput:\n    answer: str\nx = 1", "pass\n\nx = 1"),
            ("if 1:\n    class Job():\n        '''It.'''\n        a: int\ny", "if 1:\n    pass\n\n\ny"),
            ("class Mine:\n    a: str", "class Mine:\n    a: str"),
            ("class Job(Base):\n    a: str", "class Job(Base):\n    a: str"),
            ("@dataclass\nclass Job:\n    a: str", "@dataclass\nclass Job:\n    a: str"),
            ("class Job:\n    def f(self): pass", "class Job:\n    def f(self): pass"),
            ("class Job(:", "class Job(:"),
            ("x = 6.0 // 3", "x = [6.0][0] // 3"),
            ("x = (2 * -4.0) // 2 // 2", "x = (2 * -[4.0][0]) // [2][0] // 2"),
            ("x = a // 3.0 + 'b'", "x = a // 3.0 + 'b'"),
        ] {
            assert_eq!(adapted(code), left);
        }
    }
}
