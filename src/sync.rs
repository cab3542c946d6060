//! Locks.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The value behind `mutex`. A thread that panicked while it held the lock is no reason to stop: what it guards here is
/// whole after every statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
