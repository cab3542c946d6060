//! Exceptions to raise in the code.

use monty_types::{ExcType, MontyException};

/// An exception of this kind.
pub(super) fn exception(kind: ExcType, message: &str) -> MontyException {
    MontyException::new(kind, Some(message.to_owned()))
}

/// A `TypeError`.
pub(super) fn type_error(message: String) -> MontyException {
    exception(ExcType::TypeError, &message)
}
