//! What an engine is doing, as anybody may read it.

use serde::{Deserialize, Serialize};

/// A reading of an engine. Rows are rows of batches; requests are whole batches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The deployment that answers; 0 before the first.
    pub generation: u64,
    /// Its endpoints, by name.
    pub endpoints: Vec<EndpointStatus>,
    /// Bytes that its drift counters take at most.
    pub counter_bytes: u64,
    /// The prediction log.
    pub predictions: LogStatus,
    /// Mirrored scoring.
    pub shadows: ShadowStatus,
    /// The label log.
    pub labels: LabelStatus,
    /// The last deployment that could not be installed, until a later one is.
    pub failed: Option<FailedInstall>,
}

/// One endpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EndpointStatus {
    /// The name that clients call.
    pub name: String,
    /// Rows that never came to its prediction log, since start.
    pub dropped: u64,
    /// Its variants.
    pub variants: Vec<VariantStatus>,
}

/// One variant, since it entered the plan of this process.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VariantStatus {
    /// The model.
    pub model: String,
    /// The version's number.
    pub version: String,
    /// The version's digest.
    pub digest: String,
    /// What runs it: `trees` or `onnxruntime`.
    pub runs_on: String,
    /// Why that one, in words.
    pub reason: String,
    /// Whether it is scored and never answers.
    pub shadow: bool,
    /// Its share of the traffic, 0 to 1.
    pub weight: f64,
    /// Rows scored.
    pub rows: u64,
    /// Requests scored.
    pub requests: u64,
    /// Requests that failed in the model.
    pub errors: u64,
    /// How it is run, and who waited in vain.
    #[serde(default)]
    pub lane: LaneStatus,
}

/// How a variant is run, and what waiting for it cost its callers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LaneStatus {
    /// Requests whose deadline passed before the model was asked.
    pub expired: u64,
}

/// Rows on their way to the prediction log, since start. After a flush, `accepted = logged + sampled`; `dropped` counts
/// the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogStatus {
    /// Rows that entered the ring.
    pub accepted: u64,
    /// Rows written.
    pub logged: u64,
    /// Rows that the endpoint's log policy leaves out.
    #[serde(default)]
    pub sampled: u64,
    /// Rows that never came to the log: the ring was full, or the disk refused them.
    pub dropped: u64,
    /// Whether the last write or sync failed.
    pub degraded: bool,
    /// Writes and syncs that failed.
    pub write_errors: u64,
}

/// Requests mirrored to shadows, since start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowStatus {
    /// Requests that entered the queue.
    pub queued: u64,
    /// Requests scored by every shadow of their endpoint.
    pub scored: u64,
    /// Requests that found the queue full.
    pub dropped: u64,
}

/// Labels, since start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelStatus {
    /// Labels on the disk.
    pub logged: u64,
    /// Labels that could not be written; their senders got an error.
    pub failed: u64,
}

/// A deployment that could not be installed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedInstall {
    /// Its generation, where it could be read.
    pub generation: u64,
    /// Why.
    pub error: String,
}
