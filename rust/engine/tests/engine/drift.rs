//! Drift counters equal a naive recount, whoever reads while they count.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use proptest::prelude::*;

use crate::support::{Bench, Home, batch, cells, numbers, recount, request, row_count, rows, text};

#[test]
fn concurrent_counts_equal_a_naive_recount_while_a_reader_flips() {
    const REQUESTS: u32 = 300;
    let home = Home::new();
    let bench = Bench::single(&home);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut reads, mut seen) = (0, 0);
            while !done.load(Ordering::Relaxed) {
                let rows = bench.counts("1").features()[0].rows();
                assert!(rows >= seen, "counts never shrink");
                (seen, reads) = (rows, reads + 1);
            }
            reads
        });
        let scorers: Vec<_> = (0..4)
            .map(|index| {
                let (engine, endpoint) = (&bench.engine, &endpoint);
                scope.spawn(move || {
                    let mut worker = engine.worker(index).unwrap();
                    for n in 0..REQUESTS {
                        let seed = n * 4 + index as u32;
                        worker.score(endpoint, request(batch(&rows(seed, 1 + seed % 200), None))).unwrap();
                    }
                })
            })
            .collect();
        for scorer in scorers {
            scorer.join().unwrap();
        }
        // Read at once after the last answer: every row is in.
        let all: Vec<_> = (0..REQUESTS * 4).flat_map(|seed| rows(seed, 1 + seed % 200)).collect();
        assert_eq!(cells(&bench.counts("1")), recount(all.iter(), 1.0));
        done.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any batches, any reads between them: what is counted is what was scored.
    #[test]
    fn any_sequence_of_batches_and_reads_adds_up(steps in proptest::collection::vec((any::<u32>(), 1..40_u32, any::<bool>()), 1..40)) {
        let home = Home::new();
        let bench = Bench::single(&home);
        let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
        let mut worker = bench.worker();
        let mut all = Vec::new();
        for (seed, count, read) in steps {
            let rows = rows(seed, count);
            worker.score(&endpoint, request(batch(&rows, None))).unwrap();
            all.extend(rows);
            if read {
                prop_assert_eq!(cells(&bench.counts("1")), recount(all.iter(), 1.0));
            }
        }
        prop_assert_eq!(cells(&bench.counts("1")), recount(all.iter(), 1.0));
    }
}

#[test]
fn a_pane_needs_rows_and_event_time() {
    let home = Home::new();
    let bench = Bench::single(&home);
    let endpoint = bench.engine.deployment().default_endpoint.clone().unwrap();
    let mut worker = bench.worker();
    let mut score = |seconds: i64, count: u32| {
        let mut request = request(batch(&rows(7, count), None));
        request.event_time = Some(seconds * 1_000_000);
        worker.score(&endpoint, request).unwrap();
        bench.engine.poll();
        bench.engine.flush().unwrap();
        home.batches("drift").len()
    };
    assert_eq!(score(100, 2000), 0, "enough rows, no time");
    assert_eq!(score(159, 1), 0);
    assert_eq!(score(160, 1), 1);
    assert_eq!(score(500, 10), 1, "time, not enough rows");
    assert_eq!(score(900, 990), 2);

    let panes = home.batches("drift");
    assert_eq!(row_count(&panes), 8, "one row for each feature and pane");
    assert_eq!([numbers(&panes[0], "rows").value(0), numbers(&panes[1], "rows").value(0)], [2002, 1000]);
    assert_eq!([numbers(&panes[0], "pane").value(0), numbers(&panes[1], "pane").value(0)], [0, 1]);
    assert_eq!(text(&panes[0], "feature").value(3), "p");
    assert_eq!(text(&panes[0], "role").value(3), "score");

    // Bins and missing values of all panes together are those of all rows.
    let bins = |batch: &arrow_array::RecordBatch, row: usize| -> u64 {
        let lists: &arrow_array::ListArray =
            batch.column_by_name("bins").unwrap().as_any().downcast_ref().unwrap();
        let values = lists.value(row);
        let values: &arrow_array::UInt64Array = values.as_any().downcast_ref().unwrap();
        values.iter().flatten().sum()
    };
    for pane in &panes {
        for feature in 0..4 {
            let counted = bins(pane, feature) + numbers(pane, "missing").value(feature);
            assert_eq!(counted, numbers(pane, "rows").value(feature));
        }
    }
}
