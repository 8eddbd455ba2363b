//! Where the traces of requests go.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Which requests leave a trace, and the collector that it is sent to (OTLP over HTTP, protobuf).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TracesConfig {
    /// The URL that spans are posted to; without a path, `/v1/traces` is meant.
    pub endpoint: String,
    /// Share of the requests without a parent that are traced; a parent decides for its children.
    #[serde(default = "sample_ratio")]
    pub sample_ratio: f64,
    /// What the spans say that they come from.
    #[serde(default = "service_name")]
    pub service_name: String,
    /// A file of `name: value` lines: headers for the collector, for its owner's eyes only.
    #[serde(default)]
    pub headers_file: Option<PathBuf>,
    /// Seconds for which one batch is tried.
    #[serde(default = "timeout_seconds")]
    pub timeout_seconds: f64,
    /// Milliseconds between two batches, unless many spans wait.
    #[serde(default = "interval_milliseconds")]
    pub interval_milliseconds: u64,
    /// Traced requests that may wait; then the newest is dropped and counted.
    #[serde(default = "queue_requests")]
    pub queue_requests: usize,
}

const fn sample_ratio() -> f64 {
    1.0
}

fn service_name() -> String {
    "tidegate".into()
}

const fn timeout_seconds() -> f64 {
    10.0
}

const fn interval_milliseconds() -> u64 {
    1000
}

const fn queue_requests() -> usize {
    2048
}

impl TracesConfig {
    /// Everything to the collector at `endpoint`.
    #[must_use]
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            sample_ratio: sample_ratio(),
            service_name: service_name(),
            headers_file: None,
            timeout_seconds: timeout_seconds(),
            interval_milliseconds: interval_milliseconds(),
            queue_requests: queue_requests(),
        }
    }
}
