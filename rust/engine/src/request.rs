//! A request to score, and its answer.

use std::sync::Arc;
use std::time::Instant;

use tidegate_model::{Batch, Tensor};
use uuid::Uuid;

use crate::HeadersMet;
use crate::snapshot::Variant;

/// One request, decoded and checked against the endpoint's contract.
#[derive(Clone, Debug)]
pub struct ScoreRequest {
    /// The rows, built with the contract of the endpoint that scores them.
    pub batch: Batch,
    /// The client's own id, logged and never a key.
    pub client_id: Option<String>,
    /// A version asked for by name.
    pub version: Option<String>,
    /// The routing key from a header or a parameter; it goes before the context column with role `key`.
    pub routing_key: Option<Vec<u8>>,
    /// Which of the endpoint's header rules it meets ([`crate::Endpoint::met`]).
    pub headers: HeadersMet,
    /// Event time in microseconds UTC; arrival without it.
    pub event_time: Option<i64>,
    /// Who asks.
    pub principal: Arc<str>,
    /// Whether the principal may ask for a version by name.
    pub pin_allowed: bool,
    /// When nobody waits for the answer any more.
    pub deadline: Option<Instant>,
    /// Who goes first where requests wait.
    pub priority: Priority,
    /// When the transport had the whole request; the statistics count its decoding from there.
    pub arrived: Option<Instant>,
}

/// Who goes first where requests wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Priority {
    /// Somebody waits for the answer.
    #[default]
    Interactive,
    /// Scored when nothing interactive waits, and refused first.
    Batch,
}

impl ScoreRequest {
    /// A request with nothing but rows, from `principal`, who may not pin.
    #[must_use]
    pub fn new(batch: Batch, principal: Arc<str>) -> Self {
        Self {
            batch,
            client_id: None,
            version: None,
            routing_key: None,
            headers: HeadersMet::default(),
            event_time: None,
            principal,
            pin_allowed: false,
            deadline: None,
            priority: Priority::default(),
            arrived: None,
        }
    }
}

/// The answer to a [`ScoreRequest`].
#[derive(Clone, Debug)]
pub struct ScoreResponse {
    /// Minted for this request (`UUIDv7`); feedback names it.
    pub prediction_id: Uuid,
    /// The model that answered.
    pub model: Arc<str>,
    /// Its version.
    pub version: Arc<str>,
    /// The version's digest.
    pub variant: Arc<str>,
    /// How the variant was chosen.
    pub route: Route,
    /// Whether the same key will get the same variant again under this plan.
    pub sticky: bool,
    /// The deployment that answered.
    pub generation: u64,
    /// The outputs, in the order of the contract.
    pub outputs: Arc<Vec<Tensor>>,
    pub(crate) run: Run,
}

impl ScoreResponse {
    /// When and with how many rows the model ran for this answer.
    #[must_use]
    pub fn ran(&self) -> Ran {
        let Run { batch, began, ended, queued, .. } = self.run;
        Ran { rows: batch, began, ended, queued }
    }
}

/// The run of a model, as traces show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ran {
    /// All rows of the run, those of other requests among them.
    pub rows: usize,
    /// When it began.
    pub began: Instant,
    /// When it ended.
    pub ended: Instant,
    /// Whether the request waited for a lane.
    pub queued: bool,
}

/// The run of a model that an answer comes from.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) variant: Arc<Variant>,
    /// All rows of the run.
    pub(crate) batch: usize,
    pub(crate) began: Instant,
    pub(crate) ended: Instant,
    pub(crate) queued: bool,
}

/// How a variant was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// By the traffic plan.
    Weight,
    /// By name.
    Pin,
    /// By a rule of the plan.
    Rule,
}

impl Route {
    /// The name in logs and answers: `weight`, `pin` or `rule`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Weight => "weight",
            Self::Pin => "pin",
            Self::Rule => "rule",
        }
    }
}
