//! The engine: what transports and the binding hold.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{TrySendError, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tidegate_model::Scorer;

use crate::labels::{Report, tell};
use crate::shared::{Shared, lock};
use crate::threads::Threads;
use crate::{
    Artifacts, Clock, Deployment, DeploymentSpec, EngineConfig, EngineError, FailedInstall, FeedbackError,
    InstallError, Label, LoadError, Reference, Status, VariantStats, Worker, counts, install, label, shadow,
    start, writer,
};

/// A model that can score, and which engine runs it.
#[derive(Clone)]
pub struct Loaded {
    /// The model.
    pub scorer: Arc<dyn Scorer>,
    /// What runs it: `trees` or `onnxruntime`.
    pub runs_on: &'static str,
    /// Why that one, in words.
    pub reason: Arc<str>,
}

impl fmt::Debug for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loaded").field("runs_on", &self.runs_on).finish_non_exhaustive()
    }
}

/// Turns ONNX bytes into a scorer. The engine knows no runtime; the binding gives it one.
pub trait Loader: Send + Sync {
    /// Loads a model. The `reference` of the version, if it has one, is for trying the model on.
    ///
    /// # Errors
    /// [`LoadError`] with the runtime's reason.
    fn load(&self, onnx: &[u8], reference: Option<Reference<'_>>) -> Result<Loaded, LoadError>;
}

/// Called once, when labels are on the disk or could not be written; on the writer's thread, so it must not block.
pub type FeedbackDone = Box<dyn FnOnce(Result<(), FeedbackError>) + Send>;

/// Called with a generation that answers now, on the thread that installed it.
pub type OnInstall = Box<dyn Fn(u64) + Send + Sync>;

/// What a shutdown left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownReport {
    /// Whether everything accepted was written before the deadline.
    pub complete: bool,
    /// Mirrored requests that were not scored.
    pub shadows_cut: u64,
}

/// A live deployment over any [`Scorer`], with its logs and counters.
pub struct Engine {
    shared: Arc<Shared>,
    loader: Arc<dyn Loader>,
    threads: Threads,
    told: Mutex<Vec<OnInstall>>,
    ended: Mutex<Option<ShutdownReport>>,
}

