//! Every REST route, over a real connection.

use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::Bytes;
use http::Method;
use serde_json::json;

use crate::support::home::Home;
use crate::support::http::{call, get, post};
use crate::support::server::Running;

const INFER: &str = "/v2/models/flight-delay/infer";
const SCORE: &str = "/v1/endpoints/flight-delay/score";

fn one_row() -> serde_json::Value {
    json!({"id": "mine", "inputs": [
        {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1.0, 5.0]},
        {"name": "carrier", "shape": [1, 1], "datatype": "BYTES", "data": [["UA"]]},
    ]})
}

#[tokio::test]
async fn health_and_metadata() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let at = server.addresses.data;
    assert_eq!(get(at, "/v2/health/live").await.json(), json!({"live": true}));
    assert_eq!(get(at, "/v2/health/ready").await.json(), json!({"ready": true}));
    let metadata = get(at, "/v2").await.json();
    assert_eq!(metadata["name"], "tidegate");
    let extensions = [
        "binary_tensor_data",
        "model_repository",
        "statistics",
        "model_configuration",
        "schedule_policy",
        "parameters",
    ];
    assert_eq!(metadata["extensions"], json!(extensions));
    assert_eq!(
        get(at, "/v2/models/flight-delay").await.json(),
        json!({
            "name": "flight-delay", "versions": ["1"], "platform": "onnx_onnxv1",
            "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]},
                       {"name": "carrier", "datatype": "BYTES", "shape": [-1, 1]}],
            "outputs": [{"name": "echo", "datatype": "BYTES", "shape": [-1]},
                        {"name": "length", "datatype": "INT64", "shape": [-1]},
                        {"name": "probabilities", "datatype": "FP32", "shape": [-1, 2]}],
        })
    );
    let ready = json!({"name": "flight-delay", "ready": true});
    assert_eq!(get(at, "/v2/models/flight-delay/ready").await.json(), ready);
    assert_eq!(get(at, "/v2/models/flight-delay/versions/1/ready").await.json(), ready);
    assert_eq!(get(at, "/v2/models/flight-delay/versions/1").await.json()["name"], "flight-delay");
    let endpoint = get(at, "/v1/endpoints/flight-delay").await.json();
    assert_eq!(endpoint["generation"], 1);
    assert_eq!(endpoint["contract"]["context"][0]["role"], "key");
    assert_eq!(endpoint["variants"][0]["version"], "1");
}

#[tokio::test]
async fn infer_in_json() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let reply = post(server.addresses.data, INFER, one_row().to_string()).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    let body = reply.json();
    assert_eq!((&body["model_name"], &body["model_version"]), (&json!("flight-delay"), &json!("1")));
    assert_eq!(body["id"], "mine");
    assert_eq!(
        body["parameters"]["prediction_id"],
        reply.headers["tidegate-prediction-id"].to_str().unwrap()
    );
    assert_eq!(body["parameters"]["route"], "weight");
    assert_eq!(body["parameters"]["generation"], 1);
    assert!(body["parameters"]["variant"].as_str().unwrap().starts_with("sha256:"));
    assert_eq!(
        body["outputs"][0],
        json!({"name": "echo", "datatype": "BYTES", "shape": [1], "data": ["UA"]})
    );
    assert_eq!(body["outputs"][1], json!({"name": "length", "datatype": "INT64", "shape": [1], "data": [2]}));
    assert_eq!(body["outputs"][2]["data"][1], 0.4);

    let pinned =
        post(server.addresses.data, "/v2/models/flight-delay/versions/1/infer", one_row().to_string()).await;
    assert_eq!(pinned.json()["parameters"]["route"], "pin");
}

#[tokio::test]
async fn infer_in_binary() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let header = json!({"parameters": {"binary_data_output": true}, "inputs": [
        {"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}},
        {"name": "carrier", "shape": [1, 1], "datatype": "BYTES", "parameters": {"binary_data_size": 6}},
    ], "outputs": [{"name": "probabilities"}, {"name": "length", "parameters": {"binary_data": false}}]})
    .to_string();
    let mut body = header.clone().into_bytes();
    body.extend([1.0_f32, 5.0].iter().flat_map(|value| value.to_le_bytes()));
    body.extend(b"\x02\0\0\0UA");
    let length = header.len().to_string();
    let headers =
        [("Inference-Header-Content-Length", &*length), ("content-type", "application/octet-stream")];
    let reply = call(server.addresses.data, Method::POST, INFER, &headers, body.into()).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    assert_eq!(reply.headers["content-type"], "application/octet-stream");
    let length: usize = reply.headers["inference-header-content-length"].to_str().unwrap().parse().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&reply.body[..length]).unwrap();
    assert_eq!(answer["outputs"][0]["parameters"], json!({"binary_data_size": 8}));
    assert_eq!(
        answer["outputs"][1],
        json!({"name": "length", "datatype": "INT64", "shape": [1], "data": [2]})
    );
    let tail: Vec<u8> = [0.6_f32, 0.4].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(reply.body[length..], tail);
}

