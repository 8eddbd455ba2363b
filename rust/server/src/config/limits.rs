//! What clients of the data port may cost.

use serde::{Deserialize, Serialize};

/// How often a principal may ask, how long things may take, how many bytes may be held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Requests a second of one principal, over all its keys; 0 is no limit.
    pub rate_per_second: f64,
    /// Requests that it may have saved up.
    pub burst: u32,
    /// Seconds that a client may take nothing of an answer that is ready.
    pub stalled_seconds: f64,
    /// Seconds for a TLS handshake.
    pub handshake_seconds: f64,
    /// Age in seconds at which a connection is asked to end.
    pub connection_seconds: f64,
    /// Bytes of bodies that are held at once.
    pub bytes_in_flight: usize,
    /// Memory that the process may use; 0 is the control group's limit, if it has one.
    pub memory_bytes: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            rate_per_second: 0.0,
            burst: 100,
            stalled_seconds: 30.0,
            handshake_seconds: 10.0,
            connection_seconds: 1800.0,
            bytes_in_flight: 64 << 20,
            memory_bytes: 0,
        }
    }
}
