//! The contract of an endpoint: what its clients send and get, whichever version answers.

use serde::{Deserialize, Serialize};

use crate::{DataType, TensorSpec};

/// A named input of an endpoint: one column (`[-1]` or `[-1, 1]`) or a matrix of features (`[-1, k]`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputSpec {
    /// The tensor's name.
    pub name: String,
    /// Its element type.
    pub datatype: DataType,
    /// Dimensions; the first is -1 (rows), a second one is fixed.
    pub shape: Vec<i64>,
    /// The feature names, one per column of the tensor.
    pub columns: Vec<String>,
    /// The string that stands for a missing value in a `BYTES` column; without it null is refused there.
    #[serde(default)]
    pub missing: Option<String>,
}

impl InputSpec {
    /// Number of features in one row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.columns.len()
    }
}

/// What a context column is for. Context is accepted and logged, and never fed to a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ContextRole {
    /// The routing key; equal in all rows of a request.
    Key,
    /// A segment that reports may be split by.
    Segment,
    /// Only logged.
    Log,
}

/// A context column: optional in a request, one value per row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextSpec {
    /// The column's name.
    pub name: String,
    /// Its element type; a key is an integer or `BYTES`.
    pub datatype: DataType,
    /// What it is for.
    pub role: ContextRole,
}

/// Where the score of a row is found: a column of a floating output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoreSpec {
    /// The output's name.
    pub output: String,
    /// The column within it (1 for the positive class of a binary classifier).
    pub column: usize,
}

/// The whole contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Contract {
    /// Inputs; those of every variant are a subset.
    pub inputs: Vec<InputSpec>,
    /// Context columns.
    #[serde(default)]
    pub context: Vec<ContextSpec>,
    /// Outputs; every variant gives all of them.
    pub outputs: Vec<TensorSpec>,
    /// Which output is the score that drift and performance are measured on.
    #[serde(default)]
    pub score: Option<ScoreSpec>,
    /// A score above it decides for the positive class.
    #[serde(default = "half")]
    pub threshold: f64,
}

const fn half() -> f64 {
    0.5
}

/// Why a contract is no contract.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContractError {
    /// Two inputs, features or context columns share a name.
    #[error("the name '{0}' stands twice in the contract")]
    Duplicate(String),
    /// An input's shape is neither `[-1]` nor `[-1, k]` with one feature name per column.
    #[error("input '{0}' must have shape [-1] or [-1, k] and one feature name per column")]
    Shape(String),
    /// The score names no floating output, or a column that it lacks.
    #[error("the score names output '{0}', column {1}, which is not a column of a floating output")]
    Score(String, usize),
    /// A routing key of a type that has no exact text form.
    #[error("context column '{0}' is a routing key and must be an integer or BYTES")]
    Key(String),
    /// The threshold is not a number.
    #[error("the threshold must be a finite number")]
    Threshold,
}

impl Contract {
    /// Checks what the fields alone can't express.
    ///
    /// # Errors
    /// The first [`ContractError`] found.
    pub fn validate(&self) -> Result<(), ContractError> {
        self.check_names()?;
        for input in &self.inputs {
            let width = match input.shape[..] {
                [-1] => 1,
                [-1, k] if k > 0 => usize::try_from(k).unwrap_or(usize::MAX),
                _ => return Err(ContractError::Shape(input.name.clone())),
            };
            if width != input.columns.len() {
                return Err(ContractError::Shape(input.name.clone()));
            }
        }
        for column in &self.context {
            let integer = !column.datatype.is_float() && column.datatype != DataType::Bool;
            if column.role == ContextRole::Key && !integer {
                return Err(ContractError::Key(column.name.clone()));
            }
        }
        if !self.threshold.is_finite() {
            return Err(ContractError::Threshold);
        }
        self.check_score()
    }

    /// The position of the input of that name.
    #[must_use]
    pub fn input(&self, name: &str) -> Option<usize> {
        self.inputs.iter().position(|input| input.name == name)
    }

    /// The position of the context column of that name.
    #[must_use]
    pub fn context_column(&self, name: &str) -> Option<usize> {
        self.context.iter().position(|column| column.name == name)
    }

    fn check_names(&self) -> Result<(), ContractError> {
        let mut seen = std::collections::HashSet::new();
        let features = self.inputs.iter().flat_map(|input| &input.columns);
        let context = self.context.iter().map(|column| &column.name);
        for name in features.chain(context) {
            if !seen.insert(name) {
                return Err(ContractError::Duplicate(name.clone()));
            }
        }
        let mut inputs = std::collections::HashSet::new();
        match self.inputs.iter().find(|input| !inputs.insert(&input.name)) {
            Some(twice) => Err(ContractError::Duplicate(twice.name.clone())),
            None => Ok(()),
        }
    }

    fn check_score(&self) -> Result<(), ContractError> {
        let Some(score) = &self.score else { return Ok(()) };
        let found = self.outputs.iter().any(|output| {
            let width = output.shape.get(1).copied().unwrap_or(1);
            output.name == score.output
                && output.datatype.is_float()
                && (width < 0 || score.column < usize::try_from(width).unwrap_or(0))
        });
        if found { Ok(()) } else { Err(ContractError::Score(score.output.clone(), score.column)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract() -> Contract {
        Contract {
            inputs: vec![InputSpec {
                name: "x".into(),
                datatype: DataType::Fp32,
                shape: vec![-1, 2],
                columns: vec!["a".into(), "b".into()],
                missing: None,
            }],
            context: vec![],
            outputs: vec![TensorSpec { name: "p".into(), datatype: DataType::Fp32, shape: vec![-1, 2] }],
            score: Some(ScoreSpec { output: "p".into(), column: 1 }),
            threshold: 0.5,
        }
    }

    #[test]
    fn a_good_contract_passes() {
        assert_eq!(contract().validate(), Ok(()));
    }

    #[test]
    fn each_fault_is_named() {
        let mut twice = contract();
        twice.inputs[0].columns[1] = "a".into();
        assert_eq!(twice.validate(), Err(ContractError::Duplicate("a".into())));

        let mut narrow = contract();
        narrow.inputs[0].columns.pop();
        assert_eq!(narrow.validate(), Err(ContractError::Shape("x".into())));

        let mut column = contract();
        column.score = Some(ScoreSpec { output: "p".into(), column: 2 });
        assert_eq!(column.validate(), Err(ContractError::Score("p".into(), 2)));

        let mut key = contract();
        key.context.push(ContextSpec { name: "k".into(), datatype: DataType::Fp64, role: ContextRole::Key });
        assert_eq!(key.validate(), Err(ContractError::Key("k".into())));

        let mut threshold = contract();
        threshold.threshold = f64::NAN;
        assert_eq!(threshold.validate(), Err(ContractError::Threshold));
    }
}
