//! Slow models: who waits, who is joined, who is refused, and what a kernel that hangs does to others.

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

#[test]
fn what_waits_is_one_run_and_each_caller_gets_its_own_rows() {
    let home = Home::new();
    let bench = gated(&home, 64, "scale 1", |_| {});
    let mut client = Client::of(&bench);
    let first = client.queue(one(0.5));
    bench.gate.wait_for(1);
    let sizes = [1_u32, 3, 1, 7, 2];
    let asked: Vec<_> = sizes.iter().map(|&size| rows(size, size)).collect();
    let waiting: Vec<_> = asked.iter().map(|rows| client.queue(request(batch(rows, Some("N1"))))).collect();
    assert_eq!(lane(&bench, 0).queued, 5);
    assert_eq!(bench.engine.status().lanes.in_flight, 6);
    bench.gate.open();
    assert_eq!(scores(&wait(first).unwrap()), [0.5]);
    for (rows, pending) in asked.iter().zip(waiting) {
        let response = wait(pending).unwrap();
        let (got, sent) = (scores(&response), rows.iter().map(|row| row.1).collect::<Vec<_>>());
        assert!(got.iter().zip(&sent).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())));
        assert_eq!((got.len(), response.sticky), (sent.len(), true));
    }
    let runs: Vec<usize> = bench.gate.runs().iter().map(Vec::len).collect();
    assert_eq!(runs, [1, 14]);

    bench.engine.flush().unwrap();
    let stats = bench.engine.stats();
    assert_eq!((stats[0].requests, stats[0].rows, stats[0].executions, stats[0].errors), (6, 15, 2, 0));
    assert!(stats[0].queue_ns > 0);
    assert_eq!(bench.counts("1").features()[0].rows(), 15);
    assert_eq!(row_count(&home.batches("predictions")), 15);
    let after = lane(&bench, 0);
    assert_eq!((after.runs, after.run_requests, after.queued, after.running), (2, 6, 0, 0));
    assert_eq!(bench.engine.status().lanes.in_flight, 0);
}

#[test]
fn requests_of_several_versions_are_not_joined() {
    let home = Home::new();
    let bench = gated(&home, 64, "gated 2", |_| {});
    let mut client = Client::of(&bench);
    let busy = client.queue(one(0.5));
    bench.gate.wait_for(1);
    let waiting = [
        client.queue(one(1.0)),
        client.queue(pinned(2.0)),
        client.queue(one(3.0)),
        client.queue(pinned(4.0)),
    ];
    bench.gate.open();
    wait(busy).unwrap();
    let answers: Vec<_> = waiting.into_iter().map(|pending| scores(&wait(pending).unwrap())[0]).collect();
    assert_eq!(answers, [1.0, 4.0, 3.0, 8.0]);
    assert_eq!(bench.gate.runs(), [vec![0.5], vec![1.0, 3.0], vec![2.0, 4.0]]);
}

#[test]
fn a_caller_who_goes_away_is_never_executed_and_its_mates_are() {
    let home = Home::new();
    let bench = gated(&home, 64, "scale 1", |_| {});
    let mut client = Client::of(&bench);
    let busy = client.queue(one(0.5));
    bench.gate.wait_for(1);
    let mut waiting: Vec<_> = (0_u8..10).map(|n| client.queue(one(f32::from(n)))).collect();
    for _ in 0..4 {
        drop(waiting.remove(1));
    }
    assert_eq!(lane(&bench, 0).cancelled, 4);
    bench.gate.open();
    wait(busy).unwrap();
    for (pending, expected) in waiting.into_iter().zip([0.0, 5.0, 6.0, 7.0, 8.0, 9.0]) {
        assert_eq!(scores(&wait(pending).unwrap()), [expected]);
    }
    assert_eq!(bench.gate.runs(), [vec![0.5], vec![0.0, 5.0, 6.0, 7.0, 8.0, 9.0]]);
    assert_eq!(bench.engine.status().lanes.in_flight, 0);
}

#[test]
fn ten_thousand_callers_who_go_away_leave_nothing_behind() {
    let home = Home::new();
    let bench = gated(&home, 64, "scale 1", |_| {});
    let mut client = Client::of(&bench);
    let busy = client.queue(one(0.5));
    bench.gate.wait_for(1);
    for n in 0_u16..10_000 {
        drop(client.queue(one(f32::from(n))));
    }
    let last = client.queue(one(0.25));
    bench.gate.open();
    wait(busy).unwrap();
    wait(last).unwrap();
    assert_eq!(bench.gate.runs(), [vec![0.5], vec![0.25]]);
    let status = lane(&bench, 0);
    assert_eq!((status.cancelled, status.rejected, status.queued), (10_000, 0, 0));
    assert_eq!(bench.engine.status().lanes.in_flight, 0);
}

