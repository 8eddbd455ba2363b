//! Tensors as little-endian bytes: gRPC's raw contents and the binary tensor extension of REST.

use bytes::BufMut;
use tidegate_model::{BytesColumn, DataType, TensorData};

use crate::fault::Fault;

macro_rules! numbers {
    ($bytes:expr, $type:ty) => {
        $bytes
            .as_chunks::<{ size_of::<$type>() }>()
            .0
            .iter()
            .map(|chunk| <$type>::from_le_bytes(*chunk))
            .collect()
    };
}

macro_rules! put_numbers {
    ($values:expr, $out:expr) => {
        for value in $values {
            $out.put_slice(&value.to_le_bytes());
        }
    };
}

/// The elements in `bytes`. Their number is whatever the bytes hold; the contract's check compares it with the shape.
pub(crate) fn decode(name: &str, datatype: DataType, bytes: &[u8]) -> Result<TensorData, Fault> {
    if let Some(size) = datatype.size()
        && !bytes.len().is_multiple_of(size)
    {
        return Err(Fault::invalid(format!(
            "input '{name}' is {datatype}, {size} bytes an element, but came with {} bytes",
            bytes.len()
        )));
    }
    Ok(match datatype {
        DataType::Bool => TensorData::Bool(booleans(name, bytes)?),
        DataType::Uint8 => TensorData::Uint8(bytes.to_vec()),
        DataType::Uint16 => TensorData::Uint16(numbers!(bytes, u16)),
        DataType::Uint32 => TensorData::Uint32(numbers!(bytes, u32)),
        DataType::Uint64 => TensorData::Uint64(numbers!(bytes, u64)),
        DataType::Int8 => TensorData::Int8(numbers!(bytes, i8)),
        DataType::Int16 => TensorData::Int16(numbers!(bytes, i16)),
        DataType::Int32 => TensorData::Int32(numbers!(bytes, i32)),
        DataType::Int64 => TensorData::Int64(numbers!(bytes, i64)),
        DataType::Fp16 => TensorData::Fp16(numbers!(bytes, u16)),
        DataType::Fp32 => TensorData::Fp32(numbers!(bytes, f32)),
        DataType::Fp64 => TensorData::Fp64(numbers!(bytes, f64)),
        DataType::Bytes => TensorData::Bytes(strings(name, bytes)?),
    })
}

fn booleans(name: &str, bytes: &[u8]) -> Result<Vec<bool>, Fault> {
    match bytes.iter().find(|byte| **byte > 1) {
        None => Ok(bytes.iter().map(|byte| *byte == 1).collect()),
        Some(other) => {
            Err(Fault::invalid(format!("input '{name}' is BOOL, bytes of 0 or 1, but came with a {other}")))
        }
    }
}

/// Strings, each behind its length in 4 bytes.
fn strings(name: &str, mut bytes: &[u8]) -> Result<BytesColumn, Fault> {
    let mut column = BytesColumn::with_capacity(0, bytes.len());
    while !bytes.is_empty() {
        let next = bytes.split_first_chunk::<4>().and_then(|(length, rest)| {
            rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
        });
        let Some((value, rest)) = next else {
            return Err(Fault::invalid(format!(
                "input '{name}' is BYTES, each element behind its length in 4 bytes, but element {} is cut short",
                column.len()
            )));
        };
        column.push(value);
        bytes = rest;
    }
    Ok(column)
}

/// How many bytes [`encode`] will write.
pub(crate) fn encoded_len(data: &TensorData) -> usize {
    match (data, data.datatype().size()) {
        (TensorData::Bytes(column), _) => column.iter().map(|value| 4 + value.len()).sum(),
        (_, size) => data.len() * size.unwrap_or(0),
    }
}

/// Appends the elements to `out`.
pub(crate) fn encode(data: &TensorData, out: &mut impl BufMut) {
    match data {
        TensorData::Bool(values) => {
            for value in values {
                out.put_u8(u8::from(*value));
            }
        }
        TensorData::Uint8(values) => out.put_slice(values),
        TensorData::Uint16(values) | TensorData::Fp16(values) => put_numbers!(values, out),
        TensorData::Uint32(values) => put_numbers!(values, out),
        TensorData::Uint64(values) => put_numbers!(values, out),
        TensorData::Int8(values) => put_numbers!(values, out),
        TensorData::Int16(values) => put_numbers!(values, out),
        TensorData::Int32(values) => put_numbers!(values, out),
        TensorData::Int64(values) => put_numbers!(values, out),
        TensorData::Fp32(values) => put_numbers!(values, out),
        TensorData::Fp64(values) => put_numbers!(values, out),
        TensorData::Bytes(column) => {
            for value in column.iter() {
                out.put_u32_le(u32::try_from(value.len()).unwrap_or(u32::MAX));
                out.put_slice(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<TensorData> {
        vec![
            TensorData::Bool(vec![true, false]),
            TensorData::Uint8(vec![0, 255]),
            TensorData::Uint16(vec![0, u16::MAX]),
            TensorData::Uint32(vec![0, u32::MAX]),
            TensorData::Uint64(vec![0, u64::MAX]),
            TensorData::Int8(vec![i8::MIN, i8::MAX]),
            TensorData::Int16(vec![i16::MIN, i16::MAX]),
            TensorData::Int32(vec![i32::MIN, i32::MAX]),
            TensorData::Int64(vec![i64::MIN, i64::MAX]),
            TensorData::Fp16(vec![0x3c00, 0x7c00]),
            TensorData::Fp32(vec![-0.0, f32::INFINITY]),
            TensorData::Fp64(vec![f64::MIN_POSITIVE, 1.0 / 3.0]),
            TensorData::Bytes(["", "UA", "\u{1f6eb}"].iter().collect()),
        ]
    }

    #[test]
    fn every_type_comes_back_as_it_went() {
        let all = all();
        assert_eq!(all.len(), DataType::ALL.len());
        for data in all {
            let mut bytes = Vec::new();
            encode(&data, &mut bytes);
            assert_eq!(bytes.len(), encoded_len(&data));
            assert_eq!(decode("x", data.datatype(), &bytes).unwrap(), data);
        }
    }

    #[test]
    fn bytes_that_do_not_fit_are_refused_by_name() {
        for (datatype, bytes) in [
            (DataType::Fp32, &[0_u8; 5][..]),
            (DataType::Bool, &[2]),
            (DataType::Bytes, &[1, 0, 0]),
            (DataType::Bytes, &[2, 0, 0, 0, 65]),
            (DataType::Bytes, &[255, 255, 255, 255]),
        ] {
            let fault = decode("carrier", datatype, bytes).unwrap_err();
            assert!(fault.message.contains("'carrier'"), "{}", fault.message);
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>) {
            for datatype in DataType::ALL {
                let _ = decode("x", datatype, &bytes);
            }
        }
    }
}
