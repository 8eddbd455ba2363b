//! Bare gRPC calls: every method of the protocols by name, and calls without a generated client.

use bytes::Bytes;
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::Code;

const PROTOCOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../proto");

/// The paths of all methods in `proto/`, and of health.
pub(crate) fn methods() -> Vec<String> {
    let files = std::fs::read_dir(PROTOCOLS).unwrap().map(|entry| entry.unwrap().path());
    let protos: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|extension| extension == "proto")).collect();
    assert!(!protos.is_empty());
    let set = protox::compile(protos, [PROTOCOLS]).unwrap();
    let mut paths =
        vec!["/grpc.health.v1.Health/Check".to_owned(), "/grpc.health.v1.Health/Watch".to_owned()];
    for file in &set.file {
        for service in &file.service {
            let name = format!("{}.{}", file.package(), service.name());
            paths.extend(service.method.iter().map(|method| format!("/{name}/{}", method.name())));
        }
    }
    paths
}

/// Calls with one empty message; returns the status.
pub(crate) async fn bare<S>(stream: S, path: &str, authorization: Option<&str>) -> Code
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    let driver = tokio::spawn(connection);
    let mut request = Request::post(format!("http://tidegate{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let request = request.body(Full::new(Bytes::from_static(&[0; 5]))).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let code = |headers: &HeaderMap| headers.get("grpc-status").map(|code| Code::from_bytes(code.as_bytes()));
    let code = match code(response.headers()) {
        Some(code) => code,
        // A stream that says nothing until it ends has let the caller in.
        None if path.contains("Watch") || path.contains("Stream") => Code::Ok,
        None => {
            let body = response.into_body().collect().await.unwrap();
            body.trailers().and_then(code).unwrap()
        }
    };
    driver.abort();
    code
}
