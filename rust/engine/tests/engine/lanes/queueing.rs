//! Who waits, who is joined, who goes first, who is refused and who is no longer waited for.

use super::*;

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
    let busy = client.queue(pinned(0.5));
    bench.gate.wait_for(1);
    let held = Instant::now();
    let waiting = [
        client.queue(one(1.0)),
        client.queue(pinned(2.0)),
        client.queue(one(3.0)),
        client.queue(pinned(4.0)),
    ];
    // Version 2 has used up its turn, so the other is next.
    let turn = Duration::from_micros(lane(&bench, 1).run_microseconds) + Duration::from_millis(5);
    while held.elapsed() < turn {
        thread::yield_now();
    }
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
