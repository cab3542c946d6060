//! What a piece of Python defines and uses, without running it.

use std::collections::BTreeSet;

use ruff_python_ast::{
    Expr, ExprContext, Stmt,
    visitor::{Visitor, walk_expr},
};
use ruff_python_parser::{InterpolatedStringErrorType, LexicalErrorType, ParseErrorType, parse_module};

/// The names of a piece of Python.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// What its top level defines, imports or assigns.
    pub defines: BTreeSet<String>,
    /// What it uses anywhere.
    pub uses: BTreeSet<String>,
    /// Whether its top level only defines, imports and assigns: it does nothing by itself.
    pub only_defines: bool,
}

/// Why a text is no whole Python.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPython {
    /// It ends within a string: more may follow.
    InString,
    /// It is wrong in another way.
    Broken,
}

impl Outline {
    /// Reads the code.
    ///
    /// # Errors
    /// [`NoPython`], if it is not valid as it is.
    pub fn of(code: &str) -> Result<Self, NoPython> {
        let parsed = parse_module(code).map_err(|error| {
            use InterpolatedStringErrorType::{UnterminatedString, UnterminatedTripleQuotedString};
            match error.error {
                ParseErrorType::Lexical(
                    LexicalErrorType::UnclosedStringError
                    | LexicalErrorType::FStringError(UnterminatedString | UnterminatedTripleQuotedString),
                ) => NoPython::InString,
                _ => NoPython::Broken,
            }
        })?;
        let mut outline = Self { only_defines: true, ..Self::default() };
        for statement in parsed.suite() {
            outline.only_defines &= outline.define(statement);
            outline.visit_stmt(statement);
        }
        Ok(outline)
    }

    /// Notes what a statement of the top level defines; whether that is all it does.
    fn define(&mut self, statement: &Stmt) -> bool {
        match statement {
            Stmt::FunctionDef(function) => drop(self.defines.insert(function.name.to_string())),
            Stmt::ClassDef(class) => drop(self.defines.insert(class.name.to_string())),
            Stmt::Import(import) => self.defines.extend(import.names.iter().map(bound)),
            Stmt::ImportFrom(import) => self.defines.extend(import.names.iter().map(bound)),
            Stmt::Assign(assignment) => assignment.targets.iter().for_each(|target| self.assign(target)),
            Stmt::AnnAssign(assignment) => self.assign(&assignment.target),
            Stmt::Expr(expression) => return expression.value.is_string_literal_expr(),
            _ => return false,
        }
        true
    }

    fn assign(&mut self, target: &Expr) {
        match target {
            Expr::Name(name) => drop(self.defines.insert(name.id.to_string())),
            Expr::Tuple(tuple) => tuple.elts.iter().for_each(|target| self.assign(target)),
            _ => {}
        }
    }
}

fn bound(alias: &ruff_python_ast::Alias) -> String {
    alias.asname.as_ref().unwrap_or(&alias.name).to_string()
}

impl<'a> Visitor<'a> for Outline {
    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Name(name) = expression
            && name.ctx == ExprContext::Load
        {
            self.uses.insert(name.id.to_string());
        }
        walk_expr(self, expression);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_top_level_and_all_uses() {
        let code = "import re as r, json\nA, (B, c) = 1, (2, 3)\nD: int = A\n'''doc'''\ndef f(x):\n    y = g(x)\n    return y\nclass C:\n    z = h\n";
        let outline = Outline::of(code).unwrap();
        let names = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(" ");
        assert_eq!(names(&outline.defines), "A B C D c f json r");
        assert_eq!(names(&outline.uses), "A g h int x y");
        assert!(outline.only_defines && !Outline::of("f()").unwrap().only_defines);
    }

    #[test]
    fn a_text_that_ends_in_a_string_is_told_from_a_broken_one() {
        for open in ["x = '''", "x = \"\"\"a\nb", "x = f'''{a} b", "f(\n    '''a"] {
            assert_eq!(Outline::of(open), Err(NoPython::InString), "{open}");
        }
        for broken in ["def f(:", "x = (", "Here is it.", "x = 1\n```"] {
            assert_eq!(Outline::of(broken), Err(NoPython::Broken), "{broken}");
        }
    }
}
