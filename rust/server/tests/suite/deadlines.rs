//! Deadlines over both transports: what has expired is not executed, what can't be read is passed over.

use bytes::Bytes;
use http::Method;
use prost::Message;
use serde_json::json;
use tonic::Code;

use crate::generated::inference::ModelInferRequest;
use crate::generated::inference::model_infer_request::InferInputTensor;
use crate::support::home::Home;
use crate::support::http::{call, get};
use crate::support::server::Running;

const INFER: &str = "/inference.GRPCInferenceService/ModelInfer";
const SCORE: &str = "/v1/endpoints/flight-delay/score";

fn row() -> Bytes {
    json!({"records": [{"distance": 1, "wind": 5, "carrier": "UA"}]}).to_string().into()
}

/// One row for an endpoint.
pub(crate) fn message(endpoint: &str) -> ModelInferRequest {
    let input = |name: &str, datatype: &str, shape: [i64; 2]| InferInputTensor {
        name: name.into(),
        datatype: datatype.into(),
        shape: shape.to_vec(),
        ..Default::default()
    };
    let floats = [1.0_f32, 5.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    ModelInferRequest {
        model_name: endpoint.into(),
        inputs: vec![input("x", "FP32", [1, 2]), input("carrier", "BYTES", [1, 1])],
        raw_input_contents: vec![floats, vec![2, 0, 0, 0, b'U', b'A']].into_iter().map(Into::into).collect(),
        ..Default::default()
    }
}

async fn metric(server: &Running, name: &str) -> u64 {
    let reply = get(server.addresses.admin, "/metrics").await;
    let text = std::str::from_utf8(&reply.body).unwrap();
    let lines = text.lines().filter(|line| line.starts_with(name) && !line.contains("endpoint=\"broken\""));
    let lines = lines.filter(|line| !line.contains("endpoint=\"slow\""));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_deadline_is_told_and_the_model_is_not_asked() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let rest = call(server.addresses.data, Method::POST, SCORE, &[("tidegate-timeout-ms", "0")], row()).await;
    assert_eq!(rest.status, 504, "{rest:?}");
    assert!(rest.error().contains("deadline"), "{rest:?}");
    assert!(!rest.headers.contains_key("retry-after"));

    // By hand: the gRPC library's client would give up by itself.
    for timeout in ["0n", "1n", "0H"] {
        let message = message("flight-delay").encode_to_vec();
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        let framed: Vec<u8> = [0].into_iter().chain(length).chain(message).collect();
        let headers = [("content-type", "application/grpc"), ("te", "trailers"), ("grpc-timeout", timeout)];
        let reply = call(server.addresses.data, Method::POST, INFER, &headers, framed.into()).await;
        assert_eq!(reply.headers["grpc-status"], (Code::DeadlineExceeded as i32).to_string(), "{reply:?}");
    }
    assert_eq!(metric(&server, "tidegate_requests_expired_total").await, 4);
    assert_eq!(metric(&server, "tidegate_requests_total").await, 0);
    assert_eq!(metric(&server, "tidegate_request_errors_total").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_and_unreadable_timeouts_are_answered() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let mut client = crate::support::grpc(server.addresses.data).await;
    for timeout in ["99999999H", "1x", "-1S", "123456789S"] {
        let mut request = tonic::Request::new(message("flight-delay"));
        request.metadata_mut().insert("grpc-timeout", timeout.parse().unwrap());
        client.model_infer(request).await.unwrap();
    }
    let rest =
        call(server.addresses.data, Method::POST, SCORE, &[("tidegate-timeout-ms", "soon")], row()).await;
    assert_eq!(rest.status, 200, "{rest:?}");
    assert_eq!(metric(&server, "tidegate_timeouts_malformed_total").await, 4);
    assert_eq!(metric(&server, "tidegate_requests_expired_total").await, 0);
    assert_eq!(metric(&server, "tidegate_requests_total").await, 5);
}
