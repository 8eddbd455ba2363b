//! Rows, runs and models that fail, and what that costs others: nothing.

use super::*;

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
    let soon = || Some(Instant::now() + Duration::from_millis(500));
    let hangs = client.queue(ScoreRequest { deadline: soon(), ..one(1.0) });
    bench.gate.wait_for(1);
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
