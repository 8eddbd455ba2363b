//! What of an endpoint's predictions is kept: a share of the requests, and columns as they are, masked or not at all.

use std::collections::HashMap;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use tidegate_model::{ContextRole, Contract, DataType};
use uuid::Uuid;

/// Shuffles prediction ids, so that what is kept has nothing to do with what is routed where.
const SAMPLE_SALT: &str = "prediction log";
/// Bytes of a masked value that are kept: equal values stay equal, and nothing else is likely to be.
const HASH_BYTES: usize = 16;

/// How much of an endpoint's prediction log is kept, as a deployment file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSpec {
    /// The share of requests that are logged, above 0 and up to 1; the prediction id decides which.
    #[serde(default = "all")]
    pub sample: f64,
    /// Columns that are not logged as they are.
    #[serde(default)]
    pub mask: Vec<MaskSpec>,
}

const fn all() -> f64 {
    1.0
}

impl Default for LogSpec {
    fn default() -> Self {
        Self { sample: 1.0, mask: Vec::new() }
    }
}

impl LogSpec {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// A column and how it is masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaskSpec {
    /// A feature, a context column, `key` or `client_id`. The context column with role `key` stands for `key` as well.
    pub column: String,
    /// How.
    pub how: Mask,
    /// Characters that [`Mask::Truncate`] keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u32>,
}

/// How a column is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mask {
    /// Null instead of the value.
    Drop,
    /// HMAC-SHA256 of the value under the home's salt, 32 hexadecimal digits; integers and `BYTES`.
    Hash,
    /// The first characters of the value; `BYTES`.
    Truncate,
}

/// Why a log policy can't be kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MaskError {
    /// A share that is none.
    #[error("the log's sample must be above 0 and at most 1")]
    Sample,
    /// A column that the contract lacks.
    #[error("the log masks '{0}', which is no feature or context column")]
    Column(String),
    /// A column that is masked twice.
    #[error("the log masks '{0}' twice")]
    Twice(String),
    /// A type that can't be masked so.
    #[error("the log can't {how} '{column}', which is {datatype}; drop it")]
    Datatype {
        /// The column.
        column: String,
        /// `hash` or `truncate`.
        how: &'static str,
        /// The column's type.
        datatype: DataType,
    },
    /// A length where none belongs, or none where one is needed.
    #[error("the log's mask of '{0}' needs a length of at least 1 to truncate, and none otherwise")]
    Length(String),
}

/// A mask that is ready to be applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cover {
    Drop,
    Hash(Arc<[u8]>),
    Truncate(usize),
}

/// An endpoint's policy, ready to be applied on the writer's thread.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Policy {
    pub(crate) sample: f64,
    covers: HashMap<String, Cover>,
    pub(crate) key: Option<Cover>,
    pub(crate) client_id: Option<Cover>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { sample: 1.0, covers: HashMap::new(), key: None, client_id: None }
    }
}

impl Policy {
    /// The policy; `salt` is what values are hashed with.
    pub(crate) fn new(spec: &LogSpec, contract: &Contract, salt: &[u8]) -> Self {
        let salt: Arc<[u8]> = salt.into();
        let mut policy = Self { sample: spec.sample, ..Self::default() };
        for mask in &spec.mask {
            let cover = match mask.how {
                Mask::Drop => Cover::Drop,
                Mask::Hash => Cover::Hash(Arc::clone(&salt)),
                Mask::Truncate => Cover::Truncate(mask.length.unwrap_or(0) as usize),
            };
            let known = datatype(contract, &mask.column).is_some();
            let is_key = |context: &tidegate_model::ContextSpec| {
                context.role == ContextRole::Key && context.name == mask.column
            };
            if contract.context.iter().any(is_key) || (!known && mask.column == "key") {
                policy.key = Some(cover.clone());
            }
            if !known && mask.column == "client_id" {
                policy.client_id = Some(cover);
            } else {
                policy.covers.insert(mask.column.clone(), cover);
            }
        }
        policy
    }

