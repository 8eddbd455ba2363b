//! Drift counters of one variant: each thread counts on its own, a reader flips buffers and adds up.
//!
//! Every thread has two sides. Writers count on the active one; a reader makes the other one active, waits until each
//! writer has left the old one, and drains it. A writer never waits for a reader.

use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use tidegate_drift::{Counters, Counts, CountsError, ReferenceProfile};

use crate::pane::{Pane, PaneSums};

/// The counters of one variant of one endpoint.
#[derive(Debug)]
pub(crate) struct Tap {
    profile: ReferenceProfile,
    active: AtomicUsize,
    slots: Box<[OnceLock<Slot>]>,
    total: Mutex<Total>,
}

/// What one thread writes; on cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Slot {
    /// Odd while its thread counts.
    sequence: AtomicU64,
    sides: [Side; 2],
}

#[derive(Debug)]
struct Side {
    counters: Counters,
    rows: AtomicU64,
    begin: AtomicI64,
    end: AtomicI64,
}

#[derive(Debug)]
struct Total {
    counts: Counts,
    pane: PaneSums,
}

impl Tap {
    /// Counters for `threads` threads, starting from `counts`. A thread's memory is made by [`Tap::prepare`], else when
    /// it first counts.
    pub(crate) fn new(profile: ReferenceProfile, counts: Counts, threads: usize) -> Self {
        let pane = PaneSums::new(&profile);
        Self {
            profile,
            active: AtomicUsize::new(0),
            slots: (0..threads).map(|_| OnceLock::new()).collect(),
            total: Mutex::new(Total { counts, pane }),
        }
    }

    /// Bytes that the counters take when every thread has counted: two sides a thread, and sums twice as wide.
    pub(crate) fn bytes(&self) -> u64 {
        (2 * self.slots.len() as u64 + 2) * Counters::cell_bytes(&self.profile) as u64
    }

    pub(crate) fn profile(&self) -> &ReferenceProfile {
        &self.profile
    }

    /// Makes the counters of these threads now, not when they first count.
    pub(crate) fn prepare(&self, threads: std::ops::Range<usize>) {
        for slot in self.slots.get(threads).unwrap_or_default() {
            slot.get_or_init(|| Slot::new(&self.profile));
        }
    }

    /// Counts a batch on thread `thread`, whose only writer the caller is.
    pub(crate) fn count(
        &self,
        thread: usize,
        rows: usize,
        event_time: i64,
        count: impl FnOnce(&Counters) -> Result<(), CountsError>,
    ) -> Result<(), CountsError> {
        let Some(slot) = self.slots.get(thread) else { return Ok(()) };
        let slot = slot.get_or_init(|| Slot::new(&self.profile));
        let busy = slot.enter();
        // Read after `enter`: a reader that flipped before this sees a quiet slot, or one whose number changes.
        let side = &slot.sides[self.active.load(Ordering::SeqCst) & 1];
        let counted = count(&side.counters);
        side.add(rows, event_time);
        drop(busy);
        counted
    }

    /// All counts since the tap was made, those of every finished `count` included.
    pub(crate) fn counts(&self) -> Counts {
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        self.drain(&mut total);
        total.counts.clone()
    }

    /// The open pane, when it has at least `rows` rows over at least `span_us` of event time. Cheap when it has not.
    pub(crate) fn close_pane(&self, rows: u64, span_us: i64) -> Option<Pane> {
        let mut total = self.total.lock().unwrap_or_else(PoisonError::into_inner);
        let (waiting, begin, end) = self.peek(&total.pane);
        let due = waiting >= rows && end.saturating_sub(begin) >= span_us;
        // A pane may stay open for ever when event time stands still; 32-bit cells must not overflow meanwhile.
        if due || waiting.saturating_sub(total.pane.rows()) >= 1 << 24 {
            self.drain(&mut total);
        }
        let full = due && total.pane.rows() > 0;
        full.then(|| total.pane.take())
    }

