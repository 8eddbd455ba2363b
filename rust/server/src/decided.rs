//! Which element of the outputs is a row's score, and what it decides.

use tidegate_model::{Contract, Tensor, TensorData};

/// The scores of all rows within one output.
pub(crate) struct Scores<'a> {
    pub(crate) data: &'a TensorData,
    pub(crate) rows: usize,
    column: usize,
    width: usize,
}

impl<'a> Scores<'a> {
    /// The scores, where the contract names an output for them.
    pub(crate) fn of(contract: &Contract, outputs: &'a [Tensor]) -> Option<Self> {
        let score = contract.score.as_ref()?;
        let position = contract.outputs.iter().position(|output| output.name == score.output)?;
        let tensor = outputs.get(position)?;
        let width = width(tensor).unwrap_or(1);
        Some(Self { data: &tensor.data, rows: *tensor.shape.first()?, column: score.column, width })
    }

    /// The element that is the score of `row`.
    pub(crate) fn index(&self, row: usize) -> usize {
        row * self.width + self.column
    }

    /// The elements that are scores, row by row.
    pub(crate) fn indices(&self) -> impl Iterator<Item = usize> {
        (0..self.rows).map(|row| self.index(row))
    }
}

/// Elements per row of `[rows, …]`; `None` for `[rows]`.
pub(crate) fn width(tensor: &Tensor) -> Option<usize> {
    (tensor.shape.len() > 1).then(|| tensor.shape[1..].iter().product())
}

/// Whether the score is above the threshold; nothing is said of NaN.
pub(crate) fn above(data: &TensorData, index: usize, threshold: f64) -> Option<bool> {
    let score = match data {
        TensorData::Fp16(values) => half::f16::from_bits(*values.get(index)?).to_f64(),
        TensorData::Fp32(values) => f64::from(*values.get(index)?),
        TensorData::Fp64(values) => *values.get(index)?,
        _ => return None,
    };
    (!score.is_nan()).then_some(score > threshold)
}
