//! What fuzz targets call: the decoders, on an endpoint with columns of every type. In no normal build.
//!
//! Each function says whether it read its bytes. Where one decoder took them, the same rows go through the others that
//! can carry them, and all must come to one batch.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "a fuzz target finds by panicking")]

use std::sync::OnceLock;

use bytes::Bytes;
use half::f16;
use http::{HeaderMap, HeaderName, HeaderValue};
use tidegate_model::{
    Batch, BytesColumn, ContextRole, ContextSpec, Contract, DataType, InputSpec, Tensor, TensorData,
    TensorSpec,
};

use crate::access::Access;
use crate::deadline::Waits;
use crate::{ServerConfig, arrow, grpc, raw, request_id, rest};

/// Bytes that anything may unpack to.
const LIMIT: usize = 1 << 20;

/// The JSON of an infer request; a body with tensors behind it begins with the JSON's length in two bytes.
#[must_use]
pub fn infer(body: &[u8]) -> bool {
    agreed(rest::fuzzing::infer(contract(), body, None))
}

/// An infer request with binary tensors behind its JSON, whose length comes first, in two bytes.
#[must_use]
pub fn binary(bytes: &[u8]) -> bool {
    let Some((length, body)) = bytes.split_first_chunk() else { return false };
    agreed(rest::fuzzing::infer(contract(), body, Some(u16::from_le_bytes(*length).into())))
}

/// A body that is one tensor and nothing else; the first byte says of which type.
#[must_use]
pub fn raw_mode(bytes: &[u8]) -> bool {
    let Some((kind, body)) = bytes.split_first() else { return false };
    let Some(datatype) = DataType::ALL.get(usize::from(*kind)) else { return false };
    let contract = Contract {
        inputs: vec![input("only", *datatype, &["a", "b"])],
        context: vec![],
        outputs: vec![],
        score: None,
        threshold: 0.5,
    };
    let Some(batch) = rest::fuzzing::infer(&contract, body, Some(0)) else { return false };
    let mut again = Vec::new();
    raw::encode(&batch.inputs[0].data, &mut again);
    assert_eq!(again, body, "what was read is what came");
    true
}

/// Records or columns in JSON.
#[must_use]
pub fn score(body: &[u8]) -> bool {
    agreed(rest::fuzzing::score(contract(), body))
}

/// `MLflow`'s JSON.
#[must_use]
pub fn invocation(body: &[u8]) -> bool {
    agreed(rest::fuzzing::invocation(contract(), body))
}

/// `MLflow`'s CSV.
#[must_use]
pub fn csv(body: &[u8]) -> bool {
    agreed(rest::fuzzing::csv(contract(), body))
}

/// An Arrow IPC stream.
#[must_use]
pub fn arrow(body: &[u8]) -> bool {
    agreed(arrow::decode(contract(), &Bytes::copy_from_slice(body), LIMIT).ok())
}

/// A `ModelInferRequest`.
#[must_use]
pub fn grpc_infer(message: &[u8]) -> bool {
    agreed(grpc::fuzzing::infer(contract(), message))
}

/// A `tidegate.v1.ScoreRequest`.
#[must_use]
pub fn grpc_score(message: &[u8]) -> bool {
    agreed(grpc::fuzzing::score(contract(), message, LIMIT))
}

/// The body of a feedback call. What it says is said the same over gRPC.
#[must_use]
pub fn feedback(body: &[u8]) -> bool {
    let Some(labels) = rest::fuzzing::feedback(body) else { return false };
    let named = labels.iter().all(|label| !label.event_id.is_empty());
    assert!(!named || grpc::fuzzing::labels_again(&labels) == labels, "{labels:?}");
    true
}

/// A `tidegate.v1.FeedbackRequest`.
#[must_use]
pub fn grpc_feedback(message: &[u8]) -> bool {
    grpc::fuzzing::feedback(message)
}

/// A stream of framed messages, whose first byte says how it is compressed and how it is cut.
#[must_use]
pub fn frames(bytes: &[u8]) -> bool {
    bytes.split_first().is_some_and(|(how, bytes)| grpc::fuzzing::frames(*how, bytes, LIMIT))
}

/// A compressed body; the first byte says how.
#[must_use]
pub fn coding(bytes: &[u8]) -> bool {
    bytes.split_first().is_some_and(|(how, body)| rest::fuzzing::unpack(*how, body, LIMIT))
}

