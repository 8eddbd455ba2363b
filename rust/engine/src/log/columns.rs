//! Arrow columns from slices of many requests' tensors.

use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    BinaryBuilder, BooleanBuilder, Float32Builder, Float64Builder, Int8Builder, Int16Builder, Int32Builder,
    Int64Builder, ListBuilder, StringBuilder, UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use tidegate_model::{BytesColumn, DataType, TensorData};

use super::policy;
use crate::half;

/// One request's share of a column: every `stride`-th value from `offset`, or as many nulls as it has rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) data: Option<&'a TensorData>,
    pub(super) offset: usize,
    pub(super) stride: usize,
    pub(super) rows: usize,
}

/// A string that is not UTF-8 came for a text column.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotText;

macro_rules! gather {
    ($builder:ty, $variant:ident, $parts:expr, $convert:expr) => {{
        let mut builder = <$builder>::with_capacity($parts.iter().map(|part| part.rows).sum());
        for part in $parts {
            if let Some(TensorData::$variant(values)) = part.data {
                for &value in values.iter().skip(part.offset).step_by(part.stride) {
                    builder.append_value($convert(value));
                }
            } else {
                builder.append_nulls(part.rows);
            }
        }
        Arc::new(builder.finish()) as ArrayRef
    }};
}

/// One value a row.
pub(super) fn scalars(datatype: DataType, binary: bool, parts: &[Part<'_>]) -> Result<ArrayRef, NotText> {
    use std::convert::identity;
    Ok(match datatype {
        DataType::Bool => gather!(BooleanBuilder, Bool, parts, identity),
        DataType::Uint8 => gather!(UInt8Builder, Uint8, parts, identity),
        DataType::Uint16 => gather!(UInt16Builder, Uint16, parts, identity),
        DataType::Uint32 => gather!(UInt32Builder, Uint32, parts, identity),
        DataType::Uint64 => gather!(UInt64Builder, Uint64, parts, identity),
        DataType::Int8 => gather!(Int8Builder, Int8, parts, identity),
        DataType::Int16 => gather!(Int16Builder, Int16, parts, identity),
        DataType::Int32 => gather!(Int32Builder, Int32, parts, identity),
        DataType::Int64 => gather!(Int64Builder, Int64, parts, identity),
        DataType::Fp16 => gather!(Float32Builder, Fp16, parts, half::to_f32),
        DataType::Fp32 => gather!(Float32Builder, Fp32, parts, identity),
        DataType::Fp64 => gather!(Float64Builder, Fp64, parts, identity),
        DataType::Bytes if binary => bytes(parts),
        DataType::Bytes => text(parts)?,
    })
}

/// One list a row: all values of the row. Numbers as float64.
pub(super) fn lists(datatype: DataType, binary: bool, parts: &[Part<'_>]) -> Result<ArrayRef, NotText> {
    match datatype {
        DataType::Bytes if binary => {
            let push = |builder: &mut BinaryBuilder, value: &[u8]| {
                builder.append_value(value);
                Ok(())
            };
            list_of(BinaryBuilder::new(), parts, |builder, data, index| push(builder, string(data, index)))
        }
        DataType::Bytes => list_of(StringBuilder::new(), parts, |builder, data, index| {
            builder.append_value(std::str::from_utf8(string(data, index)).map_err(|_| NotText)?);
            Ok(())
        }),
        _ => list_of(Float64Builder::new(), parts, |builder, data, index| {
            builder.append_option(number(data, index));
            Ok(())
        }),
    }
}

/// The score column as float64.
pub(super) fn score(parts: &[Part<'_>]) -> ArrayRef {
    let mut builder = Float64Builder::with_capacity(parts.iter().map(|part| part.rows).sum());
    for part in parts {
        for row in 0..part.rows {
            let index = row * part.stride + part.offset;
            builder.append_option(part.data.and_then(|data| number(data, index)));
        }
    }
    Arc::new(builder.finish())
}

fn text(parts: &[Part<'_>]) -> Result<ArrayRef, NotText> {
    let mut builder = StringBuilder::new();
    for part in parts {
        match part.data {
            Some(TensorData::Bytes(column)) => {
                for value in strided(column, part) {
                    builder.append_value(std::str::from_utf8(value).map_err(|_| NotText)?);
                }
            }
            _ => (0..part.rows).for_each(|_| builder.append_null()),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn bytes(parts: &[Part<'_>]) -> ArrayRef {
    let mut builder = BinaryBuilder::new();
    for part in parts {
        match part.data {
            Some(TensorData::Bytes(column)) => {
                strided(column, part).for_each(|value| builder.append_value(value));
            }
            _ => (0..part.rows).for_each(|_| builder.append_null()),
        }
    }
    Arc::new(builder.finish())
}

/// Values under a salt, as text: strings as their bytes, integers as their decimals.
pub(super) fn hashed(salt: &[u8], parts: &[Part<'_>]) -> ArrayRef {
    let mut builder = StringBuilder::new();
    for part in parts {
        for row in 0..part.rows {
            let index = row * part.stride + part.offset;
            let value = part.data.and_then(|data| key_bytes(data, index));
            builder.append_option(value.map(|value| policy::hash(salt, &value)));
        }
    }
    Arc::new(builder.finish())
}

/// The first characters of strings; the first bytes where a string is kept as bytes.
pub(super) fn truncated(length: usize, binary: bool, parts: &[Part<'_>]) -> Result<ArrayRef, NotText> {
    let cut: Vec<Option<TensorData>> =
        parts.iter().map(|part| part.data.map(|data| cut(data, length))).collect();
    let parts: Vec<Part<'_>> =
        parts.iter().zip(&cut).map(|(part, data)| Part { data: data.as_ref(), ..*part }).collect();
    scalars(DataType::Bytes, binary, &parts)
}

fn cut(data: &TensorData, length: usize) -> TensorData {
    let TensorData::Bytes(column) = data else { return data.clone() };
    let cut = |value: &[u8]| match std::str::from_utf8(value) {
        Ok(text) => text.chars().take(length).collect::<String>().into_bytes(),
        Err(_) => value[..length.min(value.len())].to_vec(),
    };
    TensorData::Bytes(column.iter().map(cut).collect())
}

fn key_bytes(data: &TensorData, index: usize) -> Option<Vec<u8>> {
    match data {
        TensorData::Bytes(column) => column.get(index).map(<[u8]>::to_vec),
        TensorData::Uint8(v) => v.get(index).map(|x| x.to_string().into_bytes()),
        TensorData::Uint16(v) => v.get(index).map(|x| x.to_string().into_bytes()),
        TensorData::Uint32(v) => v.get(index).map(|x| x.to_string().into_bytes()),
        TensorData::Uint64(v) => v.get(index).map(|x| x.to_string().into_bytes()),
        TensorData::Int8(v) => v.get(index).map(|x| x.to_string().into_bytes()),
        TensorData::Int16(v) => v.get(index).map(|x| x.to_string().into_bytes()),
        TensorData::Int32(v) => v.get(index).map(|x| x.to_string().into_bytes()),
        TensorData::Int64(v) => v.get(index).map(|x| x.to_string().into_bytes()),
        // Policies refuse to hash these.
        TensorData::Bool(_) | TensorData::Fp16(_) | TensorData::Fp32(_) | TensorData::Fp64(_) => None,
    }
}

fn strided<'a>(column: &'a BytesColumn, part: &Part<'_>) -> impl Iterator<Item = &'a [u8]> {
    column.iter().skip(part.offset).step_by(part.stride)
}

fn list_of<B: arrow_array::builder::ArrayBuilder>(
    items: B,
    parts: &[Part<'_>],
    push: impl Fn(&mut B, &TensorData, usize) -> Result<(), NotText>,
) -> Result<ArrayRef, NotText> {
    let mut builder = ListBuilder::new(items);
    for part in parts {
        for row in 0..part.rows {
            if let Some(data) = part.data {
                for index in row * part.stride..(row + 1) * part.stride {
                    push(builder.values(), data, index)?;
                }
            }
            builder.append(part.data.is_some());
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn string(data: &TensorData, index: usize) -> &[u8] {
    match data {
        TensorData::Bytes(column) => column.get(index).unwrap_or_default(),
        _ => &[],
    }
}

#[expect(clippy::cast_lossless, reason = "one form for lossless and rounding types")]
fn number(data: &TensorData, index: usize) -> Option<f64> {
    match data {
        TensorData::Bool(v) => v.get(index).map(|&x| f64::from(u8::from(x))),
        TensorData::Uint8(v) => v.get(index).map(|&x| x as f64),
        TensorData::Uint16(v) => v.get(index).map(|&x| x as f64),
        TensorData::Uint32(v) => v.get(index).map(|&x| x as f64),
        TensorData::Uint64(v) => v.get(index).map(|&x| x as f64),
        TensorData::Int8(v) => v.get(index).map(|&x| x as f64),
        TensorData::Int16(v) => v.get(index).map(|&x| x as f64),
        TensorData::Int32(v) => v.get(index).map(|&x| x as f64),
        TensorData::Int64(v) => v.get(index).map(|&x| x as f64),
        TensorData::Fp16(v) => v.get(index).map(|&x| f64::from(half::to_f32(x))),
        TensorData::Fp32(v) => v.get(index).map(|&x| x as f64),
        TensorData::Fp64(v) => v.get(index).copied(),
        TensorData::Bytes(_) => None,
    }
}
