//! Typed tensor contents: the field of the datatype, and back.

use bytes::Bytes;
use tidegate_model::{DataType, TensorData};

use crate::fault::Fault;
use crate::generated::inference::InferTensorContents;

/// The elements that stand in the field of `datatype`; the other fields must be empty.
pub(super) fn decode(
    name: &str,
    datatype: DataType,
    contents: InferTensorContents,
) -> Result<TensorData, Fault> {
    let InferTensorContents {
        bool_contents,
        int_contents,
        int64_contents,
        uint_contents,
        uint64_contents,
        fp32_contents,
        fp64_contents,
        bytes_contents,
    } = contents;
    let filled = [
        bool_contents.len(),
        int_contents.len(),
        int64_contents.len(),
        uint_contents.len(),
        uint64_contents.len(),
        fp32_contents.len(),
        fp64_contents.len(),
        bytes_contents.len(),
    ];
    let (field, own) = match datatype {
        DataType::Bool => ("bool_contents", 0),
        DataType::Int8 | DataType::Int16 | DataType::Int32 => ("int_contents", 1),
        DataType::Int64 => ("int64_contents", 2),
        DataType::Uint8 | DataType::Uint16 | DataType::Uint32 => ("uint_contents", 3),
        DataType::Uint64 => ("uint64_contents", 4),
        DataType::Fp32 => ("fp32_contents", 5),
        DataType::Fp64 => ("fp64_contents", 6),
        DataType::Bytes => ("bytes_contents", 7),
        DataType::Fp16 => {
            return Err(Fault::invalid(format!(
                "input '{name}' is FP16, which only raw_input_contents can carry"
            )));
        }
    };
    if filled.iter().enumerate().any(|(position, length)| position != own && *length > 0) {
        return Err(Fault::invalid(format!(
            "input '{name}' is {datatype}; its elements belong into {field} only"
        )));
    }
    Ok(match datatype {
        DataType::Bool => TensorData::Bool(bool_contents),
        DataType::Int8 => TensorData::Int8(narrow(name, datatype, &int_contents)?),
        DataType::Int16 => TensorData::Int16(narrow(name, datatype, &int_contents)?),
        DataType::Int32 => TensorData::Int32(int_contents),
        DataType::Int64 => TensorData::Int64(int64_contents),
        DataType::Uint8 => TensorData::Uint8(narrow(name, datatype, &uint_contents)?),
        DataType::Uint16 => TensorData::Uint16(narrow(name, datatype, &uint_contents)?),
        DataType::Uint32 => TensorData::Uint32(uint_contents),
        DataType::Uint64 => TensorData::Uint64(uint64_contents),
        DataType::Fp16 => TensorData::Fp16(Vec::new()),
        DataType::Fp32 => TensorData::Fp32(fp32_contents),
        DataType::Fp64 => TensorData::Fp64(fp64_contents),
        DataType::Bytes => TensorData::Bytes(bytes_contents.iter().collect()),
    })
}

fn narrow<W, N>(name: &str, datatype: DataType, wide: &[W]) -> Result<Vec<N>, Fault>
where
    W: Copy + std::fmt::Display,
    N: TryFrom<W>,
{
    wide.iter()
        .map(|value| {
            N::try_from(*value).map_err(|_| {
                Fault::invalid(format!("input '{name}' is {datatype}, which can't hold {value}"))
            })
        })
        .collect()
}

/// The elements in the field of their type; `None` for FP16, which has no field.
pub(super) fn encode(data: &TensorData) -> Option<InferTensorContents> {
    let mut contents = InferTensorContents::default();
    match data {
        TensorData::Bool(values) => contents.bool_contents.clone_from(values),
        TensorData::Int8(values) => contents.int_contents = values.iter().map(|v| i32::from(*v)).collect(),
        TensorData::Int16(values) => contents.int_contents = values.iter().map(|v| i32::from(*v)).collect(),
        TensorData::Int32(values) => contents.int_contents.clone_from(values),
        TensorData::Int64(values) => contents.int64_contents.clone_from(values),
        TensorData::Uint8(values) => contents.uint_contents = values.iter().map(|v| u32::from(*v)).collect(),
        TensorData::Uint16(values) => contents.uint_contents = values.iter().map(|v| u32::from(*v)).collect(),
        TensorData::Uint32(values) => contents.uint_contents.clone_from(values),
        TensorData::Uint64(values) => contents.uint64_contents.clone_from(values),
        TensorData::Fp16(_) => return None,
        TensorData::Fp32(values) => contents.fp32_contents.clone_from(values),
        TensorData::Fp64(values) => contents.fp64_contents.clone_from(values),
        TensorData::Bytes(column) => {
            contents.bytes_contents = column.iter().map(Bytes::copy_from_slice).collect();
        }
    }
    Some(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_but_fp16_comes_back_as_it_went() {
        let all = [
            TensorData::Bool(vec![true, false]),
            TensorData::Uint8(vec![0, u8::MAX]),
            TensorData::Uint16(vec![0, u16::MAX]),
            TensorData::Uint32(vec![0, u32::MAX]),
            TensorData::Uint64(vec![0, u64::MAX]),
            TensorData::Int8(vec![i8::MIN, i8::MAX]),
            TensorData::Int16(vec![i16::MIN, i16::MAX]),
            TensorData::Int32(vec![i32::MIN, i32::MAX]),
            TensorData::Int64(vec![i64::MIN, i64::MAX]),
            TensorData::Fp32(vec![0.5]),
            TensorData::Fp64(vec![0.5]),
            TensorData::Bytes(["", "UA"].iter().collect()),
        ];
        assert_eq!(all.len() + 1, DataType::ALL.len());
        for data in all {
            let contents = encode(&data).unwrap();
            assert_eq!(decode("x", data.datatype(), contents).unwrap(), data);
        }
        assert_eq!(encode(&TensorData::Fp16(vec![0])), None);
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let message = |datatype, contents| decode("hour", datatype, contents).unwrap_err().message;
        let int = InferTensorContents { int_contents: vec![128], ..Default::default() };
        assert_eq!(message(DataType::Int8, int.clone()), "input 'hour' is INT8, which can't hold 128");
        assert_eq!(
            message(DataType::Int64, int.clone()),
            "input 'hour' is INT64; its elements belong into int64_contents only"
        );
        assert!(message(DataType::Fp16, int).contains("only raw_input_contents"));
    }
}
