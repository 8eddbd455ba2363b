//! What to measure, and what came out.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What to send where, and for how long.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// `host:port` of the server.
    pub(crate) address: String,
    /// The method's path, such as `/inference.GRPCInferenceService/ModelInfer`.
    pub(crate) path: String,
    /// File with the serialized request message.
    pub(crate) message: PathBuf,
    /// Connections, each with one request in flight.
    pub(crate) connections: usize,
    /// Threads that they are spread over.
    pub(crate) threads: usize,
    /// How long.
    pub(crate) seconds: f64,
}

/// What a run gave.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    requests: usize,
    seconds: f64,
    per_second: f64,
    p50_us: u64,
    p99_us: u64,
}

impl Summary {
    /// The figures of all requests together.
    pub(crate) fn of(mut latencies: Vec<Duration>, elapsed: Duration) -> Self {
        latencies.sort_unstable();
        let at = |share: f64| {
            let index = (latencies.len() as f64 * share) as usize;
            let latency = latencies.get(index).or(latencies.last()).copied().unwrap_or_default();
            latency.as_micros() as u64
        };
        Self {
            requests: latencies.len(),
            seconds: elapsed.as_secs_f64(),
            per_second: latencies.len() as f64 / elapsed.as_secs_f64(),
            p50_us: at(0.5),
            p99_us: at(0.99),
        }
    }
}
