//! Predictions as an Arrow IPC stream: score and decision where the contract names a score, then the outputs by name.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::{
    Float16Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeListArray, PrimitiveArray, RecordBatch, StringArray,
};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, Field, Schema};
use half::f16;
use tidegate_engine::{Endpoint, ScoreResponse};
use tidegate_model::{BytesColumn, Contract, Tensor, TensorData};

use crate::decided::{Scores, above, width};
use crate::fault::Fault;

/// Encodes an answer. What was decided for the request stands in the schema's metadata.
pub(crate) fn encode(
    endpoint: &Endpoint,
    id: Option<&str>,
    response: &ScoreResponse,
) -> Result<Vec<u8>, Fault> {
    write(&endpoint.contract, &response.outputs, metadata(endpoint, id, response))
        .map_err(|error| Fault::internal(&error))
}

fn metadata(endpoint: &Endpoint, id: Option<&str>, response: &ScoreResponse) -> HashMap<String, String> {
    let decided = [
        ("prediction_id", response.prediction_id.to_string()),
        ("endpoint", endpoint.name.clone()),
        ("model", response.model.to_string()),
        ("version", response.version.to_string()),
        ("variant", response.variant.to_string()),
        ("route", response.route.name().to_owned()),
        ("generation", response.generation.to_string()),
    ];
    let id = id.map(|id| ("id", id.to_owned()));
    decided.into_iter().chain(id).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn write(
    contract: &Contract,
    outputs: &[Tensor],
    metadata: HashMap<String, String>,
) -> Result<Vec<u8>, ArrowError> {
    let mut columns: Vec<(&str, ArrayRef, bool)> = Vec::with_capacity(2 + outputs.len());
    let scores = Scores::of(contract, outputs);
    if let Some(scores) = &scores {
        columns.push(("score", pick(scores), false));
        let decisions = scores.indices().map(|index| above(scores.data, index, contract.threshold));
        columns.push(("decision", Arc::new(decisions.collect::<BooleanArray>()), true));
    }
    for (spec, tensor) in contract.outputs.iter().zip(outputs) {
        // As in JSON: the names of ours stand for themselves alone.
        if scores.is_none() || !matches!(spec.name.as_str(), "score" | "decision") {
            columns.push((&spec.name, column(tensor)?, false));
        }
    }
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, array, nullable)| Field::new(*name, array.data_type().clone(), *nullable))
        .collect();
    let schema = Arc::new(Schema::new_with_metadata(fields, metadata));
    let arrays = columns.into_iter().map(|(_, array, _)| array).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)?;
    let mut writer =
        StreamWriter::try_new(Vec::with_capacity(1024 + batch.get_array_memory_size()), &schema)?;
    writer.write(&batch)?;
    writer.into_inner()
}

/// The scores, one per row.
fn pick(scores: &Scores<'_>) -> ArrayRef {
    match scores.data {
        TensorData::Fp16(values) => Arc::new(PrimitiveArray::<Float16Type>::from_iter_values(
            scores.indices().filter_map(|index| values.get(index).copied().map(f16::from_bits)),
        )),
        TensorData::Fp32(values) => Arc::new(PrimitiveArray::<Float32Type>::from_iter_values(
            scores.indices().filter_map(|index| values.get(index).copied()),
        )),
        TensorData::Fp64(values) => Arc::new(PrimitiveArray::<Float64Type>::from_iter_values(
            scores.indices().filter_map(|index| values.get(index).copied()),
        )),
        // A contract's score is floating.
        _ => Arc::new(arrow_array::NullArray::new(scores.rows)),
    }
}

/// `[rows]` as it is, `[rows, k]` as lists of k.
fn column(tensor: &Tensor) -> Result<ArrayRef, ArrowError> {
    let values = array(&tensor.data);
    let Some(width) = width(tensor) else { return Ok(values) };
    let size = i32::try_from(width).map_err(|_| ArrowError::OffsetOverflowError(width))?;
    let item = Arc::new(Field::new("item", values.data_type().clone(), false));
    Ok(Arc::new(FixedSizeListArray::try_new_with_length(item, size, values, None, tensor.shape[0])?))
}

