//! The first row through every variant, before anybody waits for it.

use tidegate_model::{Batch, BytesColumn, Contract, DataType, Shape, Tensor, TensorData};

use crate::snapshot::Endpoint;
use crate::{InstallError, scoring};

/// Scores one row of zeros and empty strings with each variant.
pub(crate) fn warm(endpoint: &Endpoint) -> Result<(), InstallError> {
    let batch = zeros(&endpoint.contract);
    for variant in &endpoint.variants {
        scoring::run(endpoint, variant, &batch).map_err(|error| InstallError::Warm {
            endpoint: endpoint.name.clone(),
            version: variant.version.to_string(),
            source: Box::new(error),
        })?;
    }
    Ok(())
}

fn zeros(contract: &Contract) -> Batch {
    let inputs = contract.inputs.iter().map(|input| {
        let shape = if input.shape.len() == 1 {
            Shape::from_slice(&[1])
        } else {
            Shape::from_slice(&[1, input.width()])
        };
        Tensor { shape, data: zero(input.datatype, input.width()) }
    });
    Batch { rows: 1, inputs: inputs.collect(), context: vec![None; contract.context.len()] }
}

fn zero(datatype: DataType, elements: usize) -> TensorData {
    match datatype {
        DataType::Bool => TensorData::Bool(vec![false; elements]),
        DataType::Uint8 => TensorData::Uint8(vec![0; elements]),
        DataType::Uint16 => TensorData::Uint16(vec![0; elements]),
        DataType::Uint32 => TensorData::Uint32(vec![0; elements]),
        DataType::Uint64 => TensorData::Uint64(vec![0; elements]),
        DataType::Int8 => TensorData::Int8(vec![0; elements]),
        DataType::Int16 => TensorData::Int16(vec![0; elements]),
        DataType::Int32 => TensorData::Int32(vec![0; elements]),
        DataType::Int64 => TensorData::Int64(vec![0; elements]),
        DataType::Fp16 => TensorData::Fp16(vec![0; elements]),
        DataType::Fp32 => TensorData::Fp32(vec![0.0; elements]),
        DataType::Fp64 => TensorData::Fp64(vec![0.0; elements]),
        DataType::Bytes => TensorData::Bytes((0..elements).map(|_| b"").collect::<BytesColumn>()),
    }
}
