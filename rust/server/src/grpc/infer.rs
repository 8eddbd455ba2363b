//! `ModelInfer`, the hot call: decoded and encoded by hand, scored on the thread that read it.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response};
use prost::Message;
use tidegate_engine::{Endpoint, ScoreRequest, ScoreResponse};
use tidegate_model::{Batch, BatchBuilder, Contract, Tensor};

use super::{contents, frame};
use crate::admission::Caller;
use crate::body::Answer;
use crate::fault::Fault;
use crate::generated::inference::infer_parameter::ParameterChoice;
use crate::generated::inference::model_infer_request::InferInputTensor;
use crate::generated::inference::model_infer_response::InferOutputTensor;
use crate::generated::inference::{InferParameter, ModelInferRequest, ModelInferResponse};
use crate::plane::{Desk, PREDICTION_ID, Plane, ROUTING_KEY};
use crate::{raw, tensor_header};

/// Answers one call.
pub(super) async fn infer(
    desk: &Desk,
    caller: &Caller,
    headers: &HeaderMap,
    body: Bytes,
) -> Result<Response<Answer>, Fault> {
    let arrived = Instant::now();
    let request = ModelInferRequest::decode(frame::message(body)?)
        .map_err(|error| Fault::invalid(format!("the message is not a ModelInferRequest: {error}")))?;
    let endpoint = desk.plane.endpoint_version(&request.model_name, &request.model_version)?;
    Plane::room(&endpoint, &request.model_version)?;
    let is_raw = !request.raw_input_contents.is_empty();
    let batch = decode(&endpoint.contract, request.inputs, &request.raw_input_contents)?;
    let outputs = tensor_header::outputs(
        &endpoint.contract,
        request.outputs.iter().map(|output| output.name.as_str()),
    )?;
    let key = headers.get(ROUTING_KEY).map(|key| key.as_bytes().to_vec());
    let asked = ScoreRequest {
        client_id: (!request.id.is_empty()).then(|| request.id.clone()),
        version: (!request.model_version.is_empty()).then_some(request.model_version),
        routing_key: key.map_or_else(|| routing_key(&request.parameters), |key| Ok(Some(key)))?,
        headers: endpoint.met(|name| Some(headers.get(name)?.as_bytes())),
        event_time: event_time(&request.parameters)?,
        arrived: Some(arrived),
        ..caller.request(batch)
    };
    let response = desk.score(&endpoint, asked).await?;
    let mut answer = frame::answer(&encode(&endpoint, request.id, &outputs, is_raw, &response))?;
    desk.delivered(&response);
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let id: &str = response.prediction_id.hyphenated().encode_lower(&mut text);
    if let Ok(id) = HeaderValue::from_str(id) {
        answer.headers_mut().insert(PREDICTION_ID, id);
    }
    Ok(answer)
}

fn decode(contract: &Contract, inputs: Vec<InferInputTensor>, raws: &[Bytes]) -> Result<Batch, Fault> {
    if !raws.is_empty() && raws.len() != inputs.len() {
        return Err(Fault::invalid(format!(
            "raw_input_contents has {} items for {} inputs",
            raws.len(),
            inputs.len()
        )));
    }
    let mut builder = BatchBuilder::new(contract);
    for (position, input) in inputs.into_iter().enumerate() {
        let InferInputTensor { name, datatype, shape, contents, .. } = input;
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

fn choice<'a>(parameters: &'a BTreeMap<String, InferParameter>, name: &str) -> Option<&'a ParameterChoice> {
    parameters.get(name)?.parameter_choice.as_ref()
}

/// Text as it is, integers in decimal; anything else has no one text.
fn routing_key(parameters: &BTreeMap<String, InferParameter>) -> Result<Option<Vec<u8>>, Fault> {
    match choice(parameters, "routing_key") {
        None => Ok(None),
        Some(ParameterChoice::StringParam(text)) => Ok(Some(text.clone().into_bytes())),
        Some(ParameterChoice::Int64Param(number)) => Ok(Some(number.to_string().into_bytes())),
        Some(ParameterChoice::Uint64Param(number)) => Ok(Some(number.to_string().into_bytes())),
        Some(ParameterChoice::BoolParam(_) | ParameterChoice::DoubleParam(_)) => {
            Err(Fault::invalid("parameter 'routing_key' must be a string or an integer"))
        }
    }
}

fn event_time(parameters: &BTreeMap<String, InferParameter>) -> Result<Option<i64>, Fault> {
    match choice(parameters, "event_time") {
        None => Ok(None),
        Some(ParameterChoice::Int64Param(time)) => Ok(Some(*time)),
        Some(_) => Err(Fault::invalid("parameter 'event_time' must be an int64_param: microseconds UTC")),
    }
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

    #[test]
    fn parameters_have_their_types() {
        let one = |name: &str, choice| {
            BTreeMap::from([(name.to_owned(), InferParameter { parameter_choice: Some(choice) })])
        };
        let key = |choice| routing_key(&one("routing_key", choice));
        assert_eq!(key(ParameterChoice::Int64Param(-1)).unwrap().unwrap(), b"-1");
        assert_eq!(key(ParameterChoice::StringParam("N1".into())).unwrap().unwrap(), b"N1");
        assert!(key(ParameterChoice::DoubleParam(1.0)).is_err());
        assert_eq!(event_time(&one("event_time", ParameterChoice::Int64Param(5))).unwrap(), Some(5));
        assert!(event_time(&one("event_time", ParameterChoice::StringParam("5".into()))).is_err());
    }
}
