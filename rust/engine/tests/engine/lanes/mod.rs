//! Slow models on lanes; here is what their tests share.

mod endless;
mod failing;
mod measured;
mod own_rows;
mod queueing;

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tidegate_engine::{
    Endpoint, EngineConfig, EngineError, LaneMode, LaneSpec, LaneStatus, Pending, Priority, ScoreRequest,
    ScoreResponse, Submitted, VariantSpec, Worker,
};
use tidegate_model::TensorData;

use crate::support::{Bench, Home, batch, request, row_count, rows};

const HOUR: Duration = Duration::from_hours(1);

fn on_lanes(variant: VariantSpec, rows: u32) -> VariantSpec {
    let lane = LaneSpec { mode: Some(LaneMode::Lane), batch: Some(rows), delay_us: None };
    VariantSpec { lane: Some(lane), ..variant }
}

/// One lane; version 1 waits at the gate and has all the traffic, version 2 is `other` and is asked for by name.
fn gated(home: &Home, rows: u32, other: &str, change: impl FnOnce(&mut EngineConfig)) -> Bench {
    let mut bench = Bench::with(home, |config| {
        config.lanes = 1;
        change(config);
    });
    let first = on_lanes(bench.variant("1", "gated 1", 1.0, &[(0, 99)]), rows);
    let second = on_lanes(bench.variant("2", other, 0.0, &[]), rows);
    bench.install(1, vec![first, second]);
    bench
}

fn one(a: f32) -> ScoreRequest {
    request(batch(&[("AA", a, 0.0)], None))
}

fn pinned(a: f32) -> ScoreRequest {
    ScoreRequest { version: Some("2".into()), pin_allowed: true, ..one(a) }
}

struct Client {
    worker: Worker,
    endpoint: Arc<Endpoint>,
}

impl Client {
    fn of(bench: &Bench) -> Self {
        Self {
            worker: bench.worker(),
            endpoint: bench.engine.deployment().endpoint("delay").unwrap().clone(),
        }
    }

    fn queue(&mut self, request: ScoreRequest) -> Pending {
        match self.worker.submit(&self.endpoint, request) {
            Submitted::Queued(pending) => pending,
            Submitted::Done(scored) => panic!("not queued: {scored:?}"),
        }
    }

    fn refused(&mut self, request: ScoreRequest) -> EngineError {
        match self.worker.submit(&self.endpoint, request) {
            Submitted::Queued(_) => panic!("queued"),
            Submitted::Done(scored) => scored.unwrap_err(),
        }
    }
}

fn wait(pending: Pending) -> Result<ScoreResponse, EngineError> {
    Submitted::Queued(pending).wait()
}

/// The probabilities of an answer, one a row.
fn scores(response: &ScoreResponse) -> Vec<f32> {
    let TensorData::Fp32(p) = &response.outputs[1].data else { panic!("p is not FP32") };
    p.iter().skip(1).step_by(2).copied().collect()
}

fn lane(bench: &Bench, variant: usize) -> LaneStatus {
    bench.engine.status().endpoints[0].variants[variant].lane.clone()
}