/// The table of keys that control hands out.
#[must_use]
pub fn keys(json: &[u8]) -> bool {
    static ACCESS: OnceLock<Access> = OnceLock::new();
    ACCESS.get_or_init(|| Access::new(&ServerConfig::new("/"))).install(json).is_ok()
}

/// A path, and behind it the lines of a header, as HTTP/1 writes them.
#[must_use]
pub fn headers(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let path = lines.next().and_then(|path| std::str::from_utf8(path).ok()).unwrap_or_default();
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value[1..].trim_ascii()))
        {
            headers.append(name, value);
        }
    }
    let longest = std::time::Duration::from_secs(30);
    let deadline = Waits::new(longest, longest).deadline(&headers);
    assert!(deadline.within(None) <= std::time::Instant::now() + longest);
    assert!(request_id::request_id(&headers).len() <= 128);
    crate::access::credential(&headers);
    grpc::fuzzing::headers(&headers, path);
    rest::fuzzing::headers(&headers, path)
}

/// Every type that there is, as a feature or as context.
fn contract() -> &'static Contract {
    static CONTRACT: OnceLock<Contract> = OnceLock::new();
    CONTRACT.get_or_init(|| {
        let log = |datatype: DataType| ContextSpec {
            name: datatype.name().to_lowercase(),
            datatype,
            role: ContextRole::Log,
        };
        let mut carrier = input("carrier", DataType::Bytes, &["carrier"]);
        carrier.missing = Some("?".into());
        let mut hour = input("hour", DataType::Int64, &["hour"]);
        hour.shape.pop();
        let output = |name: &str, datatype, shape: &[i64]| TensorSpec {
            name: name.into(),
            datatype,
            shape: shape.into(),
        };
        let contract = Contract {
            inputs: vec![
                input("x", DataType::Fp32, &["distance", "wind"]),
                carrier,
                hour,
                input("late", DataType::Bool, &["late"]),
            ],
            context: DataType::ALL.into_iter().map(log).collect(),
            outputs: vec![output("label", DataType::Int64, &[-1]), output("p", DataType::Fp32, &[-1, 2])],
            score: None,
            threshold: 0.5,
        };
        contract.validate().expect("the contract is one");
        contract
    })
}

fn input(name: &str, datatype: DataType, columns: &[&str]) -> InputSpec {
    InputSpec {
        name: name.into(),
        datatype,
        shape: vec![-1, i64::try_from(columns.len()).unwrap_or(1)],
        columns: columns.iter().map(ToString::to_string).collect(),
        missing: None,
    }
}

/// Whether there is a batch; it must come out the same however its rows are sent.
fn agreed(batch: Option<Batch>) -> bool {
    let Some(batch) = batch else { return false };
    let contract = contract();
    let tensors = tensors(contract, &batch);
    let columns = columns(contract, &batch);
    let again = [
        ("binary", rest::fuzzing::infer_binary(contract, &tensors)),
        ("gRPC typed", grpc::fuzzing::infer_again(contract, &tensors, false)),
        ("gRPC raw", grpc::fuzzing::infer_again(contract, &tensors, true)),
        ("gRPC columns", grpc::fuzzing::score_again(contract, &columns, LIMIT)),
    ];
    for (way, other) in again {
        same(way, &batch, other);
    }
    // JSON has no bytes that are no text, and no infinity.
    if columns.iter().all(|(_, data)| json_holds(data)) {
        let again = [
            ("flat", rest::fuzzing::infer_json(contract, &tensors, false)),
            ("nested", rest::fuzzing::infer_json(contract, &tensors, true)),
            ("columns", rest::fuzzing::score_columns(contract, &columns)),
            ("records", rest::fuzzing::score_records(contract, &columns, batch.rows)),
            ("split", rest::fuzzing::invocation_split(contract, &columns, batch.rows)),
        ];
        for (way, other) in again {
            same(way, &batch, other);
        }
    }
    true
}

fn same(way: &str, batch: &Batch, other: Result<Option<Batch>, String>) {
    // Not every way can carry every batch.
    let Some(other) = other.unwrap_or_else(|message| panic_with(way, batch, &message)) else { return };
    let shapes = |batch: &Batch| batch.inputs.iter().map(|tensor| tensor.shape.clone()).collect::<Vec<_>>();
    let data = |batch: &Batch| {
        let inputs = batch.inputs.iter().map(|tensor| Some(plain(&tensor.data)));
        inputs.chain(batch.context.iter().map(|data| data.as_ref().map(plain))).collect::<Vec<_>>()
    };
    assert_eq!((batch.rows, shapes(batch)), (other.rows, shapes(&other)), "{way}");
    assert!(data(batch) == data(&other), "{way}: {batch:?} became {other:?}");
}

