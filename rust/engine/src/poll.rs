//! The poll thread: closes panes, writes counts, lets go of replaced variants.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::observers::Closed;
use crate::shared::{Shared, lock};
use crate::{counts, pane, writer};

/// Shortest time between two polls.
const INTERVAL: Duration = Duration::from_millis(250);
/// A poll that takes long is followed by a rest this many times as long: adding up large counters must not eat a core.
const REST: u32 = 19;

/// Tells the poll thread to end.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    stopped: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub(crate) fn stop(&self) {
        *lock(&self.stopped) = true;
        self.changed.notify_all();
    }

    /// Waits; whether it is time to end.
    fn wait(&self, rest: Duration) -> bool {
        let stopped = lock(&self.stopped);
        let waited = self.changed.wait_timeout_while(stopped, rest, |stopped| !*stopped);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Polls until stopped.
pub(crate) fn run(shared: &Arc<Shared>, stop: &Stop) {
    let mut rest = INTERVAL;
    while !stop.wait(rest) {
        let began = Instant::now();
        if catch_unwind(AssertUnwindSafe(|| shared.poll())).is_err() {
            tracing::error!("polling the drift counters panicked");
        }
        rest = INTERVAL.max(began.elapsed().saturating_mul(REST));
    }
}

impl Shared {
    /// One poll.
    pub(crate) fn poll(&self) {
        let span_us = i64::try_from(self.config.pane_seconds.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
        self.close_panes(self.config.pane_rows, span_us);
        lock(&self.observers).forget();
        for endpoint in lock(&self.observers).take_unsaved(Instant::now()) {
            self.save_counts(&endpoint);
        }
    }

    /// The last poll: every pane that has a row is closed, all counts are written.
    pub(crate) fn poll_last(&self) {
        self.close_panes(1, 0);
        for endpoint in self.live.load().endpoints() {
            self.save_counts(&endpoint.name);
        }
    }

    fn close_panes(&self, rows: u64, span_us: i64) {
        let closed = lock(&self.observers).close_panes(rows, span_us);
        for Closed { endpoint, owner, pane } in closed {
            match pane::encode(&owner, &pane) {
                // The writer always empties this queue; when it has ended, so has the engine.
                Ok(batch) => drop(self.commands.send(writer::Command::Pane { endpoint, batch })),
                Err(error) => tracing::error!(endpoint, %error, "a pane can't be encoded"),
            }
        }
    }

    fn save_counts(&self, endpoint: &str) {
        let live = self.live.load();
        let Some(endpoint) = live.endpoint(endpoint) else { return };
        if endpoint.variants.iter().all(|variant| variant.drift.is_none()) {
            return;
        }
        if let Err(error) = counts::save(&self.config.home, endpoint) {
            tracing::error!(endpoint = %endpoint.name, %error, "drift counts were not written");
        }
    }
}
