//! Why a deployment is refused: each kind names the endpoint, what came and what was expected.

use tidegate_model::ContractError;

use crate::deployment::{FORMAT, MAX_SLOTS};
use crate::{MaskError, RuleError};

/// Why a deployment file is refused.
#[derive(Debug, thiserror::Error)]
pub enum SpecError {
    /// Not JSON, or not the JSON of a deployment.
    #[error("the deployment is not readable")]
    Json(#[from] serde_json::Error),
    /// A layout of another release.
    #[error("the deployment has format {actual}, this engine reads {FORMAT}")]
    Format {
        /// What the file says.
        actual: u64,
    },
    /// The file was changed after it was made.
    #[error("the deployment's sha256 is {expected} by its own word, {actual} by its content")]
    Checksum {
        /// What the file says.
        expected: String,
        /// What its content gives.
        actual: String,
    },
    /// A name that is no name, or one that is a path.
    #[error("{what} '{name}' must be 1 to 128 of A-Z a-z 0-9 . _ - and begin with a letter or digit")]
    Name {
        /// What is named.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Something stands twice.
    #[error("{what} '{name}' stands twice")]
    Twice {
        /// What is named.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// The default endpoint is none of the endpoints.
    #[error("the default endpoint '{0}' is not in the deployment")]
    DefaultEndpoint(String),
    /// The contract contradicts itself.
    #[error("endpoint '{endpoint}': {source}")]
    Contract {
        /// The endpoint.
        endpoint: String,
        /// What is wrong.
        source: ContractError,
    },
    /// Something that should be `sha256:` and 64 hexadecimal digits.
    #[error("endpoint '{endpoint}': '{digest}' is no digest (sha256: and 64 lower-case hexadecimal digits)")]
    Digest {
        /// The endpoint.
        endpoint: String,
        /// What came.
        digest: String,
    },
    /// No slots at all, or absurdly many.
    #[error("endpoint '{endpoint}': {slots} slots, expected 1 to {MAX_SLOTS}")]
    SlotCount {
        /// The endpoint.
        endpoint: String,
        /// What came.
        slots: u32,
    },
    /// The ranges of the variants don't cover every slot exactly once.
    #[error("endpoint '{endpoint}': slot {slot} of {slots} has {owners} owners, expected 1")]
    Slots {
        /// The endpoint.
        endpoint: String,
        /// The first slot that is wrong.
        slot: u32,
        /// Number of slots.
        slots: u32,
        /// How many variants own it.
        owners: u32,
    },
    /// A shadow is scored on every request already.
    #[error("endpoint '{endpoint}', version {version}: a shadow can't mirror, it sees every request")]
    Mirror {
        /// The endpoint.
        endpoint: String,
        /// The version.
        version: String,
    },
    /// A rule that can't decide.
    #[error("endpoint '{endpoint}': {source}")]
    Rule {
        /// The endpoint.
        endpoint: String,
        /// What is wrong.
        source: RuleError,
    },
    /// A log policy that can't be kept.
    #[error("endpoint '{endpoint}': {source}")]
    Log {
        /// The endpoint.
        endpoint: String,
        /// What is wrong.
        source: MaskError,
    },
    /// Lane settings out of their range.
    #[error("endpoint '{endpoint}', version {version}: lane {what} is {actual}, expected {expected}")]
    Lane {
        /// The endpoint.
        endpoint: String,
        /// The version.
        version: String,
        /// The setting.
        what: &'static str,
        /// What came.
        actual: u64,
        /// Its range.
        expected: &'static str,
    },
    /// A weight that is no share, or a shadow that has traffic.
    #[error("endpoint '{endpoint}', version {version}: weight {weight} is not valid{}", if *.shadow { " for a shadow, which has weight 0 and no slots" } else { "" })]
    Weight {
        /// The endpoint.
        endpoint: String,
        /// The version.
        version: String,
        /// What came.
        weight: f64,
        /// Whether it is a shadow.
        shadow: bool,
    },
}
