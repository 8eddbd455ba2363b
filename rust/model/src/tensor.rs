//! Owned, typed, row-major tensors.

use smallvec::SmallVec;

use crate::DataType;

/// Dimensions, outermost first. Two or fewer stay inline.
pub type Shape = SmallVec<[usize; 2]>;

/// Byte strings laid end to end, so that a column costs two allocations however many rows it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BytesColumn {
    data: Vec<u8>,
    ends: Vec<usize>,
}

impl BytesColumn {
    /// An empty column with room for `elements` strings of `bytes` bytes altogether.
    #[must_use]
    pub fn with_capacity(elements: usize, bytes: usize) -> Self {
        Self { data: Vec::with_capacity(bytes), ends: Vec::with_capacity(elements) }
    }

    /// Appends one string.
    pub fn push(&mut self, value: &[u8]) {
        self.data.extend_from_slice(value);
        self.ends.push(self.data.len());
    }

    /// Number of strings.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The string at `index`, or `None` past the end.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        self.data.get(start..end)
    }

    /// All strings in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let value = &self.data[start..end];
            start = end;
            value
        })
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for BytesColumn {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut column = Self::with_capacity(0, 0);
        for value in values {
            column.push(value.as_ref());
        }
        column
    }
}

/// The elements of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum TensorData {
    /// `BOOL`
    Bool(Vec<bool>),
    /// `UINT8`
    Uint8(Vec<u8>),
    /// `UINT16`
    Uint16(Vec<u16>),
    /// `UINT32`
    Uint32(Vec<u32>),
    /// `UINT64`
    Uint64(Vec<u64>),
    /// `INT8`
    Int8(Vec<i8>),
    /// `INT16`
    Int16(Vec<i16>),
    /// `INT32`
    Int32(Vec<i32>),
    /// `INT64`
    Int64(Vec<i64>),
    /// `FP16`, as bits
    Fp16(Vec<u16>),
    /// `FP32`
    Fp32(Vec<f32>),
    /// `FP64`
    Fp64(Vec<f64>),
    /// `BYTES`
    Bytes(BytesColumn),
}

impl TensorData {
    /// `elements` zeros, empty strings or false.
    #[must_use]
    pub fn zeros(datatype: DataType, elements: usize) -> Self {
        match datatype {
            DataType::Bool => Self::Bool(vec![false; elements]),
            DataType::Uint8 => Self::Uint8(vec![0; elements]),
            DataType::Uint16 => Self::Uint16(vec![0; elements]),
            DataType::Uint32 => Self::Uint32(vec![0; elements]),
            DataType::Uint64 => Self::Uint64(vec![0; elements]),
            DataType::Int8 => Self::Int8(vec![0; elements]),
            DataType::Int16 => Self::Int16(vec![0; elements]),
            DataType::Int32 => Self::Int32(vec![0; elements]),
            DataType::Int64 => Self::Int64(vec![0; elements]),
            DataType::Fp16 => Self::Fp16(vec![0; elements]),
            DataType::Fp32 => Self::Fp32(vec![0.0; elements]),
            DataType::Fp64 => Self::Fp64(vec![0.0; elements]),
            DataType::Bytes => Self::Bytes(BytesColumn { data: Vec::new(), ends: vec![0; elements] }),
        }
    }

    /// The element type.
    #[must_use]
    pub const fn datatype(&self) -> DataType {
        match self {
            Self::Bool(_) => DataType::Bool,
            Self::Uint8(_) => DataType::Uint8,
            Self::Uint16(_) => DataType::Uint16,
            Self::Uint32(_) => DataType::Uint32,
            Self::Uint64(_) => DataType::Uint64,
            Self::Int8(_) => DataType::Int8,
            Self::Int16(_) => DataType::Int16,
            Self::Int32(_) => DataType::Int32,
            Self::Int64(_) => DataType::Int64,
            Self::Fp16(_) => DataType::Fp16,
            Self::Fp32(_) => DataType::Fp32,
            Self::Fp64(_) => DataType::Fp64,
            Self::Bytes(_) => DataType::Bytes,
        }
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Bool(v) => v.len(),
            Self::Uint8(v) => v.len(),
            Self::Uint16(v) | Self::Fp16(v) => v.len(),
            Self::Uint32(v) => v.len(),
            Self::Uint64(v) => v.len(),
            Self::Int8(v) => v.len(),
            Self::Int16(v) => v.len(),
            Self::Int32(v) => v.len(),
            Self::Int64(v) => v.len(),
            Self::Fp32(v) => v.len(),
            Self::Fp64(v) => v.len(),
            Self::Bytes(v) => v.len(),
        }
    }

    /// Whether there is no element.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A tensor: shape and elements, row-major. Names belong to the signature, by position.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Dimensions; their product is the number of elements.
    pub shape: Shape,
    /// The elements.
    pub data: TensorData,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_have_their_type_and_length() {
        for datatype in DataType::ALL {
            let data = TensorData::zeros(datatype, 3);
            assert_eq!((data.datatype(), data.len(), data.is_empty()), (datatype, 3, false));
        }
    }

    #[test]
    fn bytes_are_found_where_they_were_pushed() {
        let column: BytesColumn = ["ab", "", "c"].iter().collect();
        assert_eq!(column.iter().collect::<Vec<_>>(), [&b"ab"[..], b"", b"c"]);
        assert_eq!((column.get(1), column.get(2), column.get(3)), (Some(&b""[..]), Some(&b"c"[..]), None));
    }
}
