//! The jobs that a worker has: how many more it may take, and whose they are until their results are kept.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Instant, SystemTime};

use minions_queue::{Delivery, Worker};
use tokio::sync::Semaphore;

use crate::cli::sync::lock;

/// The jobs of a worker.
pub(super) struct Flight {
    deliveries: Mutex<HashMap<String, Arc<Delivery>>>,
    /// One permit for each job that it may still take.
    pub free: Arc<Semaphore>,
    /// The worker: its machine, its process, and what tells it from an earlier one there.
    pub name: String,
    slots: u16,
    done: AtomicU64,
    failed: AtomicU64,
    begun: Instant,
}

impl Flight {
    pub(super) fn new(slots: u16) -> Self {
        Self {
            deliveries: Mutex::default(),
            free: Arc::new(Semaphore::new(slots.into())),
            name: name(),
            slots,
            done: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            begun: Instant::now(),
        }
    }

    /// Takes a job; whether it is not there already. One that came again is the newer delivery's.
    pub(super) fn take(&self, delivery: Delivery) -> bool {
        lock(&self.deliveries).insert(delivery.custom_id.clone(), Arc::new(delivery)).is_none()
    }

    /// The delivery of a job.
    pub(super) fn delivery(&self, custom_id: &str) -> Option<Arc<Delivery>> {
        lock(&self.deliveries).get(custom_id).cloned()
    }

    /// All deliveries.
    pub(super) fn deliveries(&self) -> Vec<Arc<Delivery>> {
        lock(&self.deliveries).values().cloned().collect()
    }

    /// Whether there is a job that may be what ends its workers.
    pub(super) fn has_suspect(&self) -> bool {
        lock(&self.deliveries).values().any(|delivery| delivery.is_suspect())
    }

    /// A job is no longer this worker's: another one may come.
    pub(super) fn leave(&self, custom_id: &str) {
        lock(&self.deliveries).remove(custom_id);
        self.free.add_permits(1);
    }

    /// Counts a job that has ended.
    pub(super) fn count(&self, is_success: bool) {
        let count = if is_success { &self.done } else { &self.failed };
        count.fetch_add(1, Relaxed);
    }

    /// What the worker tells of itself.
    pub(super) fn note(&self) -> Worker {
        Worker {
            name: self.name.clone(),
            slots: self.slots,
            running: lock(&self.deliveries).len() as u64,
            done: self.done.load(Relaxed),
            failed: self.failed.load(Relaxed),
            seconds: self.begun.elapsed().as_secs_f64(),
        }
    }
}

fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host: String = host.trim().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    format!("{host}-{}-{:06x}", std::process::id(), since.as_micros() & 0xff_ffff)
}
