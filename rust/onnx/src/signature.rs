//! Reads a session's inputs and outputs as a signature, or says why they can't be served.

use ort::value::{Outlet, TensorElementType, ValueType};
use tidegate_model::{DataType, Signature, TensorSpec};

use crate::OnnxError;

/// The signature of a graph.
///
/// # Errors
/// [`OnnxError::NotTensor`], [`OnnxError::ElementType`] or [`OnnxError::Rows`] for the first tensor that can't be
/// served.
pub(crate) fn read(inputs: &[Outlet], outputs: &[Outlet]) -> Result<Signature, OnnxError> {
    let inputs: Vec<_> = inputs.iter().map(|outlet| spec("input", outlet)).collect::<Result<_, _>>()?;
    for input in &inputs {
        if !matches!(input.shape.first(), Some(-1 | 1)) {
            return Err(OnnxError::Rows { name: input.name.clone(), shape: input.shape.clone() });
        }
    }
    let outputs = outputs.iter().map(|outlet| spec("output", outlet)).collect::<Result<_, _>>()?;
    Ok(Signature { inputs, outputs })
}

fn spec(side: &'static str, outlet: &Outlet) -> Result<TensorSpec, OnnxError> {
    let name = outlet.name().to_owned();
    let found = match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => {
            let datatype = datatype(*ty).ok_or_else(|| OnnxError::ElementType {
                side,
                name: name.clone(),
                found: ty.to_string(),
            })?;
            return Ok(TensorSpec { name, datatype, shape: shape.to_vec() });
        }
        ValueType::Sequence(element) if matches!(**element, ValueType::Map { .. }) => "a sequence of maps",
        ValueType::Sequence(_) => "a sequence",
        ValueType::Map { .. } => "a map",
        ValueType::Optional(_) => "an optional value",
    };
    Err(OnnxError::NotTensor { side, name, found })
}

const fn datatype(element: TensorElementType) -> Option<DataType> {
    Some(match element {
        TensorElementType::Bool => DataType::Bool,
        TensorElementType::Uint8 => DataType::Uint8,
        TensorElementType::Uint16 => DataType::Uint16,
        TensorElementType::Uint32 => DataType::Uint32,
        TensorElementType::Uint64 => DataType::Uint64,
        TensorElementType::Int8 => DataType::Int8,
        TensorElementType::Int16 => DataType::Int16,
        TensorElementType::Int32 => DataType::Int32,
        TensorElementType::Int64 => DataType::Int64,
        TensorElementType::Float16 => DataType::Fp16,
        TensorElementType::Float32 => DataType::Fp32,
        TensorElementType::Float64 => DataType::Fp64,
        TensorElementType::String => DataType::Bytes,
        _ => return None,
    })
}
