//! A deployment as it stands on the disk: parsed, checksummed, checked; nothing invalid exists afterwards.

use serde::{Deserialize, Serialize};
use tidegate_model::{Contract, ContractError};

/// The newest layout that this engine reads.
pub const FORMAT: u32 = 1;

/// A whole deployment file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeploymentSpec {
    /// The layout, [`FORMAT`].
    pub format: u32,
    /// Counts up by one with every deployment.
    pub generation: u64,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// The endpoint that answers where a protocol names none.
    #[serde(default)]
    pub default_endpoint: Option<String>,
    /// All endpoints.
    pub endpoints: Vec<EndpointSpec>,
}

/// One endpoint of a deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointSpec {
    /// The endpoint's id.
    pub id: String,
    /// The name that clients call; also the name of its folders.
    pub name: String,
    /// Shuffles keys over slots.
    pub salt: String,
    /// What clients send and get.
    pub contract: Contract,
    /// Number of traffic slots.
    pub slots: u32,
    /// Answering variants and shadows.
    pub variants: Vec<VariantSpec>,
}

/// One variant of an endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VariantSpec {
    /// The model.
    pub model: String,
    /// The version's number.
    pub version: String,
    /// The version's digest, `sha256:<hex>`.
    pub digest: String,
    /// The digest of the ONNX bytes.
    pub onnx: String,
    /// The digest of the reference profile; without one there is no drift counting.
    #[serde(default)]
    pub profile: Option<String>,
    /// Share of the traffic, 0 to 1.
    pub weight: f64,
    /// Scored, never answers.
    #[serde(default)]
    pub shadow: bool,
    /// Slots owned: inclusive ranges.
    #[serde(default)]
    pub slots: Vec<(u32, u32)>,
}

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

impl DeploymentSpec {
    /// Reads a deployment file and checks its checksum and everything that it says.
    ///
    /// # Errors
    /// [`SpecError`] naming the first thing that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, SpecError> {
        todo!()
    }

    /// The file of this deployment, with its checksum.
    ///
    /// # Errors
    /// [`SpecError::Json`] when a number in it has no JSON form.
    pub fn to_json(&self) -> Result<Vec<u8>, SpecError> {
        todo!()
    }
}
