//! Pictures: one page, which only a model that sees can read.

use minions_documents::{Place, Places};

use crate::Kind;
use crate::reading::{Limits, Problem, Reading};

pub(crate) fn read(_bytes: Vec<u8>, _limits: &Limits) -> Result<Reading, Problem> {
    let places = Places::from(vec![(0, Place::Page(1))]);
    Ok(Reading { kind: Kind::Picture, text: String::new(), places, notes: Vec::new(), scans: vec![1] })
}
