//! What to measure.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

/// What to send where, how, and for how long.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    /// `host:port` of the server.
    pub(crate) address: String,
    /// How it is spoken to.
    pub(crate) protocol: Protocol,
    /// The path, such as `/inference.GRPCInferenceService/ModelInfer`.
    pub(crate) path: String,
    /// Headers beyond those that the protocol asks for.
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    /// File of the messages that are sent in turn; see [`crate::messages`].
    pub(crate) messages: PathBuf,
    /// File of what the answer to each message must hold.
    #[serde(default)]
    pub(crate) answers: Option<PathBuf>,
    /// Connections.
    pub(crate) connections: usize,
    /// Requests in flight on each at most; HTTP/1.1 has one.
    #[serde(default = "one")]
    pub(crate) streams: usize,
    /// Threads that the connections are spread over.
    #[serde(default = "one")]
    pub(crate) threads: usize,
    /// How long.
    pub(crate) seconds: f64,
    /// Stop earlier, after so many requests.
    #[serde(default)]
    pub(crate) requests: Option<u64>,
    /// Requests a second, whether answers come or not (an open loop); without it, the next one follows an answer.
    #[serde(default)]
    pub(crate) rate: Option<f64>,
    /// How an open loop's requests are spaced.
    #[serde(default)]
    pub(crate) arrivals: Arrivals,
    /// How long each request may take from the moment that it was meant to be sent.
    #[serde(default)]
    pub(crate) timeout_ms: Option<u64>,
}

const fn one() -> usize {
    1
}

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Protocol {
    /// gRPC over clear-text HTTP/2.
    Grpc,
    /// HTTP/1.1 over kept connections.
    Http,
}

/// Spacing of an open loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Arrivals {
    /// Independent of one another.
    #[default]
    Poisson,
    /// Equally far apart.
    Fixed,
}

impl Plan {
    /// Reads a plan and refuses one that can't be carried out.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        let plan: Self = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let positive = |value: f64| value.is_finite() && value > 0.0;
        if plan.connections == 0 || plan.streams == 0 || plan.threads == 0 {
            return Err("connections, streams and threads must be at least 1".into());
        }
        if plan.protocol == Protocol::Http && plan.streams > 1 {
            return Err("an HTTP/1.1 connection has one request in flight: streams must be 1".into());
        }
        if !positive(plan.seconds) || plan.rate.is_some_and(|rate| !positive(rate)) {
            return Err("seconds and rate must be above 0".into());
        }
        Ok(plan)
    }

    /// [`Self::timeout_ms`].
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout_ms.map(Duration::from_millis)
    }

    /// How many of `requests` fall to connection `index`.
    pub(crate) fn requests_of(&self, index: usize) -> u64 {
        let Some(requests) = self.requests else { return u64::MAX };
        let connections = self.connections as u64;
        requests / connections + u64::from((index as u64) < requests % connections)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = r#""address": "a:1", "path": "/p", "messages": "m", "seconds": 1"#;

    fn parse(more: &str) -> Result<Plan, String> {
        Plan::parse(&format!("{{{LEAST}, {more}}}"))
    }

    #[test]
    fn a_closed_loop_is_the_default() {
        let plan = parse(r#""protocol": "grpc", "connections": 16"#).unwrap();
        assert_eq!((plan.streams, plan.threads, plan.rate, plan.timeout()), (1, 1, None, None));
    }

    #[test]
    fn what_cannot_be_carried_out_is_refused() {
        for (more, word) in [
            (r#""protocol": "grpc", "connections": 0"#, "at least 1"),
            (r#""protocol": "http", "connections": 1, "streams": 2"#, "streams must be 1"),
            (r#""protocol": "http", "connections": 1, "rate": 0"#, "above 0"),
            (r#""protocol": "http", "connections": 1, "rat": 1"#, "unknown field `rat`"),
            (r#""protocol": "spdy", "connections": 1"#, "unknown variant"),
        ] {
            let error = parse(more).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn requests_are_dealt_out_whole() {
        let plan = parse(r#""protocol": "http", "connections": 3, "requests": 11"#).unwrap();
        assert_eq!((0..3).map(|index| plan.requests_of(index)).collect::<Vec<_>>(), [4, 4, 3]);
    }
}
