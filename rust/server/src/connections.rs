//! One thread's connections: HTTP/1 and HTTP/2 on each, and an end under a deadline.

use std::cell::Cell;
use std::convert::Infallible;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::body::Answer;
use crate::first_bytes::FirstBytes;
use crate::peer::Peer;

/// Streams that one HTTP/2 connection may have open.
const STREAMS: u32 = 128;
/// Bytes of one request's headers, and how many headers.
const HEADER_BYTES: u32 = 16 << 10;
const HEADERS: usize = 100;
/// Bytes that a stream and a connection may send before they are read.
const STREAM_WINDOW: u32 = 64 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;
/// A silent HTTP/2 client is asked for a sign of life, and dropped without one.
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Runs futures on the thread that made them.
#[derive(Clone, Copy, Debug)]
struct Local;

impl<F: Future<Output = ()> + 'static> Executor<F> for Local {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}

/// An accepted connection; counted until it is dropped.
pub(crate) struct Accepted {
    stream: std::net::TcpStream,
    address: IpAddr,
    held: Held,
}

/// One connection of all that are held.
struct Held(Arc<AtomicUsize>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Accepted {
    /// Counts the connection in `held`; `None` when `limit` are held already.
    pub(crate) fn new(
        stream: std::net::TcpStream,
        address: IpAddr,
        held: &Arc<AtomicUsize>,
        limit: usize,
    ) -> Option<Self> {
        let before = held.fetch_add(1, Ordering::Relaxed);
        let counted = Self { stream, address, held: Held(Arc::clone(held)) };
        (before < limit).then_some(counted)
    }
}

/// Counts a thread's connections while they are served.
struct Open(Rc<Cell<usize>>);

impl Open {
    fn new(count: &Rc<Cell<usize>>) -> Self {
        count.set(count.get() + 1);
        Self(Rc::clone(count))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Serves what comes through `accepted` until its senders are gone, then lets requests in flight end. Returns how many
/// connections were cut at the deadline. `handlers` makes what answers one peer. Runs within a `LocalSet`.
pub(crate) async fn serve<P, H, F>(
    mut accepted: UnboundedReceiver<Accepted>,
    header_time: Duration,
    drain: Duration,
    handlers: P,
) -> usize
where
    P: Fn(Peer) -> H,
    H: Fn(Request<Incoming>) -> F + 'static,
    F: Future<Output = Response<Answer>> + 'static,
{
    let builder = builder(header_time);
    let graceful = GracefulShutdown::new();
    let open = Rc::new(Cell::new(0));
    while let Some(Accepted { stream, address, held }) = accepted.recv().await {
        let Ok(stream) = TcpStream::from_std(stream) else { continue };
        let stream = FirstBytes::within(stream, header_time);
        let handler = handlers(Peer::at(address));
        let service = service_fn(move |request| {
            let answer = handler(request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let connection = graceful.watch(builder.serve_connection(TokioIo::new(stream), service).into_owned());
        let counted = Open::new(&open);
        tokio::task::spawn_local(async move {
            let _ends_here = (counted, held);
            if let Err(error) = connection.await {
                tracing::debug!(error = &*error.to_string(), "a connection ended early");
            }
        });
    }
    match tokio::time::timeout(drain, graceful.shutdown()).await {
        Ok(()) => 0,
        Err(_) => open.get(),
    }
}

fn builder(header_time: Duration) -> Builder<Local> {
    let mut builder = Builder::new(Local);
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(header_time)
        .max_headers(HEADERS)
        .max_buf_size(HEADER_BYTES as usize);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEADER_BYTES)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}
