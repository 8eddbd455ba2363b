//! The decoders of gRPC for fuzz targets, and messages that say again what a batch holds. In no normal build.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use prost::Message as _;
use tidegate_engine::Label;
use tidegate_model::{Batch, Contract, Tensor, TensorData};

use super::{
    columns, contents, decoded, frame, infer, methods, parameters, score, speaks_protobuf, tidegate,
};
use crate::fault::Fault;
use crate::generated::inference::ModelInferRequest;
use crate::generated::inference::model_infer_request::InferInputTensor;
use crate::generated::tidegate_v1 as wire;
use crate::generated::tidegate_v1::column::Values;
use crate::generated::tidegate_v1::output;
use crate::generated::tidegate_v1::score_request::Rows;
use crate::{arrow, raw, tensor_header};

/// A batch that came again; nothing where this way can't carry it.
type Again = Result<Option<Batch>, String>;

pub(crate) fn infer(contract: &Contract, message: &[u8]) -> Option<Batch> {
    let request: ModelInferRequest = decoded(Bytes::copy_from_slice(message), "ModelInferRequest").ok()?;
    let given = &request.parameters;
    let _ = (parameters::routing_key(given), parameters::event_time(given));
    let _ = (parameters::timeout(given), parameters::priority(given));
    let outputs = request.outputs.iter();
    let _ = tensor_header::outputs(contract, outputs.map(|output| output.name.as_str()));
    infer::decode(contract, request.inputs, &request.raw_input_contents).ok()
}

pub(crate) fn score(contract: &Contract, message: &[u8], limit: usize) -> Option<Batch> {
    let request: wire::ScoreRequest = decoded(Bytes::copy_from_slice(message), "ScoreRequest").ok()?;
    match request.rows? {
        Rows::Columns(columns) => columns::decode(contract, columns, limit).ok(),
        Rows::Arrow(stream) => arrow::decode(contract, &stream, limit).ok(),
    }
}

pub(crate) fn feedback(message: &[u8]) -> bool {
    let request = decoded::<wire::FeedbackRequest>(Bytes::copy_from_slice(message), "FeedbackRequest");
    request.is_ok_and(|request| read_labels(request.labels).is_ok_and(|labels| !labels.is_empty()))
}

/// The labels, sent as messages.
pub(crate) fn labels_again(labels: &[Label]) -> Vec<Label> {
    let sent = labels.iter().map(|label| wire::Label {
        prediction_id: label.prediction_id.to_string(),
        row: label.row,
        label: label.label,
        event_id: label.event_id.clone(),
        observed_at: label.observed_at,
    });
    read_labels(sent.collect()).unwrap_or_default()
}

fn read_labels(labels: Vec<wire::Label>) -> Result<Vec<Label>, Fault> {
    let labels = labels.into_iter().enumerate();
    labels.map(|(index, label)| tidegate::read(index, label, &"fuzz".into())).collect()
}

/// Reads a stream at once, and again in pieces: the same messages, and the same end.
pub(crate) fn frames(how: u8, bytes: &[u8], limit: usize) -> bool {
    let coding = if how.is_multiple_of(2) { frame::Coding::Identity } else { frame::Coding::Gzip };
    let all = |size: usize| {
        let (mut read, mut messages, mut fault) = (BytesMut::new(), Vec::new(), None);
        for piece in bytes.chunks(size) {
            read.extend_from_slice(piece);
            while fault.is_none()
                && let Some(next) = frame::next(&mut read, coding, limit).transpose()
            {
                match next {
                    Ok(message) => messages.push(message),
                    Err(found) => fault = Some(found.message),
                }
            }
        }
        (messages, fault)
    };
    let whole = all(bytes.len().max(1));
    assert_eq!(whole, all(usize::from(how / 2) + 1), "cut into pieces");
    assert!(whole.0.iter().all(|message| message.len() <= limit));
    let unary = frame::message(Bytes::copy_from_slice(bytes), coding, limit);
    assert!(unary.is_err() || whole == (vec![unary.unwrap_or_default()], None), "one message alone");
    whole.1.is_none() && !whole.0.is_empty()
}

/// Everything that gRPC reads of a head.
pub(crate) fn headers(headers: &HeaderMap, path: &str) {
    let _ = (super::speaks(headers), speaks_protobuf(headers), frame::Coding::of(headers));
    let _ = methods::right(path);
}

/// As a `ModelInferRequest`, typed or raw.
pub(crate) fn infer_again(contract: &Contract, tensors: &[(&str, Tensor)], is_raw: bool) -> Again {
    let mut request = ModelInferRequest::default();
    for (name, Tensor { shape, data }) in tensors {
        let contents = if is_raw { None } else { contents::encode(data) };
        // Half precision has no typed field.
        if !is_raw && contents.is_none() {
            return Ok(None);
        }
        if is_raw {
            let mut bytes = BytesMut::new();
            raw::encode(data, &mut bytes);
            request.raw_input_contents.push(bytes.freeze());
        }
        request.inputs.push(InferInputTensor {
            name: (*name).into(),
            datatype: data.datatype().name().into(),
            shape: shape.iter().map(|dimension| i64::try_from(*dimension).unwrap_or(i64::MAX)).collect(),
            contents,
            ..Default::default()
        });
    }
    let sent = ModelInferRequest::decode(&request.encode_to_vec()[..]).map_err(|error| error.to_string())?;
    assert_eq!(sent.inputs.len(), request.inputs.len());
    read(infer::decode(contract, sent.inputs, &sent.raw_input_contents))
}

/// As named columns.
pub(crate) fn score_again(contract: &Contract, columns: &[(&str, TensorData)], limit: usize) -> Again {
    let column = |(name, data): &(&str, TensorData)| wire::Column {
        name: (*name).into(),
        values: Some(values(data)),
        nulls: vec![],
    };
    let columns = wire::Columns { columns: columns.iter().map(column).collect() };
    read(columns::decode(contract, columns, limit))
}

/// What an answer says, as a request says it.
fn values(data: &TensorData) -> Values {
    match score::values(data) {
        output::Values::Booleans(values) => Values::Booleans(values),
        output::Values::Integers(values) => Values::Integers(values),
        output::Values::UnsignedIntegers(values) => Values::UnsignedIntegers(values),
        output::Values::Floats(values) => Values::Floats(values),
        output::Values::Doubles(values) => Values::Doubles(values),
        output::Values::Strings(values) => Values::Strings(values),
    }
}

fn read(decoded: Result<Batch, Fault>) -> Again {
    decoded.map(Some).map_err(|fault| fault.message)
}