fn panic_with(way: &str, batch: &Batch, message: &str) -> Option<Batch> {
    assert!(message.is_empty(), "{way} refuses {batch:?}: {message}");
    None
}

/// The elements as bytes, with one NaN for all.
fn plain(data: &TensorData) -> Vec<u8> {
    let data = match data {
        TensorData::Fp16(values) => {
            let one = |bits: &u16| if f16::from_bits(*bits).is_nan() { f16::NAN.to_bits() } else { *bits };
            TensorData::Fp16(values.iter().map(one).collect())
        }
        TensorData::Fp32(values) => {
            TensorData::Fp32(values.iter().map(|v| if v.is_nan() { f32::NAN } else { *v }).collect())
        }
        TensorData::Fp64(values) => {
            TensorData::Fp64(values.iter().map(|v| if v.is_nan() { f64::NAN } else { *v }).collect())
        }
        other => other.clone(),
    };
    let mut bytes = Vec::new();
    raw::encode(&data, &mut bytes);
    bytes
}

fn json_holds(data: &TensorData) -> bool {
    match data {
        TensorData::Bytes(column) => column.iter().all(|value| std::str::from_utf8(value).is_ok()),
        TensorData::Fp16(values) => values.iter().all(|bits| !f16::from_bits(*bits).is_infinite()),
        TensorData::Fp32(values) => values.iter().all(|value| !value.is_infinite()),
        TensorData::Fp64(values) => values.iter().all(|value| !value.is_infinite()),
        _ => true,
    }
}

/// Inputs and context of a batch, each as a tensor of two dimensions.
fn tensors<'a>(contract: &'a Contract, batch: &Batch) -> Vec<(&'a str, Tensor)> {
    let tensor = |data: &TensorData, width| Tensor {
        shape: [batch.rows, width].into_iter().collect(),
        data: data.clone(),
    };
    let inputs = contract.inputs.iter().zip(&batch.inputs);
    let inputs = inputs.map(|(spec, input)| (spec.name.as_str(), tensor(&input.data, spec.width())));
    let context = contract.context.iter().zip(&batch.context);
    let context = context.filter_map(|(spec, data)| Some((spec.name.as_str(), tensor(data.as_ref()?, 1))));
    inputs.chain(context).collect()
}

/// Every column of a batch by its name.
fn columns<'a>(contract: &'a Contract, batch: &Batch) -> Vec<(&'a str, TensorData)> {
    let inputs = contract.inputs.iter().zip(&batch.inputs).flat_map(|(spec, tensor)| {
        let name =
            |(place, name): (usize, &'a String)| (name.as_str(), column(&tensor.data, place, spec.width()));
        spec.columns.iter().enumerate().map(name).collect::<Vec<_>>()
    });
    let context = contract.context.iter().zip(&batch.context);
    let context = context.filter_map(|(spec, data)| Some((spec.name.as_str(), data.clone()?)));
    inputs.chain(context).collect()
}

fn column(data: &TensorData, place: usize, width: usize) -> TensorData {
    macro_rules! every {
        ($variant:ident, $values:expr) => {
            TensorData::$variant($values.iter().skip(place).step_by(width).copied().collect())
        };
    }
    match data {
        TensorData::Bool(values) => every!(Bool, values),
        TensorData::Uint8(values) => every!(Uint8, values),
        TensorData::Uint16(values) => every!(Uint16, values),
        TensorData::Uint32(values) => every!(Uint32, values),
        TensorData::Uint64(values) => every!(Uint64, values),
        TensorData::Int8(values) => every!(Int8, values),
        TensorData::Int16(values) => every!(Int16, values),
        TensorData::Int32(values) => every!(Int32, values),
        TensorData::Int64(values) => every!(Int64, values),
        TensorData::Fp16(values) => every!(Fp16, values),
        TensorData::Fp32(values) => every!(Fp32, values),
        TensorData::Fp64(values) => every!(Fp64, values),
        TensorData::Bytes(values) => {
            TensorData::Bytes(values.iter().skip(place).step_by(width).collect::<BytesColumn>())
        }
    }
}
