//! `ModelInfer`, the hot call: decoded and encoded by hand, scored on the thread that read it.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response};
use tidegate_engine::{Endpoint, ScoreRequest, ScoreResponse};
use tidegate_model::{Batch, BatchBuilder, Contract, Tensor};

use super::{contents, decoded, frame, parameters};
use crate::admission::Caller;
use crate::body::Answer;
use crate::fault::Fault;
use crate::generated::inference::infer_parameter::ParameterChoice;
use crate::generated::inference::model_infer_request::InferInputTensor;
use crate::generated::inference::model_infer_response::InferOutputTensor;
use crate::generated::inference::{InferParameter, ModelInferRequest, ModelInferResponse};
use crate::plane::{Desk, Plane, ROUTING_KEY};
use crate::{prediction_id, raw, tensor_header};

/// Answers one call.
pub(super) async fn answer(
    desk: &Desk,
    caller: &Caller,
    headers: &HeaderMap,
    message: Bytes,
) -> Result<Response<Answer>, Fault> {
    let request = decoded(message, "ModelInferRequest")?;
    let (response, scored) = infer(desk, caller, headers, request).await?;
    let mut answer = frame::answer(&response)?;
    desk.delivered(caller, &scored);
    prediction_id::stamp(answer.headers_mut(), scored.prediction_id);
    Ok(answer)
}

/// Scores one request. Whoever encodes the answer says when that is done ([`Desk::delivered`]).
pub(super) async fn infer(
    desk: &Desk,
    caller: &Caller,
    headers: &HeaderMap,
    request: ModelInferRequest,
) -> Result<(ModelInferResponse, ScoreResponse), Fault> {
    let arrived = Instant::now();
    let endpoint = desk.plane.endpoint_version(&request.model_name, &request.model_version)?;
    Plane::room(&endpoint, &request.model_version)?;
    let is_raw = !request.raw_input_contents.is_empty();
    let batch = decode(&endpoint.contract, request.inputs, &request.raw_input_contents)?;
    for output in &request.outputs {
        parameters::check_tensor("output", &output.name, &output.parameters)?;
    }
    let outputs = tensor_header::outputs(
        &endpoint.contract,
        request.outputs.iter().map(|output| output.name.as_str()),
    )?;
    let key = headers.get(ROUTING_KEY).map(|key| key.as_bytes().to_vec());
    let given = &request.parameters;
    let asked = ScoreRequest {
        client_id: (!request.id.is_empty()).then(|| request.id.clone()),
        version: (!request.model_version.is_empty()).then_some(request.model_version),
        routing_key: key.map_or_else(|| parameters::routing_key(given), |key| Ok(Some(key)))?,
        headers: endpoint.met(|name| Some(headers.get(name)?.as_bytes())),
        event_time: parameters::event_time(given)?,
        deadline: Some(caller.deadline.within(parameters::timeout(given)?)),
        priority: parameters::priority(given)?,
        arrived: Some(arrived),
        ..caller.request(batch)
    };
    let response = desk.score(caller, &endpoint, asked).await?;
    Ok((encode(&endpoint, request.id, &outputs, is_raw, &response), response))
}

pub(super) fn decode(
    contract: &Contract,
    inputs: Vec<InferInputTensor>,
    raws: &[Bytes],
) -> Result<Batch, Fault> {
    if !raws.is_empty() && raws.len() != inputs.len() {
        return Err(Fault::invalid(format!(
            "raw_input_contents has {} items for {} inputs",
            raws.len(),
            inputs.len()
        )));
    }
    let mut builder = BatchBuilder::new(contract);
    for (position, input) in inputs.into_iter().enumerate() {
        let InferInputTensor { name, datatype, shape, contents, parameters } = input;
        parameters::check_tensor("input", &name, &parameters)?;
        let datatype = tensor_header::datatype(&name, &datatype)?;
        let shape = tensor_header::shape(&name, &shape)?;
        let data = match (raws.get(position), contents) {
            (Some(bytes), None) => raw::decode(&name, datatype, bytes)?,
            (None, typed) => contents::decode(&name, datatype, typed.unwrap_or_default())?,
            (Some(_), Some(_)) => {
                return Err(Fault::invalid(format!(
                    "input '{name}' has both contents and raw_input_contents"
                )));
            }
        };
        builder.add(position, &name, &shape, data)?;
    }
    Ok(builder.finish()?)
}

