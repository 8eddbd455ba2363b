//! Counters for metrics: per variant, written by one thread per slot, summed when somebody reads.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Upper bounds of the duration buckets, in microseconds; one more bucket holds what is slower.
pub const DURATION_BOUNDS_US: [u64; 16] =
    [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_000_000];

/// A reading of one variant's counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariantStats {
    /// The endpoint's name.
    pub endpoint: String,
    /// The model.
    pub model: String,
    /// The version's number.
    pub version: String,
    /// Whether the variant never answers.
    pub shadow: bool,
    /// Requests scored.
    pub requests: u64,
    /// Rows scored.
    pub rows: u64,
    /// Requests that failed in the model.
    pub errors: u64,
    /// Time in the scorer, per request: not cumulative counts, one per bound of [`DURATION_BOUNDS_US`] and one above.
    pub durations: [u64; DURATION_BOUNDS_US.len() + 1],
    /// The sum of those times, in nanoseconds.
    pub duration_ns: u64,
}

/// Counters of one variant of one endpoint, one slot per thread.
#[derive(Debug)]
pub(crate) struct Meter {
    slots: Box<[Slot]>,
}

/// What one thread writes; on cache lines of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Slot {
    requests: AtomicU64,
    rows: AtomicU64,
    errors: AtomicU64,
    durations: [AtomicU64; DURATION_BOUNDS_US.len() + 1],
    duration_ns: AtomicU64,
}

/// The sums of a [`Meter`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) requests: u64,
    pub(crate) rows: u64,
    pub(crate) errors: u64,
    pub(crate) durations: [u64; DURATION_BOUNDS_US.len() + 1],
    pub(crate) duration_ns: u64,
}

impl Meter {
    pub(crate) fn new(threads: usize) -> Self {
        Self { slots: (0..threads).map(|_| Slot::default()).collect() }
    }

    /// A request that the model answered. The caller is the only writer of `thread`.
    pub(crate) fn scored(&self, thread: usize, rows: usize, took: Duration) {
        let Some(slot) = self.slots.get(thread) else { return };
        let bucket = DURATION_BOUNDS_US.partition_point(|&bound| Duration::from_micros(bound) < took);
        add(&slot.requests, 1);
        add(&slot.rows, rows as u64);
        add(&slot.durations[bucket], 1);
        add(&slot.duration_ns, u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    /// A request that the model failed. The caller is the only writer of `thread`.
    pub(crate) fn failed(&self, thread: usize) {
        if let Some(slot) = self.slots.get(thread) {
            add(&slot.errors, 1);
        }
    }

    pub(crate) fn read(&self) -> Reading {
        let mut sum = Reading::default();
        for slot in &self.slots {
            sum.requests += slot.requests.load(Relaxed);
            sum.rows += slot.rows.load(Relaxed);
            sum.errors += slot.errors.load(Relaxed);
            sum.duration_ns += slot.duration_ns.load(Relaxed);
            for (total, bucket) in sum.durations.iter_mut().zip(&slot.durations) {
                *total += bucket.load(Relaxed);
            }
        }
        sum
    }
}

/// Single-writer addition: no read-modify-write.
fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(amount), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_first_bucket_that_holds_it() {
        let meter = Meter::new(2);
        meter.scored(0, 3, Duration::from_micros(5));
        meter.scored(1, 1, Duration::from_nanos(5_001));
        meter.scored(0, 1, Duration::from_secs(2));
        meter.failed(1);
        let sum = meter.read();
        assert_eq!((sum.requests, sum.rows, sum.errors), (3, 5, 1));
        assert_eq!((sum.durations[0], sum.durations[1], sum.durations[DURATION_BOUNDS_US.len()]), (1, 1, 1));
        assert_eq!(sum.durations.iter().sum::<u64>(), 3);
        assert_eq!(sum.duration_ns, 5_000 + 5_001 + 2_000_000_000);
    }
}
