//! An endpoint in the words of Triton's model configuration: what `perf_analyzer` and clients read before they send.

use serde::Serialize;
use tidegate_engine::Endpoint;
use tidegate_model::DataType;

use crate::plane;

/// The configuration of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Configuration<'a> {
    pub(crate) name: &'a str,
    pub(crate) platform: &'static str,
    pub(crate) backend: &'static str,
    pub(crate) max_batch_size: i32,
    pub(crate) input: Vec<ConfiguredTensor<'a>>,
    pub(crate) output: Vec<ConfiguredTensor<'a>>,
    /// What waits is scored together.
    pub(crate) dynamic_batching: DynamicBatching,
}

/// A tensor, without its dimension of rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct ConfiguredTensor<'a> {
    pub(crate) name: &'a str,
    pub(crate) data_type: &'static str,
    pub(crate) dims: Vec<i64>,
}

/// No delay is ever made on purpose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct DynamicBatching {
    pub(crate) max_queue_delay_microseconds: u64,
}

/// The configuration of `endpoint`; all its versions have the same.
pub(crate) fn configuration(endpoint: &Endpoint) -> Configuration<'_> {
    let contract = &endpoint.contract;
    Configuration {
        name: &endpoint.name,
        platform: plane::CONFIGURED_AS.0,
        backend: plane::CONFIGURED_AS.1,
        max_batch_size: plane::MAX_BATCH_SIZE,
        input: contract.inputs.iter().map(|spec| tensor(&spec.name, spec.datatype, &spec.shape)).collect(),
        output: contract.outputs.iter().map(|spec| tensor(&spec.name, spec.datatype, &spec.shape)).collect(),
        dynamic_batching: DynamicBatching::default(),
    }
}

fn tensor<'a>(name: &'a str, datatype: DataType, shape: &[i64]) -> ConfiguredTensor<'a> {
    let dims = match shape {
        // A tensor of one value per row; no configuration has a tensor without dimensions.
        [] | [_] => vec![1],
        [_, rest @ ..] => rest.to_vec(),
    };
    ConfiguredTensor { name, data_type: type_name(datatype), dims }
}

/// The name of an element type in a configuration.
pub(crate) const fn type_name(datatype: DataType) -> &'static str {
    match datatype {
        DataType::Bool => "TYPE_BOOL",
        DataType::Uint8 => "TYPE_UINT8",
        DataType::Uint16 => "TYPE_UINT16",
        DataType::Uint32 => "TYPE_UINT32",
        DataType::Uint64 => "TYPE_UINT64",
        DataType::Int8 => "TYPE_INT8",
        DataType::Int16 => "TYPE_INT16",
        DataType::Int32 => "TYPE_INT32",
        DataType::Int64 => "TYPE_INT64",
        DataType::Fp16 => "TYPE_FP16",
        DataType::Fp32 => "TYPE_FP32",
        DataType::Fp64 => "TYPE_FP64",
        DataType::Bytes => "TYPE_STRING",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_is_told_without_its_rows() {
        let dims = |shape: &[i64]| tensor("x", DataType::Fp32, shape).dims;
        assert_eq!((dims(&[-1]), dims(&[-1, 1]), dims(&[-1, 28])), (vec![1], vec![1], vec![28]));
        assert_eq!(type_name(DataType::Bytes), "TYPE_STRING");
        for datatype in DataType::ALL.into_iter().filter(|datatype| *datatype != DataType::Bytes) {
            assert_eq!(type_name(datatype), format!("TYPE_{datatype}"));
        }
    }
}
