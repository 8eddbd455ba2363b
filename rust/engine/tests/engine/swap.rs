//! A deployment replaced under load: nothing fails, nothing mixes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use tidegate_model::TensorData;

use crate::support::{Bench, Home, batch, deployment, numbers, request, row_count, rows, text, total};

#[test]
fn every_answer_is_of_one_generation() {
    let home = Home::new();
    let mut bench = Bench::start(&home);
    // Generation g answers with version g, which multiplies by g.
    let last = 20_u64;
    let plans: Vec<_> = (1..=last)
        .map(|g| vec![bench.variant(&g.to_string(), &format!("scale {g}"), 1.0, &[(0, 99)])])
        .collect();
    bench.install(1, plans[0].clone());
    let done = AtomicBool::new(false);
    let scored: u64 = thread::scope(|scope| {
        let workers: Vec<_> = (0..3)
            .map(|index| {
                let (engine, done) = (&bench.engine, &done);
                scope.spawn(move || {
                    let mut worker = engine.worker(index).unwrap();
                    let (mut scored, mut newest) = (0, 0);
                    while !done.load(Ordering::Relaxed) {
                        let live = engine.deployment();
                        let response = worker
                            .score(
                                live.default_endpoint.as_ref().unwrap(),
                                request(batch(&[("AA", 0.5, 1.0)], None)),
                            )
                            .unwrap();
                        let g = response.generation;
                        assert!(g >= newest, "a generation never comes back");
                        assert_eq!(*response.version, *g.to_string());
                        let p = 0.5 * g as f32;
                        assert_eq!(response.outputs[1].data, TensorData::Fp32(vec![1.0 - p, p]));
                        (scored, newest) = (scored + 1, g);
                    }
                    scored
                })
            })
            .collect();
        for (generation, plan) in (2..=last).zip(&plans[1..]) {
            bench.install(generation, plan.clone());
            bench.engine.poll();
        }
        done.store(true, Ordering::Relaxed);
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    bench.engine.flush().unwrap();
    let status = bench.engine.status();
    assert_eq!(status.generation, last);
    assert_eq!(status.predictions.accepted + status.predictions.dropped, scored);
}

#[test]
fn a_replaced_variant_is_let_go_and_its_last_pane_kept() {
    let home = Home::new();
    let mut bench = Bench::single(&home);
    let old = bench.engine.deployment();
    let endpoint = old.default_endpoint.clone().unwrap();
    bench.worker().score(&endpoint, request(batch(&[("AA", 0.5, 1.0)], None))).unwrap();
    bench.engine.flush().unwrap();
    let plan = vec![bench.variant("2", "scale 2", 1.0, &[(0, 99)])];
    bench.install(2, plan);

    let variant = std::sync::Arc::downgrade(&endpoint.variants[0]);
    bench.engine.poll();
    assert!(variant.upgrade().is_some(), "somebody still holds the deployment");
    drop((old, endpoint));
    bench.engine.poll();
    assert!(variant.upgrade().is_none());
    bench.engine.flush().unwrap();
    let panes = home.batches("drift");
    assert_eq!(panes.len(), 1);
    assert_eq!(text(&panes[0], "version").value(0), "1");
}

/// A thousand versions come, answer, and go; each is loaded, and none of its rows is lost.
#[test]
fn a_thousand_versions_come_and_go_and_every_row_is_accounted_for() {
    const VERSIONS: u32 = 1000;
    let home = Home::new();
    let mut bench = Bench::start(&home);
    let mut worker = bench.worker();
    let mut scored = 0;
    for version in 1..=VERSIONS {
        let plan = vec![bench.variant(&version.to_string(), &format!("scale {version}"), 1.0, &[(0, 99)])];
        bench.install(u64::from(version), plan);
        let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
        let count = 1 + version % 3;
        let response = worker.score(&endpoint, request(batch(&rows(version, count), None))).unwrap();
        worker.delivered(&response);
        scored += u64::from(count);
        drop((endpoint, response));
        bench.engine.flush().unwrap();
        bench.engine.poll();
        assert_eq!(bench.engine.stats()[0].rows, u64::from(count), "this version's only");
    }
    let report = bench.engine.shutdown(Duration::from_secs(30));
    assert!(report.complete);
    let log = bench.engine.status().predictions;
    assert_eq!((log.accepted, log.logged, log.dropped), (scored, scored, 0));
    assert_eq!(row_count(&home.batches("predictions")), scored);
    let panes = home.batches("drift");
    let mut seen = HashMap::new();
    for pane in &panes {
        for row in (0..pane.num_rows()).filter(|&row| text(pane, "feature").value(row) == "p") {
            let version: u32 = text(pane, "version").value(row).parse().unwrap();
            *seen.entry(version).or_insert(0) += numbers(pane, "rows").value(row);
        }
    }
    let expected: HashMap<u32, u64> =
        (1..=VERSIONS).map(|version| (version, u64::from(1 + version % 3))).collect();
    assert_eq!(seen, expected);
}

/// An endpoint that leaves and comes back at once goes on counting, and nothing is missing from its logs.
#[test]
fn an_endpoint_that_leaves_and_comes_back_keeps_its_rows() {
    let home = Home::new();
    let mut bench = Bench::start(&home);
    let mut worker = bench.worker();
    let plan = vec![bench.variant("1", "scale 1", 1.0, &[(0, 99)])];
    for turn in 0..3_u64 {
        bench.install(2 * turn + 1, plan.clone());
        let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
        worker.score(&endpoint, request(batch(&rows(1, 5), None))).unwrap();
        drop(endpoint);
        let mut without = deployment(2 * turn + 2, vec![]);
        (without.default_endpoint, without.endpoints) = (None, vec![]);
        bench.engine.install(&without, &bench.shelf).unwrap();
        bench.engine.poll();
        bench.engine.flush().unwrap();
    }
    bench.install(7, plan);
    assert_eq!(bench.engine.stats()[0].rows, 15, "it was not away for long");
    assert!(bench.engine.shutdown(Duration::from_secs(30)).complete);
    assert_eq!(row_count(&home.batches("predictions")), 15);
    assert_eq!(total(&home.batches("drift"), "rows"), 15 * 4, "four features");
}
