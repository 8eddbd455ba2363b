//! Shadows see what is answered, answer nothing, and never stand in the way.

use std::time::Duration;

use arrow_array::Array;
use tidegate_engine::Route;

use crate::support::{Bench, Home, batch, cells, recount, request, row_count, rows, text};

#[test]
fn a_shadow_scores_everything_and_answers_nothing() {
    let home = Home::new();
    let mut bench = Bench::start(&home);
    let plan = vec![bench.variant("1", "scale 1", 1.0, &[(0, 99)]), bench.shadow("2", "scale 0.5")];
    bench.install(1, plan);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    let mut all = Vec::new();
    for n in 0..400 {
        let rows = rows(n, 3);
        let response = worker.score(&endpoint, request(batch(&rows, None))).unwrap();
        assert_eq!((&*response.version, response.route), ("1", Route::Weight));
        all.extend(rows);
    }
    bench.engine.flush().unwrap();
    assert_eq!(cells(&bench.counts("1")), recount(all.iter(), 1.0));
    assert_eq!(cells(&bench.counts("2")), recount(all.iter(), 0.5));

    let status = bench.engine.status();
    assert_eq!((status.shadows.queued, status.shadows.scored, status.shadows.dropped), (400, 400, 0));
    let variants = &status.endpoints[0].variants;
    assert_eq!((variants[0].rows, variants[1].rows, variants[1].shadow), (1200, 1200, true));

    let log = home.batches("predictions");
    assert_eq!(row_count(&log), 2400);
    for batch in &log {
        let carrier = text(batch, "input.carrier");
        for row in 0..batch.num_rows() {
            let shadow = text(batch, "role").value(row) == "shadow";
            assert_eq!(text(batch, "version").value(row), if shadow { "2" } else { "1" });
            assert_eq!(carrier.is_null(row), shadow, "a shadow row leaves the inputs to the answer's row");
        }
    }
}

#[test]
fn a_slow_shadow_costs_only_itself() {
    let home = Home::new();
    let mut bench = Bench::with(&home, |config| config.shadow_queue = 128);
    let plan = vec![bench.variant("1", "scale 1", 1.0, &[(0, 99)]), bench.shadow("2", "gated 1")];
    bench.install(1, plan);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    for n in 1..=300 {
        worker.score(&endpoint, request(batch(&rows(n, 1), None))).unwrap();
    }
    let waiting = bench.engine.status();
    assert_eq!(waiting.shadows.scored, 0, "the shadow waits at the gate");
    assert_eq!(waiting.shadows.queued + waiting.shadows.dropped, 300);
    assert!((128..=129).contains(&waiting.shadows.queued), "{:?}", waiting.shadows);
    assert_eq!(waiting.endpoints[0].variants[0].rows, 300);

    bench.gate.open();
    bench.engine.flush().unwrap();
    let status = bench.engine.status();
    assert_eq!(status.shadows.scored, status.shadows.queued);
    assert_eq!(bench.counts("2").features()[0].rows(), status.shadows.scored);
    assert_eq!(bench.counts("1").features()[0].rows(), 300);
    assert_eq!(row_count(&home.batches("predictions")), 300 + status.shadows.scored);
}

#[test]
fn a_pinned_request_is_not_mirrored() {
    let home = Home::new();
    let mut bench = Bench::start(&home);
    let plan = vec![bench.variant("1", "scale 1", 1.0, &[(0, 99)]), bench.shadow("2", "panics 1")];
    bench.install(1, plan);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    let mut pinned = request(batch(&rows(1, 1), None));
    (pinned.version, pinned.pin_allowed) = (Some("1".into()), true);
    worker.score(&endpoint, pinned).unwrap();
    // A shadow that panics on this row costs nobody an answer, nor the thread.
    for a in [13.0, 0.5] {
        worker.score(&endpoint, request(batch(&[("AA", a, 0.0)], None))).unwrap();
    }
    let report = bench.engine.shutdown(Duration::from_secs(30));
    assert!(report.complete && report.shadows_cut == 0);
    let status = bench.engine.status();
    assert_eq!((status.shadows.queued, status.shadows.scored), (2, 2));
    assert_eq!((status.endpoints[0].variants[1].rows, status.endpoints[0].variants[1].errors), (1, 1));
}

#[test]
fn versions_that_mirror_are_scored_on_every_row_and_counted_on_their_own() {
    let home = Home::new();
    let mut bench = Bench::start(&home);
    let plan = vec![
        bench.mirror("1", "scale 1", 0.7, &[(0, 69)]),
        bench.mirror("2", "scale 0.5", 0.3, &[(70, 99)]),
        bench.shadow("3", "scale 0.25"),
    ];
    bench.install(1, plan);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    let mut answered = [Vec::new(), Vec::new()];
    for n in 0..400 {
        let rows = rows(n, 3);
        let response = worker.score(&endpoint, request(batch(&rows, None))).unwrap();
        answered[usize::from(&*response.version == "2")].extend(rows);
    }
    bench.engine.flush().unwrap();
    assert!(answered.iter().all(|rows| rows.len() > 90), "both answer");
    assert_eq!(cells(&bench.counts("1")), recount(answered[0].iter(), 1.0));
    assert_eq!(cells(&bench.counts("2")), recount(answered[1].iter(), 0.5));

    let mut seen = std::collections::BTreeMap::new();
    for batch in &home.batches("predictions") {
        for row in 0..batch.num_rows() {
            let what =
                (text(batch, "version").value(row).to_owned(), text(batch, "role").value(row).to_owned());
            *seen.entry(what).or_insert(0_usize) += 1;
            let answer = text(batch, "role").value(row) == "answer";
            assert_eq!(text(batch, "input.carrier").is_null(row), !answer);
        }
    }
    let [one, two] = answered.map(|rows| rows.len());
    let expected = [("1", "answer", one), ("1", "mirror", two), ("2", "answer", two), ("2", "mirror", one)];
    for (version, role, rows) in expected {
        assert_eq!(seen[&(version.to_owned(), role.to_owned())], rows, "{version} {role}");
    }
    assert_eq!(seen[&("3".to_owned(), "shadow".to_owned())], 1200);
    let variants = &bench.engine.status().endpoints[0].variants;
    assert_eq!((variants[0].rows, variants[1].rows), (one as u64, two as u64), "metrics are of answers");
}
