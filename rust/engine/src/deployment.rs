//! A deployment as it stands on the disk: parsed, checksummed, checked; nothing invalid exists afterwards.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tidegate_model::Contract;

use crate::artifacts::{hex_of, sha256_hex};
use crate::log::Policy;
use crate::rule::Rules;
use crate::{LogSpec, RuleSpec, SpecError};

/// The newest layout that this engine reads.
pub const FORMAT: u32 = 1;

/// More slots than this are a mistake, not a finer share.
pub(crate) const MAX_SLOTS: u32 = 1 << 20;

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
    /// What decides before the slots, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleSpec>,
    /// How much of the endpoint's prediction log is kept, and what of it is masked.
    #[serde(default, skip_serializing_if = "LogSpec::is_default")]
    pub log: LogSpec,
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
    /// Answers its share, and is scored on what others answer as well.
    #[serde(default)]
    pub mirror: bool,
    /// Slots owned: inclusive ranges.
    #[serde(default)]
    pub slots: Vec<(u32, u32)>,
    /// How it is run, where that is not left to what is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<LaneSpec>,
}

/// How a variant is run; what is missing is measured when it is loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaneSpec {
    /// On the transport's thread or on lanes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<LaneMode>,
    /// Rows of several requests that are scored at once at most, 1 to 4096.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<u32>,
    /// Microseconds that a request may wait for others to come, at most 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay_us: Option<u64>,
}

/// Where a variant runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneMode {
    /// On the thread of the transport that has the request.
    #[default]
    Inline,
    /// On a lane, after those who came before.
    Lane,
}

impl DeploymentSpec {
    /// Reads a deployment file and checks its checksum and everything that it says.
    ///
    /// # Errors
    /// [`SpecError`] naming the first thing that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, SpecError> {
        let mut file: Map<String, Value> = serde_json::from_slice(bytes)?;
        // The format goes first: another release may make its checksum otherwise.
        let format = file.get("format").and_then(Value::as_u64).unwrap_or_default();
        if format != u64::from(FORMAT) {
            return Err(SpecError::Format { actual: format });
        }
        let expected = match file.remove("sha256") {
            Some(Value::String(hex)) => hex,
            _ => String::new(),
        };
        let content = Value::Object(file);
        let actual = sha256_hex(&serde_json_canonicalizer::to_vec(&content)?);
        if actual != expected {
            return Err(SpecError::Checksum { expected, actual });
        }
        let spec: Self = serde_json::from_value(content)?;
        spec.validate()?;
        Ok(spec)
    }

    /// The file of this deployment, with its checksum.
    ///
    /// # Errors
    /// [`SpecError::Json`] when a number in it has no JSON form.
    pub fn to_json(&self) -> Result<Vec<u8>, SpecError> {
        let sha256 = sha256_hex(&serde_json_canonicalizer::to_vec(self)?);
        let mut content = serde_json::to_value(self)?;
        content["sha256"] = Value::String(sha256);
        Ok(serde_json_canonicalizer::to_vec(&content)?)
    }

    /// Checks everything that the fields alone can't express.
    ///
    /// # Errors
    /// [`SpecError`] naming the first thing that is wrong.
    pub fn validate(&self) -> Result<(), SpecError> {
        if self.format != FORMAT {
            return Err(SpecError::Format { actual: u64::from(self.format) });
        }
        let mut names = HashSet::new();
        for endpoint in &self.endpoints {
            check_name("endpoint", &endpoint.name)?;
            if !names.insert(&endpoint.name) {
                return Err(SpecError::Twice { what: "endpoint", name: endpoint.name.clone() });
            }
            endpoint.validate()?;
        }
        match &self.default_endpoint {
            Some(name) if !names.contains(name) => Err(SpecError::DefaultEndpoint(name.clone())),
            _ => Ok(()),
        }
    }
}

impl EndpointSpec {
    fn validate(&self) -> Result<(), SpecError> {
        self.contract
            .validate()
            .map_err(|source| SpecError::Contract { endpoint: self.name.clone(), source })?;
        let mut versions = HashSet::new();
        for variant in &self.variants {
            if !versions.insert(&variant.version) {
                return Err(SpecError::Twice { what: "version", name: variant.version.clone() });
            }
            let digests = [Some(&variant.digest), Some(&variant.onnx), variant.profile.as_ref()];
            if let Some(bad) = digests.into_iter().flatten().find(|digest| hex_of(digest).is_none()) {
                return Err(SpecError::Digest { endpoint: self.name.clone(), digest: bad.clone() });
            }
            self.check_weight(variant)?;
            self.check_lane(variant)?;
            if variant.shadow && variant.mirror {
                return Err(SpecError::Mirror {
                    endpoint: self.name.clone(),
                    version: variant.version.clone(),
                });
            }
        }
        self.check_slots()?;
        let endpoint = || self.name.clone();
        Rules::new(self).map_err(|source| SpecError::Rule { endpoint: endpoint(), source })?;
        Policy::check(&self.log, &self.contract)
            .map_err(|source| SpecError::Log { endpoint: endpoint(), source })
    }

    fn check_lane(&self, variant: &VariantSpec) -> Result<(), SpecError> {
        let lane = variant.lane.unwrap_or_default();
        let batch = lane.batch.map_or(1, u64::from);
        let delay = lane.delay_us.unwrap_or(0);
        let wrong = |what, actual, expected| SpecError::Lane {
            endpoint: self.name.clone(),
            version: variant.version.clone(),
            what,
            actual,
            expected,
        };
        match (batch, delay) {
            (0 | 4097.., _) => Err(wrong("batch", batch, "1 to 4096")),
            (_, 501..) => Err(wrong("delay_us", delay, "0 to 500")),
            _ => Ok(()),
        }
    }

    fn check_weight(&self, variant: &VariantSpec) -> Result<(), SpecError> {
        let share = (0.0..=1.0).contains(&variant.weight);
        if share && !(variant.shadow && (variant.weight > 0.0 || !variant.slots.is_empty())) {
            return Ok(());
        }
        Err(SpecError::Weight {
            endpoint: self.name.clone(),
            version: variant.version.clone(),
            weight: variant.weight,
            shadow: variant.shadow,
        })
    }

    /// Walks the ranges in order: each must begin where the one before it ended.
    fn check_slots(&self) -> Result<(), SpecError> {
        if self.slots == 0 || self.slots > MAX_SLOTS {
            return Err(SpecError::SlotCount { endpoint: self.name.clone(), slots: self.slots });
        }
        let wrong =
            |slot, owners| SpecError::Slots { endpoint: self.name.clone(), slot, slots: self.slots, owners };
        let mut ranges: Vec<_> =
            self.variants.iter().flat_map(|variant| variant.slots.iter().copied()).collect();
        ranges.sort_unstable();
        let mut next = 0;
        for (start, end) in ranges {
            if start > next || end < start || end >= self.slots {
                return Err(wrong(next.min(start), 0));
            }
            if start < next {
                return Err(wrong(start, 2));
            }
            next = end + 1;
        }
        if next == self.slots { Ok(()) } else { Err(wrong(next, 0)) }
    }
}

fn check_name(what: &'static str, name: &str) -> Result<(), SpecError> {
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let rest = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    if first && rest && name.len() <= 128 {
        return Ok(());
    }
    Err(SpecError::Name { what, name: name.to_owned() })
}

#[cfg(test)]
#[path = "deployment_tests.rs"]
mod tests;
