//! How long a request may wait when the queue stands: controlled delay on the time spent waiting.

use std::time::{Duration, Instant};

/// Waiting that is no trouble, however long the queue stands.
const TARGET: Duration = Duration::from_millis(5);
/// A queue that was never empty for so long stands.
const INTERVAL: Duration = Duration::from_millis(100);

/// Tells a burst, which is let through, from a standing queue, whose oldest are dropped.
#[derive(Debug, Default)]
pub(crate) struct Codel {
    /// Since when the queue was never empty.
    busy_since: Option<Instant>,
}

impl Codel {
    /// Something was queued.
    pub(crate) fn filled(&mut self, now: Instant) {
        self.busy_since.get_or_insert(now);
    }

    /// Nothing is left.
    pub(crate) fn emptied(&mut self) {
        self.busy_since = None;
    }

    /// The longest wait after which a request is still worth answering. `service` is what one run takes: nobody can wait
    /// less than that for a slow model.
    pub(crate) fn longest_wait(&self, now: Instant, service: Duration) -> Duration {
        let interval = INTERVAL.max(2 * service);
        let stands = self.busy_since.is_some_and(|since| now.saturating_duration_since(since) >= interval);
        if stands { TARGET.max(service) } else { interval }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_may_wait_and_a_standing_queue_may_not() {
        let (mut codel, now) = (Codel::default(), Instant::now());
        let after = |milliseconds| now + Duration::from_millis(milliseconds);
        let fast = Duration::from_micros(200);
        assert_eq!(codel.longest_wait(now, fast), INTERVAL);
        codel.filled(now);
        codel.filled(after(90));
        assert_eq!(codel.longest_wait(after(99), fast), INTERVAL);
        assert_eq!(codel.longest_wait(after(100), fast), TARGET);
        codel.emptied();
        codel.filled(after(101));
        assert_eq!(codel.longest_wait(after(102), fast), INTERVAL);
        assert_eq!(codel.longest_wait(after(201), fast), TARGET);
    }

    #[test]
    fn a_slow_model_s_callers_may_wait_for_one_run() {
        let (mut codel, now) = (Codel::default(), Instant::now());
        let slow = Duration::from_millis(80);
        codel.filled(now);
        assert_eq!(codel.longest_wait(now + Duration::from_millis(159), slow), Duration::from_millis(160));
        assert_eq!(codel.longest_wait(now + Duration::from_millis(160), slow), slow);
    }
}