#[test]
fn a_deadline_that_passes_in_the_queue_is_told_and_the_request_is_not_executed() {
    let home = Home::new();
    let bench = gated(&home, 64, "scale 1", |_| {});
    let mut client = Client::of(&bench);
    let until = |time| Some(Instant::now() + time);
    let busy = client.queue(ScoreRequest { deadline: until(10 * HOUR), ..one(0.5) });
    bench.gate.wait_for(1);
    let short = client.queue(ScoreRequest { deadline: until(HOUR), ..one(1.0) });
    let timed = client.queue(ScoreRequest { deadline: until(HOUR), ..one(2.0) });
    let long = client.queue(ScoreRequest { deadline: until(10 * HOUR), ..one(3.0) });
    bench.clock.advance(3600);
    assert!(matches!(timed.expire(), EngineError::Expired { .. }), "as the server's timer does");
    bench.gate.open();
    wait(busy).unwrap();
    assert!(matches!(wait(short).unwrap_err(), EngineError::Expired { version, .. } if version == "1"));
    assert_eq!(scores(&wait(long).unwrap()), [3.0]);
    assert_eq!(bench.gate.runs(), [vec![0.5], vec![3.0]]);
    let status = lane(&bench, 0);
    assert_eq!((status.expired, status.late, status.cancelled, status.rejected), (2, 0, 0, 0));
}

#[test]
fn so_many_requests_on_lanes_and_no_more() {
    let home = Home::new();
    let bench = gated(&home, 1, "scale 1", |config| config.lane_requests = 3);
    let mut client = Client::of(&bench);
    let busy = client.queue(one(0.5));
    bench.gate.wait_for(1);
    let waiting = [client.queue(one(1.0)), client.queue(pinned(2.0))];
    let refused = client.refused(one(3.0));
    assert!(matches!(&refused, EngineError::Overloaded { endpoint, .. } if endpoint == "delay"), "{refused}");
    assert_eq!(lane(&bench, 0).rejected, 1);
    bench.gate.open();
    wait(busy).unwrap();
    for pending in waiting {
        wait(pending).unwrap();
    }
    wait(client.queue(one(4.0))).unwrap();
    assert_eq!(bench.gate.runs(), [[0.5], [1.0], [4.0]]);
    assert_eq!((lane(&bench, 0).cancelled, bench.engine.status().lanes.in_flight), (0, 0));
}

#[test]
fn interactive_requests_go_before_those_of_batches() {
    let home = Home::new();
    let bench = gated(&home, 1, "scale 1", |_| {});
    let mut client = Client::of(&bench);
    let busy = client.queue(one(0.5));
    bench.gate.wait_for(1);
    let mut waiting = vec![];
    for (a, priority) in [(1.0, Priority::Batch), (2.0, Priority::Interactive), (3.0, Priority::Interactive)]
    {
        waiting.push(client.queue(ScoreRequest { priority, ..one(a) }));
    }
    bench.gate.open();
    wait(busy).unwrap();
    for pending in waiting {
        wait(pending).unwrap();
    }
    assert_eq!(bench.gate.runs(), [[0.5], [2.0], [3.0], [1.0]]);
}

#[test]
fn a_row_that_breaks_the_model_fails_alone() {
    let home = Home::new();
    for (model, panics) in [("panics 1", true), ("fails 1", false)] {
        let home_of = Home::new();
        let bench = gated(&home_of, 64, model, |_| {});
        let mut client = Client::of(&bench);
        let busy = client.queue(one(0.5));
        bench.gate.wait_for(1);
        let waiting = [client.queue(pinned(1.0)), client.queue(pinned(13.0)), client.queue(pinned(2.0))];
        bench.gate.open();
        wait(busy).unwrap();
        let answers = waiting.map(wait);
        assert_eq!(scores(answers[0].as_ref().unwrap()), [1.0]);
        assert_eq!(scores(answers[2].as_ref().unwrap()), [2.0]);
        let error = answers[1].as_ref().unwrap_err();
        assert_eq!(matches!(error, EngineError::Panicked { .. }), panics, "{error}");
        assert_eq!(matches!(error, EngineError::Model { .. }), !panics, "{error}");
        // The lane goes on.
        assert_eq!(scores(&wait(client.queue(pinned(3.0))).unwrap()), [3.0]);
        let stats = &bench.engine.stats()[1];
        assert_eq!((stats.requests, stats.errors), (3, 1));
    }
    drop(home);
}

