//! Sums over everything the engine did, kept by many threads and read by anyone.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::status::{LabelStatus, LogStatus, ShadowStatus};

/// Sums since start.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) accepted: AtomicU64,
    pub(crate) logged: AtomicU64,
    pub(crate) sampled: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) write_errors: AtomicU64,
    pub(crate) degraded: AtomicBool,
    pub(crate) shadows_queued: AtomicU64,
    pub(crate) shadows_scored: AtomicU64,
    pub(crate) shadows_dropped: AtomicU64,
    pub(crate) labels_logged: AtomicU64,
    pub(crate) labels_failed: AtomicU64,
}

impl Totals {
    pub(crate) fn log_status(&self) -> LogStatus {
        LogStatus {
            accepted: self.accepted.load(Relaxed),
            logged: self.logged.load(Relaxed),
            sampled: self.sampled.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            degraded: self.degraded.load(Relaxed),
            write_errors: self.write_errors.load(Relaxed),
        }
    }

    pub(crate) fn shadow_status(&self) -> ShadowStatus {
        ShadowStatus {
            queued: self.shadows_queued.load(Relaxed),
            scored: self.shadows_scored.load(Relaxed),
            dropped: self.shadows_dropped.load(Relaxed),
        }
    }

    pub(crate) fn label_status(&self) -> LabelStatus {
        LabelStatus { logged: self.labels_logged.load(Relaxed), failed: self.labels_failed.load(Relaxed) }
    }
}

/// What an endpoint's prediction log lost; it outlives deployments.
#[derive(Debug, Default)]
pub(crate) struct EndpointLog {
    /// Rows lost since start.
    pub(crate) dropped: AtomicU64,
    /// Rows lost since the last batch that was written.
    pub(crate) gap: AtomicU64,
}

impl EndpointLog {
    /// Counts rows that never come to the log; the next batch tells its readers.
    pub(crate) fn lose(&self, totals: &Totals, rows: u64) {
        self.dropped.fetch_add(rows, Relaxed);
        self.gap.fetch_add(rows, Relaxed);
        totals.dropped.fetch_add(rows, Relaxed);
    }
}
