//! What waiting cost the callers of one variant, counted since start.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Requests that were not answered though nothing was wrong with them. All of it is rare, so threads share the counters.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Its deadline passed before the model was asked.
    pub(crate) expired: Count,
}

/// A sum that only grows.
#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn one(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}
