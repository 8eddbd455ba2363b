//! One variant as those see it who wait for it: how it is run, its queue, its breaker. It outlives deployments.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::breaker::Breaker;
use super::calibrate::Calibration;
use super::queue::Queue;
use super::tally::Tally;
use crate::shared::lock;
use crate::status::LaneStatus;
use crate::{LaneMode, LaneSpec};

/// Most rows that a model is given at once; a larger request is scored in parts.
pub(crate) const MOST_ROWS: usize = 4096;
/// A request that will take so long does not hold up a transport's thread, whatever the model.
const LONG: Duration = Duration::from_millis(5);
/// Requests of fewer rows are never long.
const FEW_ROWS: usize = 64;
/// A run of an inline model that took so long, though it should not have.
const SLOW: Duration = Duration::from_millis(10);
/// Each slow run heats, each fast one cools by one; three slow ones among few send the model to the lanes.
const HEAT: u32 = 16;
const TOO_HOT: u32 = 2 * HEAT + 1;
/// Lanes that may be stuck in one variant before nothing is sent there any more.
const MOST_STUCK: usize = 2;

/// What is known about waiting for a variant.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) tally: Tally,
    pub(crate) breaker: Breaker,
    pub(crate) calibration: OnceLock<Calibration>,
    /// Only looked at by those who hold the lanes' lock, or who read it.
    pub(crate) queue: Mutex<Queue>,
    on_lanes: AtomicBool,
    batch: AtomicUsize,
    delay_us: AtomicU64,
    row_ns: AtomicU64,
    heat: AtomicU32,
    quarantined: AtomicBool,
    /// Whether the rows of a run bound its time.
    bounded: AtomicBool,
    /// Requests in the queue that nobody waits for.
    pub(crate) gone: AtomicUsize,
    /// The queue's length and bound, for those who only look.
    waiting: AtomicUsize,
    bound: AtomicUsize,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            tally: Tally::default(),
            breaker: Breaker::default(),
            calibration: OnceLock::new(),
            queue: Mutex::default(),
            on_lanes: AtomicBool::new(false),
            batch: AtomicUsize::new(1),
            delay_us: AtomicU64::new(0),
            row_ns: AtomicU64::new(0),
            heat: AtomicU32::new(0),
            quarantined: AtomicBool::new(false),
            bounded: AtomicBool::new(true),
            gone: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            bound: AtomicUsize::new(usize::MAX),
        }
    }
}

impl Line {
    /// Runs the variant as it was calibrated, or as the deployment says. What is not `bounded` must be on lanes.
    pub(crate) fn fix(&self, spec: Option<&LaneSpec>, bounded: bool) {
        let measured = self.calibration.get();
        let spec = spec.copied().unwrap_or_default();
        let on_lanes = match spec.mode {
            _ if !bounded => true,
            Some(mode) => mode == LaneMode::Lane,
            None => measured.is_some_and(|measured| measured.mode == LaneMode::Lane),
        };
        let batch = spec.batch.map(|batch| batch as usize).or(measured.map(|measured| measured.batch));
        self.batch.store(batch.unwrap_or(1).clamp(1, MOST_ROWS), Relaxed);
        self.delay_us.store(spec.delay_us.unwrap_or(0), Relaxed);
        if let Some(measured) = measured {
            self.row_ns.store(measured.row_ns, Relaxed);
            lock(&self.queue).expect(measured.one);
        }
        self.heat.store(0, Relaxed);
        self.bounded.store(bounded, Relaxed);
        self.on_lanes.store(on_lanes, Relaxed);
    }

    /// Whether a request of `rows` rows waits for a lane.
    pub(crate) fn waits(&self, rows: usize) -> bool {
        self.on_lanes.load(Relaxed)
            || (rows > FEW_ROWS
                && self.row_ns.load(Relaxed).saturating_mul(rows as u64) > LONG.as_nanos() as u64)
    }

