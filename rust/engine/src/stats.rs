//! What a variant did since it entered the plan: a reading of its counters, for metrics and statistics.

/// Upper bounds of the duration buckets, in microseconds; one more bucket holds what is slower.
pub const DURATION_BOUNDS_US: [u64; 16] =
    [5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_000_000];

/// A reading of one variant's counters.
///
/// A request's time is `input + queue + infer + output`, without a gap: until its batch was ready, until the model began,
/// until the model ended, until the answer was encoded (drift and log are in the last). Requests in one run of the model
/// are each charged the whole run, as Triton's statistics do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    /// Requests that failed in the model; what is refused before does not reach it.
    pub errors: u64,
    /// The time of those, in nanoseconds.
    pub error_ns: u64,
    /// Runs of the model; several requests can share one.
    pub executions: u64,
    /// Time in the scorer, per request: not cumulative counts, one per bound of [`DURATION_BOUNDS_US`] and one above.
    pub durations: [u64; DURATION_BOUNDS_US.len() + 1],
    /// Nanoseconds until batches were ready: decoded and routed.
    pub input_ns: u64,
    /// Nanoseconds in a queue.
    pub queue_ns: u64,
    /// Nanoseconds in the scorer: the sum of `durations`.
    pub duration_ns: u64,
    /// Nanoseconds from the model's end until answers were encoded.
    pub output_ns: u64,
    /// When the last request came, in milliseconds UTC; 0 before the first.
    pub last_inference_ms: u64,
    /// The sizes of batch that the model ran, smallest first.
    pub batches: Vec<BatchStats>,
}

impl VariantStats {
    /// Nanoseconds of all requests that were answered.
    #[must_use]
    pub const fn success_ns(&self) -> u64 {
        self.input_ns.wrapping_add(self.queue_ns).wrapping_add(self.duration_ns).wrapping_add(self.output_ns)
    }
}

/// The runs of a model with one size of batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchStats {
    /// Rows of the batch. A model that met more than 64 sizes has further ones rounded up to a power of two.
    pub rows: u64,
    /// Runs.
    pub executions: u64,
    /// Nanoseconds until the requests of those runs were ready.
    pub input_ns: u64,
    /// Nanoseconds of the runs.
    pub infer_ns: u64,
    /// Nanoseconds from the runs' ends until the requests' answers were encoded.
    pub output_ns: u64,
}