impl Engine {
    /// Takes the home's scoring lock, cuts torn tails, and starts the writer, shadow and poll threads.
    ///
    /// # Errors
    /// [`EngineError::Io`] (a home that does not exist is not made), [`EngineError::HomeInUse`],
    /// [`EngineError::Thread`].
    pub fn start(
        config: EngineConfig,
        loader: Arc<dyn Loader>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, EngineError> {
        let (shared, threads) = start::start(config, clock)?;
        Ok(Arc::new(Self { shared, loader, threads, told: Mutex::default(), ended: Mutex::new(None) }))
    }

    /// Verifies, loads and warms everything that `spec` names, then lets it answer in one step. Blocking; not for a
    /// scoring thread. Returns the generation.
    ///
    /// # Errors
    /// [`InstallError`]; then the old deployment answers on, and [`Engine::status`] names the failure (except
    /// [`InstallError::Stale`], which is none).
    pub fn install(&self, spec: &DeploymentSpec, artifacts: &dyn Artifacts) -> Result<u64, InstallError> {
        let installed = install::install(&self.shared, &*self.loader, spec, artifacts);
        match &installed {
            Ok(generation) => {
                *lock(&self.shared.failed) = None;
                lock(&self.told).iter().for_each(|tell| tell(*generation));
            }
            Err(InstallError::Stale { .. }) => {}
            Err(error) => self.note_failure(spec.generation, &error.to_string()),
        }
        installed
    }

    /// Calls `tell` with each generation as soon as it answers. It must not block.
    pub fn on_install(&self, tell: OnInstall) {
        lock(&self.told).push(tell);
    }

    /// Notes a deployment that never came as far as [`Engine::install`] (unreadable file, missing artifact).
    pub fn note_failure(&self, generation: u64, error: &str) {
        *lock(&self.shared.failed) = Some(FailedInstall { generation, error: error.to_owned() });
    }

    /// The live deployment. Take it once per request.
    #[must_use]
    pub fn deployment(&self) -> Arc<Deployment> {
        self.shared.live.load_full()
    }

    /// The handle of one transport thread; free again when dropped.
    ///
    /// # Errors
    /// [`EngineError::Worker`] when there is no such index, or it is in use.
    pub fn worker(&self, index: usize) -> Result<Worker, EngineError> {
        let workers = self.shared.config.workers;
        match self.shared.taken.get(index) {
            Some(taken) if !taken.swap(true, Ordering::Acquire) => {
                Ok(Worker::new(Arc::clone(&self.shared), index))
            }
            taken => Err(EngineError::Worker { index, workers, taken: taken.is_some() }),
        }
    }

    /// Writes labels and forces them to the disk; then calls `done`. Refused labels are told at once.
    pub fn feedback(&self, endpoint: &str, labels: Vec<Label>, done: FeedbackDone) {
        let known = self.shared.live.load().endpoint(endpoint).is_some();
        let checked = if known {
            label::check(&labels)
        } else {
            Err(FeedbackError::UnknownEndpoint(endpoint.to_owned()))
        };
        if checked.is_err() {
            return tell(done, checked);
        }
        let received_at = self.shared.clock.now_us();
        let report = Report { endpoint: endpoint.to_owned(), labels, received_at, done };
        let refused = match self.shared.commands.try_send(writer::Command::Labels(report)) {
            Ok(()) => return self.shared.records.wake(),
            Err(TrySendError::Full(command)) => (command, FeedbackError::Busy),
            Err(TrySendError::Disconnected(command)) => (command, FeedbackError::Stopped),
        };
        if let (writer::Command::Labels(report), error) = refused {
            tell(report.done, Err(error));
        }
    }

    /// The drift counters of an endpoint's variants (counts IPC of `tidegate-drift`), every answered row included.
    ///
    /// # Errors
    /// [`EngineError::UnknownEndpoint`], [`EngineError::Encode`].
    pub fn counts_ipc(&self, endpoint: &str) -> Result<Vec<u8>, EngineError> {
        let live = self.deployment();
        let found = live.endpoint(endpoint).ok_or_else(|| EngineError::UnknownEndpoint {
            name: endpoint.to_owned(),
            known: live.endpoints().iter().map(|endpoint| endpoint.name.clone()).collect(),
        })?;
        counts::encode(found).map_err(|error| EngineError::Encode(Box::new(error)))
    }

    /// Whether any request waits for a lane, or runs on one. Costs one load.
    #[must_use]
    pub fn queues(&self) -> bool {
        self.shared.pool.busy()
    }

    /// What the engine is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        self.shared.status()
    }

    /// Counters for metrics, one entry per variant of the live deployment.
    #[must_use]
    pub fn stats(&self) -> Vec<VariantStats> {
        self.shared.stats()
    }

    /// Closes panes that are due and lets go of replaced variants. The poll thread does it every 250 ms.
    pub fn poll(&self) {
        self.shared.poll();
    }

    /// Returns when everything accepted so far is scored by its shadows and written.
    ///
    /// # Errors
    /// [`EngineError::Stopped`] when the threads have ended.
    pub fn flush(&self) -> Result<(), EngineError> {
        let (flushed, scored) = channel();
        self.threads.tell_shadow(&self.shared, shadow::Command::Flush(flushed))?;
        scored.recv().map_err(|_| EngineError::Stopped)?;
        let (flushed, written) = channel();
        let sent = self.shared.commands.send(writer::Command::Flush(flushed));
        self.shared.records.wake();
        sent.map_err(|_| EngineError::Stopped)?;
        written.recv().map_err(|_| EngineError::Stopped)
    }

    /// Scores what the shadows still have, closes panes, writes and syncs everything, ends the threads. Stop scoring
    /// before; a second call gives the first one's report.
    pub fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        *lock(&self.ended).get_or_insert_with(|| self.threads.shutdown(&self.shared, deadline))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.shutdown(Duration::from_secs(5));
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("shared", &self.shared).finish_non_exhaustive()
    }
}
