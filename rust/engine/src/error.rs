//! Everything that can go wrong, one closed enum per verb.

use std::path::PathBuf;

use tidegate_model::ScoreError;

use crate::{ArtifactError, SpecError};

/// Why a model could not be loaded; whatever the loader says.
#[derive(Debug, thiserror::Error)]
#[error("the model can't be loaded: {0}")]
pub struct LoadError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// Why an engine could not start, or a request could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The home, or a folder in it, can't be made or written.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the disk said.
        source: std::io::Error,
    },
    /// Another engine appends to this home.
    #[error("{path} is held by process {pid}", path = path.display())]
    HomeInUse {
        /// The lock.
        path: PathBuf,
        /// Who holds it, as the lock file says; empty if it says nothing.
        pid: String,
    },
    /// A thread can't be started.
    #[error("the {name} thread can't be started: {source}")]
    Thread {
        /// Its name.
        name: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// A worker index past the configured number, or one that is in use.
    #[error("worker {index} of {workers} {}", if *.taken { "is in use" } else { "does not exist" })]
    Worker {
        /// The index.
        index: usize,
        /// How many there are.
        workers: usize,
        /// Whether it exists and is in use.
        taken: bool,
    },
    /// No such endpoint in the deployment.
    #[error("unknown endpoint '{name}'; there {}", crate::error::known(.known))]
    UnknownEndpoint {
        /// What was asked for.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A version that is not in the endpoint's plan.
    #[error("version '{version}' is not in the plan of endpoint '{endpoint}'; live: {live}", live = live.join(", "))]
    UnknownVersion {
        /// The endpoint.
        endpoint: String,
        /// What was asked for.
        version: String,
        /// The versions of the plan.
        live: Vec<String>,
    },
    /// The principal may not ask for a version by name.
    #[error("'{principal}' may not ask for version '{version}' of endpoint '{endpoint}' by name")]
    PinRefused {
        /// The endpoint.
        endpoint: String,
        /// What was asked for.
        version: String,
        /// Who asked.
        principal: String,
    },
    /// The routing key differs between rows.
    #[error("the routing key '{column}' must be equal in all rows; row {row} differs from row 0")]
    KeyDiffers {
        /// The context column.
        column: String,
        /// The first row that differs.
        row: usize,
    },
    /// A column that a rule looks at differs between rows.
    #[error("a rule decides by '{column}', which must be equal in all rows; row {row} differs from row 0")]
    RuleDiffers {
        /// The column.
        column: String,
        /// The first row that differs.
        row: usize,
    },
    /// The routing key is not text.
    #[error("the routing key must be UTF-8")]
    KeyNotText,
    /// The batch was not built with this endpoint's contract.
    #[error("the batch does not fit the contract of endpoint '{endpoint}'")]
    Batch {
        /// The endpoint.
        endpoint: String,
    },
    /// The model refused or failed.
    #[error("version {version} of endpoint '{endpoint}' failed: {source}")]
    Model {
        /// The endpoint.
        endpoint: String,
        /// The version.
        version: String,
        /// What the scorer said.
        source: ScoreError,
    },
    /// The model gave something else than its signature says.
    #[error("version {version} of endpoint '{endpoint}' broke its signature: {problem}")]
    Outputs {
        /// The endpoint.
        endpoint: String,
        /// The version.
        version: String,
        /// What was expected and what came.
        problem: String,
    },
    /// The scorer panicked; the thread lives on.
    #[error("version {version} of endpoint '{endpoint}' panicked")]
    Panicked {
        /// The endpoint.
        endpoint: String,
        /// The version.
        version: String,
    },
    /// Nobody waits for the answer any more; the model was not asked.
    #[error("the deadline passed before version {version} of endpoint '{endpoint}' could score the request")]
    Expired {
        /// The endpoint.
        endpoint: String,
        /// The version.
        version: String,
    },
    /// Too many wait already, or this one waited for too long.
    #[error("too many requests wait for version {version} of endpoint '{endpoint}'")]
    Overloaded {
        /// The endpoint.
        endpoint: String,
        /// The version.
        version: String,
    },
    /// The version keeps failing and is left alone for a while.
    #[error("version {version} of endpoint '{endpoint}' keeps failing and is not asked for a while")]
    Failing {
        /// The endpoint.
        endpoint: String,
        /// The version.
        version: String,
    },
    /// Runs of the version don't end; nothing more is sent there.
    #[error("version {version} of endpoint '{endpoint}' is in quarantine: its runs don't end in time")]
    Quarantined {
        /// The endpoint.
        endpoint: String,
        /// The version.
        version: String,
    },
    /// The model's outputs are too large.
    #[error(
        "output limit: version {version} of endpoint '{endpoint}' gave {bytes} bytes, {limit} are allowed"
    )]
    OutputLimit {
        /// The endpoint.
        endpoint: String,
        /// The version.
        version: String,
        /// What the outputs hold.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A thread of the engine has ended.
    #[error("the engine is shut down")]
    Stopped,
    /// Counters could not be written as Arrow.
    #[error("the counters can't be encoded: {0}")]
    Encode(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a deployment was not installed; the old one answers on.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Not newer than what is installed.
    #[error("generation {offered} is not newer than {installed}, which is installed")]
    Stale {
        /// What came.
        offered: u64,
        /// What answers.
        installed: u64,
    },
    /// The deployment contradicts itself.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// The bytes of the model or the profile are missing or damaged.
    #[error("endpoint '{endpoint}', version {version}: {source}")]
    Artifact {
        /// The endpoint.
        endpoint: String,
        /// The version.
        version: String,
        /// What is wrong.
        source: ArtifactError,
    },
    /// The model can't be loaded.
    #[error("endpoint '{endpoint}', version {version}: {source}")]
    Load {
        /// The endpoint.
        endpoint: String,
        /// The version.
        version: String,
        /// What the loader said.
        source: LoadError,
    },
    /// The profile can't be read.
    #[error("endpoint '{endpoint}', version {version}: the reference profile can't be read: {source}")]
    Profile {
        /// The endpoint.
        endpoint: String,
        /// The version.
        version: String,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The model or the profile does not fit the endpoint's contract.
    #[error("endpoint '{endpoint}', version {version}: {mismatch}")]
    Mismatch {
        /// The endpoint.
        endpoint: String,
        /// The version.
        version: String,
        /// Where they differ.
        mismatch: Mismatch,
    },
    /// The drift counters would take more memory than they may.
    #[error(
        "endpoint '{endpoint}', version {version}: drift counters would take {needed} bytes, {limit} are allowed; make profiles with fewer points"
    )]
    CounterMemory {
        /// The endpoint.
        endpoint: String,
        /// The version with which the limit is passed.
        version: String,
        /// Bytes of the deployment's counters up to that version.
        needed: u64,
        /// The limit.
        limit: u64,
    },
    /// The first row failed.
    #[error("endpoint '{endpoint}', version {version} fails on a row of zeros: {source}")]
    Warm {
        /// The endpoint.
        endpoint: String,
        /// The version.
        version: String,
        /// What happened.
        source: Box<EngineError>,
    },
    /// The salt that masked columns are hashed with can't be had.
    #[error("the log of endpoint '{endpoint}' hashes columns and needs {path}: {source}", path = path.display())]
    MaskKey {
        /// The endpoint.
        endpoint: String,
        /// Where the salt should be.
        path: PathBuf,
        /// What the disk said.
        source: std::io::Error,
    },
    /// The slots can't be laid out.
    #[error("endpoint '{endpoint}': {source}")]
    Slots {
        /// The endpoint.
        endpoint: String,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Where a variant does not fit its endpoint's contract.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The model wants an input that the contract lacks.
    #[error("the model's input '{0}' is not in the contract")]
    Input(String),
    /// The model lacks an output of the contract.
    #[error("the model lacks the contract's output '{0}'")]
    Output(String),
    /// Same name, other type or width.
    #[error("'{name}' is {expected} in the contract and {actual} in the model")]
    Tensor {
        /// The tensor.
        name: String,
        /// The contract's type and shape.
        expected: String,
        /// The model's.
        actual: String,
    },
    /// The profile has a feature that the contract lacks.
    #[error("the profile's feature '{0}' is not in the contract")]
    Feature(String),
    /// The profile has a score and the contract has none.
    #[error("the profile has the score '{0}', the contract names no score")]
    Score(String),
    /// The profile is of another kind than the column.
    #[error("the profile's feature '{name}' is {kind}, the contract's column is {datatype}")]
    Kind {
        /// The feature.
        name: String,
        /// `numeric` or `categorical`.
        kind: &'static str,
        /// The column's type.
        datatype: tidegate_model::DataType,
    },
}

/// Why labels were not taken.
#[derive(Debug, thiserror::Error)]
pub enum FeedbackError {
    /// No such endpoint in the deployment.
    #[error("unknown endpoint '{0}'")]
    UnknownEndpoint(String),
    /// A label that is NaN or infinite.
    #[error("label {index} must be a finite number, got {value}")]
    NotFinite {
        /// Its position in the request.
        index: usize,
        /// What came.
        value: f64,
    },
    /// A label without an event id.
    #[error("label {index} has an empty event_id")]
    NoEventId {
        /// Its position in the request.
        index: usize,
    },
    /// Too many labels wait for the disk.
    #[error("too many labels are waiting for the disk")]
    Busy,
    /// The disk refused; nothing is acknowledged.
    #[error("the labels could not be written: {0}")]
    Write(#[source] std::sync::Arc<std::io::Error>),
    /// The engine is shut down.
    #[error("the engine is shut down")]
    Stopped,
}

fn known(names: &[String]) -> String {
    if names.is_empty() { "is none".into() } else { format!("are: {}", names.join(", ")) }
}
