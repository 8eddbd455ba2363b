//! What principals may cost.

use serde::{Deserialize, Serialize};

/// How often a principal may ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Requests a second of one principal, over all its keys; 0 is no limit.
    pub rate_per_second: f64,
    /// Requests that it may have saved up.
    pub burst: u32,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { rate_per_second: 0.0, burst: 100 }
    }
}
