//! What the statistics say is what was asked.

use std::time::Instant;

use tidegate_engine::{BatchStats, EngineError, ScoreRequest, VariantStats};

use crate::support::{Bench, Home, START, batch, request, rows};

fn sizes(stats: &VariantStats) -> Vec<(u64, u64)> {
    stats.batches.iter().map(|batch| (batch.rows, batch.executions)).collect()
}

#[test]
fn every_request_is_counted_once_and_only_what_reached_the_model() {
    let home = Home::new();
    let mut bench = Bench::start(&home);
    let plan = vec![bench.variant("1", "fails 1", 1.0, &[(0, 99)])];
    bench.install(1, plan);
    assert_eq!(bench.engine.stats()[0].batches, [], "warming up is no inference");
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut workers = [bench.engine.worker(0).unwrap(), bench.engine.worker(1).unwrap()];
    let mut inferred = 0;
    for n in 0..60_u32 {
        let worker = &mut workers[n as usize % 2];
        let size = [1, 2, 5][n as usize % 3];
        let asked = ScoreRequest { arrived: Some(Instant::now()), ..request(batch(&rows(n, size), None)) };
        let response = worker.score(&endpoint, asked).unwrap();
        worker.delivered(&response);
        inferred += u64::from(size);
        // Never so many in a row that the model is left alone.
        if n % 9 == 0 {
            let failing = request(batch(&[("AA", 13.0, 0.0)], None));
            let failed = worker.score(&endpoint, ScoreRequest { arrived: Some(Instant::now()), ..failing });
            assert!(matches!(failed, Err(EngineError::Model { .. })), "{failed:?}");
        }
    }
    bench.clock.advance(5);
    for _ in 0..3 {
        let version = Some("9".to_owned());
        let refused = request(batch(&rows(0, 1), None));
        let refused = workers[0].score(&endpoint, ScoreRequest { version, pin_allowed: true, ..refused });
        assert!(matches!(refused, Err(EngineError::UnknownVersion { .. })), "{refused:?}");
    }

    let stats = bench.engine.stats().remove(0);
    assert_eq!((stats.requests, stats.errors, stats.executions, stats.rows), (60, 7, 60, inferred));
    assert_eq!(sizes(&stats), [(1, 20), (2, 20), (5, 20)]);
    assert_eq!(stats.last_inference_ms, u64::try_from(START / 1000).unwrap());
    assert_eq!(stats.queue_ns, 0);
    assert_eq!(stats.durations.iter().sum::<u64>(), 60);
    for ns in [stats.input_ns, stats.duration_ns, stats.output_ns, stats.error_ns] {
        assert!(ns > 0, "{stats:?}");
    }
    let sum = |part: fn(&BatchStats) -> u64| stats.batches.iter().map(part).sum::<u64>();
    assert_eq!(sum(|batch| batch.input_ns), stats.input_ns);
    assert_eq!(sum(|batch| batch.infer_ns), stats.duration_ns);
    assert_eq!(sum(|batch| batch.output_ns), stats.output_ns);
}

#[test]
fn a_variant_that_stays_keeps_its_statistics_and_a_shadow_has_its_own() {
    let home = Home::new();
    let mut bench = Bench::start(&home);
    let plan = vec![bench.variant("1", "scale 1", 1.0, &[(0, 99)]), bench.shadow("2", "scale 0.5")];
    bench.install(1, plan.clone());
    let mut worker = bench.worker();
    for generation in 2..4 {
        let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
        let response = worker.score(&endpoint, request(batch(&rows(1, 3), None))).unwrap();
        worker.delivered(&response);
        bench.engine.flush().unwrap();
        bench.install(generation, plan.clone());
    }
    for stats in bench.engine.stats() {
        assert_eq!((stats.requests, stats.rows, stats.executions), (2, 6, 2), "{stats:?}");
        assert_eq!(sizes(&stats), [(3, 2)]);
        assert_eq!(stats.output_ns > 0, !stats.shadow, "nobody waits for a shadow");
    }
}
