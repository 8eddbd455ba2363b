//! Elements of a tensor as JSON. NaN and infinities become null; bytes that are no UTF-8 are shown with U+FFFD.

use half::f16;
use serde::ser::{Serialize, SerializeSeq, Serializer};
use tidegate_model::TensorData;

/// All elements, flat.
pub(super) struct Flat<'a>(pub(super) &'a TensorData);

impl Serialize for Flat<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            TensorData::Bool(values) => values.serialize(serializer),
            TensorData::Uint8(values) => values.serialize(serializer),
            TensorData::Uint16(values) => values.serialize(serializer),
            TensorData::Uint32(values) => values.serialize(serializer),
            TensorData::Uint64(values) => values.serialize(serializer),
            TensorData::Int8(values) => values.serialize(serializer),
            TensorData::Int16(values) => values.serialize(serializer),
            TensorData::Int32(values) => values.serialize(serializer),
            TensorData::Int64(values) => values.serialize(serializer),
            TensorData::Fp16(values) => {
                serializer.collect_seq(values.iter().map(|bits| f16::from_bits(*bits).to_f32()))
            }
            TensorData::Fp32(values) => values.serialize(serializer),
            TensorData::Fp64(values) => values.serialize(serializer),
            TensorData::Bytes(column) => serializer.collect_seq(column.iter().map(String::from_utf8_lossy)),
        }
    }
}

/// One element.
pub(super) struct Element<'a>(pub(super) &'a TensorData, pub(super) usize);

impl Serialize for Element<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(data, index) = *self;
        match data {
            TensorData::Bool(values) => values.get(index).serialize(serializer),
            TensorData::Uint8(values) => values.get(index).serialize(serializer),
            TensorData::Uint16(values) => values.get(index).serialize(serializer),
            TensorData::Uint32(values) => values.get(index).serialize(serializer),
            TensorData::Uint64(values) => values.get(index).serialize(serializer),
            TensorData::Int8(values) => values.get(index).serialize(serializer),
            TensorData::Int16(values) => values.get(index).serialize(serializer),
            TensorData::Int32(values) => values.get(index).serialize(serializer),
            TensorData::Int64(values) => values.get(index).serialize(serializer),
            TensorData::Fp16(values) => {
                values.get(index).map(|bits| f16::from_bits(*bits).to_f32()).serialize(serializer)
            }
            TensorData::Fp32(values) => values.get(index).serialize(serializer),
            TensorData::Fp64(values) => values.get(index).serialize(serializer),
            TensorData::Bytes(column) => column.get(index).map(String::from_utf8_lossy).serialize(serializer),
        }
    }
}

/// The elements of one row: one value, or an array of `width`.
pub(super) struct Row<'a> {
    pub(super) data: &'a TensorData,
    pub(super) index: usize,
    /// Elements per row; `None` where the output is one value per row.
    pub(super) width: Option<usize>,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(width) = self.width else { return Element(self.data, self.index).serialize(serializer) };
        let mut array = serializer.serialize_seq(Some(width))?;
        for column in 0..width {
            array.serialize_element(&Element(self.data, self.index * width + column))?;
        }
        array.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(data: &TensorData) -> String {
        serde_json::to_string(&Flat(data)).unwrap()
    }

    #[test]
    fn floats_are_written_shortest_and_null_where_json_has_no_number() {
        assert_eq!(flat(&TensorData::Fp32(vec![0.1, f32::NAN, f32::INFINITY, -0.0])), "[0.1,null,null,-0.0]");
        assert_eq!(flat(&TensorData::Fp64(vec![0.1_f32.into()])), "[0.10000000149011612]");
        assert_eq!(flat(&TensorData::Fp16(vec![0x3c00, 0x7e00])), "[1.0,null]");
    }

    #[test]
    fn integers_booleans_and_strings_are_themselves() {
        assert_eq!(flat(&TensorData::Uint64(vec![u64::MAX])), "[18446744073709551615]");
        assert_eq!(flat(&TensorData::Bool(vec![true])), "[true]");
        assert_eq!(
            flat(&TensorData::Bytes([&b"a\"b"[..], &[0xff]].iter().collect())),
            "[\"a\\\"b\",\"\u{fffd}\"]"
        );
    }

    #[test]
    fn a_row_is_a_value_or_an_array() {
        let data = TensorData::Int8(vec![1, 2, 3, 4]);
        let row = |index, width| serde_json::to_string(&Row { data: &data, index, width }).unwrap();
        assert_eq!(row(1, None), "2");
        assert_eq!(row(1, Some(2)), "[3,4]");
        assert_eq!(row(9, None), "null");
    }
}
