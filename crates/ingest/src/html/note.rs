//! What a page knows of an element that is open.

use crate::raised::Rise;

/// What is to be known of an element when it ends.
#[derive(Default)]
pub(super) struct Note {
    pub(super) hidden: bool,
    /// What is seen again when the element ends, if it sets that.
    pub(super) seen_before: Option<bool>,
    pub(super) keeps_space: bool,
    pub(super) strikes: bool,
    pub(super) rise: Rise,
    /// Whether it is part of an equation.
    pub(super) in_formula: bool,
    /// Where its text begins, in bytes.
    pub(super) start: usize,
    /// The address of a link that its text may lack.
    pub(super) address: Option<String>,
}
