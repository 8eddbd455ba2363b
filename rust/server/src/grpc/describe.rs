//! Statistics, configuration and repository index in the words of the inference protocol.

use tidegate_engine::{BatchStats, Endpoint, VariantStats};
use tidegate_model::DataType;

use crate::generated::inference as wire;
use crate::generated::inference::repository_index_response::ModelIndex;
use crate::plane::{self, CONFIGURED_AS, MAX_BATCH_SIZE, Plane};

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
    let contract = &endpoint.contract;
    let inputs = contract.inputs.iter().map(|input| wire::ModelInput {
        name: input.name.clone(),
        data_type: data_type(input.datatype).into(),
        dims: dims(&input.shape),
        optional: false,
    });
    let context = contract.context.iter().map(|column| wire::ModelInput {
        name: column.name.clone(),
        data_type: data_type(column.datatype).into(),
        dims: vec![],
        optional: true,
    });
    let outputs = contract.outputs.iter().map(|output| wire::ModelOutput {
        name: output.name.clone(),
        data_type: data_type(output.datatype).into(),
        dims: dims(&output.shape),
    });
    let versions = plane::versions(endpoint).iter().filter_map(|version| version.parse().ok()).collect();
    let specific = wire::model_version_policy::Specific { versions };
    wire::ModelConfig {
        name: endpoint.name.clone(),
        platform: CONFIGURED_AS.0.into(),
        version_policy: Some(wire::ModelVersionPolicy {
            policy_choice: Some(wire::model_version_policy::PolicyChoice::Specific(specific)),
        }),
        max_batch_size: MAX_BATCH_SIZE,
        input: inputs.chain(context).collect(),
        output: outputs.collect(),
        backend: CONFIGURED_AS.1.into(),
    }
}

/// The dimensions of one row.
fn dims(shape: &[i64]) -> Vec<i64> {
    shape.get(1..).unwrap_or_default().to_vec()
}

const fn data_type(datatype: DataType) -> wire::DataType {
    match datatype {
        DataType::Bool => wire::DataType::TypeBool,
        DataType::Uint8 => wire::DataType::TypeUint8,
        DataType::Uint16 => wire::DataType::TypeUint16,
        DataType::Uint32 => wire::DataType::TypeUint32,
        DataType::Uint64 => wire::DataType::TypeUint64,
        DataType::Int8 => wire::DataType::TypeInt8,
        DataType::Int16 => wire::DataType::TypeInt16,
        DataType::Int32 => wire::DataType::TypeInt32,
        DataType::Int64 => wire::DataType::TypeInt64,
        DataType::Fp16 => wire::DataType::TypeFp16,
        DataType::Fp32 => wire::DataType::TypeFp32,
        DataType::Fp64 => wire::DataType::TypeFp64,
        DataType::Bytes => wire::DataType::TypeString,
    }
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
            let name = data_type(datatype).as_str_name();
            let expected = if datatype == DataType::Bytes { "STRING" } else { datatype.name() };
            assert_eq!(name.strip_prefix("TYPE_"), Some(expected));
        }
        assert_eq!((dims(&[-1]), dims(&[-1, 3])), (vec![], vec![3]));
    }
}