fn array(data: &TensorData) -> ArrayRef {
    macro_rules! primitive {
        ($type:ty, $values:expr) => {
            Arc::new(PrimitiveArray::<$type>::new($values.clone().into(), None))
        };
    }
    match data {
        TensorData::Bool(values) => Arc::new(BooleanArray::from(values.clone())),
        TensorData::Uint8(values) => primitive!(UInt8Type, values),
        TensorData::Uint16(values) => primitive!(UInt16Type, values),
        TensorData::Uint32(values) => primitive!(UInt32Type, values),
        TensorData::Uint64(values) => primitive!(UInt64Type, values),
        TensorData::Int8(values) => primitive!(Int8Type, values),
        TensorData::Int16(values) => primitive!(Int16Type, values),
        TensorData::Int32(values) => primitive!(Int32Type, values),
        TensorData::Int64(values) => primitive!(Int64Type, values),
        TensorData::Fp16(values) => Arc::new(PrimitiveArray::<Float16Type>::from_iter_values(
            values.iter().map(|bits| f16::from_bits(*bits)),
        )),
        TensorData::Fp32(values) => primitive!(Float32Type, values),
        TensorData::Fp64(values) => primitive!(Float64Type, values),
        TensorData::Bytes(values) => strings(values),
    }
}

/// Text, unless one of the strings is no UTF-8.
fn strings(column: &BytesColumn) -> ArrayRef {
    let text: Result<Vec<&str>, _> = column.iter().map(std::str::from_utf8).collect();
    match text {
        Ok(text) => Arc::new(StringArray::from_iter_values(text)),
        Err(_) => Arc::new(BinaryArray::from_iter_values(column.iter())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrow::frames::Stream;
    use arrow_array::cast::AsArray;
    use arrow_schema::DataType as ArrowType;
    use bytes::Bytes;
    use tidegate_model::{DataType, ScoreSpec, Shape, TensorSpec};

    #[test]
    fn every_type_becomes_a_column_and_a_matrix_a_column_of_lists() {
        for datatype in DataType::ALL {
            for shape in [&[2][..], &[2, 3]] {
                let data = TensorData::zeros(datatype, shape.iter().product());
                let array = column(&Tensor { shape: Shape::from_slice(shape), data }).unwrap();
                assert_eq!(array.len(), 2, "{datatype}");
                let list = matches!(array.data_type(), ArrowType::FixedSizeList(_, 3));
                assert_eq!(list, shape.len() == 2, "{datatype}");
            }
        }
        assert_eq!(strings(&[&b"\xff"[..]].iter().collect()).data_type(), &ArrowType::Binary);
    }

    #[test]
    fn scores_and_decisions_stand_first() {
        let contract = Contract {
            inputs: vec![],
            context: vec![],
            outputs: vec![
                TensorSpec { name: "p".into(), datatype: DataType::Fp32, shape: vec![-1, 2] },
                TensorSpec { name: "score".into(), datatype: DataType::Int64, shape: vec![-1] },
            ],
            score: Some(ScoreSpec { output: "p".into(), column: 1 }),
            threshold: 0.5,
        };
        let outputs = [
            Tensor {
                shape: Shape::from_slice(&[2, 2]),
                data: TensorData::Fp32(vec![0.25, 0.75, f32::NAN, f32::NAN]),
            },
            Tensor { shape: Shape::from_slice(&[2]), data: TensorData::Int64(vec![1, 2]) },
        ];
        let told = HashMap::from([("version".to_owned(), "1".to_owned())]);
        let bytes = Bytes::from(write(&contract, &outputs, told.clone()).unwrap());
        let stream = Stream::open(&bytes).unwrap();
        assert_eq!(stream.schema.metadata(), &told);
        let names: Vec<_> = stream.schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(names, ["score", "decision", "p"]);
        let batch =
            arrow_ipc::reader::StreamReader::try_new(&bytes[..], None).unwrap().next().unwrap().unwrap();
        assert_eq!(batch.column(0).as_primitive::<Float32Type>().values()[0].to_bits(), 0.75_f32.to_bits());
        assert_eq!(batch.column(1).as_boolean().iter().collect::<Vec<_>>(), [Some(true), None]);
    }
}
