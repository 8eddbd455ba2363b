//! Statistics, configuration and repository index in the words of the inference protocol.

use tidegate_engine::{BatchStats, Endpoint, VariantStats};

use crate::configuration::configuration;
use crate::generated::inference as wire;
use crate::generated::inference::repository_index_response::ModelIndex;
use crate::plane::{self, Plane};

/// A count and its time.
const fn duration(count: u64, ns: u64) -> wire::StatisticDuration {
    wire::StatisticDuration { count, ns }
}

pub(super) fn statistics(stats: &VariantStats) -> wire::ModelStatistics {
    let each = |ns| Some(duration(stats.requests, ns));
    wire::ModelStatistics {
        name: stats.endpoint.clone(),
        version: stats.version.clone(),
        last_inference: stats.last_inference_ms,
        inference_count: stats.rows,
        execution_count: stats.executions,
        inference_stats: Some(wire::InferStatistics {
            success: each(stats.success_ns()),
            fail: Some(duration(stats.errors, stats.error_ns)),
            queue: each(stats.queue_ns),
            compute_input: each(stats.input_ns),
            compute_infer: each(stats.duration_ns),
            compute_output: each(stats.output_ns),
        }),
        batch_stats: stats.batches.iter().map(batch_statistics).collect(),
    }
}

fn batch_statistics(batch: &BatchStats) -> wire::InferBatchStatistics {
    let each = |ns| Some(duration(batch.executions, ns));
    wire::InferBatchStatistics {
        batch_size: batch.rows,
        compute_input: each(batch.input_ns),
        compute_infer: each(batch.infer_ns),
        compute_output: each(batch.output_ns),
    }
}

pub(super) fn config(endpoint: &Endpoint) -> wire::ModelConfig {
    let said = configuration(endpoint);
    let inputs = said.input.into_iter().map(|input| wire::ModelInput {
        name: input.name.to_owned(),
        data_type: data_type(input.data_type),
        dims: input.dims,
        optional: false,
    });
    let outputs = said.output.into_iter().map(|output| wire::ModelOutput {
        name: output.name.to_owned(),
        data_type: data_type(output.data_type),
        dims: output.dims,
    });
    let versions = plane::versions(endpoint).iter().filter_map(|version| version.parse().ok()).collect();
    let specific = wire::model_version_policy::Specific { versions };
    wire::ModelConfig {
        name: said.name.to_owned(),
        platform: said.platform.into(),
        version_policy: Some(wire::ModelVersionPolicy {
            policy_choice: Some(wire::model_version_policy::PolicyChoice::Specific(specific)),
        }),
        max_batch_size: said.max_batch_size,
        input: inputs.collect(),
        output: outputs.collect(),
        backend: said.backend.into(),
    }
}

fn data_type(name: &str) -> i32 {
    wire::DataType::from_str_name(name).unwrap_or_default().into()
}

/// Every version that answers; `ready`: only those that do so now.
pub(super) fn index(plane: &Plane, ready: bool) -> Vec<ModelIndex> {
    let (state, reason) = match plane.ready() {
        Ok(()) => ("READY", String::new()),
        Err(_) if ready => return Vec::new(),
        Err(fault) => ("UNAVAILABLE", fault.message),
    };
    let deployment = plane.engine.deployment();
    let endpoints = deployment.endpoints().iter();
    let named = endpoints.flat_map(|endpoint| {
        plane::versions(endpoint).into_iter().map(|version| (endpoint.name.clone(), version.to_owned()))
    });
    let model = |(name, version)| ModelIndex { name, version, state: state.into(), reason: reason.clone() };
    named.map(model).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_model::DataType;

    #[test]
    fn the_parts_of_a_request_s_time_are_its_whole() {
        let batch = BatchStats { rows: 4, executions: 2, input_ns: 1, infer_ns: 2, output_ns: 3 };
        let stats = VariantStats {
            endpoint: "e".into(),
            requests: 3,
            rows: 8,
            errors: 1,
            error_ns: 9,
            executions: 2,
            input_ns: 10,
            queue_ns: 20,
            duration_ns: 30,
            output_ns: 40,
            batches: vec![batch],
            ..VariantStats::default()
        };
        let wire = statistics(&stats);
        assert_eq!((wire.inference_count, wire.execution_count), (8, 2));
        let parts = wire.inference_stats.unwrap();
        assert_eq!((parts.success, parts.fail), (Some(duration(3, 100)), Some(duration(1, 9))));
        assert_eq!((parts.queue, parts.compute_infer), (Some(duration(3, 20)), Some(duration(3, 30))));
        assert_eq!(wire.batch_stats[0].batch_size, 4);
        assert_eq!(wire.batch_stats[0].compute_infer, Some(duration(2, 2)));
    }

    #[test]
    fn every_type_has_its_name() {
        for datatype in DataType::ALL {
            let name = crate::configuration::type_name(datatype);
            assert!(wire::DataType::from_str_name(name).is_some(), "{name}");
        }
    }
}
