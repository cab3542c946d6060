//! What brings a server back that refuses connections.

use std::fmt;
use std::sync::Arc;

/// Starts a server anew. Clones are equal, others are not.
#[derive(Clone)]
pub struct Revival(Arc<dyn Fn() + Send + Sync>);

impl Revival {
    /// `begin` is called at each refused connection, and returns at once.
    pub fn new(begin: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(begin))
    }

    /// Has the server started, unless that is under way.
    pub(crate) fn begin(&self) {
        (self.0)();
    }
}

impl PartialEq for Revival {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Revival {}

impl fmt::Debug for Revival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revival")
    }
}
