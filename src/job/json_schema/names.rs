//! The forms of names and paths, as regular expressions that every validator has.

use serde_json::{Value, json};

/// The name of a session, see [`Name`](crate::sessions::Name). Of letters beyond ASCII all are taken.
pub(super) fn session() -> Value {
    // What is left of ASCII is digits, letters and `_`, behind the first one `-` and `.`, too.
    let first = r"[^\x00-/:-@\[-^`{-\x7f]";
    let others = r"[^\x00-,/:-@\[-^`{-\x7f]";
    json!({"type": ["string", "null"], "maxLength": 100, "pattern": format!("^{first}{others}*$")})
}

/// A name that is part of a file's, or a number.
pub(super) fn logging_id() -> Value {
    let name = json!({
        "type": "string", "maxLength": 200, "pattern": r"^[^/\\\x00]+$", "not": {"enum": [".", ".."]},
    });
    json!({"anyOf": [name, {"type": ["number", "null"]}]})
}

/// A path that never goes up.
pub(super) fn path_below() -> Value {
    let goes_up = json!({"type": "string", "pattern": r"(^|/)\.\.(/|$)|\x00"});
    json!({"type": ["string", "null"], "pattern": r"\S", "not": goes_up})
}

/// Any path.
pub(super) fn path() -> Value {
    json!({"type": "string", "pattern": r"\S"})
}
