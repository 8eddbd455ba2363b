//! The decoders of REST for fuzz targets, and bodies that say again what a batch holds. In no normal build.

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde::Serialize;
use serde_json::json;
use tidegate_engine::Label;
use tidegate_model::{Batch, Contract, Tensor, TensorData};

use super::coding::Coding;
use super::elements::{Element, Flat, Row};
use super::media::{self, Media};
use super::{csv as csv_body, feedback as feedback_body, infer_request, json_length, mlflow, route};
use crate::fault::Fault;
use crate::raw;

/// A batch that came again; nothing where this way can't carry it.
type Again = Result<Option<Batch>, String>;

pub(crate) fn infer(contract: &Contract, body: &[u8], length: Option<usize>) -> Option<Batch> {
    let decoded = infer_request::decode(contract, &Bytes::copy_from_slice(body), length);
    decoded.ok().map(|(asked, _)| asked.batch)
}

pub(crate) fn score(contract: &Contract, body: &[u8]) -> Option<Batch> {
    super::score::decode(contract, body).ok().map(|asked| asked.batch)
}

pub(crate) fn invocation(contract: &Contract, body: &[u8]) -> Option<Batch> {
    mlflow::decode(contract, body).ok().map(|asked| asked.batch)
}

pub(crate) fn csv(contract: &Contract, body: &[u8]) -> Option<Batch> {
    csv_body::read(contract, body).ok()
}

pub(crate) fn feedback(body: &[u8]) -> Option<Vec<Label>> {
    feedback_body::decode(body, &"fuzz".into()).ok().map(|feedback| feedback.labels)
}

/// Unpacks as gzip or deflate.
pub(crate) fn unpack(how: u8, body: &[u8], limit: usize) -> bool {
    let coding = if how.is_multiple_of(2) { Coding::Gzip } else { Coding::Deflate };
    let unpacked = coding.unpack(&Bytes::copy_from_slice(body), limit);
    unpacked.is_ok_and(|body| {
        assert!(body.len() <= limit);
        true
    })
}

/// Everything that REST reads of a head; whether its path is known.
pub(crate) fn headers(headers: &HeaderMap, path: &str) -> bool {
    let _ = Media::of(headers, &[Media::Json, Media::Arrow, Media::Csv]);
    let _ = (media::asks_arrow(headers), Coding::of(headers), Coding::asked(headers), json_length(headers));
    [Method::GET, Method::POST].iter().any(|method| route::call(method, path).is_ok())
}

/// As JSON, flat or nested.
pub(crate) fn infer_json(contract: &Contract, tensors: &[(&str, Tensor)], nested: bool) -> Again {
    let mut inputs = Vec::new();
    for (name, Tensor { shape, data }) in tensors {
        let values = if nested { text(&rows(data, shape[0], shape[1]))? } else { text(&Flat(data))? };
        let (datatype, shape) = (data.datatype().name(), text(&shape[..])?);
        inputs.push(format!(
            r#"{{"name": "{name}", "shape": {shape}, "datatype": "{datatype}", "data": {values}}}"#
        ));
    }
    let body = format!(r#"{{"inputs": [{}]}}"#, inputs.join(","));
    read(infer_request::decode(contract, &body.into(), None).map(|(asked, _)| asked.batch))
}

/// As JSON with the tensors behind it.
pub(crate) fn infer_binary(contract: &Contract, tensors: &[(&str, Tensor)]) -> Again {
    let mut tail = Vec::new();
    let mut inputs = Vec::new();
    for (name, Tensor { shape, data }) in tensors {
        let before = tail.len();
        raw::encode(data, &mut tail);
        let size = tail.len() - before;
        assert_eq!(size, raw::encoded_len(data));
        let parameters = json!({"binary_data_size": size});
        let (datatype, shape) = (data.datatype().name(), &shape[..]);
        inputs.push(json!({"name": name, "shape": shape, "datatype": datatype, "parameters": parameters}));
    }
    let mut body = json!({"inputs": inputs}).to_string().into_bytes();
    let length = body.len();
    body.append(&mut tail);
    read(infer_request::decode(contract, &body.into(), Some(length)).map(|(asked, _)| asked.batch))
}

pub(crate) fn score_columns(contract: &Contract, columns: &[(&str, TensorData)]) -> Again {
    let mut members = Vec::new();
    for (name, data) in columns {
        members.push(format!(r#""{name}": {}"#, text(&Flat(data))?));
    }
    let body = format!(r#"{{"columns": {{{}}}}}"#, members.join(","));
    read(super::score::decode(contract, body.as_bytes()).map(|asked| asked.batch))
}

pub(crate) fn score_records(contract: &Contract, columns: &[(&str, TensorData)], rows: usize) -> Again {
    let mut records = Vec::new();
    for row in 0..rows {
        let mut members = Vec::new();
        for (name, data) in columns {
            members.push(format!(r#""{name}": {}"#, text(&Element(data, row))?));
        }
        records.push(format!("{{{}}}", members.join(",")));
    }
    let body = format!(r#"{{"records": [{}]}}"#, records.join(","));
    read(super::score::decode(contract, body.as_bytes()).map(|asked| asked.batch))
}

pub(crate) fn invocation_split(contract: &Contract, columns: &[(&str, TensorData)], rows: usize) -> Again {
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    let row = |row| columns.iter().map(|(_, data)| Element(data, row)).collect::<Vec<_>>();
    let data: Vec<_> = (0..rows).map(row).collect();
    let body =
        format!(r#"{{"dataframe_split": {{"columns": {}, "data": {}}}}}"#, text(&names)?, text(&data)?);
    read(mlflow::decode(contract, body.as_bytes()).map(|asked| asked.batch))
}

fn rows(data: &TensorData, rows: usize, width: usize) -> Vec<Row<'_>> {
    (0..rows).map(|index| Row { data, index, width: Some(width) }).collect()
}

fn text(value: &(impl Serialize + ?Sized)) -> Result<String, String> {
    serde_json::to_string(value).map_err(|error| error.to_string())
}

fn read(decoded: Result<Batch, Fault>) -> Again {
    decoded.map(Some).map_err(|fault| fault.message)
}
