//! Whether the server takes requests: starting, ready, draining; never back.

use std::sync::atomic::{AtomicU8, Ordering};

/// Where the process stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Phase {
    /// Deployments on disk are still being loaded.
    Starting,
    /// Requests are answered.
    Ready,
    /// What is in flight is finished; nothing new should come.
    Draining,
}

/// The phase, read by every thread.
#[derive(Debug)]
pub(crate) struct Readiness(AtomicU8);

impl Readiness {
    pub(crate) const fn new() -> Self {
        Self(AtomicU8::new(Phase::Starting as u8))
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.0.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Draining,
        }
    }

    /// Moves on to `phase`; an earlier one than the present changes nothing.
    pub(crate) fn advance(&self, phase: Phase) {
        self.0.fetch_max(phase as u8, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_way_back() {
        let readiness = Readiness::new();
        assert_eq!(readiness.phase(), Phase::Starting);
        readiness.advance(Phase::Draining);
        readiness.advance(Phase::Ready);
        assert_eq!(readiness.phase(), Phase::Draining);
    }
}
