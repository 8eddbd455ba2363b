//! A deployment replaced under load: nothing fails, nothing mixes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use tidegate_model::TensorData;

use crate::support::{Bench, Home, batch, request};

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
    assert_eq!(crate::support::text(&panes[0], "version").value(0), "1");
}
