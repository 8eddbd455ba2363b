//! What happens to a value between an input of the graph and the trees: imputing, scaling, casting, encoding.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;
use tidegate_model::{Tensor, TensorData};

/// A column of the table that the trees read.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// The graph's input.
    pub(crate) input: usize,
    /// The column within that input, and how many it has.
    pub(crate) offset: usize,
    pub(crate) stride: usize,
    /// What is done to each value, in order.
    pub(crate) steps: SmallVec<[Step; 2]>,
    /// How strings become numbers; set if the input holds strings.
    pub(crate) codes: Option<Arc<Codes>>,
}

/// One operation on a float.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    /// A value equal to `replaced` (NaN equals NaN here) becomes `by`.
    Impute { replaced: f32, by: f32 },
    /// `(x - offset) * scale`
    Scale { offset: f32, scale: f32 },
}

/// A `LabelEncoder` from strings to numbers.
#[derive(Debug)]
pub(crate) struct Codes {
    codes: HashMap<Box<[u8]>, f32>,
    other: f32,
}

impl Codes {
    /// `None` when a key stands twice.
    pub(crate) fn new(keys: &[&[u8]], values: &[f32], other: f32) -> Option<Self> {
        let codes: HashMap<Box<[u8]>, f32> =
            keys.iter().zip(values).map(|(&key, &value)| (key.into(), value)).collect();
        (codes.len() == keys.len() && keys.len() == values.len()).then_some(Self { codes, other })
    }

    fn code(&self, text: &[u8]) -> f32 {
        self.codes.get(text).copied().unwrap_or(self.other)
    }

    /// The strings that are told from others, in a fixed order.
    pub(crate) fn keys(&self) -> Vec<&[u8]> {
        let mut keys: Vec<&[u8]> = self.codes.keys().map(|key| &key[..]).collect();
        keys.sort_unstable();
        keys
    }
}

/// Equal as floats are, or both NaN.
#[expect(clippy::float_cmp, reason = "exactly that")]
fn same(a: f32, b: f32) -> bool {
    a == b || (a.is_nan() && b.is_nan())
}

impl Step {
    fn apply(self, x: f32) -> f32 {
        match self {
            Self::Impute { replaced, by } if same(x, replaced) => by,
            Self::Impute { .. } => x,
            Self::Scale { offset, scale } => (x - offset) * scale,
        }
    }

    /// A value that the step turns into one near `y`.
    fn invert(self, y: f32) -> f32 {
        match self {
            Self::Impute { .. } => y,
            Self::Scale { offset, scale } => y / scale + offset,
        }
    }
}

impl Column {
    /// Whether the trees read the input as it comes.
    pub(crate) fn plain(&self) -> bool {
        self.steps.is_empty() && self.codes.is_none()
    }

    /// A value of the input which the trees read as one near `y`.
    pub(crate) fn invert(&self, y: f32) -> f32 {
        self.steps.iter().rev().fold(y, |y, step| step.invert(y))
    }

    /// Gives `rows` values from row `first` on to `put`, with their number from 0.
    pub(crate) fn read(
        &self,
        inputs: &[&Tensor],
        first: usize,
        rows: usize,
        mut put: impl FnMut(usize, f32),
    ) {
        let start = first * self.stride + self.offset;
        match inputs.get(self.input).map(|tensor| &tensor.data) {
            Some(TensorData::Fp32(values)) => {
                let values = values.get(start..).unwrap_or_default().iter().step_by(self.stride);
                values.take(rows).enumerate().for_each(|(row, &x)| put(row, self.finish(x)));
            }
            Some(TensorData::Int64(values)) => {
                let values = values.get(start..).unwrap_or_default().iter().step_by(self.stride);
                values.take(rows).enumerate().for_each(|(row, &x)| put(row, self.finish(x as f32)));
            }
            Some(TensorData::Bytes(values)) => {
                for row in 0..rows {
                    let text = values.get(start + row * self.stride).unwrap_or_default();
                    let code = self.codes.as_ref().map_or(0.0, |codes| codes.code(text));
                    put(row, self.finish(code));
                }
            }
            _ => {}
        }
    }

    fn finish(&self, x: f32) -> f32 {
        self.steps.iter().fold(x, |x, step| step.apply(x))
    }
}
