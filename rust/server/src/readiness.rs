//! Whether the server takes requests: starting, ready, draining; never back.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::watch;

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
pub(crate) struct Readiness {
    phase: AtomicU8,
    changes: watch::Sender<()>,
}

impl Readiness {
    pub(crate) fn new() -> Self {
        Self { phase: AtomicU8::new(Phase::Starting as u8), changes: watch::Sender::new(()) }
    }

    /// Tells watchers to look again: at every phase, and whenever its sender has something new.
    pub(crate) const fn changes(&self) -> &watch::Sender<()> {
        &self.changes
    }

    pub(crate) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Acquire) {
            0 => Phase::Starting,
            1 => Phase::Ready,
            _ => Phase::Draining,
        }
    }

    /// Moves on to `phase`; an earlier one than the present changes nothing.
    pub(crate) fn advance(&self, phase: Phase) {
        self.phase.fetch_max(phase as u8, Ordering::AcqRel);
        self.changes.send_replace(());
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
