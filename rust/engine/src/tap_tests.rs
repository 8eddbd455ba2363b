//! A reader waits for a batch that is being counted, and for nothing else.

use std::sync::mpsc::channel;
use std::thread;

use tidegate_drift::{FeatureProfile, Kind, NumericProfile, Role};

use super::*;

fn tap() -> Tap {
    let kind = Kind::Numeric(NumericProfile::fit(&[0.0, 1.0, 2.0]).unwrap());
    let feature = FeatureProfile { name: "x".into(), role: Role::Input, kind };
    let profile = ReferenceProfile::new(vec![feature]).unwrap();
    let zero = Counts::zero(&profile);
    Tap::new(profile, zero, 2)
}

fn rows(counts: &Counts) -> u64 {
    counts.features()[0].rows()
}

#[test]
fn a_read_includes_the_batch_that_was_being_counted() {
    let tap = tap();
    let (begun, wait_begun) = channel();
    let (go_on, wait_go_on) = channel::<()>();
    thread::scope(|scope| {
        let tap = &tap;
        scope.spawn(move || {
            tap.count(0, 3, 0, |counters| {
                begun.send(()).unwrap();
                wait_go_on.recv().unwrap();
                counters.count(0, &[0.0, 1.0, 2.0], 0, 1)
            })
            .unwrap();
        });
        wait_begun.recv().unwrap();
        let reader = scope.spawn(move || rows(&tap.counts()));
        while tap.active.load(Ordering::SeqCst) == 0 {
            thread::yield_now();
        }
        // The reader has flipped and waits for thread 0; thread 1 goes on counting meanwhile.
        for _ in 0..100 {
            tap.count(1, 1, 0, |counters| counters.count(0, &[1.0], 0, 1)).unwrap();
        }
        go_on.send(()).unwrap();
        assert!(reader.join().unwrap() >= 3);
    });
    assert_eq!(rows(&tap.counts()), 103);
}

#[test]
fn a_panic_while_counting_does_not_lock_readers_out() {
    let tap = tap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        tap.count(0, 1, 0, |_| panic!("a count that panics"))
    }));
    assert!(panicked.is_err());
    tap.count(0, 1, 0, |counters| counters.count(0, &[1.0], 0, 1)).unwrap();
    assert_eq!(rows(&tap.counts()), 1);
}

#[test]
fn a_pane_that_stands_still_is_drained_before_cells_overflow() {
    let tap = tap();
    let values = vec![1.0_f32; 1 << 20];
    for _ in 0..16 {
        tap.count(0, values.len(), 5, |counters| counters.count(0, &values, 0, 1)).unwrap();
    }
    let waiting = || -> u64 {
        let sides = &tap.slots[0].get().unwrap().sides;
        sides.iter().map(|side| side.rows.load(Ordering::Relaxed)).sum()
    };
    assert_eq!(waiting(), 1 << 24);
    assert_eq!(tap.close_pane(1, 1), None, "no event time has passed");
    assert_eq!(waiting(), 0);
    tap.count(0, 1, 6, |counters| counters.count(0, &[1.0], 0, 1)).unwrap();
    assert!(tap.close_pane(1, 1).is_some());
}

#[test]
fn threads_that_never_count_cost_no_counters() {
    let tap = tap();
    tap.prepare(1..2);
    assert!(tap.slots[0].get().is_none() && tap.slots[1].get().is_some());
    assert_eq!(tap.bytes(), 6 * 4 * (2 * 3 + 1 + 2));
}
