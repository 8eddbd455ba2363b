//! What a body of any form comes down to, and the request that it makes.

use std::time::Instant;

use http::request::Parts;
use tidegate_engine::{Endpoint, ScoreRequest};
use tidegate_model::Batch;

use super::parameters::Parameters;
use crate::admission::Caller;
use crate::plane::ROUTING_KEY;

/// Rows, and what the client says beside them.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) batch: Batch,
    pub(super) id: Option<String>,
    pub(super) parameters: Parameters,
}

/// Rows without a word beside them.
impl From<Batch> for Asked {
    fn from(batch: Batch) -> Self {
        Self { batch, id: None, parameters: Parameters::default() }
    }
}

impl Asked {
    /// The request of `caller`. A routing key in a header goes before the parameter.
    pub(super) fn request(
        self,
        caller: &Caller,
        parts: &Parts,
        endpoint: &Endpoint,
        arrived: Instant,
    ) -> ScoreRequest {
        let Self { batch, id, parameters } = self;
        let key = parts.headers.get(ROUTING_KEY).map(|key| key.as_bytes().to_vec());
        let request = caller.request(batch);
        ScoreRequest {
            client_id: id,
            routing_key: key.or(parameters.routing_key.map(|key| key.0)),
            headers: endpoint.met(|name| Some(parts.headers.get(name)?.as_bytes())),
            event_time: parameters.event_time,
            priority: parameters.priority.unwrap_or(request.priority),
            deadline: Some(caller.deadline.within(parameters.timeout)),
            arrived: Some(arrived),
            ..request
        }
    }
}
