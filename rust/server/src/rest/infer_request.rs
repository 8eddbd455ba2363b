//! The infer call's body: JSON, or JSON with tensors behind it (`binary_tensor_data`), into a checked batch.

use std::borrow::Cow;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_model::{BatchBuilder, Contract};

use super::asked::Asked;
use super::column::Column;
use super::located;
use super::parameters::Parameters;
use super::tensor_json;
use crate::fault::Fault;
use crate::{raw, tensor_header};

/// The rows, and the outputs that are asked for: positions in the contract's, and whether each comes in binary.
type Decoded = (Asked, Vec<(usize, bool)>);

#[derive(Deserialize)]
struct Body<'a> {
    id: Option<String>,
    #[serde(default)]
    parameters: Option<Parameters>,
    #[serde(borrow)]
    inputs: Vec<Input<'a>>,
    #[serde(borrow, default)]
    outputs: Option<Vec<Output<'a>>>,
}

#[derive(Deserialize)]
struct Input<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    shape: Vec<i64>,
    #[serde(borrow)]
    datatype: Cow<'a, str>,
    #[serde(default)]
    parameters: Option<InputParameters>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct InputParameters {
    binary_data_size: Option<usize>,
}

#[derive(Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(default)]
    parameters: Option<OutputParameters>,
}

#[derive(Deserialize)]
struct OutputParameters {
    binary_data: Option<bool>,
}

/// Decodes a body. `json_length` is the header `Inference-Header-Content-Length`, where it came.
pub(super) fn decode(
    contract: &Contract,
    body: &Bytes,
    json_length: Option<usize>,
) -> Result<Decoded, Fault> {
    match json_length {
        Some(0) => decode_bare(contract, body),
        Some(length) => match body.split_at_checked(length) {
            Some((json, tail)) => decode_json(contract, json, tail),
            None => Err(Fault::invalid(format!(
                "Inference-Header-Content-Length is {length}, but the body has {} bytes",
                body.len()
            ))),
        },
        None => decode_json(contract, body, &[]),
    }
}

fn decode_json(contract: &Contract, json: &[u8], mut tail: &[u8]) -> Result<Decoded, Fault> {
    let body: Body<'_> = located::parse("an infer request", json)?;
    let mut builder = BatchBuilder::new(contract);
    for (position, input) in body.inputs.iter().enumerate() {
        let datatype = tensor_header::datatype(&input.name, &input.datatype)?;
        let shape = tensor_header::shape(&input.name, &input.shape)?;
        let binary = input.parameters.as_ref().and_then(|parameters| parameters.binary_data_size);
        let data = match (binary, input.data) {
            (Some(size), None) => raw::decode(&input.name, datatype, take(&input.name, &mut tail, size)?)?,
            (None, Some(data)) => {
                let mut column = Column::new(datatype, missing(contract, &input.name), data.get().len() / 4);
                tensor_json::read(&input.name, data.get(), &shape, &mut column)?;
                column.into_data()
            }
            (Some(_), Some(_)) => {
                return Err(Fault::invalid(format!(
                    "input '{}' has both data and binary_data_size",
                    input.name
                )));
            }
            (None, None) => return Err(Fault::invalid(format!("input '{}' has no data", input.name))),
        };
        builder.add(position, &input.name, &shape, data)?;
    }
    if !tail.is_empty() {
        return Err(Fault::invalid(format!("{} bytes stand behind the last binary tensor", tail.len())));
    }
    let parameters = body.parameters.unwrap_or_default();
    let asked = body.outputs.unwrap_or_default();
    let all_binary = parameters.binary_data_output.unwrap_or(false);
    let positions = tensor_header::outputs(contract, asked.iter().map(|output| &*output.name))?;
    let binary = |index: usize| {
        let output: Option<&Output<'_>> = asked.get(index);
        output.and_then(|output| output.parameters.as_ref()?.binary_data).unwrap_or(all_binary)
    };
    let outputs =
        positions.into_iter().enumerate().map(|(index, position)| (position, binary(index))).collect();
    Ok((Asked { batch: builder.finish()?, id: body.id, parameters }, outputs))
}

/// A body that is one tensor and nothing else: the endpoint must have one input. The answer is JSON.
fn decode_bare(contract: &Contract, body: &[u8]) -> Result<Decoded, Fault> {
    let [input] = &contract.inputs[..] else {
        return Err(Fault::invalid(format!(
            "a body of raw bytes needs an endpoint with one input; this one has {}",
            contract.inputs.len()
        )));
    };
    let data = raw::decode(&input.name, input.datatype, body)?;
    let rows = data.len() / input.width();
    let shape = [rows, input.width()];
    let mut builder = BatchBuilder::new(contract);
    builder.add(0, &input.name, &shape[..input.shape.len()], data)?;
    let outputs = (0..contract.outputs.len()).map(|position| (position, false)).collect();
    Ok((builder.finish()?.into(), outputs))
}

fn take<'a>(name: &str, tail: &mut &'a [u8], size: usize) -> Result<&'a [u8], Fault> {
    let Some((data, rest)) = tail.split_at_checked(size) else {
        return Err(Fault::invalid(format!(
            "input '{name}' has a binary_data_size of {size}, but {} bytes are left",
            tail.len()
        )));
    };
    *tail = rest;
    Ok(data)
}

fn missing<'a>(contract: &'a Contract, name: &str) -> Option<&'a str> {
    contract.inputs[contract.input(name)?].missing.as_deref()
}

#[cfg(test)]
#[path = "infer_request_tests.rs"]
mod tests;
