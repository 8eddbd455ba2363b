//! What a model takes and gives: named tensors.

use serde::{Deserialize, Serialize};

use crate::DataType;

/// A named tensor of a model, as the protocol's metadata shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// The tensor's name in the graph.
    pub name: String,
    /// Its element type.
    pub datatype: DataType,
    /// Dimensions; -1 is variable. The first one counts rows.
    pub shape: Vec<i64>,
}

/// The named inputs and outputs of a model, in graph order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// Inputs, in the order in which a [`crate::Scorer`] takes them.
    pub inputs: Vec<TensorSpec>,
    /// Outputs, in the order in which a [`crate::Scorer`] gives them.
    pub outputs: Vec<TensorSpec>,
}
