//! Columns that decide: equal in all rows of a request, and what their value is as text.

use std::fmt::Write as _;

use tidegate_model::TensorData;

use crate::EngineError;

/// One column of a request: every `stride`-th value from `offset`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Strided<'a> {
    pub(crate) data: &'a TensorData,
    pub(crate) offset: usize,
    pub(crate) stride: usize,
    pub(crate) rows: usize,
}

macro_rules! with_values {
    ($data:expr, $values:ident => $numbers:expr, $bytes:ident => $texts:expr, else $none:expr) => {
        match $data {
            TensorData::Uint8($values) => $numbers,
            TensorData::Uint16($values) => $numbers,
            TensorData::Uint32($values) => $numbers,
            TensorData::Uint64($values) => $numbers,
            TensorData::Int8($values) => $numbers,
            TensorData::Int16($values) => $numbers,
            TensorData::Int32($values) => $numbers,
            TensorData::Int64($values) => $numbers,
            TensorData::Bytes($bytes) => $texts,
            // Contracts and rules refuse columns of these types.
            TensorData::Bool(_) | TensorData::Fp16(_) | TensorData::Fp32(_) | TensorData::Fp64(_) => $none,
        }
    };
}

impl Strided<'_> {
    /// The first row whose value differs from row 0.
    pub(crate) fn first_difference(&self) -> Option<usize> {
        let at = |row: usize| row * self.stride + self.offset;
        with_values!(self.data,
            v => (1..self.rows).find(|&row| v.get(at(row)) != v.get(at(0))),
            v => (1..self.rows).find(|&row| v.get(at(row)) != v.get(at(0))),
            else None)
    }

    /// The value of row 0 as text: bytes as they are, integers in decimal.
    pub(crate) fn text(&self) -> Result<Option<String>, EngineError> {
        let mut decimal = String::new();
        let written = with_values!(self.data,
            v => v.get(self.offset).map(|x| write!(decimal, "{x}")),
            v => return v.get(self.offset).map(text).transpose(),
            else None);
        Ok(written.map(|_| decimal))
    }

    /// Whether the value of row 0 is this text, or this integer where it holds integers.
    pub(crate) fn is(&self, wanted: &Wanted) -> bool {
        let number = |found: i128| wanted.integer == Some(found);
        with_values!(self.data,
            v => v.get(self.offset).is_some_and(|&x| number(i128::from(x))),
            v => v.get(self.offset).is_some_and(|found| found == wanted.text.as_bytes()),
            else false)
    }
}

/// What a value must be equal to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    text: String,
    integer: Option<i128>,
}

impl Wanted {
    pub(crate) fn new(text: &str) -> Self {
        // "+1" and "01" are other texts than "1", which is how a client's integer is written.
        let integer = text.parse::<i128>().ok().filter(|number| number.to_string() == text);
        Self { text: text.to_owned(), integer }
    }

    pub(crate) fn is_integer(&self) -> bool {
        self.integer.is_some()
    }
}

/// A key's bytes as text.
pub(crate) fn text(key: &[u8]) -> Result<String, EngineError> {
    std::str::from_utf8(key).map(str::to_owned).map_err(|_| EngineError::KeyNotText)
}