    /// An inline run ended. Some of them being slow is a machine that is busy; many are a model that is.
    pub(crate) fn ran_inline(&self, took: Duration) {
        if took < SLOW {
            let heat = self.heat.load(Relaxed);
            if heat > 0 {
                self.heat.store(heat - 1, Relaxed);
            }
        } else if self.heat.fetch_add(HEAT, Relaxed) + HEAT > TOO_HOT {
            self.on_lanes.store(true, Relaxed);
        }
    }

    pub(crate) fn batch(&self) -> usize {
        self.batch.load(Relaxed)
    }

    pub(crate) fn delay(&self) -> Duration {
        Duration::from_micros(self.delay_us.load(Relaxed))
    }

    pub(crate) fn bounded(&self) -> bool {
        self.bounded.load(Relaxed)
    }

    pub(crate) fn quarantined(&self) -> bool {
        self.quarantined.load(Relaxed)
    }

    /// A lane did not come back in time; whether the variant is now left alone.
    pub(crate) fn stuck(&self, lanes: usize) -> bool {
        self.tally.stuck.one();
        let quarantined = lanes >= MOST_STUCK;
        if quarantined {
            self.quarantined.store(true, Relaxed);
        }
        quarantined
    }

    /// A caller went away before its request was begun.
    pub(crate) fn leave(&self) {
        self.gone.fetch_add(1, Relaxed);
    }

    /// Tells those who only look how long the queue is.
    pub(crate) fn show(&self, waiting: usize, bound: usize) {
        self.waiting.store(waiting, Relaxed);
        self.bound.store(bound, Relaxed);
    }

    /// Whether a request would be refused, as far as one can tell without a lock.
    pub(crate) fn refuses(&self, now: impl FnOnce() -> Instant) -> bool {
        if self.quarantined() {
            return true;
        }
        let gone = self.gone.load(Relaxed);
        let full = self.waiting.load(Relaxed).saturating_sub(gone) >= self.bound.load(Relaxed);
        (full && self.on_lanes.load(Relaxed)) || (self.breaker.is_open() && !self.breaker.due(now()))
    }

    pub(crate) fn status(&self) -> LaneStatus {
        let measured = self.calibration.get();
        let on_lanes = self.on_lanes.load(Relaxed);
        let queue = lock(&self.queue);
        LaneStatus {
            mode: if on_lanes { LaneMode::Lane } else { LaneMode::Inline },
            batch: self.batch(),
            microseconds: measured.map_or(0, |measured| measured.one.as_micros() as u64),
            row_nanoseconds: self.row_ns.load(Relaxed),
            ulps: measured.and_then(|measured| measured.ulps),
            reason: measured.map_or_else(String::new, |measured| measured.reason.to_owned()),
            queued: queue.len(),
            running: queue.running,
            stuck_now: queue.stuck,
            run_microseconds: queue.run_time().as_micros() as u64,
            runs: self.tally.runs.get(),
            run_requests: self.tally.run_requests.get(),
            waited_nanoseconds: self.tally.waited_ns.get(),
            expired: self.tally.expired.get(),
            late: self.tally.late.get(),
            cancelled: self.tally.cancelled.get(),
            rejected: self.tally.rejected.get(),
            stuck: self.tally.stuck.get(),
            stopped: self.tally.stopped.get(),
            quarantined: self.quarantined(),
            breaker_open: self.breaker.is_open(),
            breaker_opened: self.breaker.opened(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_slow_runs_among_few_send_it_to_the_lanes() {
        let (slow, fast) = (Duration::from_millis(10), Duration::from_micros(20));
        let line = Line::default();
        // One in twenty is a machine that is busy.
        for run in 0..2000 {
            line.ran_inline(if run % 20 == 0 { slow } else { fast });
        }
        assert!(!line.waits(1));
        for took in [slow, fast, slow, fast, fast] {
            line.ran_inline(took);
        }
        assert!(!line.waits(1));
        line.ran_inline(slow);
        assert!(line.waits(1));
        // Until the next deployment.
        line.fix(None, true);
        assert!(!line.waits(1));
    }
}
