//! A tree ensemble behind the `Scorer` trait.

use tidegate_model::{BytesColumn, ScoreError, Scorer, Shape, Signature, Tensor, TensorData, TensorSpec};

use crate::TreesError;
use crate::finish::Finish;
use crate::forest::Forest;
use crate::kernel::{Kernel, Way};
use crate::matching::{Answer, Labels, Matched};

/// A tree ensemble. Any number of threads score on it at once.
#[derive(Debug)]
pub struct TreeScorer {
    signature: Signature,
    pub(crate) kernel: Kernel,
    pub(crate) way: Way,
    finish: Finish,
    labels: Labels,
    outputs: Vec<Answer>,
    operator: &'static str,
}

impl TreeScorer {
    /// Reads a model whose graph is a tree ensemble.
    ///
    /// # Errors
    /// [`TreesError`], why it is not one that this crate knows. It says nothing against the model.
    pub fn from_bytes(onnx: &[u8]) -> Result<Self, TreesError> {
        let Matched { signature, columns, ensemble, finish, labels, outputs } = Matched::new(onnx)?;
        let forest = Forest::new(&ensemble, columns.len())?;
        let operator = match labels {
            Labels::None => "TreeEnsembleRegressor",
            _ => "TreeEnsembleClassifier",
        };
        let kernel = Kernel::new(columns, forest);
        Ok(Self { signature, kernel, way: Way::best(), finish, labels, outputs, operator })
    }

    /// The same model on portable code, whatever the machine has.
    #[must_use]
    pub fn portable(self) -> Self {
        Self { way: Way::Portable, ..self }
    }

    /// How many trees it has, and of which operator they are.
    #[must_use]
    pub fn describe(&self) -> String {
        let trees = self.kernel.forest.trees();
        format!("{trees} {} in one {}", if trees == 1 { "tree" } else { "trees" }, self.operator)
    }

    /// How many trees it has.
    #[must_use]
    pub fn trees(&self) -> usize {
        self.kernel.forest.trees()
    }
}

impl Scorer for TreeScorer {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn score(&self, rows: usize, inputs: &[&Tensor]) -> Result<Vec<Tensor>, ScoreError> {
        let specs = &self.signature.inputs;
        if inputs.len() != specs.len() {
            let text = format!("expected {} inputs, got {}", specs.len(), inputs.len());
            return Err(ScoreError::Mismatch(text));
        }
        for (spec, tensor) in specs.iter().zip(inputs) {
            fit(spec, rows, tensor)?;
        }
        let width = self.finish.width();
        let mut scores = vec![0.0; rows * width];
        let mut classes = Classes::new(&self.labels, rows);
        self.kernel.sums(self.way, rows, inputs, |row, sums| {
            let class = self.finish.row(sums, &mut scores[row * width..(row + 1) * width]);
            classes.push(class);
        });
        let scores = Tensor { shape: Shape::from_slice(&[rows, width]), data: TensorData::Fp32(scores) };
        let labels = classes.tensor(rows);
        Ok(answers(&self.outputs, labels, scores))
    }
}

/// The outputs in order; each is one of the two, mostly once.
fn answers(outputs: &[Answer], labels: Option<Tensor>, scores: Tensor) -> Vec<Tensor> {
    match (outputs, labels) {
        ([Answer::Label, Answer::Scores], Some(labels)) => vec![labels, scores],
        ([Answer::Scores], _) => vec![scores],
        (outputs, labels) => outputs
            .iter()
            .filter_map(|output| match output {
                Answer::Label => labels.clone(),
                Answer::Scores => Some(scores.clone()),
            })
            .collect(),
    }
}

/// Labels as rows come.
enum Classes<'a> {
    None,
    Integers(&'a [i64], Vec<i64>),
    Texts(&'a [Vec<u8>], BytesColumn),
}

impl<'a> Classes<'a> {
    fn new(labels: &'a Labels, rows: usize) -> Self {
        match labels {
            Labels::None => Self::None,
            Labels::Integers(names) => Self::Integers(names, Vec::with_capacity(rows)),
            Labels::Texts(names) => {
                let longest = names.iter().map(Vec::len).max().unwrap_or(0);
                Self::Texts(names, BytesColumn::with_capacity(rows, rows * longest))
            }
        }
    }

    fn push(&mut self, class: usize) {
        match self {
            Self::None => {}
            Self::Integers(names, labels) => labels.push(names.get(class).copied().unwrap_or(0)),
            Self::Texts(names, labels) => labels.push(names.get(class).map_or(&[], |name| &name[..])),
        }
    }

    fn tensor(self, rows: usize) -> Option<Tensor> {
        let data = match self {
            Self::None => return None,
            Self::Integers(_, labels) => TensorData::Int64(labels),
            Self::Texts(_, labels) => TensorData::Bytes(labels),
        };
        Some(Tensor { shape: Shape::from_slice(&[rows]), data })
    }
}

/// Checks a tensor as the ONNX scorer does: a column may come as `[rows]` or `[rows, 1]`.
fn fit(spec: &TensorSpec, rows: usize, tensor: &Tensor) -> Result<(), ScoreError> {
    let width = spec.shape.get(1).and_then(|&width| usize::try_from(width).ok()).unwrap_or(1);
    let shaped = match tensor.shape[..] {
        [first] => first == rows && width == 1,
        [first, second] => first == rows && second == width,
        _ => false,
    };
    let whole = rows > 0 && rows.checked_mul(width) == Some(tensor.data.len());
    if shaped && whole && tensor.data.datatype() == spec.datatype {
        return Ok(());
    }
    Err(ScoreError::Mismatch(format!(
        "input '{}' must be {} {:?} with {rows} rows, got {} {:?} with {} elements",
        spec.name,
        spec.datatype,
        spec.shape,
        tensor.data.datatype(),
        &tensor.shape[..],
        tensor.data.len(),
    )))
}
