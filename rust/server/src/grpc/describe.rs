//! Statistics, configuration and repository index in the words of the inference protocol.

use tidegate_engine::Endpoint;

use crate::configuration::configuration;
use crate::generated::inference as wire;
use crate::generated::inference::repository_index_response::ModelIndex;
use crate::plane;
use crate::repository::Entry;
use crate::statistics::{BatchStatistics, ModelStatistics, Spent};

fn duration(spent: Spent) -> wire::StatisticDuration {
    wire::StatisticDuration { count: spent.count, ns: spent.ns }
}

pub(super) fn statistics(stats: ModelStatistics) -> wire::ModelStatistics {
    let each = |spent| Some(duration(spent));
    let parts = stats.inference_stats;
    wire::ModelStatistics {
        name: stats.name,
        version: stats.version,
        last_inference: stats.last_inference,
        inference_count: stats.inference_count,
        execution_count: stats.execution_count,
        inference_stats: Some(wire::InferStatistics {
            success: each(parts.success),
            fail: each(parts.fail),
            queue: each(parts.queue),
            compute_input: each(parts.compute_input),
            compute_infer: each(parts.compute_infer),
            compute_output: each(parts.compute_output),
        }),
        batch_stats: stats.batch_stats.into_iter().map(batch_statistics).collect(),
    }
}

fn batch_statistics(batch: BatchStatistics) -> wire::InferBatchStatistics {
    let each = |spent| Some(duration(spent));
    wire::InferBatchStatistics {
        batch_size: batch.batch_size,
        compute_input: each(batch.compute_input),
        compute_infer: each(batch.compute_infer),
        compute_output: each(batch.compute_output),
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

pub(super) fn entry(entry: Entry) -> ModelIndex {
    ModelIndex { name: entry.name, version: entry.version, state: entry.state.into(), reason: entry.reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_engine::{BatchStats, VariantStats};
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
        let wire = statistics(stats.into());
        let duration = |count, ns| duration(Spent { count, ns });
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
