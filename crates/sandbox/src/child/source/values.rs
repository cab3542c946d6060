//! Adapts expressions whose value would be another one than in CPython: methods of texts, and powers.

use ruff_python_ast::{Expr, ExprBinOp, ExprCall, Operator, StmtAugAssign};
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::{Adapter, HOST};

/// Methods of texts that `builtins.py` has.
const METHODS: &[&str] = &[
    "capitalize",
    "casefold",
    "isalnum",
    "isalpha",
    "isnumeric",
    "isspace",
    "istitle",
    "splitlines",
    "title",
];

/// Those that differ only where a text has separators, which no usual text has.
const METHODS_WITH_SEPARATORS: &[&str] = &["lstrip", "rsplit", "rstrip", "split", "strip"];

/// The name of the shim for a method of texts.
pub(super) fn shim(method: &str) -> String {
    format!("{HOST}_str_{method}")
}

/// An operator whose values differ, and the name of what `builtins.py` has for it.
fn shim_of(operator: Operator) -> Option<(&'static str, &'static str)> {
    match operator {
        Operator::Pow => Some(("**", "power")),
        Operator::FloorDiv => Some(("//", "floor")),
        _ => None,
    }
}

impl Adapter<'_> {
    /// Whether the interpreter's method of this name gives another value than CPython's.
    pub(super) fn is_shimmed(&self, method: &str) -> bool {
        METHODS.contains(&method) || self.has_separators && METHODS_WITH_SEPARATORS.contains(&method)
    }

    /// Replaces `x.title()` by `_minions_str_title(x)`.
    pub(super) fn method(&mut self, call: &ExprCall) {
        let Expr::Attribute(method) = &*call.func else { return };
        let is_module = method.value.as_name_expr().is_some_and(|name| name.id == "str" || name.id == "re");
        if is_module || !self.is_shimmed(&method.attr) {
            return;
        }
        self.edits.push((TextRange::empty(call.start()), format!("{}(", shim(&method.attr))));
        let comma = if call.arguments.is_empty() { "" } else { ", " };
        // The parentheses of the value, if it has any, end before the dot.
        let dot = self.code[..method.attr.start().to_usize()].rfind('.').unwrap_or_default();
        let opened = call.arguments.start() + TextSize::of('(');
        self.substitute(TextRange::new(TextSize::new(dot as u32), opened), comma);
    }

    /// Replaces `a ** b` by `_minions_power(a, b)`, and `a // b` by `_minions_floor(a, b)`.
    pub(super) fn operation(&mut self, operation: &ExprBinOp) {
        let Some((sign, shim)) = shim_of(operation.op) else { return };
        let between = TextRange::new(operation.left.end(), operation.right.start());
        let Some(at) = self.text(between).find(sign) else { return };
        let at = between.start() + TextSize::new(at as u32);
        self.edits.push((TextRange::empty(operation.start()), format!("{HOST}_{shim}(")));
        self.edits.push((TextRange::at(at, TextSize::of(sign)), ",".to_owned()));
        self.edits.push((TextRange::empty(operation.end()), ")".to_owned()));
    }

    /// Replaces `a **= b` by `a = _minions_power(a, b)`, and `a //= b`.
    pub(super) fn operation_in_place(&mut self, assignment: &StmtAugAssign) -> bool {
        let Some((sign, shim)) = shim_of(assignment.op) else { return false };
        if !assignment.target.is_name_expr() {
            return false;
        }
        let name = self.text(assignment.target.range()).to_owned();
        let range = TextRange::new(assignment.start(), assignment.value.start());
        let Some(at) = self.text(range).find(sign) else { return false };
        let until = assignment.start() + TextSize::new(at as u32) + TextSize::of(sign) + TextSize::of('=');
        self.edits
            .push((TextRange::new(assignment.start(), until), format!("{name} = {HOST}_{shim}({name},")));
        self.edits.push((TextRange::empty(assignment.end()), ")".to_owned()));
        false
    }

    /// Puts `text` in the place of the range, with as many lines.
    fn substitute(&mut self, range: TextRange, text: &str) {
        let lines = self.text(range).matches('\n').count();
        self.edits.push((range, format!("{text}{}", "\n".repeat(lines))));
    }
}
