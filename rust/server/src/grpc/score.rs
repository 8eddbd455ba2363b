//! `Score`: named columns or an Arrow stream in, outputs by name out; on the thread of its connection.

use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Response};
use tidegate_engine::{Endpoint, ScoreRequest};
use tidegate_model::{Tensor, TensorData};

use super::{columns, decoded, frame, parameters};
use crate::admission::Caller;
use crate::body::Answer;
use crate::decided::{Scores, above, width};
use crate::fault::Fault;
use crate::generated::tidegate_v1 as wire;
use crate::generated::tidegate_v1::output::Values;
use crate::generated::tidegate_v1::score_request::Rows;
use crate::plane::{Desk, Plane, ROUTING_KEY};
use crate::{arrow, prediction_id};

/// Answers one call.
pub(super) async fn answer(
    desk: &Desk,
    caller: &Caller,
    headers: &HeaderMap,
    message: Bytes,
) -> Result<Response<Answer>, Fault> {
    let arrived = Instant::now();
    let request: wire::ScoreRequest = decoded(message, "ScoreRequest")?;
    let endpoint = desk.plane.endpoint(&request.endpoint)?;
    Plane::room(&endpoint, "")?;
    let limit = desk.plane.limits.body;
    let batch = match request.rows {
        Some(Rows::Columns(columns)) => columns::decode(&endpoint.contract, columns, limit)?,
        Some(Rows::Arrow(stream)) => arrow::decode(&endpoint.contract, &stream, limit)?,
        None => return Err(Fault::invalid("the request has neither columns nor an Arrow stream")),
    };
    let rows = batch.rows as u64;
    let header_key = headers.get(ROUTING_KEY).map(|key| key.as_bytes().to_vec());
    let timeout = i64::try_from(request.timeout).unwrap_or(i64::MAX);
    let asked = ScoreRequest {
        client_id: (!request.id.is_empty()).then(|| request.id.clone()),
        routing_key: header_key.or(request.routing_key.map(String::into_bytes)),
        headers: endpoint.met(|name| Some(headers.get(name)?.as_bytes())),
        event_time: request.event_time,
        deadline: Some(caller.deadline.within(Some(timeout))),
        priority: parameters::rank(request.priority),
        arrived: Some(arrived),
        ..caller.request(batch)
    };
    let scored = desk.score(caller, &endpoint, asked).await?;
    let response = wire::ScoreResponse {
        prediction_id: scored.prediction_id.to_string(),
        endpoint: endpoint.name.clone(),
        model: scored.model.to_string(),
        version: scored.version.to_string(),
        variant: scored.variant.to_string(),
        route: scored.route.name().into(),
        generation: scored.generation,
        id: request.id,
        rows,
        outputs: outputs(&endpoint, &scored.outputs),
        scores: scores(&endpoint, &scored.outputs),
        decisions: decisions(&endpoint, &scored.outputs),
    };
    let mut answer = frame::answer(&response)?;
    desk.delivered(caller, &scored);
    prediction_id::stamp(answer.headers_mut(), scored.prediction_id);
    Ok(answer)
}

fn outputs(endpoint: &Endpoint, tensors: &[Tensor]) -> Vec<wire::Output> {
    let output = |(spec, tensor): (&tidegate_model::TensorSpec, &Tensor)| wire::Output {
        name: spec.name.clone(),
        width: u32::try_from(width(tensor).unwrap_or(1)).unwrap_or(u32::MAX),
        values: Some(values(&tensor.data)),
    };
    endpoint.contract.outputs.iter().zip(tensors).map(output).collect()
}

pub(super) fn values(data: &TensorData) -> Values {
    macro_rules! wide {
        ($variant:ident, $values:expr) => {
            Values::$variant(wire::$variant { values: $values.iter().map(|value| (*value).into()).collect() })
        };
    }
    match data {
        TensorData::Bool(values) => wide!(Booleans, values),
        TensorData::Int8(values) => wide!(Integers, values),
        TensorData::Int16(values) => wide!(Integers, values),
        TensorData::Int32(values) => wide!(Integers, values),
        TensorData::Int64(values) => wide!(Integers, values),
        TensorData::Uint8(values) => wide!(UnsignedIntegers, values),
        TensorData::Uint16(values) => wide!(UnsignedIntegers, values),
        TensorData::Uint32(values) => wide!(UnsignedIntegers, values),
        TensorData::Uint64(values) => wide!(UnsignedIntegers, values),
        TensorData::Fp16(values) => Values::Floats(wire::Floats {
            values: values.iter().map(|bits| half::f16::from_bits(*bits).to_f32()).collect(),
        }),
        TensorData::Fp32(values) => wide!(Floats, values),
        TensorData::Fp64(values) => wide!(Doubles, values),
        TensorData::Bytes(column) => {
            Values::Strings(wire::Strings { values: column.iter().map(Bytes::copy_from_slice).collect() })
        }
    }
}

fn scores(endpoint: &Endpoint, tensors: &[Tensor]) -> Vec<f64> {
    let Some(scores) = Scores::of(&endpoint.contract, tensors) else { return Vec::new() };
    let score = |index: usize| match scores.data {
        TensorData::Fp16(values) => values.get(index).map(|bits| half::f16::from_bits(*bits).to_f64()),
        TensorData::Fp32(values) => values.get(index).copied().map(f64::from),
        TensorData::Fp64(values) => values.get(index).copied(),
        _ => None,
    };
    scores.indices().filter_map(score).collect()
}

fn decisions(endpoint: &Endpoint, tensors: &[Tensor]) -> Vec<i32> {
    let Some(scores) = Scores::of(&endpoint.contract, tensors) else { return Vec::new() };
    let decision = |index| match above(scores.data, index, endpoint.contract.threshold) {
        None => wire::Decision::Unspecified,
        Some(false) => wire::Decision::Negative,
        Some(true) => wire::Decision::Positive,
    };
    scores.indices().map(|index| decision(index).into()).collect()
}
