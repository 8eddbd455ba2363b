//! What a request may cost.

use bytes::Bytes;
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::Code;

use crate::generated::inference::ModelInferRequest;
use crate::support::home::Home;
use crate::support::http::{call, get};
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

#[tokio::test]
async fn bodies_that_there_is_no_room_for_are_refused_unread() {
    let home = Home::served();
    let server = Running::start(home.path(), |config| config.limits.bytes_in_flight = 100_000).await;
    let at = server.addresses.data;
    let half =
        format!("POST {INFER} HTTP/1.1\r\nHost: h\r\nContent-Length: 50000\r\nExpect: 100-continue\r\n\r\n");
    let mut first = TcpStream::connect(at).await.unwrap();
    first.write_all(half.as_bytes()).await.unwrap();
    let mut answer = [0; 25];
    first.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    let mut second = TcpStream::connect(at).await.unwrap();
    second.write_all(half.as_bytes()).await.unwrap();
    let mut answer = String::new();
    second.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
    // Small ones pass, and the first one's room is free when it is gone.
    assert_eq!(call(at, Method::POST, INFER, &[], Bytes::from_static(b"{")).await.status, 400);
    drop(first);
    while call(at, Method::POST, INFER, &[], Bytes::from(vec![b' '; 50_000])).await.status == 429 {}
}

#[tokio::test]
async fn slow_bodies_and_old_connections_end() {
    let home = Home::served();
    let server = Running::start(home.path(), |config| {
        config.body_seconds = 0.05;
        config.limits.connection_seconds = 0.1;
    })
    .await;
    let at = server.addresses.data;
    let mut slow = TcpStream::connect(at).await.unwrap();
    let head = format!("POST {INFER} HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{{");
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    slow.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    assert!(answer.contains("within 0.05 s"), "{answer}");
    let mut idle = TcpStream::connect(at).await.unwrap();
    idle.write_all(b"GET /v2/health/live HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    idle.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn slow_headers_are_cut() {
    let home = Home::served();
    let server = Running::start(home.path(), |config| config.header_seconds = 0.05).await;
    let mut slow: Vec<TcpStream> = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(server.addresses.data).await.unwrap();
        stream.write_all(b"GET /v2 HTTP/1.1\r\nHos").await.unwrap();
        slow.push(stream);
    }
    for mut stream in slow {
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{answer:?}");
    }
}

#[tokio::test]
async fn a_process_that_is_short_of_memory_answers_health_alone() {
    let home = Home::served();
    let server = Running::start(home.path(), |config| config.limits.memory_bytes = 1).await;
    let at = server.addresses.data;
    while get(at, "/v2").await.status != 503 {}
    assert!(get(at, "/v2").await.error().contains("short of memory"));
    assert_eq!(get(at, "/v2/health/live").await.status, 200);
    assert_eq!(get(server.addresses.admin, "/metrics").await.status, 200);
}

#[tokio::test]
async fn the_access_log_has_a_line_for_every_request() {
    let home = Home::served();
    let server = Running::start(home.path(), |config| config.access_log = true).await;
    let at = server.addresses.data;
    let secret = [("x-api-key", "tg_secret")];
    assert_eq!(call(at, Method::GET, "/v2/models/x?y=1", &secret, Bytes::new()).await.status, 401);
    server.end();
    let path = home.path().join("access.log");
    let line = loop {
        let text = std::fs::read_to_string(&path).unwrap();
        if text.ends_with('\n') {
            break text;
        }
    };
    let read: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&read["method"], &read["path"], &read["status"]),
        (&"GET".into(), &"/v2/models/x".into(), &401.into())
    );
    assert!(!line.contains("secret"), "{line}");
}
