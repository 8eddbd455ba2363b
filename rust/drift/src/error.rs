//! What can be wrong with profiles and counts.

use arrow_schema::ArrowError;
use thiserror::Error;

/// A refused reference profile.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// A reference without a single row.
    #[error("reference values: expected at least 1, got 0")]
    NoRows,
    /// More reference rows than statistics can count exactly.
    #[error("reference rows: expected at most 2^62")]
    TooManyRows,
    /// Fewer than two bins, or more than there is room for.
    #[error("bins: expected 2 to 1000, got {got}")]
    Bins {
        /// Bins asked for.
        got: usize,
    },
    /// A grid too small to hold the bin edges and both ends.
    #[error("points: expected at least {expected}, got {got}")]
    GridTooSmall {
        /// The least number of points for the number of bins.
        expected: usize,
        /// Points asked for.
        got: usize,
    },
    /// A profile without features.
    #[error("features: expected at least 1, got 0")]
    NoFeatures,
    /// Two features of one name and role.
    #[error("feature `{name}`: its name stands twice among the {role} features")]
    DuplicateFeature {
        /// The name.
        name: String,
        /// `input` or `score`.
        role: &'static str,
    },
    /// A profile past the 32-bit offsets of its Arrow columns.
    #[error("reference profile: expected at most 2^31 - 1 points, and as many bytes of categories")]
    TooLarge,
    /// Bytes that are not an Arrow IPC file of this format.
    #[error("not a reference profile: {problem}")]
    Format {
        /// What was expected and what came.
        problem: String,
    },
    /// Bytes that the Arrow library could not write or read.
    #[error("reference profile: Arrow IPC failed")]
    Arrow(#[from] ArrowError),
}

/// Counts that do not fit a profile or each other.
#[derive(Debug, Error)]
pub enum CountsError {
    /// A feature index past the end.
    #[error("feature {index}: the profile has {features}")]
    NoSuchFeature {
        /// The index asked for.
        index: usize,
        /// Features of the profile.
        features: usize,
    },
    /// Numbers counted for a categorical feature, or strings for a numeric one.
    #[error("feature `{feature}` is {expected}, values were {got}")]
    Kind {
        /// The feature's name.
        feature: String,
        /// `numeric` or `categorical`.
        expected: &'static str,
        /// `numeric` or `categorical`.
        got: &'static str,
    },
    /// A column with stride 0.
    #[error("stride: expected at least 1, got 0")]
    Stride,
    /// Counts of another number of features.
    #[error("counts of {expected} features expected, got {got}")]
    FeatureCount {
        /// Features here.
        expected: usize,
        /// Features there.
        got: usize,
    },
    /// Counts of a feature with another number of cells.
    #[error("feature {index}: {expected} cells expected, got {got}")]
    CellCount {
        /// Position of the feature.
        index: usize,
        /// Cells here.
        expected: usize,
        /// Cells there.
        got: usize,
    },
    /// A subtraction of more than there is.
    #[error("feature {index}: cannot subtract more than was counted")]
    Underflow {
        /// Position of the feature.
        index: usize,
    },
    /// A sum past 2^62 rows.
    #[error("feature {index}: more than 2^62 rows")]
    Overflow {
        /// Position of the feature.
        index: usize,
    },
    /// Counts past the 32-bit offsets of their Arrow columns.
    #[error("drift counts: expected at most 2^31 - 1 cells")]
    TooLarge,
    /// Bytes that are not an Arrow IPC stream of this format.
    #[error("not drift counts: {problem}")]
    Format {
        /// What was expected and what came.
        problem: String,
    },
    /// Bytes that the Arrow library could not write or read.
    #[error("drift counts: Arrow IPC failed")]
    Arrow(#[from] ArrowError),
}
