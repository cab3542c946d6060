//! What the user is told of an office file.

use crate::draft::Draft;

pub(super) const CHANGES: &str = "It has tracked changes: insertions are read, deletions are left out.";
pub(super) const HIDDEN_TEXT: &str = "It has hidden text, which is left out.";
pub(super) const EMBEDDED: &str =
    "It embeds other files, such as workbooks or equations, which are left out.";
pub(super) const HIDDEN_ROWS: &str = "It has hidden rows or columns, which were read as well.";

/// How many sheets or slides are named.
const NAMED: usize = 10;

/// Says what was seen.
pub(super) fn tell(draft: &mut Draft, seen: &[(bool, &str)]) {
    seen.iter().filter(|(is_seen, _)| *is_seen).for_each(|(_, note)| draft.note(*note));
}

/// Says which sheets or slides are hidden.
pub(super) fn hidden(draft: &mut Draft, what: &str, names: &[String]) {
    if names.is_empty() {
        return;
    }
    draft.note(format!("It has hidden {what}, which were read as well: {}.", listed(names)));
}

/// The first names of a list, and how many more there are.
pub(super) fn listed(names: &[String]) -> String {
    let named = names[..names.len().min(NAMED)].join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
