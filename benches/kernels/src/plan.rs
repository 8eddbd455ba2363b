//! What to time.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kernel {
    /// ONNX Runtime through its C API.
    Onnxruntime,
    /// The native kernel for tree ensembles.
    Trees,
}

/// A model, its rows, and how they are scored.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// File of the ONNX bytes.
    pub(crate) model: PathBuf,
    /// ONNX Runtime's shared library.
    pub(crate) library: PathBuf,
    /// File of little-endian `f32`, row by row.
    pub(crate) rows: PathBuf,
    /// Columns of a row.
    pub(crate) width: usize,
    /// Rows of a call.
    pub(crate) batch: usize,
    /// How long an engine has in a round.
    pub(crate) seconds: f64,
    /// How often each has its turn.
    pub(crate) rounds: usize,
    /// Which engines.
    pub(crate) kernels: Vec<Kernel>,
}

impl Plan {
    /// Reads a plan and refuses one that can't be carried out.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        let plan: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        if plan.width == 0 || plan.batch == 0 || plan.rounds == 0 || plan.kernels.is_empty() {
            return Err("width, batch, rounds and kernels must be at least one".into());
        }
        if !plan.seconds.is_finite() || plan.seconds <= 0.0 {
            return Err("seconds must be above 0".into());
        }
        Ok(plan)
    }

    /// [`Self::seconds`].
    pub(crate) fn lasting(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    /// The whole batches in `bytes`.
    pub(crate) fn batches(&self, bytes: &[u8]) -> Result<Vec<Vec<f32>>, String> {
        let values: Vec<f32> =
            bytes.as_chunks().0.iter().map(|value: &[u8; 4]| f32::from_le_bytes(*value)).collect();
        let batches: Vec<_> = values.chunks_exact(self.width * self.batch).map(<[f32]>::to_vec).collect();
        if batches.is_empty() { Err("the file of rows holds no whole batch".into()) } else { Ok(batches) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(batch: usize, kernels: &str) -> Result<Plan, String> {
        Plan::parse(&format!(
            r#"{{"model": "m", "library": "l", "rows": "r", "width": 2, "batch": {batch}, "seconds": 0.1,
            "rounds": 3, "kernels": [{kernels}]}}"#
        ))
    }

    #[test]
    fn rows_are_cut_into_whole_batches() {
        let bytes: Vec<u8> = (0..7u8).flat_map(|value| f32::from(value).to_le_bytes()).collect();
        let plan = plan(1, r#""trees", "onnxruntime""#).unwrap();
        assert_eq!(plan.batches(&bytes).unwrap(), [[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]);
        assert!(plan.batches(&bytes[..4]).unwrap_err().contains("no whole batch"));
    }

    #[test]
    fn what_cannot_be_timed_is_refused() {
        assert!(plan(0, r#""trees""#).unwrap_err().contains("at least one"));
        assert!(plan(1, "").unwrap_err().contains("at least one"));
        assert!(plan(1, r#""gpu""#).unwrap_err().contains("unknown variant"));
    }
}
