//! Models that a row can keep busy for ever: their runs are ended, and their lanes go on.

use super::*;

fn looping(home: &Home, lane: LaneSpec) -> Bench {
    let mut bench = Bench::with(home, |config| config.lanes = 1);
    let first = VariantSpec { lane: Some(lane), ..bench.variant("1", "loops 1", 1.0, &[(0, 99)]) };
    let second = on_lanes(bench.variant("2", "scale 1", 0.0, &[]), 1);
    bench.install(1, vec![first, second]);
    bench
}

#[test]
fn an_endless_run_is_ended_at_its_deadline_and_its_lane_goes_on() {
    let home = Home::new();
    let bench = looping(&home, LaneSpec::default());
    let mut client = Client::of(&bench);
    for round in 1..=5 {
        let deadline = Some(Instant::now() + Duration::from_millis(500));
        let endless = client.queue(ScoreRequest { deadline, ..one(13.0) });
        // Behind it, on the only lane.
        let behind = [client.queue(one(0.25)), client.queue(pinned(2.0))];
        assert!(matches!(wait(endless).unwrap_err(), EngineError::Expired { version, .. } if version == "1"));
        let [own, other] = behind.map(|pending| scores(&wait(pending).unwrap()));
        assert_eq!((&own[..], &other[..]), (&[0.25][..], &[2.0][..]));
        let (status, lanes) = (lane(&bench, 0), bench.engine.status().lanes);
        assert_eq!((status.stopped, status.late, status.stuck), (round, round, 0));
        assert!(!status.quarantined);
        assert_eq!((lanes.stuck, lanes.in_flight), (0, 0));
    }
    let stats = &bench.engine.stats()[0];
    assert_eq!((stats.requests, stats.errors), (5, 0), "an ended run is no failure of the model");
    assert!(!lane(&bench, 0).breaker_open);
}

#[test]
fn an_endless_run_is_ended_when_its_caller_goes_away() {
    let home = Home::new();
    let bench = looping(&home, LaneSpec::default());
    let mut client = Client::of(&bench);
    let endless = client.queue(one(13.0));
    while lane(&bench, 0).running == 0 {
        thread::yield_now();
    }
    drop(endless);
    assert_eq!(scores(&wait(client.queue(one(0.5))).unwrap()), [0.5]);
    assert_eq!((lane(&bench, 0).stopped, lane(&bench, 0).stuck), (1, 0));
}

/// However fast it is on zeros, and whatever the deployment says: inline nobody could end it.
#[test]
fn what_may_be_endless_runs_on_lanes_one_request_at_a_time() {
    let home = Home::new();
    let inline = LaneSpec { mode: Some(LaneMode::Inline), batch: None, delay_us: None };
    let bench = looping(&home, inline);
    let status = lane(&bench, 0);
    assert_eq!((status.mode, status.batch), (LaneMode::Lane, 1));
    assert_eq!(status.reason, "loops for as long as its rows say");
}

/// What was learnt from a run that was cut short would refuse those who come after it.
#[test]
fn an_endless_row_makes_nobody_wait_for_its_like() {
    let home = Home::new();
    let bench = looping(&home, LaneSpec::default());
    let mut client = Client::of(&bench);
    let deadline = |time| Some(Instant::now() + Duration::from_millis(time));
    let endless = client.queue(ScoreRequest { deadline: deadline(1500), ..one(13.0) });
    assert!(matches!(wait(endless).unwrap_err(), EngineError::Expired { .. }));
    let before = lane(&bench, 0).run_microseconds;
    assert!(before < 50_000, "{before}");
    assert_eq!(
        scores(&wait(client.queue(ScoreRequest { deadline: deadline(100), ..one(0.5) })).unwrap()),
        [0.5]
    );
}
