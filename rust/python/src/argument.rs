//! What can be wrong with an argument before any crate sees it.

/// An argument that can't be converted. The text names it, what was expected and what came.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArgumentError {
    /// Not an array.
    #[error("'{name}' must be a numpy array, got {found}")]
    NotArray { name: String, found: String },
    /// An array of a dtype that has no counterpart.
    #[error("'{name}' has dtype {found}, expected a number, bool or string dtype in native byte order")]
    Dtype { name: String, found: String },
    /// Strings where numbers are needed.
    #[error("'{name}' must be numbers, got {found}")]
    NotNumbers { name: String, found: String },
    /// An element that is no string.
    #[error("'{name}' must hold str or bytes, got {found} at {index}")]
    NotText { name: String, index: usize, found: String },
    /// A missing element where none may be.
    #[error("'{name}' holds None at {index}")]
    Missing { name: String, index: usize },
    /// An array of another rank.
    #[error("'{name}' must have one dimension, got shape {found:?}")]
    Rank { name: String, found: Vec<usize> },
    /// An input that the model lacks.
    #[error("unknown input '{name}'; the model takes: {expected}")]
    UnknownInput { name: String, expected: String },
    /// An output that the contract lacks.
    #[error("there is no output '{name}'; there are: {expected}")]
    UnknownOutput { name: String, expected: String },
    /// An input that the model has.
    #[error("input '{0}' is missing")]
    MissingInput(String),
    /// A feature that the profile lacks.
    #[error("the profile has no {role} feature '{name}'")]
    UnknownFeature { name: String, role: &'static str },
    /// Neither role.
    #[error("role must be 'input' or 'score', got '{0}'")]
    Role(String),
    /// A question about a feature of the other kind.
    #[error("feature '{name}' is {found}, only a {expected} one has {what}")]
    Kind { name: String, found: &'static str, expected: &'static str, what: &'static str },
    /// Counts of another variant.
    #[error("the counts hold no variant '{variant}'; they hold: {found}")]
    UnknownVariant { variant: String, found: String },
    /// Stacks of another number of slots.
    #[error("stacks hold {found} slots, expected {expected}")]
    Slots { expected: u32, found: u32 },
    /// Counts of two different sets of bins.
    #[error("live has {found} bins, reference {expected}")]
    Bins { expected: usize, found: usize },
    /// A file that is no log segment.
    #[error("{0}")]
    Segment(std::io::Error),
    /// A significance level outside (0, 1).
    #[error("alpha must be between 0 and 1, got {0}")]
    Alpha(f64),
    /// A kernel that there is not.
    #[error("kernel must be 'auto' or 'onnxruntime', got '{0}'")]
    Kernel(String),
    /// A kind of urn that there is not.
    #[error("urn must be 'gap' or 'count', got '{0}'")]
    Urn(String),
    /// A reference that can't be drawn from, or a design effect below 1.
    #[error(
        "expected at least two bins, a reference row (in each bin of a gap urn), a design effect of at least 1"
    )]
    Reference,
}
