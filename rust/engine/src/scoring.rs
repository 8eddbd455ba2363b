//! One batch through one variant: wire, run, check, put in the contract's order, count.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use tidegate_model::{Batch, Contract, ScoreError, Stop, Tensor};

use crate::EngineError;
use crate::lanes::MOST_ROWS;
use crate::log::{Request, data_bytes};
use crate::meter::{Part, Spent};
use crate::snapshot::{Endpoint, Variant};

/// The outputs of a run, in the order of the contract, and when it ended.
pub(crate) struct Scored {
    pub(crate) outputs: Vec<Tensor>,
    pub(crate) ended: Instant,
}

/// Scores a batch on thread `thread` and counts it, drift and metrics. `arrived`: when its transport had it.
pub(crate) fn score(
    thread: usize,
    request: &Request,
    variant: &Variant,
    arrived: Option<Instant>,
    began: Instant,
    output_limit: usize,
) -> Result<Scored, EngineError> {
    let batch = &request.batch;
    let scored = run_whole(&request.endpoint, variant, batch, output_limit, None, || Ok(()));
    let ended = Instant::now();
    let arrived = arrived.unwrap_or(began);
    let outputs = scored.inspect_err(|_| variant.meter.failed(thread, ended - arrived))?;
    let spent = Spent { input: began - arrived, queue: Duration::ZERO, infer: ended - began };
    variant.meter.ran(thread, batch.rows, spent.infer);
    let part = Part { rows: batch.rows, batch: batch.rows, spent, received_at: request.received_at };
    count(thread, request, variant, &outputs, &part);
    Ok(Scored { outputs, ended })
}

/// Counts a request that thread `thread` scored: metrics and drift.
pub(crate) fn count(thread: usize, request: &Request, variant: &Variant, outputs: &[Tensor], part: &Part) {
    let batch = &request.batch;
    variant.meter.scored(thread, part);
    if let Some(drift) = &variant.drift {
        let counted = drift.tap.count(thread, batch.rows, request.event_time, |counters| {
            drift.plan.count(counters, batch, outputs)
        });
        if let Err(error) = counted {
            tracing::error!(endpoint = %request.endpoint.name, %error, "rows were not counted for drift");
        }
    }
}

/// Runs the model over a batch of any size: in parts, where a model is given no more rows at once. `go_on` is asked
/// before each part but the first; `stop` ends a part that runs, where the scorer can.
pub(crate) fn run_whole(
    endpoint: &Endpoint,
    variant: &Variant,
    batch: &Batch,
    output_limit: usize,
    stop: Option<&Stop>,
    go_on: impl Fn() -> Result<(), EngineError>,
) -> Result<Vec<Tensor>, EngineError> {
    let inputs: Option<Vec<&Tensor>> =
        variant.wiring.inputs.iter().map(|&input| batch.inputs.get(input)).collect();
    let wrong = || EngineError::Batch { endpoint: endpoint.name.clone() };
    let inputs = inputs.ok_or_else(wrong)?;
    if batch.rows <= MOST_ROWS {
        return run(endpoint, variant, batch.rows, &inputs, output_limit, stop);
    }
    let mut parts: Vec<Vec<Tensor>> = Vec::with_capacity(batch.rows.div_ceil(MOST_ROWS));
    let mut left = output_limit;
    for start in (0..batch.rows).step_by(MOST_ROWS) {
        if start > 0 {
            go_on()?;
        }
        let end = batch.rows.min(start + MOST_ROWS);
        let part: Option<Vec<Tensor>> = inputs.iter().map(|input| input.rows(start..end)).collect();
        let part = part.ok_or_else(wrong)?;
        let outputs = run(endpoint, variant, end - start, &part.iter().collect::<Vec<_>>(), left, stop)?;
        left = left.saturating_sub(bytes(&outputs));
        parts.push(outputs);
    }
    let whole =
        |output| Tensor::join(&parts.iter().map(|part| part.get(output)).collect::<Option<Vec<_>>>()?);
    let outputs: Option<Vec<Tensor>> = (0..variant.wiring.outputs.len()).map(whole).collect();
    outputs.ok_or_else(|| EngineError::Outputs {
        endpoint: endpoint.name.clone(),
        version: variant.version.to_string(),
        problem: "the outputs of its parts have several shapes".into(),
    })
}

