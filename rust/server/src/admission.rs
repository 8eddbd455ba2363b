//! Who asks, and whether they may: decided on headers alone, before a body is read.

use std::sync::Arc;

use http::HeaderMap;
use tidegate_engine::{Priority, ScoreRequest};
use tidegate_model::Batch;

use crate::fault::Fault;
use crate::plane::Plane;

/// What a call needs its caller to be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// Nothing: health alone.
    Open,
    /// To see what is served: metadata, statistics, configuration.
    Look,
    /// To score on an endpoint.
    Score,
    /// To tell outcomes.
    Feedback,
}

/// A request's sender, let in.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Its name, as logged.
    pub(crate) principal: Arc<str>,
    /// Whether it may ask for a version by name.
    pub(crate) may_pin: bool,
    /// When it stops waiting.
    pub(crate) deadline: Option<std::time::Instant>,
}

impl Caller {
    /// A request of this caller, without routing key, version or event time.
    pub(crate) fn request(&self, batch: Batch) -> ScoreRequest {
        ScoreRequest {
            pin_allowed: self.may_pin,
            deadline: self.deadline,
            priority: Priority::Interactive,
            ..ScoreRequest::new(batch, Arc::clone(&self.principal))
        }
    }
}

/// Lets a request in, or says why not. `endpoint` is the one it names, if any.
///
/// The port is open to the loopback principal `local`.
#[expect(clippy::unnecessary_wraps, reason = "keys are refused here")]
pub(crate) fn admit(
    _plane: &Plane,
    _headers: &HeaderMap,
    _right: Right,
    _endpoint: Option<&str>,
) -> Result<Caller, Fault> {
    Ok(Caller { principal: "local".into(), may_pin: true, deadline: None })
}
