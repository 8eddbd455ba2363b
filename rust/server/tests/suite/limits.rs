//! What a request may cost.

use bytes::Bytes;
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;

use crate::generated::inference::ModelInferRequest;
use crate::support::home::Home;
use crate::support::http::call;
use crate::support::server::Running;

const INFER: &str = "/v2/models/flight-delay/infer";

#[tokio::test]
async fn a_body_over_the_limit_is_refused_before_it_is_read() {
    let home = Home::served();
    let server = Running::start(home.path(), |config| config.body_limit = 1000).await;
    let at = server.addresses.data;
    let fits = call(at, Method::POST, INFER, &[], Bytes::from(vec![b' '; 1000])).await;
    assert_eq!(fits.status, 400);
    // Declared too long: the answer comes though the body never does.
    let mut stream = TcpStream::connect(at).await.unwrap();
    let head =
        format!("POST {INFER} HTTP/1.1\r\nHost: h\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("limit of 1000 bytes"), "{answer}");
    // Chunked, so that no length is declared.
    let mut stream = TcpStream::connect(at).await.unwrap();
    let head = format!("POST {INFER} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("1f4\r\n{}\r\n", "x".repeat(500));
    stream.write_all(chunk.repeat(3).as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_says_the_same_of_a_message_over_the_limit() {
    let home = Home::served();
    let server = Running::start(home.path(), |config| config.body_limit = 1000).await;
    let mut client = crate::support::grpc(server.addresses.data).await;
    let long = ModelInferRequest { model_name: "x".repeat(1001), ..Default::default() };
    let status = client.model_infer(long).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.message().contains("limit of 1000 bytes"), "{status:?}");
    let long =
        crate::generated::inference::ModelReadyRequest { name: "x".repeat(1001), version: String::new() };
    let status = client.model_ready(long).await.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert!(status.metadata().contains_key("x-request-id"));
}

#[tokio::test]
async fn one_connection_too_many_is_closed() {
    let home = Home::served();
    let server = Running::start(home.path(), |config| config.connections = 1).await;
    let at = server.addresses.data;
    let mut first = TcpStream::connect(at).await.unwrap();
    let ask = b"GET /v2/health/live HTTP/1.1\r\nHost: h\r\n\r\n";
    first.write_all(ask).await.unwrap();
    let mut answer = [0; 15];
    first.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
    let mut second = TcpStream::connect(at).await.unwrap();
    let end = second.read(&mut answer).await;
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}
