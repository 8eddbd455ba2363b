//! One transport thread's handle: routes, scores, counts and logs without a lock; slow models are handed to lanes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tidegate_model::{ScoreError, Tensor};
use uuid::{ContextV7, Timestamp, Uuid};

use crate::lanes::{Job, Pending, Slot, Submitted};
use crate::log::{Record, Request, RowRole};
use crate::request::Run;
use crate::shared::Shared;
use crate::snapshot::{Endpoint, Variant};
use crate::{EngineError, Route, ScoreRequest, ScoreResponse, route, scoring};

/// The handle of one thread; the only writer of that thread's counters. Dropping it gives its index free.
#[derive(Debug)]
pub struct Worker {
    shared: Arc<Shared>,
    index: usize,
    /// Keeps ids in order within this thread, whatever the clock does.
    ids: ContextV7,
}

impl Worker {
    pub(crate) fn new(shared: Arc<Shared>, index: usize) -> Self {
        Self { shared, index, ids: ContextV7::new() }
    }

    /// Scores one request on this thread, or waits for a lane to do it. `endpoint` comes from
    /// [`crate::Engine::deployment`], read once for this request.
    ///
    /// # Errors
    /// [`EngineError`]: the version, the pin, the routing key, the queue, or the model.
    pub fn score(
        &mut self,
        endpoint: &Arc<Endpoint>,
        request: ScoreRequest,
    ) -> Result<ScoreResponse, EngineError> {
        self.submit(endpoint, request).wait()
    }

    /// Scores one request on this thread, or queues it for a lane when its model is slow. Never blocks for long.
    pub fn submit(&mut self, endpoint: &Arc<Endpoint>, request: ScoreRequest) -> Submitted {
        self.place(endpoint, request).unwrap_or_else(|error| Submitted::Done(Err(error)))
    }

    fn place(&mut self, endpoint: &Arc<Endpoint>, request: ScoreRequest) -> Result<Submitted, EngineError> {
        if !scoring::fits(&request.batch, &endpoint.contract) {
            return Err(EngineError::Batch { endpoint: endpoint.name.clone() });
        }
        let received_at = self.shared.clock.now_us();
        let id = self.mint(received_at);
        let choice = route::choose(endpoint, &request, id)?;
        let variant = endpoint.variants.get(choice.variant).ok_or(EngineError::Stopped)?;
        let ScoreRequest { deadline, priority, arrived, .. } = request;
        let request = Request {
            endpoint: Arc::clone(endpoint),
            id,
            variant: choice.variant,
            route: choice.route,
            sticky: choice.sticky,
            client_id: request.client_id,
            principal: request.principal,
            key: choice.key,
            event_time: request.event_time.unwrap_or(received_at),
            received_at,
            batch: request.batch,
        };
        let began = Instant::now();
        let now = self.shared.clock.at(began);
        open(endpoint, variant, deadline, now)?;
        let line = &variant.line;
        if line.waits(request.batch.rows) {
            let slot = Slot::new(endpoint, variant);
            let (variant, waiting) = (Arc::clone(variant), Arc::clone(&slot));
            self.shared.pool.submit(Job {
                request,
                variant,
                slot,
                deadline,
                priority,
                queued: now,
                arrived,
            })?;
            return Ok(Submitted::Queued(Pending::new(&waiting)));
        }
        let limit = self.shared.config.output_limit;
        let scored = scoring::score(self.index, &request, variant, arrived, began, limit);
        let scored = scored.inspect_err(|error| self.shared.fail(variant, error))?;
        line.breaker.succeeded();
        line.ran_inline(scored.ended - began);
        let outputs = Arc::new(scored.outputs);
        let run = Run {
            variant: Arc::clone(variant),
            batch: request.batch.rows,
            began,
            ended: scored.ended,
            queued: false,
        };
        let response = respond(&request, run, &outputs);
        self.shared.observe(request, variant, outputs);
        Ok(Submitted::Done(Ok(response)))
    }

    /// Tells that the answer is encoded, for the statistics. A second time would count twice.
    pub fn delivered(&self, response: &ScoreResponse) {
        let Run { variant, batch, ended, .. } = &response.run;
        variant.meter.delivered(self.index, *batch, ended.elapsed());
    }

