//! Times engines on one model, in turn: takes a plan as one JSON argument and prints nanoseconds a row by round.
//!
//! ONNX Runtime is called as the server calls it: the C API's `Run` on a shared session, one thread.

mod plan;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tidegate_model::{Scorer, Shape, Tensor, TensorData};
use tidegate_onnx::{OnnxScorer, Runtime};
use tidegate_trees::TreeScorer;

use crate::plan::{Kernel, Plan};

type Fault = Box<dyn Error>;

fn main() -> ExitCode {
    match timed() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn timed() -> Result<(), Fault> {
    let argument = std::env::args().nth(1).ok_or("usage: tidegate-kernels '{\"model\": …}'")?;
    let plan = Plan::parse(&argument)?;
    let onnx = std::fs::read(&plan.model)?;
    let batches: Vec<_> = plan.batches(&std::fs::read(&plan.rows)?)?.into_iter().map(tensor(&plan)).collect();
    let mut engines = Vec::new();
    for kernel in &plan.kernels {
        let scorer: Arc<dyn Scorer> = match kernel {
            Kernel::Onnxruntime => Arc::new(OnnxScorer::from_bytes(&Runtime::load(&plan.library)?, &onnx)?),
            Kernel::Trees => Arc::new(TreeScorer::from_bytes(&onnx)?),
        };
        run(&*scorer, &batches, plan.batch, Duration::from_millis(50))?;
        engines.push((*kernel, scorer));
    }
    let mut found: BTreeMap<Kernel, Vec<f64>> = BTreeMap::new();
    for round in 0..plan.rounds {
        let turn = |(kernel, scorer): &(Kernel, Arc<dyn Scorer>)| {
            Ok::<_, Fault>((*kernel, run(&**scorer, &batches, plan.batch, plan.lasting())?))
        };
        let figures: Result<Vec<_>, _> = if round % 2 == 0 {
            engines.iter().map(turn).collect()
        } else {
            engines.iter().rev().map(turn).collect()
        };
        for (kernel, figure) in figures? {
            found.entry(kernel).or_default().push(figure);
        }
    }
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&found)?)?;
    Ok(())
}

fn tensor(plan: &Plan) -> impl Fn(Vec<f32>) -> Tensor {
    let shape = Shape::from_slice(&[plan.batch, plan.width]);
    move |values| Tensor { shape: shape.clone(), data: TensorData::Fp32(values) }
}

/// Nanoseconds a row of at least `lasting`, going around the batches.
fn run(scorer: &dyn Scorer, batches: &[Tensor], rows: usize, lasting: Duration) -> Result<f64, Fault> {
    let began = Instant::now();
    let mut rows_done = 0;
    while began.elapsed() < lasting {
        for batch in batches {
            std::hint::black_box(scorer.score(rows, &[batch])?);
        }
        rows_done += batches.len() * rows;
    }
    Ok(began.elapsed().as_nanos() as f64 / rows_done as f64)
}
