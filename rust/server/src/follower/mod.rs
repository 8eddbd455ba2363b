//! Follows control: fetches each new deployment and what it names, verifies, installs, keeps it on disk; and so the key
//! table.

mod control;
mod keys;
mod shelf;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidegate_engine::{ArtifactError, Artifacts, DeploymentSpec, Engine, InstallError, SpecError};

use crate::plane::Plane;
use crate::readiness::Phase;

pub(crate) use control::Control;
use control::ControlError;
pub(crate) use keys::Keys;
pub(crate) use shelf::Shelf;

/// Installs the newest deployment on a home's disk that is whole, if there is one that `engine` does not have yet.
pub fn restore(home: &std::path::Path, engine: &Engine) {
    let shelf = Shelf::of_home(home);
    if shelf.generations().last().is_some_and(|&newest| newest > engine.deployment().generation) {
        shelf.restore(engine);
    }
}

/// Time to the next try after a failure, doubled up to the longest.
const FIRST_BACKOFF: Duration = Duration::from_millis(250);
const LONGEST_BACKOFF: Duration = Duration::from_secs(2);

/// Why a deployment of control is not live.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error(transparent)]
    Control(#[from] ControlError),
    #[error(transparent)]
    Spec(#[from] SpecError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error(transparent)]
    Install(#[from] InstallError),
    #[error("the deployment is live, but can't be kept on disk: {0}")]
    Keep(#[source] std::io::Error),
    #[error("control sent generation {sent}, which is not after {after}")]
    Old { sent: u64, after: u64 },
    #[error("the installing thread ended early: {0}")]
    Thread(#[from] tokio::task::JoinError),
}

/// What is followed, and into what.
pub(crate) struct Follower {
    pub(crate) plane: Arc<Plane>,
    pub(crate) shelf: Shelf,
    pub(crate) control: Control,
    /// The last generation that was dealt with; a refused one is not asked for again.
    pub(crate) generation: u64,
}

/// Takes a step again and again, after failures with pauses that grow. `lost` says what a failure means; the same one
/// again and again is one line.
async fn for_ever<E: std::error::Error + 'static>(
    lost: &'static str,
    mut step: impl AsyncFnMut() -> Result<(), E>,
) {
    let mut backoff = FIRST_BACKOFF;
    let mut told = String::new();
    loop {
        match step().await {
            Ok(()) => {
                backoff = FIRST_BACKOFF;
                told.clear();
            }
            Err(error) => {
                let text = shelf::describe(&error);
                if text != told {
                    tracing::warn!(error = text, "{lost}");
                    told = text;
                }
                tokio::time::sleep(backoff).await;
                backoff = (backoff * 2).min(LONGEST_BACKOFF);
            }
        }
    }
}

impl Follower {
    /// Follows for ever; end it by dropping the future.
    pub(crate) async fn follow(mut self) {
        for_ever("control is not followed; what is installed answers on", async || self.step().await).await;
    }

    /// Asks once, and installs what comes.
    async fn step(&mut self) -> Result<(), FollowError> {
        let Some(bytes) = self.control.deployment(self.generation).await? else { return Ok(()) };
        let spec = DeploymentSpec::parse(&bytes)
            .inspect_err(|error| self.plane.engine.note_failure(0, &shelf::describe(error)))?;
        if spec.generation <= self.generation {
            return Err(FollowError::Old { sent: spec.generation, after: self.generation });
        }
        if let Err(error) = self.fetch(&spec).await {
            self.plane.engine.note_failure(spec.generation, &shelf::describe(&error));
            return Err(error);
        }
        self.generation = spec.generation;
        self.install(spec, bytes).await
    }

    /// Gets the artifacts that are missing here or damaged.
    async fn fetch(&self, spec: &DeploymentSpec) -> Result<(), FollowError> {
        let variants = || spec.endpoints.iter().flat_map(|endpoint| &endpoint.variants);
        let models = variants().map(|variant| &variant.onnx);
        let profiles = variants().filter_map(|variant| variant.profile.as_ref());
        for digest in models.chain(profiles).collect::<BTreeSet<_>>() {
            let files = self.shelf.artifacts().clone();
            let wanted = digest.clone();
            let here = tokio::task::spawn_blocking(move || {
                files.read(&wanted).is_ok_and(|bytes| tidegate_engine::digest(&bytes) == wanted)
            });
            if here.await? {
                continue;
            }
            let bytes = self.control.artifact(digest).await?;
            let files = self.shelf.artifacts().clone();
            let digest = digest.clone();
            tokio::task::spawn_blocking(move || files.put(&digest, &bytes)).await??;
        }
        Ok(())
    }

    /// Loading and warming block, so they have a thread of their own.
    async fn install(&self, spec: DeploymentSpec, bytes: Bytes) -> Result<(), FollowError> {
        let plane = Arc::clone(&self.plane);
        let disk = self.shelf.clone();
        tokio::task::spawn_blocking(move || {
            let generation = plane.engine.install(&spec, disk.artifacts())?;
            plane.readiness.advance(Phase::Ready);
            tracing::info!(generation, "deployment installed from control");
            disk.keep(generation, &bytes).map_err(FollowError::Keep)
        })
        .await?
    }
}
