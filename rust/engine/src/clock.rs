//! Time as the engine sees it: injected, so that tests drive it.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Wall-clock time for what is written down, and time that only goes forward for what waits.
pub trait Clock: Send + Sync {
    /// Microseconds since 1970-01-01T00:00:00Z.
    fn now_us(&self) -> i64;

    /// What the clock that nobody sets shows when the machine's shows `now`.
    fn at(&self, now: Instant) -> Instant {
        now
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_us(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    }
}
