//! The infer call's answer: JSON, with the outputs that were asked for in binary behind it.

use http::{HeaderValue, Response};
use serde::Serialize;
use tidegate_engine::{Endpoint, ScoreResponse};

use super::elements::Flat;
use crate::body::Answer;
use crate::fault::Fault;
use crate::{http_answer, raw};

/// The header that tells JSON from tensors.
pub(super) const JSON_LENGTH: &str = "inference-header-content-length";

#[derive(Serialize)]
struct Body<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    parameters: Decided<'a>,
    outputs: Vec<Output<'a>>,
}

/// What the server decided for the request.
#[derive(Serialize)]
pub(super) struct Decided<'a> {
    prediction_id: uuid::fmt::Hyphenated,
    version: &'a str,
    variant: &'a str,
    route: &'a str,
    generation: u64,
}

impl<'a> Decided<'a> {
    pub(super) fn of(response: &'a ScoreResponse) -> Self {
        Self {
            prediction_id: response.prediction_id.hyphenated(),
            version: &response.version,
            variant: &response.variant,
            route: response.route.name(),
            generation: response.generation,
        }
    }
}

#[derive(Serialize)]
struct Output<'a> {
    name: &'a str,
    datatype: &'a str,
    shape: &'a [usize],
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Binary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Flat<'a>>,
}

#[derive(Serialize)]
struct Binary {
    binary_data_size: usize,
}

/// Encodes an answer. `outputs` are positions in the contract's outputs, and whether each comes in binary.
pub(super) fn encode(
    endpoint: &Endpoint,
    id: Option<&str>,
    outputs: &[(usize, bool)],
    response: &ScoreResponse,
) -> Result<Response<Answer>, Fault> {
    let chosen = || {
        outputs.iter().filter_map(|(position, binary)| {
            Some((endpoint.contract.outputs.get(*position)?, response.outputs.get(*position)?, *binary))
        })
    };
    let body = Body {
        model_name: &endpoint.name,
        model_version: &response.version,
        id,
        parameters: Decided::of(response),
        outputs: chosen()
            .map(|(spec, tensor, binary)| Output {
                name: &spec.name,
                datatype: tensor.data.datatype().name(),
                shape: &tensor.shape,
                parameters: binary.then(|| Binary { binary_data_size: raw::encoded_len(&tensor.data) }),
                data: (!binary).then_some(Flat(&tensor.data)),
            })
            .collect(),
    };
    let mut bytes = Vec::with_capacity(512);
    serde_json::to_writer(&mut bytes, &body).map_err(|error| Fault::internal(&error))?;
    if !outputs.iter().any(|(_, binary)| *binary) {
        return Ok(http_answer::bytes(bytes, HeaderValue::from_static("application/json")));
    }
    let length = bytes.len();
    for (_, tensor, _) in chosen().filter(|(_, _, binary)| *binary) {
        raw::encode(&tensor.data, &mut bytes);
    }
    let mut answer = http_answer::bytes(bytes, HeaderValue::from_static("application/octet-stream"));
    answer.headers_mut().insert(JSON_LENGTH, HeaderValue::from(length));
    Ok(answer)
}
