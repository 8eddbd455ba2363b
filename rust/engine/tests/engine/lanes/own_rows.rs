//! Many callers at once: each gets the answer to its own rows.

use super::*;

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
