//! Who asks, and whether they may: decided on headers alone, before a body is read.

use std::sync::Arc;

use http::HeaderMap;
use tidegate_engine::{Priority, ScoreRequest};
use tidegate_model::Batch;

use crate::ErrorKind;
use crate::access::{Identity, Named};
use crate::deadline::Deadline;
use crate::fault::Fault;
use crate::memory::Level;
use crate::plane::Desk;
use crate::traces::Span;

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

impl Right {
    /// What somebody wants who needs it.
    pub(crate) const fn verb(self) -> &'static str {
        match self {
            Self::Open => "ask for its health",
            Self::Look => "see what is served here",
            Self::Score => "score",
            Self::Feedback => "tell outcomes",
        }
    }
}

/// A request's sender, let in.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// Its name, as logged.
    pub(crate) principal: Arc<str>,
    /// Whether it may ask for a version by name.
    pub(crate) may_pin: bool,
    /// When it stops waiting.
    pub(crate) deadline: Deadline,
    /// What its request is traced in.
    pub(crate) span: Option<Arc<Span>>,
}

impl Caller {
    fn of(identity: &Identity, deadline: Deadline) -> Self {
        let may_pin = identity.rights.has(Named::Pin);
        Self { principal: Arc::clone(&identity.name), may_pin, deadline, span: None }
    }

    /// A request of this caller, without routing key, version or event time.
    pub(crate) fn request(&self, batch: Batch) -> ScoreRequest {
        ScoreRequest {
            pin_allowed: self.may_pin,
            deadline: Some(self.deadline.within(None)),
            priority: Priority::Interactive,
            ..ScoreRequest::new(batch, Arc::clone(&self.principal))
        }
    }
}

/// Lets a request in, or says why not.
///
/// What is open to all is not asked for a key, so that a health check never fails for one.
pub(crate) fn admit(
    desk: &Desk,
    headers: &HeaderMap,
    right: Right,
    span: Option<&Arc<Span>>,
) -> Result<Caller, Fault> {
    let deadline = desk.plane.waits.deadline(headers);
    if right == Right::Open {
        return Ok(Caller { principal: "".into(), may_pin: false, deadline, span: span.cloned() });
    }
    if desk.plane.memory.level() == Level::Full {
        return Err(Fault::new(ErrorKind::Unavailable, "the server is short of memory"));
    }
    desk.plane
        .access
        .admit(&desk.peer, headers, right)
        .map(|identity| Caller { span: span.cloned(), ..Caller::of(&identity, deadline) })
}
