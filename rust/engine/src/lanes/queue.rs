//! What waits for one variant: two classes in order of arrival, bounded in time, shed where it can't be answered.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::codel::Codel;
use super::pending::Slot;
use crate::Priority;
use crate::log::Request;
use crate::snapshot::Variant;

/// Waiting time that a full queue stands for, and how many requests that is at least and at most.
const FULL: Duration = Duration::from_millis(10);
const SHORTEST: usize = 8;
const LONGEST: usize = 1024;
/// The batch class may hold one part in so many of the bound, and goes first once in so many runs.
const BATCH_SHARE: usize = 10;
/// Weight of the newest run in the average.
const NEWEST: f64 = 0.1;
/// What is left of the average when nothing was run on its word: one slow run must not refuse everybody for ever.
const DOUBT: f64 = 0.9;

/// A request in a queue.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) request: Request,
    pub(crate) variant: Arc<Variant>,
    pub(crate) slot: Arc<Slot>,
    pub(crate) deadline: Option<Instant>,
    pub(crate) priority: Priority,
    pub(crate) queued: Instant,
    /// When its transport had it.
    pub(crate) arrived: Option<Instant>,
}

/// Why a request leaves the queue without having been scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shed {
    Expired,
    Overloaded,
}

/// What a lane takes at once.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Scored as one batch: one variant, together no more rows than a batch has, unless it is one request.
    pub(crate) run: Vec<Job>,
    pub(crate) shed: Vec<(Job, Shed)>,
    /// Requests that nobody waited for any more.
    pub(crate) gone: usize,
}

/// The queue of one variant.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    interactive: VecDeque<Job>,
    batch: VecDeque<Job>,
    codel: Codel,
    runs: usize,
    /// Nanoseconds of one run, and of one request of it.
    run_ns: f64,
    request_ns: f64,
    /// Nanoseconds of lane that it may have before others have their turn.
    pub(crate) credit: i64,
    /// Lanes that work for it, and lanes that do so for too long.
    pub(crate) running: usize,
    pub(crate) stuck: usize,
}

impl Queue {
    /// Requests that wait; some of them may be gone.
    pub(crate) fn len(&self) -> usize {
        self.interactive.len() + self.batch.len()
    }

    /// How many may wait.
    pub(crate) fn bound(&self, lanes: usize) -> usize {
        let requests = FULL.as_nanos() as f64 * lanes as f64 / self.request_ns.max(1.0);
        (requests.ceil() as usize).clamp(SHORTEST, LONGEST)
    }

    /// What a run takes, on average.
    pub(crate) fn run_time(&self) -> Duration {
        Duration::from_nanos(self.run_ns as u64)
    }

    /// Puts a request in. Gives back the one that has no place: the newest of the batch class when an interactive one
    /// comes, else this one.
    pub(crate) fn push(&mut self, job: Job, now: Instant, lanes: usize) -> Option<Job> {
        let bound = self.bound(lanes);
        self.codel.filled(now);
        match job.priority {
            Priority::Interactive if self.len() < bound => self.interactive.push_back(job),
            Priority::Interactive => match self.batch.pop_back() {
                Some(evicted) => {
                    self.interactive.push_back(job);
                    return Some(evicted);
                }
                None => return Some(job),
            },
            Priority::Batch if self.len() < bound && self.batch.len() < (bound / BATCH_SHARE).max(1) => {
                self.batch.push_back(job);
            }
            Priority::Batch => return Some(job),
        }
        None
    }

    /// Drops requests that nobody waits for; how many they were.
    pub(crate) fn sweep(&mut self) -> usize {
        let before = self.len();
        self.interactive.retain(|job| !job.slot.gone());
        self.batch.retain(|job| !job.slot.gone());
        before - self.len()
    }

    /// When the oldest came, and how many rows wait.
    pub(crate) fn oldest(&self) -> Option<(Instant, usize)> {
        let oldest = self.jobs().map(|job| job.queued).min()?;
        Some((oldest, self.jobs().map(|job| job.request.batch.rows).sum()))
    }

    /// Takes everything out.
    pub(crate) fn drain(&mut self) -> Vec<Job> {
        self.codel.emptied();
        self.interactive.drain(..).chain(self.batch.drain(..)).collect()
    }

    /// Takes one run out: what waits, in order, up to `rows` rows.
    pub(crate) fn take(&mut self, now: Instant, rows: usize) -> Taken {
        let mut taken = Taken::default();
        let mut count = 0;
        self.runs = self.runs.wrapping_add(1);
        let batch_first = self.runs.is_multiple_of(BATCH_SHARE);
        while let Some(job) = self.pop(batch_first && taken.run.is_empty()) {
            let more = job.request.batch.rows;
            if let Some(first) = taken.run.first()
                && (count + more > rows || !Arc::ptr_eq(&first.variant, &job.variant))
            {
                self.push_front(job);
                break;
            }
            if !job.slot.begin() {
                taken.gone += 1;
                continue;
            }
            if let Some(why) = self.sheds(&job, now) {
                taken.shed.push((job, why));
            } else {
                count += more;
                taken.run.push(job);
            }
            if count >= rows {
                break;
            }
        }
        if taken.run.is_empty() && !taken.shed.is_empty() {
            self.run_ns *= DOUBT;
        }
        if self.len() == 0 {
            self.codel.emptied();
        }
        taken
    }

    /// A run of `requests` ended.
    pub(crate) fn ran(&mut self, took: Duration, requests: usize) {
        let took = took.as_nanos() as f64;
        let newest = if self.run_ns == 0.0 { 1.0 } else { NEWEST };
        self.run_ns += newest * (took - self.run_ns);
        self.request_ns += newest * (took / requests.max(1) as f64 - self.request_ns);
    }

    /// What is known of the time of a run before there was one.
    pub(crate) fn expect(&mut self, run: Duration) {
        if self.run_ns == 0.0 {
            self.run_ns = run.as_nanos() as f64;
            self.request_ns = self.run_ns;
        }
    }

    fn sheds(&self, job: &Job, now: Instant) -> Option<Shed> {
        let run = self.run_time();
        let end = now + run.max(Duration::from_nanos(1));
        if job.deadline.is_some_and(|deadline| deadline < end) {
            return Some(Shed::Expired);
        }
        let waited = now.saturating_duration_since(job.queued);
        // The last one is answered: an idle lane helps nobody.
        let standing = self.len() > 0 && waited > self.codel.longest_wait(now, run);
        standing.then_some(Shed::Overloaded)
    }

    fn pop(&mut self, batch_first: bool) -> Option<Job> {
        let first = if batch_first { self.batch.pop_front() } else { None };
        first.or_else(|| self.interactive.pop_front()).or_else(|| self.batch.pop_front())
    }

    fn push_front(&mut self, job: Job) {
        match job.priority {
            Priority::Interactive => self.interactive.push_front(job),
            Priority::Batch => self.batch.push_front(job),
        }
    }

    fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.interactive.iter().chain(&self.batch)
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
