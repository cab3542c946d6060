//! Keys and passwords: a type that cannot be printed, and a filter for every byte that leaves.
//!
//! In: whatever the job or the environment holds as a credential. Out: text without it.

use std::fmt;

/// A credential. `Debug` hides it; [`Secret::expose`] is for the request header alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a credential.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The credential itself, for the header that carries it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(***)")
    }
}
