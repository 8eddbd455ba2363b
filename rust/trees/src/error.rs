//! Why a model is none for the native kernel, in words that follow "runs on ONNX Runtime: ".

/// Why a model can't run on the native kernel. None of it is the model's fault: ONNX Runtime runs it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreesError {
    /// The bytes end within a field, or say something twice.
    #[error("the native kernel can't read the bytes as one ONNX graph")]
    Damaged,
    /// The model has a part that the reader does not follow.
    #[error("the model has {0}")]
    Model(&'static str),
    /// An operator that the matcher does not know.
    #[error("the graph has a node {0} that the native kernel does not know")]
    Node(String),
    /// A known operator, used in a way that the matcher does not know.
    #[error("a node {operator} of the graph {problem}")]
    Use {
        /// The operator.
        operator: String,
        /// What is unknown about it.
        problem: &'static str,
    },
    /// An attribute that the matcher does not know.
    #[error(
        "a node {operator} of the graph has an attribute {attribute} that the native kernel does not know"
    )]
    Attribute {
        /// The operator.
        operator: String,
        /// The attribute.
        attribute: String,
    },
    /// An input that is no table of numbers or strings.
    #[error("input '{name}' is not {expected}")]
    Input {
        /// The input.
        name: String,
        /// What it would have to be.
        expected: &'static str,
    },
    /// The graph has no tree ensemble.
    #[error("the graph is no tree ensemble")]
    NoTrees,
    /// An output that is not the ensemble's.
    #[error("output '{0}' is not what the tree ensemble answers")]
    Output(String),
    /// Trees of a shape that the kernel does not walk.
    #[error("the tree ensemble {0}")]
    Trees(&'static str),
    /// More of something than the kernel's layout holds.
    #[error("the tree ensemble has {found} {what}, the native kernel holds {most}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many would fit.
        most: usize,
    },
}