/// Runs the model and gives its outputs in the order of the contract. A panic in the scorer is an error here.
pub(crate) fn run(
    endpoint: &Endpoint,
    variant: &Variant,
    rows: usize,
    inputs: &[&Tensor],
    output_limit: usize,
    stop: Option<&Stop>,
) -> Result<Vec<Tensor>, EngineError> {
    let names = || (endpoint.name.clone(), variant.version.to_string());
    let model = &variant.loaded.scorer;
    let score = || match stop {
        None => model.score(rows, inputs),
        Some(stop) => model.score_until(rows, inputs, stop),
    };
    let outputs = match catch_unwind(AssertUnwindSafe(score)) {
        Ok(scored) => scored.map_err(|source| {
            let (endpoint, version) = names();
            match source {
                ScoreError::Stopped => EngineError::Expired { endpoint, version },
                ScoreError::Mismatch(_) | ScoreError::Run(_) => {
                    EngineError::Model { endpoint, version, source }
                }
            }
        })?,
        Err(_panic) => {
            let (endpoint, version) = names();
            return Err(EngineError::Panicked { endpoint, version });
        }
    };
    let bytes = bytes(&outputs);
    if bytes > output_limit {
        let (endpoint, version) = names();
        return Err(EngineError::OutputLimit { endpoint, version, bytes, limit: output_limit });
    }
    arrange(outputs, &variant.wiring.outputs, &endpoint.contract, rows).map_err(|problem| {
        let (endpoint, version) = names();
        EngineError::Outputs { endpoint, version, problem }
    })
}

fn bytes(outputs: &[Tensor]) -> usize {
    outputs.iter().map(|output| data_bytes(&output.data)).sum()
}

/// Whether the batch was made for this contract; cheap, and for callers that mix endpoints up.
pub(crate) fn fits(batch: &Batch, contract: &Contract) -> bool {
    batch.rows > 0
        && batch.inputs.len() == contract.inputs.len()
        && batch.context.len() == contract.context.len()
        && batch.inputs.iter().zip(&contract.inputs).all(|(tensor, spec)| {
            tensor.data.datatype() == spec.datatype && tensor.data.len() == batch.rows * spec.width()
        })
}

fn arrange(
    mut outputs: Vec<Tensor>,
    order: &[usize],
    contract: &Contract,
    rows: usize,
) -> Result<Vec<Tensor>, String> {
    if !(outputs.len() == order.len() && order.iter().enumerate().all(|(position, &from)| position == from)) {
        let mut taken: Vec<Option<Tensor>> = outputs.into_iter().map(Some).collect();
        let pick = |&from: &usize| {
            taken.get_mut(from).and_then(Option::take).ok_or_else(|| format!("output {from} did not come"))
        };
        outputs = order.iter().map(pick).collect::<Result<_, _>>()?;
    }
    for (tensor, spec) in outputs.iter().zip(&contract.outputs) {
        check(tensor, rows, spec)?;
    }
    Ok(outputs)
}

fn check(tensor: &Tensor, rows: usize, spec: &tidegate_model::TensorSpec) -> Result<(), String> {
    let elements: usize = tensor.shape.iter().product();
    let width = match spec.shape[..] {
        [_] => Some(1),
        [_, width] if width > 0 => usize::try_from(width).ok(),
        _ => None,
    };
    let good = tensor.shape.first() == Some(&rows)
        && elements == tensor.data.len()
        && width.is_none_or(|width| tensor.data.len() == rows * width)
        && tensor.data.datatype() == spec.datatype;
    if good {
        return Ok(());
    }
    let shape = &tensor.shape;
    let datatype = tensor.data.datatype();
    Err(format!(
        "output '{}' must be {} {:?} with {rows} rows, got {datatype} {shape:?}",
        spec.name, spec.datatype, spec.shape
    ))
}
