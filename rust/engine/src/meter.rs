//! Counters of a variant: written by one thread per slot without a lock, summed when somebody reads.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::batch_sizes::BatchSizes;
use crate::stats::{DURATION_BOUNDS_US, VariantStats};

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
    error_ns: AtomicU64,
    executions: AtomicU64,
    input_ns: AtomicU64,
    queue_ns: AtomicU64,
    duration_ns: AtomicU64,
    output_ns: AtomicU64,
    last_inference_ms: AtomicU64,
    durations: [AtomicU64; DURATION_BOUNDS_US.len() + 1],
    sizes: BatchSizes,
}

/// How long a request took until its model had answered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    /// Until its batch was ready.
    pub(crate) input: Duration,
    /// Until the model began.
    pub(crate) queue: Duration,
    /// The run that it was in.
    pub(crate) infer: Duration,
}

/// One request's part of a run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    /// The request's own rows.
    pub(crate) rows: usize,
    /// All rows of the run.
    pub(crate) batch: usize,
    pub(crate) spent: Spent,
    /// When it came, in microseconds UTC.
    pub(crate) received_at: i64,
}

impl Meter {
    pub(crate) fn new(threads: usize) -> Self {
        Self { slots: (0..threads).map(|_| Slot::default()).collect() }
    }

    /// A run of the model over `batch` rows. The caller is the only writer of `thread`, here and below.
    pub(crate) fn ran(&self, thread: usize, batch: usize, took: Duration) {
        let Some(slot) = self.slots.get(thread) else { return };
        add(&slot.executions, 1);
        let size = slot.sizes.of(batch);
        add(&size.executions, 1);
        add(&size.infer_ns, nanoseconds(took));
    }

    /// A request that the model answered.
    pub(crate) fn scored(&self, thread: usize, part: &Part) {
        let Some(slot) = self.slots.get(thread) else { return };
        let Spent { input, queue, infer } = part.spent;
        let bucket = DURATION_BOUNDS_US.partition_point(|&bound| Duration::from_micros(bound) < infer);
        add(&slot.requests, 1);
        add(&slot.rows, part.rows as u64);
        add(&slot.durations[bucket], 1);
        add(&slot.input_ns, nanoseconds(input));
        add(&slot.queue_ns, nanoseconds(queue));
        add(&slot.duration_ns, nanoseconds(infer));
        add(&slot.sizes.of(part.batch).input_ns, nanoseconds(input));
        let came = u64::try_from(part.received_at / 1000).unwrap_or(0);
        slot.last_inference_ms.store(slot.last_inference_ms.load(Relaxed).max(came), Relaxed);
    }

    /// The answer of a request was encoded this long after its run over `batch` rows.
    pub(crate) fn delivered(&self, thread: usize, batch: usize, took: Duration) {
        let Some(slot) = self.slots.get(thread) else { return };
        add(&slot.output_ns, nanoseconds(took));
        add(&slot.sizes.of(batch).output_ns, nanoseconds(took));
    }

    /// A request that the model failed.
    pub(crate) fn failed(&self, thread: usize, took: Duration) {
        let Some(slot) = self.slots.get(thread) else { return };
        add(&slot.errors, 1);
        add(&slot.error_ns, nanoseconds(took));
    }

    /// The sums; whose they are is for the caller to fill in.
    pub(crate) fn read(&self) -> VariantStats {
        let mut sum = VariantStats::default();
        for slot in &self.slots {
            sum.requests += slot.requests.load(Relaxed);
            sum.rows += slot.rows.load(Relaxed);
            sum.errors += slot.errors.load(Relaxed);
            sum.error_ns += slot.error_ns.load(Relaxed);
            sum.executions += slot.executions.load(Relaxed);
            sum.input_ns += slot.input_ns.load(Relaxed);
            sum.queue_ns += slot.queue_ns.load(Relaxed);
            sum.duration_ns += slot.duration_ns.load(Relaxed);
            sum.output_ns += slot.output_ns.load(Relaxed);
            sum.last_inference_ms = sum.last_inference_ms.max(slot.last_inference_ms.load(Relaxed));
            for (total, bucket) in sum.durations.iter_mut().zip(&slot.durations) {
                *total += bucket.load(Relaxed);
            }
        }
        sum.batches = BatchSizes::sum(self.slots.iter().map(|slot| &slot.sizes));
        sum
    }
}

/// Single-writer addition: no read-modify-write.
fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(amount), Relaxed);
}

fn nanoseconds(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BatchStats;

    fn part(rows: usize, batch: usize, infer: Duration) -> Part {
        let spent = Spent { input: Duration::from_nanos(100), queue: Duration::from_nanos(20), infer };
        Part { rows, batch, spent, received_at: 1_767_323_045_000_999 }
    }

    #[test]
    fn a_duration_falls_into_the_first_bucket_that_holds_it() {
        let meter = Meter::new(2);
        meter.scored(0, &part(3, 3, Duration::from_micros(5)));
        meter.scored(1, &part(1, 1, Duration::from_nanos(5_001)));
        meter.scored(0, &part(1, 1, Duration::from_secs(2)));
        meter.failed(1, Duration::from_nanos(7));
        let sum = meter.read();
        assert_eq!((sum.requests, sum.rows, sum.errors, sum.error_ns), (3, 5, 1, 7));
        assert_eq!((sum.durations[0], sum.durations[1], sum.durations[DURATION_BOUNDS_US.len()]), (1, 1, 1));
        assert_eq!(sum.durations.iter().sum::<u64>(), 3);
        assert_eq!(sum.duration_ns, 5_000 + 5_001 + 2_000_000_000);
    }

    /// Two requests of 3 and 1 rows share a run on thread 2; threads 0 and 1 encode their answers.
    #[test]
    fn requests_that_share_a_run_are_one_execution_and_each_is_charged_the_whole() {
        let meter = Meter::new(3);
        let run = Duration::from_micros(1);
        meter.ran(2, 4, run);
        meter.scored(2, &part(3, 4, run));
        meter.scored(2, &part(1, 4, run));
        meter.delivered(0, 4, Duration::from_nanos(8));
        meter.delivered(1, 4, Duration::from_nanos(9));
        meter.ran(0, 1, Duration::from_nanos(50));
        let sum = meter.read();
        assert_eq!((sum.requests, sum.rows, sum.executions), (2, 4, 2));
        assert_eq!((sum.input_ns, sum.queue_ns, sum.duration_ns, sum.output_ns), (200, 40, 2_000, 17));
        assert_eq!(sum.success_ns(), 2_257);
        assert_eq!(sum.last_inference_ms, 1_767_323_045_000);
        let four = BatchStats { rows: 4, executions: 1, input_ns: 200, infer_ns: 1_000, output_ns: 17 };
        let one = BatchStats { rows: 1, executions: 1, infer_ns: 50, ..BatchStats::default() };
        assert_eq!(sum.batches, [one, four]);
    }
}
