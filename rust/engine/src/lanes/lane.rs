//! A lane: a thread that scores what waits, as one batch where it can, and gives every caller its own rows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use tidegate_model::{Stop, Tensor};

use super::pending::Slot;
use super::pool::Ticket;
use super::queue::Job;
use super::turns::Work;
use crate::meter::{Part, Spent};
use crate::request::Run;
use crate::shared::Shared;
use crate::worker::respond;
use crate::{EngineError, scoring};

type Outputs = Result<Vec<Tensor>, EngineError>;

/// What a run gave, one answer a request, and when it ran.
struct Ran {
    outputs: Vec<Outputs>,
    rows: usize,
    began: Instant,
    ended: Instant,
}

/// Starts a thread on a lane, unless one sits there.
pub(crate) fn start(shared: &Arc<Shared>, lane: usize) -> Result<(), EngineError> {
    let Some(ticket) = shared.pool.sit(lane) else { return Ok(()) };
    let run = Arc::clone(shared);
    let builder = Builder::new().name(format!("tidegate-lane-{lane}"));
    builder.spawn(move || score(&run, ticket)).map(drop).map_err(|source| {
        shared.pool.lose(ticket);
        EngineError::Thread { name: "tidegate-lane", source }
    })
}

/// Ends runs that nobody waits for, gives up those that take too long all the same, and puts other threads on their lanes, until the lanes end.
pub(crate) fn watch(shared: &Arc<Shared>) {
    while shared.pool.watch(shared.clock.at(Instant::now())) {
        shared.pool.stop_unwanted(shared.clock.at(Instant::now()));
        for lane in shared.pool.give_up(shared.clock.at(Instant::now())) {
            if let Err(error) = start(shared, lane) {
                tracing::error!(lane, %error, "a lane has no thread any more");
            }
        }
    }
}

/// Scores until there is no more to score, or this thread came back too late.
fn score(shared: &Arc<Shared>, mut ticket: Ticket) {
    while let Some(work) = shared.pool.next(ticket, || shared.clock.at(Instant::now())) {
        let began = Instant::now();
        let ran = catch_unwind(AssertUnwindSafe(|| run(shared, &work, began)));
        if shared.pool.finish(ticket, &work.line, work.run.len(), began.elapsed()) {
            let slots: Vec<Arc<Slot>> = work.run.iter().map(|job| Arc::clone(&job.slot)).collect();
            let answered =
                ran.map(|ran| catch_unwind(AssertUnwindSafe(|| answer(shared, ticket, work, ran))));
            if !matches!(answered, Ok(Ok(()))) {
                tracing::error!(lane = ticket.lane, "a lane panicked and goes on");
                for slot in slots {
                    slot.answer(Err(slot.panicked()));
                }
            }
            continue;
        }
        // Another thread may sit here by now. What this one scored is nobody's.
        match shared.pool.sit(ticket.lane) {
            Some(again) => ticket = again,
            None => return,
        }
    }
}

/// Runs the model. Where one of several requests fails, each is scored alone: a bad row is its sender's alone.
fn run(shared: &Shared, work: &Work, began: Instant) -> Ran {
    let (jobs, stop) = (&work.run[..], &*work.stop);
    let rows = jobs.iter().map(|job| job.request.batch.rows).sum();
    let together = (jobs.len() > 1).then(|| joined(shared, jobs, rows, stop)).flatten();
    let outputs = together.unwrap_or_else(|| jobs.iter().map(|job| alone(shared, job, stop)).collect());
    Ran { outputs, rows, began, ended: Instant::now() }
}

/// All requests as one batch; `None` when that failed.
fn joined(shared: &Shared, jobs: &[Job], rows: usize, stop: &Stop) -> Option<Vec<Outputs>> {
    let first = jobs.first()?;
    let inputs: Vec<Tensor> = first
        .variant
        .wiring
        .inputs
        .iter()
        .map(|&input| {
            let parts: Option<Vec<&Tensor>> =
                jobs.iter().map(|job| job.request.batch.inputs.get(input)).collect();
            Tensor::join(&parts?)
        })
        .collect::<Option<_>>()?;
    let inputs: Vec<&Tensor> = inputs.iter().collect();
    let endpoint = &first.request.endpoint;
    let limit = shared.config.output_limit;
    let outputs = scoring::run(endpoint, &first.variant, rows, &inputs, limit, Some(stop)).ok()?;
    let mut start = 0;
    let parts = jobs.iter().map(|job| {
        let end = start + job.request.batch.rows;
        let part = outputs.iter().map(|output| output.rows(start..end)).collect::<Option<Vec<_>>>();
        start = end;
        part.map(Ok)
    });
    parts.collect()
}

/// One request. Between parts of a large one it looks whether anybody waits.
fn alone(shared: &Shared, job: &Job, stop: &Stop) -> Outputs {
    let wanted = || {
        let late = job.deadline.is_some_and(|deadline| deadline <= shared.clock.at(Instant::now()));
        if late || job.slot.gone() { Err(job.slot.expired()) } else { Ok(()) }
    };
    let Job { request, variant, .. } = job;
    let limit = shared.config.output_limit;
    scoring::run_whole(&request.endpoint, variant, &request.batch, limit, Some(stop), wanted)
}

/// Counts, logs and answers.
fn answer(shared: &Shared, ticket: Ticket, work: Work, ran: Ran) {
    let thread = shared.lane_thread(ticket.lane);
    let infer = ran.ended - ran.began;
    let tally = &work.line.tally;
    tally.runs.one();
    if let Some(first) = work.run.first() {
        first.variant.meter.ran(thread, ran.rows, infer);
    }
    for (job, outputs) in work.run.into_iter().zip(ran.outputs) {
        let Job { request, variant, slot, queued, arrived, .. } = job;
        let arrived = arrived.unwrap_or(queued);
        let queue = ran.began.saturating_duration_since(queued);
        tally.run_requests.one();
        tally.waited_ns.add(nanoseconds(queue));
        match outputs {
            Ok(outputs) => {
                let spent = Spent { input: queued.saturating_duration_since(arrived), queue, infer };
                let part = Part {
                    rows: request.batch.rows,
                    batch: ran.rows,
                    spent,
                    received_at: request.received_at,
                };
                scoring::count(thread, &request, &variant, &outputs, &part);
                work.line.breaker.succeeded();
                let outputs = Arc::new(outputs);
                let run = Run {
                    variant: Arc::clone(&variant),
                    batch: ran.rows,
                    began: ran.began,
                    ended: ran.ended,
                    queued: true,
                };
                let response = respond(&request, run, &outputs);
                shared.observe(request, &variant, outputs);
                slot.answer(Ok(response));
            }
            Err(error) => {
                if !matches!(error, EngineError::Expired { .. }) {
                    variant.meter.failed(thread, ran.ended.saturating_duration_since(arrived));
                }
                shared.fail(&variant, &error);
                slot.answer(Err(error));
            }
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
