//! A model in ONNX Runtime, behind the `Scorer` trait.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ort::logging::LogLevel;
use ort::session::{RunOptions, Session};
use sha2::{Digest as _, Sha256};
use smallvec::SmallVec;
use tidegate_model::{ScoreError, Scorer, Signature, Stop, Tensor, TensorSpec};

use crate::ffi::{Graph, Value, marks};
use crate::shape::{dimensions, signed, zeros};
use crate::{OnnxError, Runtime, endless_loop, format, signature};

/// A model loaded into ONNX Runtime: any number of threads score on it at once, each on its own core.
pub struct OnnxScorer {
    graph: Graph,
    signature: Signature,
    /// Per output, whether its shape is known from the number of rows, so that it is written in place.
    known: Vec<bool>,
    /// Whether no loop of it goes on for as long as its inputs say.
    bounded: bool,
}

impl OnnxScorer {
    /// Loads a model and runs it once on zeros and empty strings, to see which shapes its outputs really have.
    ///
    /// # Errors
    /// [`OnnxError`] when the bytes are no model, or one that can't be served.
    pub fn from_bytes(runtime: &Runtime, onnx: &[u8]) -> Result<Self, OnnxError> {
        format::check(onnx)?;
        let mark = mark(onnx);
        let loading = marks::running(mark);
        // ort panics on kinds of values that it does not know, such as sequences of sequences.
        let session = catch_unwind(AssertUnwindSafe(|| open(runtime, onnx)))
            .map_err(|_| OnnxError::Refused("an input or output is of an unknown kind".into()))?
            .map_err(|error| OnnxError::Refused(error.into()))?;
        let signature = signature::read(session.inputs(), session.outputs())?;
        let graph =
            Graph::new(session, &signature, mark).map_err(|error| OnnxError::Refused(error.into()))?;
        let known = vec![false; signature.outputs.len()];
        let mut scorer = Self { graph, signature, known, bounded: endless_loop(onnx).is_none() };
        scorer.observe_shapes();
        drop(loading);
        Ok(scorer)
    }

    /// Some converters declare wrong shapes (a label of `[1]` whatever the rows): what a run gives is believed. A graph that
    /// can't run on zeros keeps its declared shapes, and its outputs are copied.
    fn observe_shapes(&mut self) {
        let single = self.signature.inputs.iter().any(|input| input.shape.first() == Some(&1));
        let rows = if single { 1 } else { 2 };
        let inputs: Vec<_> = self.signature.inputs.iter().map(|input| zeros(input, rows)).collect();
        let Ok(outputs) = self.score(rows, &inputs.iter().collect::<Vec<_>>()) else { return };
        for ((spec, known), output) in self.signature.outputs.iter_mut().zip(&mut self.known).zip(&outputs) {
            let by_rows = output.shape.first() == Some(&rows);
            let declared = output.shape.len() == spec.shape.len()
                && spec
                    .shape
                    .iter()
                    .zip(&output.shape)
                    .all(|(&want, &got)| want == -1 || want == signed(got));
            if by_rows && (!declared || spec.shape[0] != -1) {
                let rest = output.shape[1..].iter().map(|&size| signed(size));
                spec.shape = std::iter::once(-1).chain(rest).collect();
            }
            *known = by_rows && spec.shape[1..].iter().all(|&size| size > 0);
        }
    }
}

impl Scorer for OnnxScorer {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn score(&self, rows: usize, inputs: &[&Tensor]) -> Result<Vec<Tensor>, ScoreError> {
        self.run(rows, inputs, None)
    }

    fn score_until(&self, rows: usize, inputs: &[&Tensor], stop: &Stop) -> Result<Vec<Tensor>, ScoreError> {
        let options = Arc::new(RunOptions::new().map_err(failed)?);
        let ends = Arc::clone(&options);
        // It fails for a null pointer alone.
        let end = move || drop(ends.terminate());
        let scored = stop.during(end, || self.run(rows, inputs, Some(&options)));
        scored.map_err(|error| if stop.stopped() { ScoreError::Stopped } else { error })
    }

    fn bounded(&self) -> bool {
        self.bounded
    }
}

impl OnnxScorer {
    fn run(
        &self,
        rows: usize,
        inputs: &[&Tensor],
        options: Option<&RunOptions>,
    ) -> Result<Vec<Tensor>, ScoreError> {
        let specs = &self.signature.inputs;
        if inputs.len() != specs.len() {
            let text = format!("expected {} inputs, got {}", specs.len(), inputs.len());
            return Err(ScoreError::Mismatch(text));
        }
        let values: SmallVec<[Value<'_>; 32]> = specs
            .iter()
            .zip(inputs)
            .map(|(spec, tensor)| {
                let dimensions =
                    dimensions(spec, rows, tensor).ok_or_else(|| mismatch(spec, rows, tensor))?;
                Value::input(self.graph.memory(), &dimensions, &tensor.data).map_err(failed)
            })
            .collect::<Result<_, _>>()?;
        let outputs = self.signature.outputs.iter().zip(&self.known);
        let targets = outputs.map(|(spec, known)| known.then(|| zeros(spec, rows))).collect();
        // Where values decide about a shape, writing in place fails; then ONNX Runtime allocates.
        let run = self.graph.run(&values, targets, options);
        run.or_else(|_| self.graph.run(&values, vec![None; self.known.len()], options)).map_err(failed)
    }
}

/// What a model is called in the file of marks: the first eight bytes of its sha256, never 0.
fn mark(onnx: &[u8]) -> u64 {
    let digest = Sha256::digest(onnx);
    digest[..8].iter().fold(0, |mark, &byte| mark << 8 | u64::from(byte)).max(1)
}

fn open(runtime: &Runtime, onnx: &[u8]) -> Result<Session, ort::Error> {
    Session::builder(&runtime.environment)?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_parallel_execution(false)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        // Errors come back as values.
        .with_log_level(LogLevel::Fatal)?
        .commit_from_memory(onnx)
}

fn mismatch(spec: &TensorSpec, rows: usize, tensor: &Tensor) -> ScoreError {
    ScoreError::Mismatch(format!(
        "input '{}' must be {} {:?} with {rows} rows, got {} {:?} with {} elements",
        spec.name,
        spec.datatype,
        spec.shape,
        tensor.data.datatype(),
        &tensor.shape[..],
        tensor.data.len(),
    ))
}

fn failed(error: ort::Error) -> ScoreError {
    ScoreError::Run(error.into())
}
