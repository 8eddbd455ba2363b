//! The end of a server: in-flight requests are finished, the deadline cuts what does not end.

use bytes::Bytes;
use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::home::Home;
use crate::support::http::{call, get};
use crate::support::server::Running;

#[tokio::test]
async fn a_request_in_flight_is_answered() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let at = server.addresses;
    let keeper = server.gate.close();
    let body = json!({"records": [{"distance": 1, "wind": 5, "carrier": "UA"}]}).to_string();
    let waiting = tokio::spawn(async move {
        call(at.data, Method::POST, "/v1/endpoints/slow/score", &[], Bytes::from(body)).await
    });
    let entered = tokio::task::spawn_blocking(move || {
        keeper.entered.recv().unwrap();
        keeper.open
    });
    let open = entered.await.unwrap();

    server.stopper.stop();
    while get(at.admin, "/v2/health/ready").await.status == 200 {
        tokio::task::yield_now().await;
    }
    let refused = get(at.admin, "/v2/health/ready").await;
    assert_eq!(refused.status, 503);
    assert!(refused.headers.contains_key("retry-after"));
    assert!(refused.error().contains("shutting down"));
    assert!(!waiting.is_finished());

    open.send(()).unwrap();
    let reply = waiting.await.unwrap();
    assert_eq!(reply.status, 200, "{:?}", reply.body);
    let report = tokio::task::spawn_blocking(move || server.end()).await.unwrap();
    assert_eq!(report.cut, 0);
    assert!(report.engine.complete);
    assert!(TcpStream::connect(at.data).await.is_err());
    assert!(TcpStream::connect(at.admin).await.is_err());
}

#[tokio::test]
async fn what_does_not_end_is_cut_at_the_deadline() {
    let home = Home::served();
    let server = Running::start(home.path(), |config| config.drain_seconds = 0).await;
    let mut stream = TcpStream::connect(server.addresses.data).await.unwrap();
    let head = "POST /v2/models/flight-delay/infer HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 25];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    let report = tokio::task::spawn_blocking(move || server.end()).await.unwrap();
    assert_eq!(report.cut, 1);
}
