//! What the engine, its threads and its workers share.

use std::fmt;
use std::fs::File;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use crate::lanes::Pool;
use crate::log::{Record, Request};
use crate::observers::Observers;
use crate::ring::Pusher;
use crate::totals::Totals;
use crate::writer::Command;
use crate::{Clock, Deployment, EngineConfig, FailedInstall};

/// Nothing in here is locked on the way of a request that is scored inline.
pub(crate) struct Shared {
    pub(crate) config: EngineConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) totals: Totals,
    pub(crate) live: ArcSwap<Deployment>,
    /// Which worker indexes are in use.
    pub(crate) taken: Box<[AtomicBool]>,
    /// To the writer: predictions.
    pub(crate) records: Pusher<Record>,
    /// To the writer: everything else. Wake it with `records`.
    pub(crate) commands: SyncSender<Command>,
    /// To the shadow thread.
    pub(crate) mirrors: Pusher<Arc<Request>>,
    /// Requests that wait for a lane; its lock is the only one on the way of a request, and not on that of inline models.
    pub(crate) pool: Pool,
    pub(crate) observers: Mutex<Observers>,
    pub(crate) failed: Mutex<Option<FailedInstall>>,
    /// One installation at a time.
    pub(crate) installing: Mutex<()>,
    /// Keeps the home's scoring lock.
    pub(crate) _lock: File,
}

impl Shared {
    /// The thread index of a lane, after that of the shadow thread.
    pub(crate) fn lane_thread(&self, lane: usize) -> usize {
        self.config.workers + 1 + lane
    }

    /// The thread index of the shadow thread, after those of the workers.
    pub(crate) fn shadow_thread(&self) -> usize {
        self.config.workers
    }

    /// Number of threads that score.
    pub(crate) fn threads(&self) -> usize {
        self.config.workers + 1 + self.config.lanes.max(1)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A lock whose holder may have panicked: what it guards is valid between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
