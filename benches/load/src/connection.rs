//! One HTTP/2 connection that asks, waits for the whole answer, and asks again.

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

use crate::plan::Plan;

type Fault = Box<dyn Error + Send + Sync>;

/// A gRPC frame of one uncompressed message.
pub(crate) fn framed(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(0);
    frame.put_u32(message.len() as u32);
    frame.put_slice(message);
    frame.freeze()
}

/// An open connection and what it sends.
pub(crate) struct Connection {
    sender: SendRequest<Full<Bytes>>,
    uri: http::Uri,
    frame: Bytes,
}

impl Connection {
    /// Connects to the plan's server.
    pub(crate) async fn open(plan: &Plan, frame: Bytes) -> Result<Self, Fault> {
        let stream = TcpStream::connect(&plan.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let uri = format!("http://{}{}", plan.address, plan.path).parse()?;
        Ok(Self { sender, uri, frame })
    }

    /// Asks until `end`; any answer but a good one is an error.
    pub(crate) async fn until(mut self, end: Instant) -> Result<Vec<Duration>, Fault> {
        let mut latencies = Vec::new();
        loop {
            let began = Instant::now();
            if began >= end {
                return Ok(latencies);
            }
            self.ask().await?;
            latencies.push(began.elapsed());
        }
    }

    async fn ask(&mut self) -> Result<(), Fault> {
        let request = Request::post(self.uri.clone())
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(Full::new(self.frame.clone()))?;
        self.sender.ready().await?;
        let answer = self.sender.send_request(request).await?;
        let only_trailers = answer.headers().get("grpc-status").cloned();
        let body = answer.into_body().collect().await?;
        let status = only_trailers.or_else(|| body.trailers().and_then(|t| t.get("grpc-status").cloned()));
        match status {
            Some(status) if status == "0" && body.to_bytes().len() > 5 => Ok(()),
            other => Err(format!("the server answered with grpc-status {other:?}").into()),
        }
    }
}
