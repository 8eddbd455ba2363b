//! The live deployment: snapshot, drift taps, prediction log, counters. Works over any Scorer.
//!
//! An [`Engine`] holds one immutable [`Deployment`] behind an atomic pointer. Each transport thread scores through its
//! own [`Worker`], which takes no lock: it counts on counters that only it writes, and hands a record of the request to
//! the writer thread and the shadow thread through bounded queues.

mod artifacts;
mod batch_sizes;
mod clock;
mod config;
mod counts;
mod deployment;
mod disk;
mod engine;
mod error;
mod files;
mod half;
mod install;
mod key;
mod label;
mod labels;
mod lanes;
mod log;
mod meter;
mod observers;
mod offline;
mod pane;
mod plan;
mod poll;
mod predictions;
mod reading;
mod recover;
mod reference;
mod request;
mod ring;
mod route;
mod rule;
mod scoring;
mod segment;
mod shadow;
mod shared;
mod snapshot;
mod spec_error;
mod spool;
mod start;
mod stats;
mod status;
mod tap;
#[cfg(test)]
mod testing;
mod threads;
mod totals;
mod warm;
mod wiring;
mod worker;
mod writer;

pub use artifacts::{ArtifactError, ArtifactFiles, Artifacts, digest};
pub use clock::{Clock, SystemClock};
pub use config::{EngineConfig, Fsync, LogConfig};
pub use deployment::{DeploymentSpec, EndpointSpec, FORMAT, LaneMode, LaneSpec, VariantSpec};
pub use engine::{Engine, FeedbackDone, Loaded, Loader, OnInstall, ShutdownReport};
pub use error::{EngineError, FeedbackError, InstallError, LoadError, Mismatch};
pub use label::Label;
pub use lanes::{Pending, Submitted};
pub use log::{LogSpec, Mask, MaskError, MaskSpec};
pub use offline::{OfflineError, OfflineScorer};
pub use recover::{Recovered, recover};
pub use reference::Reference;
pub use request::{Priority, Ran, Route, ScoreRequest, ScoreResponse};
pub use rule::{HeadersMet, RuleError, RuleSpec};
pub use snapshot::{Deployment, Endpoint, Variant};
pub use spec_error::SpecError;
pub use stats::{BatchStats, DURATION_BOUNDS_US, VariantStats};
pub use status::{
    EndpointStatus, FailedInstall, LabelStatus, LaneStatus, LanesStatus, LogStatus, ShadowStatus, Status,
    VariantStatus,
};
pub use worker::Worker;
