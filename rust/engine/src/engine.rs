//! The engine: what transports and the binding hold.

use std::sync::Arc;
use std::time::Duration;

use tidegate_model::Scorer;

use crate::{
    Artifacts, Clock, Deployment, DeploymentSpec, EngineConfig, EngineError, FeedbackError, InstallError,
    Label, LoadError, Status, VariantStats, Worker,
};

/// Turns ONNX bytes into a scorer. The engine knows no runtime; the binding gives it one.
pub trait Loader: Send + Sync {
    /// Loads a model.
    ///
    /// # Errors
    /// [`LoadError`] with the runtime's reason.
    fn load(&self, onnx: &[u8]) -> Result<Arc<dyn Scorer>, LoadError>;
}

/// Called once, when labels are on the disk or could not be written; on the writer's thread, so it must not block.
pub type FeedbackDone = Box<dyn FnOnce(Result<(), FeedbackError>) + Send>;

/// What a shutdown left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownReport {
    /// Whether everything accepted was written before the deadline.
    pub complete: bool,
    /// Mirrored requests that were not scored.
    pub shadows_cut: u64,
}

/// A live deployment over any [`Scorer`], with its logs and counters.
#[derive(Debug)]
pub struct Engine {}

impl Engine {
    /// Takes the home's scoring lock, cuts torn tails, reads counters back, and starts the writer, shadow and poll threads.
    ///
    /// # Errors
    /// [`EngineError::Io`], [`EngineError::HomeInUse`], [`EngineError::Thread`].
    pub fn start(
        config: EngineConfig,
        loader: Arc<dyn Loader>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, EngineError> {
        todo!()
    }

    /// Verifies, loads and warms everything that `spec` names, then lets it answer in one step. Blocking; not for a
    /// scoring thread. Returns the generation.
    ///
    /// # Errors
    /// [`InstallError`]; then the old deployment answers on, and [`Engine::status`] names the failure.
    pub fn install(&self, spec: &DeploymentSpec, artifacts: &dyn Artifacts) -> Result<u64, InstallError> {
        todo!()
    }

    /// Notes a deployment that never came as far as [`Engine::install`] (unreadable file, missing artifact).
    pub fn note_failure(&self, generation: u64, error: &str) {
        todo!()
    }

    /// The live deployment. Take it once per request.
    #[must_use]
    pub fn deployment(&self) -> Arc<Deployment> {
        todo!()
    }

    /// The handle of one transport thread; free again when dropped.
    ///
    /// # Errors
    /// [`EngineError::Worker`] when there is no such index, or it is in use.
    pub fn worker(&self, index: usize) -> Result<Worker, EngineError> {
        todo!()
    }

    /// Writes labels and forces them to the disk; then calls `done`.
    pub fn feedback(&self, endpoint: &str, labels: Vec<Label>, done: FeedbackDone) {
        todo!()
    }

    /// The drift counters of an endpoint's variants (counts IPC of `tidegate-drift`), every answered row included.
    ///
    /// # Errors
    /// [`EngineError::UnknownEndpoint`], [`EngineError::Encode`].
    pub fn counts_ipc(&self, endpoint: &str) -> Result<Vec<u8>, EngineError> {
        todo!()
    }

    /// What the engine is doing.
    #[must_use]
    pub fn status(&self) -> Status {
        todo!()
    }

    /// Counters for metrics, one entry per variant of the live deployment.
    #[must_use]
    pub fn stats(&self) -> Vec<VariantStats> {
        todo!()
    }

    /// Closes panes that are due and lets go of replaced variants. The poll thread does it every 250 ms.
    pub fn poll(&self) {
        todo!()
    }

    /// Returns when everything accepted so far is scored by its shadows and written.
    ///
    /// # Errors
    /// [`EngineError::Stopped`] when the threads have ended.
    pub fn flush(&self) -> Result<(), EngineError> {
        todo!()
    }

    /// Scores what the shadows still have, closes panes, writes and syncs everything, ends the threads. Twice is once.
    pub fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        todo!()
    }
}
