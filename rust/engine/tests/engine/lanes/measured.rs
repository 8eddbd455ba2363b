//! Where a model runs and in which parts, as measured when it is loaded.

use super::*;

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
