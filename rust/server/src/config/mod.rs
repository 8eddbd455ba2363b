//! Settings of the server, as one struct.

mod limits;
mod tls;
mod traces;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Secret;
pub use limits::LimitsConfig;
pub use tls::TlsConfig;
pub use traces::TracesConfig;

/// Settings of a server; unknown names are refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// The home; `deployments/` and `artifacts/` are read and kept in it.
    pub home: PathBuf,
    /// Address of the data port: gRPC and REST.
    #[serde(default = "listen")]
    pub listen: String,
    /// Address of the admin port: health, metrics, drift, status.
    #[serde(default = "admin")]
    pub admin: String,
    /// Where deployments come from (`http://host:port`); without it, only the home's own are served.
    #[serde(default)]
    pub control: Option<String>,
    /// What the server shows to control.
    #[serde(default)]
    pub node_key: Option<Secret>,
    /// What the MACs of API keys are made with; without it no key is good.
    #[serde(default)]
    pub pepper: Option<Secret>,
    /// Whether requests must show a key or a certificate.
    #[serde(default)]
    pub require_keys: bool,
    /// What clients may cost.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// TLS on the data port; without it, it speaks in the clear.
    #[serde(default)]
    pub tls: Option<TlsConfig>,
    /// Whether every request leaves a line in `access.log` of the home.
    #[serde(default)]
    pub access_log: bool,
    /// Where the traces of requests go; without it there are none.
    #[serde(default)]
    pub traces: Option<TracesConfig>,
    /// Threads that answer requests; 0 is one per core.
    #[serde(default)]
    pub threads: usize,
    /// Microseconds for which a thread looks for the next request before it sleeps.
    #[serde(default = "spin_microseconds")]
    pub spin_microseconds: u64,
    /// Bytes of the largest body.
    #[serde(default = "body_limit")]
    pub body_limit: usize,
    /// Seconds in which a body must come in.
    #[serde(default = "body_seconds")]
    pub body_seconds: f64,
    /// Seconds in which an HTTP/1 header must come in; the wait for a next request on a kept connection counts.
    #[serde(default = "header_seconds")]
    pub header_seconds: f64,
    /// Connections held at once; one more is closed at once.
    #[serde(default = "connections")]
    pub connections: usize,
    /// Milliseconds that a request may wait for its answer when its sender says nothing.
    #[serde(default = "deadline_milliseconds")]
    pub deadline_milliseconds: u64,
    /// Milliseconds that a request may wait, whatever its sender says.
    #[serde(default = "deadline_limit_milliseconds")]
    pub deadline_limit_milliseconds: u64,
    /// Seconds that requests in flight have at shutdown.
    #[serde(default = "drain_seconds")]
    pub drain_seconds: u64,
}

fn listen() -> String {
    "127.0.0.1:8000".into()
}

fn admin() -> String {
    "127.0.0.1:8002".into()
}

const fn spin_microseconds() -> u64 {
    50
}

const fn body_limit() -> usize {
    4 << 20
}

const fn body_seconds() -> f64 {
    10.0
}

const fn header_seconds() -> f64 {
    75.0
}

const fn connections() -> usize {
    4096
}

const fn deadline_milliseconds() -> u64 {
    1000
}

const fn deadline_limit_milliseconds() -> u64 {
    30_000
}

const fn drain_seconds() -> u64 {
    20
}

impl ServerConfig {
    /// The defaults for a home.
    #[must_use]
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self {
            home: home.into(),
            listen: listen(),
            admin: admin(),
            control: None,
            node_key: None,
            pepper: None,
            require_keys: false,
            limits: LimitsConfig::default(),
            tls: None,
            access_log: false,
            traces: None,
            threads: 0,
            spin_microseconds: spin_microseconds(),
            body_limit: body_limit(),
            body_seconds: body_seconds(),
            header_seconds: header_seconds(),
            connections: connections(),
            deadline_milliseconds: deadline_milliseconds(),
            deadline_limit_milliseconds: deadline_limit_milliseconds(),
            drain_seconds: drain_seconds(),
        }
    }

    /// How many threads answer requests; the engine must have as many workers.
    #[must_use]
    pub fn workers(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            threads => threads,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_enough() {
        let config: ServerConfig = serde_json::from_str(r#"{"home": "/h"}"#).unwrap();
        assert_eq!(config, ServerConfig::new("/h"));
        assert!(config.workers() >= 1);
    }

    #[test]
    fn unknown_settings_are_named_and_the_key_is_not_shown() {
        let error = serde_json::from_str::<ServerConfig>(r#"{"home": "/h", "port": 1}"#).unwrap_err();
        assert!(error.to_string().contains("unknown field `port`"));
        let config: ServerConfig =
            serde_json::from_str(r#"{"home": "/h", "node_key": "tg_1_s3cret"}"#).unwrap();
        assert!(!format!("{config:?}").contains("s3cret"));
    }
}
