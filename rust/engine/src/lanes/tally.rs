//! What waiting cost the callers of one variant, counted since start.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Requests that were not answered though nothing was wrong with them. All of it is rare, so threads share the counters.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Its deadline passed, or would have, before the model was asked.
    pub(crate) expired: Count,
    /// Its deadline passed while the model ran.
    pub(crate) late: Count,
    /// Its sender went away before the model was asked.
    pub(crate) cancelled: Count,
    /// The queue was full, or stood for too long.
    pub(crate) rejected: Count,
    /// Runs that did not end in time.
    pub(crate) stuck: Count,
    /// Runs that were ended because nobody waited for them any more.
    pub(crate) stopped: Count,
    /// Runs on lanes.
    pub(crate) runs: Count,
    /// Requests in those runs.
    pub(crate) run_requests: Count,
    /// What those requests waited before, in nanoseconds.
    pub(crate) waited_ns: Count,
}

/// A sum that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Relaxed);
    }

    pub(crate) fn one(&self) {
        self.add(1);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
