//! Counters for metrics: per variant, written by one thread per slot, summed when somebody reads.

/// Upper bounds of the duration buckets, in microseconds; one more bucket holds what is slower.
pub const DURATION_BOUNDS_US: [u64; 16] =
    [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_000_000];

/// A reading of one variant's counters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VariantStats {
    /// The endpoint's name.
    pub endpoint: String,
    /// The model.
    pub model: String,
    /// The version's number.
    pub version: String,
    /// Whether the variant never answers.
    pub shadow: bool,
    /// Requests scored.
    pub requests: u64,
    /// Rows scored.
    pub rows: u64,
    /// Requests that failed in the model.
    pub errors: u64,
    /// Time in the scorer, per request: not cumulative counts, one per bound of [`DURATION_BOUNDS_US`] and one above.
    pub durations: [u64; DURATION_BOUNDS_US.len() + 1],
    /// The sum of those times, in nanoseconds.
    pub duration_ns: u64,
}