    /// Rows and event-time range of the open pane, what is not drained included.
    fn peek(&self, pane: &PaneSums) -> (u64, i64, i64) {
        let (mut begin, mut end) = pane.range();
        let mut rows = pane.rows();
        for side in self.slots.iter().filter_map(OnceLock::get).flat_map(|slot| &slot.sides) {
            rows += side.rows.load(Ordering::Relaxed);
            begin = begin.min(side.begin.load(Ordering::Relaxed));
            end = end.max(side.end.load(Ordering::Relaxed));
        }
        (rows, begin, end)
    }

    /// Flips, waits until no thread counts on the old side, and adds that side up. The lock on `total` makes it one
    /// reader at a time.
    fn drain(&self, total: &mut Total) {
        let old = self.active.load(Ordering::Relaxed) & 1;
        self.active.store(1 - old, Ordering::SeqCst);
        let mut drained = Counts::zero(&self.profile);
        let mut any = false;
        for slot in self.slots.iter().filter_map(OnceLock::get) {
            slot.wait_until_left();
            let side = &slot.sides[old];
            let (rows, begin, end) = side.take();
            if rows > 0 {
                log_overflow(side.counters.drain_into(&mut drained));
                total.pane.extend(rows, begin, end);
                any = true;
            }
        }
        if any {
            log_overflow(total.counts.add(&drained));
            total.pane.add(&self.profile, &drained);
        }
    }
}

impl Slot {
    fn new(profile: &ReferenceProfile) -> Self {
        Self { sequence: AtomicU64::new(0), sides: [Side::new(profile), Side::new(profile)] }
    }

    /// Marks the slot busy until the guard is dropped, even by a panic.
    fn enter(&self) -> Busy<'_> {
        let number = self.sequence.load(Ordering::Relaxed);
        self.sequence.store(number + 1, Ordering::SeqCst);
        Busy { sequence: &self.sequence, after: number + 2 }
    }

    /// Returns when the batch that was being counted, if any, is counted. A later one is on the new side: in the single
    /// order of sequentially consistent operations its writer read `active` after the flip.
    fn wait_until_left(&self) {
        let seen = self.sequence.load(Ordering::SeqCst);
        let mut turns = 0_u32;
        while seen & 1 == 1 && self.sequence.load(Ordering::Acquire) == seen {
            turns += 1;
            if turns < 100 { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
    }
}

struct Busy<'a> {
    sequence: &'a AtomicU64,
    after: u64,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.sequence.store(self.after, Ordering::Release);
    }
}

impl Side {
    fn new(profile: &ReferenceProfile) -> Self {
        Self {
            counters: Counters::new(profile),
            rows: AtomicU64::new(0),
            begin: AtomicI64::new(i64::MAX),
            end: AtomicI64::new(i64::MIN),
        }
    }

    /// By the slot's only writer.
    fn add(&self, rows: usize, event_time: i64) {
        self.rows.store(self.rows.load(Ordering::Relaxed) + rows as u64, Ordering::Relaxed);
        self.begin.store(self.begin.load(Ordering::Relaxed).min(event_time), Ordering::Relaxed);
        self.end.store(self.end.load(Ordering::Relaxed).max(event_time), Ordering::Relaxed);
    }

    /// By the reader, when the writer has left this side.
    fn take(&self) -> (u64, i64, i64) {
        let taken = (
            self.rows.load(Ordering::Relaxed),
            self.begin.load(Ordering::Relaxed),
            self.end.load(Ordering::Relaxed),
        );
        self.rows.store(0, Ordering::Relaxed);
        self.begin.store(i64::MAX, Ordering::Relaxed);
        self.end.store(i64::MIN, Ordering::Relaxed);
        taken
    }
}

fn log_overflow(result: Result<(), CountsError>) {
    if let Err(error) = result {
        tracing::error!(%error, "drift counts can't be added up");
    }
}

#[cfg(test)]
#[path = "tap_tests.rs"]
mod tests;
