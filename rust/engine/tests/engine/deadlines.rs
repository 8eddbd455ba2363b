//! Requests that nobody waits for any more.

use std::time::{Duration, Instant};

use tidegate_engine::EngineError;

use crate::support::{Bench, Home, batch, request, rows};

#[test]
fn an_expired_request_is_counted_and_not_executed() {
    let home = Home::new();
    let bench = Bench::single(&home);
    let mut worker = bench.worker();
    let endpoint = bench.engine.deployment().endpoint("delay").unwrap().clone();
    let mut ask = |deadline| {
        let mut asked = request(batch(&rows(1, 3), None));
        asked.deadline = Some(deadline);
        worker.score(&endpoint, asked)
    };
    let now = Instant::now();
    ask(now + Duration::from_hours(1)).unwrap();
    bench.clock.advance(3600);
    let expired = ask(now + Duration::from_hours(1)).unwrap_err();
    assert!(matches!(&expired, EngineError::Expired { version, .. } if version == "1"), "{expired}");
    assert!(matches!(ask(now).unwrap_err(), EngineError::Expired { .. }));

    let status = bench.engine.status();
    let variant = &status.endpoints[0].variants[0];
    assert_eq!((variant.requests, variant.errors, variant.lane.expired), (1, 0, 2));
    bench.engine.flush().unwrap();
    assert_eq!(bench.engine.status().predictions.logged, 3);
    assert_eq!(bench.counts("1").features()[0].rows(), 3);
}