    /// Checks a policy against the contract whose columns it masks.
    pub(crate) fn check(spec: &LogSpec, contract: &Contract) -> Result<(), MaskError> {
        if !(spec.sample > 0.0 && spec.sample <= 1.0) {
            return Err(MaskError::Sample);
        }
        let mut seen = std::collections::HashSet::new();
        for mask in &spec.mask {
            if !seen.insert(&mask.column) {
                return Err(MaskError::Twice(mask.column.clone()));
            }
            mask.check(contract)?;
        }
        Ok(())
    }

    /// Whether a spec needs the home's salt.
    pub(crate) fn hashes(spec: &LogSpec) -> bool {
        spec.mask.iter().any(|mask| mask.how == Mask::Hash)
    }

    /// The cover of a feature or context column.
    pub(crate) fn cover(&self, column: &str) -> Option<&Cover> {
        self.covers.get(column)
    }

    /// Whether the request of that prediction id is logged, all its rows or none.
    pub(crate) fn keeps(&self, id: Uuid) -> bool {
        if self.sample >= 1.0 {
            return true;
        }
        let slot = tidegate_traffic::slot(tidegate_traffic::seed(SAMPLE_SALT), id.as_bytes(), u32::MAX);
        f64::from(slot) < self.sample * f64::from(u32::MAX)
    }
}

impl MaskSpec {
    fn check(&self, contract: &Contract) -> Result<(), MaskError> {
        let text = matches!(self.column.as_str(), "key" | "client_id").then_some(DataType::Bytes);
        let datatype = datatype(contract, &self.column).or(text);
        let datatype = datatype.ok_or_else(|| MaskError::Column(self.column.clone()))?;
        if (self.how == Mask::Truncate) != self.length.is_some_and(|length| length > 0)
            || (self.how != Mask::Truncate && self.length.is_some())
        {
            return Err(MaskError::Length(self.column.clone()));
        }
        let how = match self.how {
            Mask::Truncate if datatype != DataType::Bytes => "truncate",
            Mask::Hash if datatype.is_float() || datatype == DataType::Bool => "hash",
            _ => return Ok(()),
        };
        Err(MaskError::Datatype { column: self.column.clone(), how, datatype })
    }
}

impl Cover {
    /// A masked text; `None` where nothing of it may stay.
    pub(crate) fn text(&self, value: &str) -> Option<String> {
        match self {
            Self::Drop => None,
            Self::Hash(salt) => Some(hash(salt, value.as_bytes())),
            Self::Truncate(length) => Some(value.chars().take(*length).collect()),
        }
    }
}

/// 32 hexadecimal digits of a value under a salt.
pub(crate) fn hash(salt: &[u8], value: &[u8]) -> String {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(salt) else { return String::new() };
    mac.update(value);
    let mut text = String::with_capacity(2 * HASH_BYTES);
    for byte in mac.finalize().into_bytes().iter().take(HASH_BYTES) {
        let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
        text.extend([digit(byte >> 4), digit(byte & 15)]);
    }
    text
}

fn datatype(contract: &Contract, column: &str) -> Option<DataType> {
    let context = || contract.context.iter().find(|spec| spec.name == column).map(|spec| spec.datatype);
    let input = contract.inputs.iter().find(|spec| spec.columns.iter().any(|name| name == column));
    input.map(|spec| spec.datatype).or_else(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_hashed_as_rfc_2104_says() {
        // RFC 4231, test case 2.
        assert_eq!(hash(b"Jefe", b"what do ya want for nothing?"), "5bdcc146bf60754e6a042426089575c7");
    }

    #[test]
    fn a_sample_is_a_share_of_the_ids_and_a_smaller_one_lies_within_it() {
        let policy = |sample| Policy { sample, ..Policy::default() };
        let kept = |sample: f64| {
            let policy = policy(sample);
            (0..100_000_u128).filter(|&n| policy.keeps(Uuid::from_u128(n))).collect::<Vec<_>>()
        };
        let (tenth, half) = (kept(0.1), kept(0.5));
        assert!(tenth.len().abs_diff(10_000) < 500, "{}", tenth.len());
        assert!(half.len().abs_diff(50_000) < 800, "{}", half.len());
        assert!(tenth.iter().all(|id| half.binary_search(id).is_ok()) && kept(1.0).len() == 100_000);
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(Cover::Truncate(2).text("žluť").as_deref(), Some("žl"));
        assert_eq!(Cover::Drop.text("x"), None);
    }
}
