//! What an engine is doing, as anybody may read it.

use crate::LaneMode;
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
    /// The threads that score slow models.
    #[serde(default)]
    pub lanes: LanesStatus,
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
    /// Where it runs.
    pub mode: LaneMode,
    /// Rows of several requests that are scored at once at most.
    pub batch: usize,
    /// Microseconds of one row in the slow case, as measured when it was loaded.
    pub microseconds: u64,
    /// Nanoseconds of one row where many are scored at once.
    pub row_nanoseconds: u64,
    /// Largest difference of a floating output between a row alone and in a batch, in units in the last place.
    pub ulps: Option<u64>,
    /// Why it is run so.
    pub reason: String,
    /// Requests that wait.
    pub queued: usize,
    /// Lanes that work for it.
    pub running: usize,
    /// Lanes that hang in it.
    pub stuck_now: usize,
    /// Microseconds of a run on a lane, on average.
    pub run_microseconds: u64,
    /// Runs on lanes.
    pub runs: u64,
    /// Requests in those runs.
    pub run_requests: u64,
    /// What those requests waited, in nanoseconds.
    pub waited_nanoseconds: u64,
    /// Requests whose deadline passed before the model was asked.
    pub expired: u64,
    /// Requests whose deadline passed while the model ran.
    pub late: u64,
    /// Requests whose sender went away before the model was asked.
    pub cancelled: u64,
    /// Requests refused because too many waited.
    pub rejected: u64,
    /// Runs that did not end in time.
    pub stuck: u64,
    /// Runs that were ended because nobody waited for them any more.
    pub stopped: u64,
    /// Whether nothing more is sent there, because too many runs did not end.
    pub quarantined: bool,
    /// Whether it is left alone for a while, because it kept failing.
    pub breaker_open: bool,
    /// How often it was.
    pub breaker_opened: u64,
}

/// The threads that score what is too slow for a transport's thread.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LanesStatus {
    /// How many there are.
    pub lanes: usize,
    /// Those that have nothing to do.
    pub free: usize,
    /// Threads that hang in a model.
    pub stuck: usize,
    /// Requests that wait or run.
    pub in_flight: usize,
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
