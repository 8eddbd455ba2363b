//! What the models did, as Triton's statistics extension counts it. Both transports say it.

use serde::Serialize;
use tidegate_engine::{BatchStats, VariantStats};

use crate::fault::Fault;
use crate::plane::Plane;

/// The statistics of one version of an endpoint, since it entered the plan of this process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ModelStatistics {
    /// The endpoint.
    pub(crate) name: String,
    pub(crate) version: String,
    /// Milliseconds UTC; 0 before the first.
    pub(crate) last_inference: u64,
    /// Rows.
    pub(crate) inference_count: u64,
    /// Runs of the model.
    pub(crate) execution_count: u64,
    pub(crate) inference_stats: InferenceStatistics,
    pub(crate) batch_stats: Vec<BatchStatistics>,
}

/// How often something was done, and the nanoseconds of all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Spent {
    pub(crate) count: u64,
    pub(crate) ns: u64,
}

/// Requests, and where their time went. Nothing is cached here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct InferenceStatistics {
    pub(crate) success: Spent,
    pub(crate) fail: Spent,
    pub(crate) queue: Spent,
    pub(crate) compute_input: Spent,
    pub(crate) compute_infer: Spent,
    pub(crate) compute_output: Spent,
    pub(crate) cache_hit: Spent,
    pub(crate) cache_miss: Spent,
}

/// The runs with one size of batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct BatchStatistics {
    pub(crate) batch_size: u64,
    pub(crate) compute_input: Spent,
    pub(crate) compute_infer: Spent,
    pub(crate) compute_output: Spent,
}

/// The statistics of every version that answers: of all endpoints where `name` is empty, else of that one, and of the one
/// version where `version` is not.
pub(crate) fn statistics(plane: &Plane, name: &str, version: &str) -> Result<Vec<ModelStatistics>, Fault> {
    if !name.is_empty() {
        plane.endpoint_version(name, version)?;
    } else if !version.is_empty() {
        return Err(Fault::invalid(format!("version '{version}' came without a model's name")));
    }
    let asked = |variant: &VariantStats| {
        !variant.shadow
            && (name.is_empty() || variant.endpoint == name)
            && (version.is_empty() || variant.version == version)
    };
    Ok(plane.engine.stats().into_iter().filter(asked).map(ModelStatistics::from).collect())
}

impl From<VariantStats> for ModelStatistics {
    fn from(variant: VariantStats) -> Self {
        let spent = |ns| Spent { count: variant.requests, ns };
        let inference_stats = InferenceStatistics {
            success: spent(variant.success_ns()),
            fail: Spent { count: variant.errors, ns: variant.error_ns },
            queue: spent(variant.queue_ns),
            compute_input: spent(variant.input_ns),
            compute_infer: spent(variant.duration_ns),
            compute_output: spent(variant.output_ns),
            cache_hit: Spent::default(),
            cache_miss: Spent::default(),
        };
        Self {
            last_inference: variant.last_inference_ms,
            inference_count: variant.rows,
            execution_count: variant.executions,
            inference_stats,
            batch_stats: variant.batches.iter().map(BatchStatistics::from).collect(),
            name: variant.endpoint,
            version: variant.version,
        }
    }
}

impl From<&BatchStats> for BatchStatistics {
    fn from(batch: &BatchStats) -> Self {
        let spent = |ns| Spent { count: batch.executions, ns };
        Self {
            batch_size: batch.rows,
            compute_input: spent(batch.input_ns),
            compute_infer: spent(batch.infer_ns),
            compute_output: spent(batch.output_ns),
        }
    }
}