/// The answer: raw where the request was raw, else typed; FP16 is raw always.
fn encode(
    endpoint: &Endpoint,
    id: String,
    outputs: &[usize],
    is_raw: bool,
    response: &ScoreResponse,
) -> ModelInferResponse {
    let chosen = || {
        outputs.iter().filter_map(|position| {
            Some((endpoint.contract.outputs.get(*position)?, response.outputs.get(*position)?))
        })
    };
    let typed: Option<Vec<_>> =
        if is_raw { None } else { chosen().map(|(_, tensor)| contents::encode(&tensor.data)).collect() };
    let raw_output_contents =
        if typed.is_none() { chosen().map(|(_, tensor)| raw_bytes(tensor)).collect() } else { Vec::new() };
    let mut typed = typed.unwrap_or_default().into_iter();
    ModelInferResponse {
        model_name: endpoint.name.clone(),
        model_version: response.version.to_string(),
        id,
        parameters: decided(response),
        outputs: chosen()
            .map(|(spec, tensor)| InferOutputTensor {
                name: spec.name.clone(),
                datatype: tensor.data.datatype().name().to_owned(),
                shape: tensor
                    .shape
                    .iter()
                    .map(|dimension| i64::try_from(*dimension).unwrap_or(i64::MAX))
                    .collect(),
                parameters: BTreeMap::new(),
                contents: typed.next(),
            })
            .collect(),
        raw_output_contents,
    }
}

fn raw_bytes(tensor: &Tensor) -> Bytes {
    let mut bytes = BytesMut::with_capacity(raw::encoded_len(&tensor.data));
    raw::encode(&tensor.data, &mut bytes);
    bytes.freeze()
}

/// What the server decided for the request.
fn decided(response: &ScoreResponse) -> BTreeMap<String, InferParameter> {
    let text = |value: &str| ParameterChoice::StringParam(value.to_owned());
    [
        ("prediction_id", ParameterChoice::StringParam(response.prediction_id.to_string())),
        ("version", text(&response.version)),
        ("variant", text(&response.variant)),
        ("route", text(response.route.name())),
        ("generation", ParameterChoice::Int64Param(response.generation.cast_signed())),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), InferParameter { parameter_choice: Some(value) }))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generated::inference::InferTensorContents;
    use tidegate_model::{DataType, InputSpec, TensorData};

    fn contract() -> Contract {
        Contract {
            inputs: vec![InputSpec {
                name: "x".into(),
                datatype: DataType::Fp32,
                shape: vec![-1, 2],
                columns: vec!["a".into(), "b".into()],
                missing: None,
            }],
            context: vec![],
            outputs: vec![],
            score: None,
            threshold: 0.5,
        }
    }

    fn input(contents: Option<Vec<f32>>) -> InferInputTensor {
        InferInputTensor {
            name: "x".into(),
            datatype: "FP32".into(),
            shape: vec![1, 2],
            contents: contents
                .map(|fp32_contents| InferTensorContents { fp32_contents, ..Default::default() }),
            ..Default::default()
        }
    }

    #[test]
    fn raw_and_typed_are_the_same_batch() {
        let raw: Vec<u8> = [1.0_f32, f32::INFINITY].iter().flat_map(|v| v.to_le_bytes()).collect();
        let from_raw = decode(&contract(), vec![input(None)], &[raw.into()]).unwrap();
        let typed = decode(&contract(), vec![input(Some(vec![1.0, f32::INFINITY]))], &[]).unwrap();
        assert_eq!(from_raw, typed);
        assert_eq!(typed.inputs[0].data, TensorData::Fp32(vec![1.0, f32::INFINITY]));
    }

    #[test]
    fn mixtures_of_raw_and_typed_are_refused() {
        let raw = || Bytes::from(vec![0; 8]);
        let message = |inputs, raws: &[Bytes]| decode(&contract(), inputs, raws).unwrap_err().message;
        assert!(message(vec![input(Some(vec![1.0, 2.0]))], &[raw()]).contains("both contents and raw"));
        assert!(message(vec![input(None)], &[raw(), raw()]).contains("2 items for 1 inputs"));
        assert!(message(vec![input(None)], &[]).contains("0 elements"));
        assert!(message(vec![input(None)], &[Bytes::from(vec![0; 4])]).contains("1 elements"));
    }
}
