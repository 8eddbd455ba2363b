//! The live deployment: snapshot, drift taps, prediction log, counters. Works over any Scorer.

mod artifacts;
mod clock;
mod config;
mod deployment;
mod engine;
mod error;
mod label;
mod recover;
mod request;
mod snapshot;
mod stats;
mod status;
mod worker;

pub use artifacts::{ArtifactError, ArtifactFiles, Artifacts, digest};
pub use clock::{Clock, SystemClock};
pub use config::{EngineConfig, Fsync, LogConfig};
pub use deployment::{DeploymentSpec, EndpointSpec, FORMAT, SpecError, VariantSpec};
pub use engine::{Engine, FeedbackDone, Loader, ShutdownReport};
pub use error::{EngineError, FeedbackError, InstallError, LoadError, Mismatch};
pub use label::Label;
pub use recover::{Recovered, recover};
pub use request::{Route, ScoreRequest, ScoreResponse};
pub use snapshot::{Deployment, Endpoint, Variant};
pub use stats::{DURATION_BOUNDS_US, VariantStats};
pub use status::{
    EndpointStatus, FailedInstall, LabelStatus, LogStatus, ShadowStatus, Status, VariantStatus,
};
pub use worker::Worker;
