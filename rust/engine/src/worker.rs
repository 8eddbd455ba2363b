//! One transport thread's handle: routes, scores, counts and logs without a lock.

use std::sync::Arc;

use crate::snapshot::Endpoint;
use crate::{EngineError, ScoreRequest, ScoreResponse};

/// The handle of one thread; the only writer of that thread's counters.
#[derive(Debug)]
pub struct Worker {
    index: usize,
}

impl Worker {
    /// Scores one request. `endpoint` comes from [`crate::Engine::deployment`], read once for this request.
    ///
    /// # Errors
    /// [`EngineError`]: the version, the pin, the routing key, or the model.
    pub fn score(
        &mut self,
        endpoint: &Arc<Endpoint>,
        request: ScoreRequest,
    ) -> Result<ScoreResponse, EngineError> {
        todo!()
    }
}
