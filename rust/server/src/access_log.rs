//! A line for every request, written by a thread of its own: what was asked and how it ended, no values of the request.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::{Method, Request, Response};
use hyper::body::Incoming;
use serde::Serialize;

use crate::ServerError;
use crate::body::Answer;
use crate::peer::Peer;
use crate::traces::TraceId;

/// In the home; readable by its owner alone.
const FILE: &str = "access.log";
/// Lines that may wait; then the newest is dropped and counted.
const WAITING: usize = 8192;
/// Characters of a path that are shown.
pub(crate) const PATH: usize = 200;

/// Where lines go; a clone is the same log.
#[derive(Clone, Debug)]
pub(crate) struct AccessLog {
    lines: SyncSender<Line>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug, Serialize)]
struct Line {
    /// Microseconds since 1970.
    time: u64,
    address: IpAddr,
    method: String,
    path: String,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc_status: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<TraceId>,
    micros: u64,
    /// Lines that were dropped before this one, since the start.
    #[serde(skip_serializing_if = "is_zero")]
    dropped: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A request that has begun.
pub(crate) struct Begun<'a> {
    log: &'a AccessLog,
    began: Instant,
    address: IpAddr,
    method: Method,
    path: String,
    trace: Option<TraceId>,
}

impl AccessLog {
    /// Opens the file and starts its thread, which ends with the last clone.
    pub(crate) fn start(home: &Path) -> Result<Self, ServerError> {
        let file = File::options()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(home.join(FILE))
            .map_err(ServerError::AccessLog)?;
        let (lines, waiting) = sync_channel(WAITING);
        let thread = std::thread::Builder::new().name("tidegate-access".into());
        thread.spawn(move || write(&waiting, file)).map_err(ServerError::Thread)?;
        Ok(Self { lines, dropped: Arc::default() })
    }

    pub(crate) fn begin(
        &self,
        request: &Request<Incoming>,
        peer: &Peer,
        trace: Option<TraceId>,
    ) -> Begun<'_> {
        Begun {
            log: self,
            began: Instant::now(),
            address: peer.address,
            method: request.method().clone(),
            path: request.uri().path().chars().take(PATH).collect(),
            trace,
        }
    }
}

impl Begun<'_> {
    pub(crate) fn end(self, answer: &Response<Answer>) {
        let Begun { log, began, address, method, path, trace } = self;
        let line = Line {
            time: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64),
            address,
            method: method.to_string(),
            path,
            status: answer.status().as_u16(),
            grpc_status: grpc_status(answer),
            trace_id: trace,
            micros: began.elapsed().as_micros() as u64,
            dropped: log.dropped.load(Ordering::Relaxed),
        };
        if log.lines.try_send(line).is_err() {
            log.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

pub(crate) fn grpc_status(answer: &Response<Answer>) -> Option<i32> {
    let trailers = match answer.body() {
        Answer::Whole { trailers, .. } => trailers.as_ref(),
        Answer::Pieces(_) | Answer::Library(_) => None,
    };
    let status = answer.headers().get("grpc-status").or_else(|| trailers?.get("grpc-status"))?;
    status.to_str().ok()?.parse().ok()
}

/// Writes what waits, and flushes when nothing does.
fn write(waiting: &Receiver<Line>, file: File) {
    let mut file = BufWriter::new(file);
    while let Ok(first) = waiting.recv() {
        let written = std::iter::once(first).chain(waiting.try_iter()).try_for_each(|line| {
            serde_json::to_writer(&mut file, &line)?;
            file.write_all(b"\n")
        });
        if let Err(error) = written.and_then(|()| file.flush()) {
            tracing::warn!(error = &*error.to_string(), "the access log can't be written");
        }
    }
}
