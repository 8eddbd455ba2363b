//! The native kernel against ONNX Runtime, both behind `Scorer`, interleaved: nanoseconds a row as JSON lines.
//!
//! `families <libonnxruntime.so> <rounds> <model.onnx>...`; one line for each model, batch size and kind of rows.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a bench's own")]

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::json;
use tidegate_model::{Scorer, Shape, Tensor, TensorData};
use tidegate_onnx::{OnnxScorer, Runtime};
use tidegate_trees::{TreeScorer, compare};

const BATCHES: [usize; 4] = [1, 8, 64, 1024];
/// Rows that a run cycles over; "repeated" rows are the first one again and again.
const ROWS: usize = 4096;
/// How long one side is measured in a round.
const ROUND: Duration = Duration::from_micros(1500);

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    // `cargo test --benches` gives none.
    let Some(library) = arguments.next() else { return };
    let runtime = Runtime::load(Path::new(&library)).unwrap();
    let rounds: usize = arguments.next().unwrap().parse().unwrap();
    for path in arguments {
        let onnx = std::fs::read(&path).unwrap();
        let theirs = OnnxScorer::from_bytes(&runtime, &onnx).unwrap();
        let began = Instant::now();
        let ours = TreeScorer::from_bytes(&onnx).unwrap();
        let matched = began.elapsed();
        let began = Instant::now();
        let checked = compare(&ours, &theirs, &[]).unwrap();
        let load = json!({
            "match_ms": matched.as_secs_f64() * 1e3,
            "check_ms": began.elapsed().as_secs_f64() * 1e3,
            "check_rows": checked.rows,
        });
        for repeated in [false, true] {
            for batch in BATCHES {
                let batches = batches(&theirs, batch, repeated);
                let mut figures = (Vec::new(), Vec::new());
                for round in 0..=rounds {
                    let (a, b) = if round % 2 == 0 {
                        let a = measure(&ours, batch, &batches);
                        (a, measure(&theirs, batch, &batches))
                    } else {
                        let b = measure(&theirs, batch, &batches);
                        (measure(&ours, batch, &batches), b)
                    };
                    // The first round warms.
                    if round > 0 {
                        figures.0.push(a);
                        figures.1.push(b);
                    }
                }
                let line = json!({
                    "model": Path::new(&path).file_stem().unwrap().to_string_lossy(),
                    "batch": batch, "repeated": repeated, "load": load,
                    "ours": figures.0, "theirs": figures.1,
                });
                println!("{line}");
            }
        }
    }
}

/// Standard normal rows with one missing value in twenty, in batches.
fn batches(scorer: &dyn Scorer, batch: usize, repeated: bool) -> Vec<Tensor> {
    let [input] = &scorer.signature().inputs[..] else { unreachable!("one input") };
    let width = usize::try_from(input.shape[1]).unwrap();
    let mut state = 1_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32
    };
    let mut normal = || (0..12).map(|_| uniform()).sum::<f32>() - 6.0;
    let mut rows: Vec<f32> = Vec::with_capacity(ROWS * width);
    for cell in 0..ROWS * width {
        let value = normal();
        rows.push(if cell % 20 == 7 { f32::NAN } else { value });
    }
    if repeated {
        let first = rows[..width].to_vec();
        rows.chunks_exact_mut(width).for_each(|row| row.copy_from_slice(&first));
    }
    let tensor = |rows: &[f32]| Tensor {
        shape: Shape::from_slice(&[batch, width]),
        data: TensorData::Fp32(rows.to_vec()),
    };
    rows.chunks_exact(batch * width).map(tensor).collect()
}

/// Nanoseconds a row.
fn measure(scorer: &dyn Scorer, batch: usize, batches: &[Tensor]) -> f64 {
    let began = Instant::now();
    let mut rows = 0_usize;
    while began.elapsed() < ROUND {
        for tensor in batches.iter().cycle().skip(rows / batch % batches.len()).take((256 / batch).max(1)) {
            black_box(scorer.score(batch, &[tensor]).unwrap());
            rows += batch;
        }
    }
    began.elapsed().as_secs_f64() * 1e9 / rows as f64
}
