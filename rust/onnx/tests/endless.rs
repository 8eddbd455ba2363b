//! Graphs that loop for as long as their inputs say: known as such, and ended by another thread.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod fixture;

use std::sync::Barrier;
use std::thread;

use fixture::{bytes, scorer};
use tidegate_model::{ScoreError, Scorer, Shape, Stop, Tensor, TensorData};
use tidegate_onnx::endless_loop;

fn x(value: f32) -> Tensor {
    Tensor { shape: Shape::from_slice(&[1, 1]), data: TensorData::Fp32(vec![value]) }
}

#[test]
fn the_loop_is_named_and_others_have_none() {
    assert_eq!(endless_loop(&bytes("loops.onnx")).as_deref(), Some("as often as x"));
    assert!(!scorer("loops.onnx").bounded());
    for name in ["matrix", "mixed", "labels", "identity", "positive"] {
        let name = format!("{name}.onnx");
        assert_eq!(endless_loop(&bytes(&name)), None, "{name}");
        assert!(scorer(&name).bounded(), "{name}");
    }
}

/// The run would take years. That this test ends is what it shows.
#[test]
fn another_thread_ends_a_run_and_the_next_one_is_as_ever() {
    let scorer = scorer("loops.onnx");
    for _ in 0..3 {
        let (stop, begins) = (Stop::default(), Barrier::new(2));
        let ended = thread::scope(|scope| {
            let run = scope.spawn(|| {
                begins.wait();
                scorer.score_until(1, &[&x(1e18)], &stop)
            });
            begins.wait();
            stop.stop();
            run.join().unwrap()
        });
        assert!(matches!(ended, Err(ScoreError::Stopped)), "{ended:?}");
        let answer = scorer.score_until(1, &[&x(3.0)], &Stop::default()).unwrap();
        assert_eq!(answer[0].data, TensorData::Fp32(vec![6.0]));
        assert_eq!(scorer.score(1, &[&x(3.0)]).unwrap(), answer);
    }
}

#[test]
fn many_runs_on_one_session_are_ended_one_by_one() {
    let scorer = scorer("loops.onnx");
    let stops: Vec<Stop> = (0..4).map(|_| Stop::default()).collect();
    thread::scope(|scope| {
        let scorer = &scorer;
        let mut runs: Vec<_> =
            stops.iter().map(|stop| scope.spawn(move || scorer.score_until(1, &[&x(1e18)], stop))).collect();
        for (stop, run) in stops.iter().zip(runs.drain(..)) {
            assert!(!run.is_finished());
            stop.stop();
            assert!(matches!(run.join().unwrap(), Err(ScoreError::Stopped)));
        }
    });
}

#[test]
fn a_stop_that_came_before_ends_it_as_well() {
    let stop = Stop::default();
    stop.stop();
    let ended = scorer("loops.onnx").score_until(1, &[&x(1e18)], &stop);
    assert!(matches!(ended, Err(ScoreError::Stopped)), "{ended:?}");
}