#[test]
fn a_kernel_that_hangs_costs_its_callers_their_deadline_and_nobody_else_anything() {
    let home = Home::new();
    let bench = gated(&home, 1, "scale 1", |_| {});
    let mut client = Client::of(&bench);
    let soon = || Some(Instant::now() + Duration::from_millis(30));
    let hangs = client.queue(ScoreRequest { deadline: soon(), ..one(1.0) });
    // The only lane hangs; its caller is told, and another thread takes the lane.
    assert!(matches!(wait(hangs).unwrap_err(), EngineError::Expired { .. }));
    assert_eq!(scores(&wait(client.queue(pinned(2.0))).unwrap()), [2.0]);
    let status = bench.engine.status();
    assert_eq!((status.lanes.stuck, status.lanes.lanes), (1, 1));
    assert!(!lane(&bench, 0).quarantined);

    let again = client.queue(ScoreRequest { deadline: soon(), ..one(3.0) });
    bench.gate.wait_for(2);
    let behind = client.queue(one(4.0));
    assert!(matches!(wait(again).unwrap_err(), EngineError::Expired { .. }));
    assert!(matches!(wait(behind).unwrap_err(), EngineError::Quarantined { .. }));
    let refused = client.refused(one(5.0));
    assert!(matches!(&refused, EngineError::Quarantined { version, .. } if version == "1"), "{refused}");
    assert_eq!(scores(&wait(client.queue(pinned(6.0))).unwrap()), [6.0]);
    let status = lane(&bench, 0);
    assert_eq!((status.stuck, status.stuck_now, status.quarantined), (2, 2, true));

    bench.gate.open();
    while bench.engine.status().lanes.stuck > 0 {
        thread::yield_now();
    }
    assert_eq!(bench.gate.runs(), [[1.0], [3.0]], "what was queued behind was never executed");
    // What came back too late is nobody's: not counted, not logged.
    bench.engine.flush().unwrap();
    assert_eq!(bench.engine.stats()[0].requests, 0);
    assert_eq!(row_count(&home.batches("predictions")), 2);
    assert_eq!(bench.engine.status().lanes.in_flight, 0);
}

#[test]
fn a_request_too_large_for_one_run_is_scored_in_parts() {
    let home = Home::new();
    let mut bench = Bench::start(&home);
    let variant = bench.variant("1", "gated 1", 1.0, &[(0, 99)]);
    bench.install(1, vec![variant]);
    bench.gate.open();
    let mut client = Client::of(&bench);
    let asked = rows(7, 10_000);
    let response = client.worker.score(&client.endpoint, request(batch(&asked, None))).unwrap();
    let got = scores(&response);
    assert_eq!(got.len(), asked.len());
    assert!(
        got.iter().zip(&asked).all(|(a, row)| a.to_bits() == row.1.to_bits() || a.is_nan() && row.1.is_nan())
    );
    let runs: Vec<usize> = bench.gate.runs().iter().map(Vec::len).collect();
    assert_eq!(runs, [4096, 4096, 1808]);
    assert_eq!(bench.engine.stats()[0].rows, 10_000);
}

#[test]
fn outputs_over_the_limit_are_refused_and_the_model_answers_on() {
    let home = Home::new();
    let mut bench = Bench::with(&home, |config| config.output_limit = 1600);
    let variant = bench.variant("1", "scale 1", 1.0, &[(0, 99)]);
    bench.install(1, vec![variant]);
    let mut client = Client::of(&bench);
    // 16 bytes a row: two floats and a label.
    client.worker.score(&client.endpoint, request(batch(&rows(1, 100), None))).unwrap();
    for _ in 0..10 {
        let refused = client.worker.score(&client.endpoint, request(batch(&rows(1, 101), None))).unwrap_err();
        assert!(matches!(refused, EngineError::OutputLimit { bytes: 1616, limit: 1600, .. }), "{refused}");
        assert!(refused.to_string().starts_with("output limit"));
    }
    client.worker.score(&client.endpoint, request(batch(&rows(1, 100), None))).unwrap();
}

