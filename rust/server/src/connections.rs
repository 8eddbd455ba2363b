//! One thread's connections: HTTP/1 and HTTP/2 on each, and an end under a deadline.

use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
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
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;

use crate::body::Answer;
use crate::first_bytes::FirstBytes;
use crate::peer::Peer;
use crate::stalled::Stalled;
use crate::tls::Tls;

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
/// Streams that a client may have reset before they were looked at, and that were reset for its errors; past that the
/// connection ends (CVE-2023-44487 and CVE-2025-8671).
const PENDING_RESETS: usize = 20;
const ERROR_RESETS: usize = 128;
/// Time for requests in flight on a connection that is too old.
const AGE_GRACE: Duration = Duration::from_secs(30);

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

/// How connections are served.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// Time for a request's headers, and for the first bytes of all.
    pub(crate) header_time: Duration,
    /// Time for a TLS handshake.
    pub(crate) handshake_time: Duration,
    /// Time for which a client may take nothing.
    pub(crate) stalled_time: Duration,
    /// Age at which a connection is asked to end.
    pub(crate) age: Duration,
    /// Time for requests in flight at the end of the server.
    pub(crate) drain: Duration,
    pub(crate) tls: Option<Arc<Tls>>,
}

/// Serves what comes through `accepted` until its senders are gone, then lets requests in flight end. Returns how many
/// connections were cut at the deadline. `handlers` makes what answers one peer. Runs within a `LocalSet`.
pub(crate) async fn serve<P, H, F>(
    mut accepted: UnboundedReceiver<Accepted>,
    terms: Terms,
    handlers: P,
) -> usize
where
    P: Fn(Peer) -> H + 'static,
    H: Fn(Request<Incoming>) -> F + 'static,
    F: Future<Output = Response<Answer>> + 'static,
{
    let serving = Rc::new(Serving { builder: builder(terms.header_time), terms, handlers });
    let (ending, signal) = watch::channel(());
    while let Some(Accepted { stream, address, held }) = accepted.recv().await {
        let Ok(stream) = TcpStream::from_std(stream) else { continue };
        let (serving, signal) = (Rc::clone(&serving), signal.clone());
        tokio::task::spawn_local(async move {
            let _ends_here = held;
            if let Err(error) = serving.connection(stream, address, signal).await {
                tracing::debug!(error = &*error.to_string(), "a connection ended early");
            }
        });
    }
    drop(signal);
    ending.send_replace(());
    match tokio::time::timeout(serving.terms.drain, ending.closed()).await {
        Ok(()) => 0,
        Err(_) => ending.receiver_count(),
    }
}

/// What all connections of a thread have in common.
struct Serving<P> {
    builder: Builder<Local>,
    terms: Terms,
    handlers: P,
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

impl<P, H, F> Serving<P>
where
    P: Fn(Peer) -> H,
    H: Fn(Request<Incoming>) -> F + 'static,
    F: Future<Output = Response<Answer>> + 'static,
{
    /// Serves one connection to its end; `ending` changes once, and is held as long as there is something to end.
    async fn connection(
        &self,
        stream: TcpStream,
        address: IpAddr,
        mut ending: watch::Receiver<()>,
    ) -> Result<(), Failed> {
        let mut peer = Peer::at(address);
        let Some(tls) = &self.terms.tls else { return self.speak(stream, peer, ending).await };
        let stream = tokio::select! {
            _ = ending.changed() => return Ok(()),
            stream = tokio::time::timeout(self.terms.handshake_time, tls.accept(stream)) => stream??,
        };
        peer.certified = tls.names(&stream);
        self.speak(stream, peer, ending).await
    }

    /// HTTP of either version.
    async fn speak<S>(&self, stream: S, peer: Peer, mut ending: watch::Receiver<()>) -> Result<(), Failed>
    where
        S: AsyncRead + AsyncWrite + Unpin + 'static,
    {
        let stream = Stalled::after(stream, self.terms.stalled_time);
        let stream = FirstBytes::within(stream, self.terms.header_time);
        let handler = (self.handlers)(peer);
        let service = service_fn(move |request| {
            let answer = handler(request);
            async move { Ok::<_, Infallible>(answer.await) }
        });
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            ended = connection.as_mut() => return ended,
            _ = ending.changed() => {
                connection.as_mut().graceful_shutdown();
                return connection.await;
            }
            () = tokio::time::sleep(self.terms.age) => connection.as_mut().graceful_shutdown(),
        }
        tokio::time::timeout(AGE_GRACE, connection).await.unwrap_or(Ok(()))
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
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .max_local_error_reset_streams(ERROR_RESETS)
        .max_header_list_size(HEADER_BYTES)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}
