//! The same rows through every door give the same answer, bit for bit.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

use crate::generated::inference::model_infer_request::InferInputTensor;
use crate::generated::inference::{InferTensorContents, ModelInferRequest, ModelInferResponse};
use crate::support::home::Home;
use crate::support::http::{call, post};
use crate::support::server::Running;

const INFER: &str = "/v2/models/flight-delay/infer";
/// Values whose decimal text needs every digit.
const X: [f32; 4] = [0.1, 1.0 / 3.0, -2.7e-7, 1.234_567_9];
const CARRIERS: [&str; 2] = ["UA", "\u{e9}\u{1f6eb}"];

/// The bits of the probabilities, and the strings.
type Answer = (Vec<u32>, Vec<String>);

fn bits(values: impl IntoIterator<Item = f32>) -> Vec<u32> {
    values.into_iter().map(f32::to_bits).collect()
}

fn of_json(values: &Value) -> Vec<u32> {
    bits(values.as_array().unwrap().iter().map(|value| value.to_string().parse::<f32>().unwrap()))
}

fn raw_x() -> Vec<u8> {
    X.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn raw_carriers() -> Vec<u8> {
    let length = |text: &str| u32::try_from(text.len()).unwrap().to_le_bytes();
    CARRIERS.iter().flat_map(|text| [&length(text)[..], text.as_bytes()].concat()).collect()
}

async fn rest_json(server: &Running) -> Answer {
    let body = json!({"inputs": [
        {"name": "x", "shape": [2, 2], "datatype": "FP32", "data": X},
        {"name": "carrier", "shape": [2, 1], "datatype": "BYTES", "data": CARRIERS},
    ]});
    let answer = post(server.addresses.data, INFER, body.to_string()).await.json();
    let strings = answer["outputs"][0]["data"].as_array().unwrap().iter();
    (of_json(&answer["outputs"][2]["data"]), strings.map(|text| text.as_str().unwrap().to_owned()).collect())
}

async fn rest_binary(server: &Running) -> Answer {
    let carriers = raw_carriers();
    let header = json!({"parameters": {"binary_data_output": true}, "inputs": [
        {"name": "x", "shape": [2, 2], "datatype": "FP32", "parameters": {"binary_data_size": 16}},
        {"name": "carrier", "shape": [2, 1], "datatype": "BYTES", "parameters": {"binary_data_size": carriers.len()}},
    ]})
    .to_string();
    let length = header.len().to_string();
    let body = [header.into_bytes(), raw_x(), carriers.clone()].concat();
    let headers = [("inference-header-content-length", &*length)];
    let reply = call(server.addresses.data, Method::POST, INFER, &headers, body.into()).await;
    let json: usize = reply.headers["inference-header-content-length"].to_str().unwrap().parse().unwrap();
    let tail = &reply.body[json..];
    let (echo, probabilities) = (&tail[..carriers.len()], &tail[tail.len() - 16..]);
    assert_eq!(echo, carriers);
    (of_raw(probabilities), CARRIERS.map(Into::into).into())
}

fn of_raw(bytes: &[u8]) -> Vec<u32> {
    bytes.as_chunks::<4>().0.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect()
}

async fn rest_score(server: &Running) -> Answer {
    let records: Vec<_> = CARRIERS
        .iter()
        .enumerate()
        .map(|(row, carrier)| json!({"carrier": carrier, "wind": X[2 * row + 1], "distance": X[2 * row]}))
        .collect();
    let path = "/v1/endpoints/flight-delay/score";
    let answer = post(server.addresses.data, path, json!({"records": records}).to_string()).await.json();
    let rows = answer["predictions"].as_array().unwrap();
    (
        rows.iter().flat_map(|row| of_json(&row["probabilities"])).collect(),
        rows.iter().map(|row| row["echo"].as_str().unwrap().to_owned()).collect(),
    )
}

async fn grpc(server: &Running, raw: bool) -> ModelInferResponse {
    let input = |name: &str, datatype: &str, shape: [i64; 2], contents| InferInputTensor {
        name: name.into(),
        datatype: datatype.into(),
        shape: shape.into(),
        parameters: BTreeMap::new(),
        contents: (!raw).then_some(contents),
    };
    let x = InferTensorContents { fp32_contents: X.into(), ..Default::default() };
    let carriers =
        InferTensorContents { bytes_contents: CARRIERS.map(Bytes::from).into(), ..Default::default() };
    let request = ModelInferRequest {
        model_name: "flight-delay".into(),
        inputs: vec![input("x", "FP32", [2, 2], x), input("carrier", "BYTES", [2, 1], carriers)],
        raw_input_contents: if raw { vec![raw_x().into(), raw_carriers().into()] } else { vec![] },
        ..Default::default()
    };
    crate::support::grpc(server.addresses.data).await.model_infer(request).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_doors_give_the_same_bits() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let expected = rest_json(&server).await;
    assert_eq!(expected.1, CARRIERS);
    assert_eq!(rest_binary(&server).await, expected);
    assert_eq!(rest_score(&server).await, expected);
    let raw = grpc(&server, true).await;
    assert_eq!(of_raw(&raw.raw_output_contents[2]), expected.0);
    assert_eq!(raw.raw_output_contents[0], raw_carriers());
    let typed = grpc(&server, false).await;
    let contents = |output: usize| typed.outputs[output].contents.clone().unwrap();
    assert_eq!(bits(contents(2).fp32_contents), expected.0);
    assert_eq!(contents(0).bytes_contents, CARRIERS);
}
