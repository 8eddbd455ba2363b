//! Rows of tensors: joined into one tensor, cut out of one.

use std::ops::Range;

use crate::{BytesColumn, Tensor, TensorData};

/// The same for every element type that is a number.
macro_rules! each_number {
    ($do:ident, $data:expr, $bytes:pat => $text:expr) => {
        match $data {
            TensorData::Bool(v) => TensorData::Bool($do!(v, Bool)),
            TensorData::Uint8(v) => TensorData::Uint8($do!(v, Uint8)),
            TensorData::Uint16(v) => TensorData::Uint16($do!(v, Uint16)),
            TensorData::Uint32(v) => TensorData::Uint32($do!(v, Uint32)),
            TensorData::Uint64(v) => TensorData::Uint64($do!(v, Uint64)),
            TensorData::Int8(v) => TensorData::Int8($do!(v, Int8)),
            TensorData::Int16(v) => TensorData::Int16($do!(v, Int16)),
            TensorData::Int32(v) => TensorData::Int32($do!(v, Int32)),
            TensorData::Int64(v) => TensorData::Int64($do!(v, Int64)),
            TensorData::Fp16(v) => TensorData::Fp16($do!(v, Fp16)),
            TensorData::Fp32(v) => TensorData::Fp32($do!(v, Fp32)),
            TensorData::Fp64(v) => TensorData::Fp64($do!(v, Fp64)),
            TensorData::Bytes($bytes) => $text,
        }
    };
}

impl Tensor {
    /// All rows of `parts` in order, as one tensor; `None` when there is no part, or when they differ in element type or
    /// in any dimension but the first.
    #[must_use]
    pub fn join(parts: &[&Self]) -> Option<Self> {
        let first = parts.first()?;
        let mut shape = first.shape.clone();
        *shape.first_mut()? = 0;
        for part in parts {
            shape[0] += part.shape.first()?;
            if part.shape[1..] != first.shape[1..] {
                return None;
            }
        }
        let elements: usize = parts.iter().map(|part| part.data.len()).sum();
        macro_rules! extend {
            ($first:ident, $kind:ident) => {{
                let mut all = Vec::with_capacity(elements.max($first.len()));
                for part in parts {
                    let TensorData::$kind(values) = &part.data else { return None };
                    all.extend_from_slice(values);
                }
                all
            }};
        }
        let data = each_number!(extend, &first.data, _ => {
            let mut all = BytesColumn::with_capacity(elements, 0);
            for part in parts {
                let TensorData::Bytes(values) = &part.data else { return None };
                values.iter().for_each(|value| all.push(value));
            }
            TensorData::Bytes(all)
        });
        Some(Self { shape, data })
    }

    /// Some of the rows; `None` when the tensor has no such rows.
    #[must_use]
    pub fn rows(&self, rows: Range<usize>) -> Option<Self> {
        let all = *self.shape.first()?;
        if rows.start > rows.end || rows.end > all {
            return None;
        }
        let width = self.data.len() / all.max(1);
        let elements = rows.start * width..rows.end * width;
        let mut shape = self.shape.clone();
        shape[0] = rows.len();
        Some(Self { shape, data: self.data.range(elements)? })
    }
}

impl TensorData {
    /// Some of the elements; `None` when there are no such elements.
    #[must_use]
    pub fn range(&self, elements: Range<usize>) -> Option<Self> {
        macro_rules! cut {
            ($values:ident, $kind:ident) => {
                $values.get(elements)?.to_vec()
            };
        }
        Some(each_number!(cut, self, column => {
            let (start, length) = (elements.start, elements.len());
            if elements.end > column.len() {
                return None;
            }
            Self::Bytes(column.iter().skip(start).take(length).collect())
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DataType, Shape};

    fn tensor(shape: &[usize], data: TensorData) -> Tensor {
        Tensor { shape: Shape::from_slice(shape), data }
    }

    #[test]
    fn what_is_joined_is_cut_out_again() {
        for datatype in DataType::ALL {
            let part = |rows| tensor(&[rows, 2], TensorData::zeros(datatype, rows * 2));
            let parts = [part(1), part(3), part(2)];
            let joined = Tensor::join(&parts.iter().collect::<Vec<_>>()).unwrap();
            assert_eq!((&joined.shape[..], joined.data.len()), (&[6, 2][..], 12));
            let mut start = 0;
            for part in &parts {
                let end = start + part.shape[0];
                assert_eq!(joined.rows(start..end).as_ref(), Some(part));
                start = end;
            }
        }
        let texts = |values: &[&str]| tensor(&[values.len()], TensorData::Bytes(values.iter().collect()));
        let joined = Tensor::join(&[&texts(&["a", ""]), &texts(&["bc"])]).unwrap();
        assert_eq!(joined, texts(&["a", "", "bc"]));
        assert_eq!(joined.rows(1..3), Some(texts(&["", "bc"])));
        let numbers = tensor(&[3], TensorData::Int32(vec![1, 2, 3]));
        assert_eq!(numbers.rows(1..2), Some(tensor(&[1], TensorData::Int32(vec![2]))));
    }

    #[test]
    fn what_does_not_fit_is_not_joined_or_cut() {
        let floats = tensor(&[1, 2], TensorData::Fp32(vec![1.0, 2.0]));
        let wide = tensor(&[1, 3], TensorData::Fp32(vec![1.0, 2.0, 3.0]));
        let doubles = tensor(&[1, 2], TensorData::Fp64(vec![1.0, 2.0]));
        assert_eq!(Tensor::join(&[]), None);
        assert_eq!(Tensor::join(&[&floats, &wide]), None);
        assert_eq!(Tensor::join(&[&floats, &doubles]), None);
        assert_eq!(floats.rows(0..2), None);
        assert_eq!(floats.data.range(1..3), None);
        assert_eq!(tensor(&[], TensorData::Fp32(vec![1.0])).rows(0..0), None);
    }
}