#[test]
fn a_model_that_keeps_failing_is_left_alone_for_a_while() {
    let home = Home::new();
    let mut bench = Bench::start(&home);
    let variant = bench.variant("1", "fails 1", 1.0, &[(0, 99)]);
    bench.install(1, vec![variant]);
    let mut client = Client::of(&bench);
    let mut ask = |a| client.worker.score(&client.endpoint, one(a));
    for _ in 0..5 {
        assert!(matches!(ask(13.0).unwrap_err(), EngineError::Model { .. }));
    }
    for a in [13.0, 1.0] {
        assert!(matches!(ask(a).unwrap_err(), EngineError::Failing { .. }));
    }
    assert_eq!((lane(&bench, 0).breaker_open, lane(&bench, 0).breaker_opened), (true, 1));
    bench.clock.advance(5);
    assert!(matches!(ask(13.0).unwrap_err(), EngineError::Model { .. }), "one may try");
    assert!(matches!(ask(1.0).unwrap_err(), EngineError::Failing { .. }));
    bench.clock.advance(10);
    ask(1.0).unwrap();
    ask(1.0).unwrap();
    assert!(!lane(&bench, 0).breaker_open);
    assert_eq!(bench.engine.stats()[0].errors, 6);
}

#[test]
fn fast_models_are_measured_and_stay_inline() {
    let home = Home::new();
    let bench = Bench::single(&home);
    let status = lane(&bench, 0);
    assert_eq!(status.mode, LaneMode::Inline);
    assert_eq!(status.reason, "as measured");
    assert!(status.batch >= 1 && status.microseconds < 100_000, "{status:?}");
}

#[test]
fn slow_models_are_put_on_lanes_and_joined_where_rows_leave_each_other_alone() {
    let home = Home::new();
    let mut bench = Bench::start(&home);
    let variants =
        vec![bench.variant("1", "slow 1", 1.0, &[(0, 99)]), bench.variant("2", "mixes 1", 0.0, &[])];
    bench.install(1, variants);
    let slow = lane(&bench, 0);
    assert_eq!((slow.mode, slow.reason.as_str()), (LaneMode::Lane, "as measured"));
    assert!(slow.microseconds >= 300, "{slow:?}");
    // A busy machine may see no gain in a batch; what it sees is equal.
    assert_eq!(slow.ulps, (slow.batch > 1).then_some(0));
    let mixes = lane(&bench, 1);
    assert_eq!((mixes.mode, mixes.batch, mixes.ulps), (LaneMode::Lane, 1, None));
    let mut client = Client::of(&bench);
    assert_eq!(scores(&wait(client.queue(one(0.5))).unwrap()), [0.5]);
}

/// Every caller gets its own rows, whoever shares the run. `TIDEGATE_LANE_REQUESTS` makes it longer.
#[test]
fn concurrent_callers_each_get_their_own_rows() {
    let requests: u64 = std::env::var("TIDEGATE_LANE_REQUESTS").map_or(10_000, |text| text.parse().unwrap());
    let home = Home::new();
    let mut bench = Bench::with(&home, |config| {
        config.lanes = 2;
        config.log.ring_records = 1 << 10;
    });
    let variant = on_lanes(bench.variant("1", "scale 0.5", 1.0, &[(0, 99)]), 48);
    bench.install(1, vec![variant]);
    let threads = 4_u64;
    let bench = &bench;
    let answered: u64 = thread::scope(|scope| {
        let callers: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || call(bench, thread, requests / threads))).collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).sum()
    });
    let stats = &bench.engine.stats()[0];
    assert_eq!((stats.requests, stats.errors), (answered, 0));
    assert_eq!(answered + lane(bench, 0).rejected, requests / threads * threads);
    assert!(stats.executions < stats.requests, "nothing was joined");
    assert_eq!(bench.engine.status().lanes.in_flight, 0);
}

/// One thread with up to 16 requests under way, of 1 to 9 rows that nobody else sends. Returns how many were answered.
fn call(bench: &Bench, thread: u64, requests: u64) -> u64 {
    let mut worker = bench.engine.worker(usize::try_from(thread).unwrap()).unwrap();
    let endpoint = bench.engine.deployment().endpoint("delay").unwrap().clone();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(thread + 1) | 1;
    let mut waiting = Vec::new();
    let mut answered = 0;
    for number in 0..requests {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let count = 1 + random % 9;
        // Whole numbers that a float holds exactly.
        let value = |row: u64| ((thread * 4_000_003 + number * 9 + row) % (1 << 23)) as f32;
        let asked: Vec<_> = (0..count).map(|row| ("AA", value(row), 0.0)).collect();
        waiting.push((worker.submit(&endpoint, request(batch(&asked, None))), asked));
        if waiting.len() as u64 > random >> 60 || number + 1 == requests {
            for (submitted, asked) in waiting.drain(..) {
                match submitted.wait() {
                    Ok(response) => {
                        let expected: Vec<f32> = asked.iter().map(|row| row.1 * 0.5).collect();
                        assert_eq!(scores(&response), expected);
                        answered += 1;
                    }
                    Err(error) => assert!(matches!(error, EngineError::Overloaded { .. }), "{error}"),
                }
            }
        }
    }
    answered
}