#[tokio::test]
async fn score_by_name() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let records = json!({"records": [
        {"distance": 1, "wind": 5, "carrier": "UA", "tailnum": "N1"},
        {"distance": 3, "wind": 5, "carrier": null, "tailnum": "N1"},
    ], "id": "mine", "event_time": 1_357_034_400_000_000_i64});
    let reply = post(server.addresses.data, SCORE, records.to_string()).await;
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    let body = reply.json();
    assert_eq!((&body["endpoint"], &body["model"]), (&json!("flight-delay"), &json!("flight-delay")));
    assert_eq!((&body["version"], &body["rows"], &body["id"]), (&json!("1"), &json!(2), &json!("mine")));
    assert_eq!(body["prediction_id"], reply.headers["tidegate-prediction-id"].to_str().unwrap());
    assert_eq!(
        body["predictions"][0],
        json!({"score": 0.4, "decision": false, "echo": "UA", "length": 2, "probabilities": [0.6, 0.4]})
    );
    assert_eq!(body["predictions"][1]["echo"], "?");
    assert_eq!(body["predictions"][1]["decision"], true);

    let columns = json!({"columns": {
        "distance": [1, 3], "wind": [5, 5], "carrier": ["UA", null], "tailnum": ["N1", "N1"],
    }});
    let again = post(server.addresses.data, SCORE, columns.to_string()).await.json();
    assert_eq!(again["predictions"], body["predictions"]);
}

#[tokio::test]
async fn feedback_is_acknowledged_when_it_is_on_the_disk() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let at = server.addresses.data;
    let scored = post(at, INFER, one_row().to_string()).await.json();
    let id = &scored["parameters"]["prediction_id"];
    let many = json!({"endpoint": "flight-delay", "labels": [
        {"prediction_id": id, "row": 0, "label": 1, "observed_at": "2013-01-01T12:00:00Z"},
        {"prediction_id": id, "row": 1, "label": false, "event_id": "e-2"},
    ]});
    let reply = post(at, "/v1/feedback", many.to_string()).await;
    assert_eq!((reply.status, reply.json()), (200, json!({"accepted": 2})), "{:?}", reply.body);
    let one = json!({"prediction_id": id, "label": 0.5});
    let reply = post(at, "/v1/feedback", one.to_string()).await;
    assert_eq!(reply.json(), json!({"accepted": 1}));
    assert_eq!(server.engine.status().labels.logged, 3);
}

/// Two requests on one kept connection, written by hand.
#[test]
fn a_connection_is_kept() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let home = Home::served();
    let server = runtime.block_on(Running::start(home.path(), |_| {}));
    let mut stream = TcpStream::connect(server.addresses.data).unwrap();
    let body = one_row().to_string();
    let request = format!("POST {INFER} HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    for _ in 0..2 {
        stream.write_all(request.as_bytes()).unwrap();
        let answer = read_answer(&mut stream);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("\"model_version\":\"1\""), "{answer}");
    }
}

fn read_answer(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut byte = [0];
    while !text.ends_with("\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        text.push(char::from(byte[0]));
    }
    let length = text
        .lines()
        .find_map(|line| {
            line.to_lowercase().strip_prefix("content-length: ").map(|length| length.parse().unwrap())
        })
        .unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    text + std::str::from_utf8(&body).unwrap()
}

#[tokio::test]
async fn the_key_comes_from_the_header_the_parameter_or_the_column() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let at = server.addresses.data;
    let with = |parameters: serde_json::Value| {
        let mut body = one_row();
        body["parameters"] = parameters;
        Bytes::from(body.to_string())
    };
    for (headers, body) in [
        (&[("tidegate-routing-key", "N1")][..], with(json!({}))),
        (&[], with(json!({"routing_key": "N1"}))),
        (&[], with(json!({"routing_key": 7}))),
    ] {
        let reply = call(at, Method::POST, INFER, headers, body).await;
        assert_eq!(reply.status, 200, "{:?}", reply.body);
    }
    let float = call(at, Method::POST, INFER, &[], with(json!({"routing_key": 1.5}))).await;
    assert_eq!(float.status, 400);
    let records = json!({"records": [
        {"distance": 1, "wind": 5, "carrier": "UA", "tailnum": "N1"},
        {"distance": 1, "wind": 5, "carrier": "UA", "tailnum": "N2"},
    ]});
    let differs = post(at, SCORE, records.to_string()).await;
    assert_eq!(differs.status, 400);
    assert!(differs.error().contains("'tailnum' must be equal in all rows"), "{}", differs.error());
}