    /// A version 7 UUID of this time.
    fn mint(&self, now_us: i64) -> Uuid {
        let now = u64::try_from(now_us).unwrap_or(0);
        let nanoseconds = (now % 1_000_000 * 1000) as u32;
        Uuid::new_v7(Timestamp::from_unix(&self.ids, now / 1_000_000, nanoseconds))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(taken) = self.shared.taken.get(self.index) {
            // Pairs with the exchange of the next owner, who must see this thread's counters.
            taken.store(false, Ordering::Release);
        }
    }
}

/// Fails when nobody waits for the answer any more, or the variant is to be left alone.
fn open(
    endpoint: &Endpoint,
    variant: &Variant,
    deadline: Option<Instant>,
    now: Instant,
) -> Result<(), EngineError> {
    let line = &variant.line;
    let names = || (endpoint.name.clone(), variant.version.to_string());
    if deadline.is_some_and(|deadline| deadline <= now) {
        line.tally.expired.one();
        let (endpoint, version) = names();
        return Err(EngineError::Expired { endpoint, version });
    }
    if line.quarantined() {
        let (endpoint, version) = names();
        return Err(EngineError::Quarantined { endpoint, version });
    }
    if !line.breaker.admits(now) {
        let (endpoint, version) = names();
        return Err(EngineError::Failing { endpoint, version });
    }
    Ok(())
}

impl Shared {
    /// Hands the request to the log and to those who watch; both take it or count that they did not.
    pub(crate) fn observe(&self, request: Request, variant: &Arc<Variant>, outputs: Arc<Vec<Tensor>>) {
        let request = Arc::new(request);
        let watched = request.route == Route::Weight
            && request.endpoint.routing.watchers.iter().any(|&index| index != request.variant);
        if watched {
            self.mirror(Arc::clone(&request));
        }
        let variant = Arc::clone(variant);
        self.log(Record { request, variant, role: RowRole::Answer, outputs });
    }

    /// Tells the breaker of a failed run; what the caller did wrong is none.
    pub(crate) fn fail(&self, variant: &Variant, error: &EngineError) {
        let failed = match error {
            EngineError::Model { source, .. } => matches!(source, ScoreError::Run(_)),
            EngineError::Outputs { .. } | EngineError::Panicked { .. } => true,
            _ => false,
        };
        if failed {
            let now = self.clock.at(Instant::now());
            variant.line.breaker.failed(now, variant.meter.read().requests);
        }
    }

    /// Puts a record into the log's ring, or counts its rows as lost.
    pub(crate) fn log(&self, record: Record) {
        let rows = record.rows() as u64;
        let bytes = record.bytes();
        match self.records.push(record, bytes) {
            Ok(()) => {
                self.totals.accepted.fetch_add(rows, Ordering::Relaxed);
                self.records.wake_if_pressed();
            }
            Err(record) => {
                if record.kept() {
                    record.request.endpoint.log.lose(&self.totals, rows);
                } else {
                    self.totals.accepted.fetch_add(rows, Ordering::Relaxed);
                    self.totals.sampled.fetch_add(rows, Ordering::Relaxed);
                }
                self.records.wake();
            }
        }
    }

    /// Queues a request for the shadow thread, or counts that it was dropped.
    fn mirror(&self, request: Arc<Request>) {
        let bytes = request.bytes();
        let queued = self.mirrors.push(request, bytes);
        let count = if queued.is_ok() { &self.totals.shadows_queued } else { &self.totals.shadows_dropped };
        count.fetch_add(1, Ordering::Relaxed);
        self.mirrors.wake();
    }
}

pub(crate) fn respond(request: &Request, run: Run, outputs: &Arc<Vec<Tensor>>) -> ScoreResponse {
    let variant = &run.variant;
    ScoreResponse {
        prediction_id: request.id,
        model: Arc::clone(&variant.model),
        version: Arc::clone(&variant.version),
        variant: Arc::clone(&variant.digest),
        route: request.route,
        sticky: request.sticky,
        generation: request.endpoint.generation,
        outputs: Arc::clone(outputs),
        run,
    }
}
