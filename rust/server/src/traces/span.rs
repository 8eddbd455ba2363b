//! A traced request while it is answered: what becomes known is noted, and handed to the exporter at the end.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::{Method, Request, Response, Version};
use tidegate_engine::{Endpoint, ScoreResponse};
use tonic::Code;
use uuid::Uuid;

use super::Traces;
use super::context::{self, SpanId, TraceId};
use super::sampler::Context;
use crate::access_log::{self, PATH};
use crate::body::Answer;
use crate::peer::Peer;

/// Characters of the client's name that are kept.
const AGENT: usize = 200;

/// What one traced request is about, shared by all that answer it; the last one to let go ends the span.
#[derive(Debug)]
pub(crate) struct Span {
    traces: Arc<Traces>,
    names: Names,
    transport: Transport,
    began: Instant,
    began_at: u64,
    noted: Mutex<Noted>,
}

/// Where a span stands among others.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
    pub(super) parent: Option<SpanId>,
    /// Whether the parent is another process's.
    pub(super) remote: bool,
    pub(super) state: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Http,
    Grpc,
}

#[derive(Debug, Default)]
struct Noted {
    name: String,
    is_message: bool,
    attributes: Vec<(&'static str, Value)>,
    parts: Vec<Part>,
    submitted: Option<Instant>,
    outputs: Option<Instant>,
    outcome: Option<Outcome>,
}

/// How it ended, and whether the server is to blame.
#[derive(Clone, Copy, Debug)]
struct Outcome {
    code: u16,
    failed: bool,
}

/// An attribute's value, made text by the exporter alone.
#[derive(Debug)]
pub(super) enum Value {
    Fixed(&'static str),
    Shared(Arc<str>),
    Text(String),
    Id(Uuid),
    Number(i64),
    Address(IpAddr),
}

impl Value {
    fn count(number: usize) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// A child that has no attributes of its own.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) name: &'static str,
    /// Nanoseconds since 1970.
    pub(super) from: u64,
    pub(super) to: u64,
}

/// A request's spans, done.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) names: Names,
    pub(super) name: String,
    /// One message of a stream, within the server span of its call.
    pub(super) is_message: bool,
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) failed: bool,
    pub(super) attributes: Vec<(&'static str, Value)>,
    pub(super) parts: Vec<Part>,
}

impl Finished {
    /// How many spans it becomes.
    pub(super) fn spans(&self) -> u64 {
        1 + self.parts.len() as u64
    }
}

impl Span {
    /// The server span of a request that has come.
    pub(super) fn server<B>(
        traces: Arc<Traces>,
        context: Context,
        request: &Request<B>,
        peer: &Peer,
        is_grpc: bool,
    ) -> Arc<Self> {
        let state = context.parent.and_then(|_| context::state(request.headers()));
        let Context { trace, parent, .. } = context;
        let names = Names { trace, span: SpanId::new(), parent, remote: parent.is_some(), state };
        let mut noted = Noted { attributes: asked(request, peer), ..Noted::default() };
        let transport = if is_grpc {
            call(request.uri().path(), &mut noted);
            Transport::Grpc
        } else {
            let method = verb(request.method());
            noted.name = method.into();
            let path = request.uri().path().chars().take(PATH).collect();
            noted.attributes.extend([
                ("http.request.method", Value::Fixed(method)),
                ("url.path", Value::Text(path)),
                ("url.scheme", Value::Fixed(traces.scheme)),
            ]);
            Transport::Http
        };
        Arc::new(Self::beginning(traces, names, transport, noted))
    }

    /// The span of one message of a stream.
    pub(crate) fn message(&self) -> Arc<Self> {
        let names = Names {
            trace: self.names.trace,
            span: SpanId::new(),
            parent: Some(self.names.span),
            remote: false,
            state: self.names.state.clone(),
        };
        let noted = Noted { name: "message".into(), is_message: true, ..Noted::default() };
        Arc::new(Self::beginning(Arc::clone(&self.traces), names, self.transport, noted))
    }

    fn beginning(traces: Arc<Traces>, names: Names, transport: Transport, noted: Noted) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let began_at = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        Self { traces, names, transport, began: Instant::now(), began_at, noted: Mutex::new(noted) }
    }

    /// The path's template is known.
    pub(crate) fn route(&self, template: &'static str) {
        let mut noted = self.noted();
        noted.name = format!("{} {template}", noted.name);
        noted.attributes.push(("http.route", Value::Fixed(template)));
    }

    /// The request is decoded and goes to be scored; `arrived` is when its decoding began.
    pub(crate) fn submits(&self, endpoint: &Endpoint, rows: usize, arrived: Option<Instant>) {
        let now = Instant::now();
        let mut noted = self.noted();
        noted.submitted = Some(now);
        noted.attributes.push(("tidegate.endpoint", Value::Text(endpoint.name.clone())));
        noted.attributes.push(("tidegate.rows", Value::count(rows)));
        noted.parts.extend(arrived.map(|arrived| self.part("decode", arrived, now)));
    }

    /// The answer is there.
    pub(crate) fn scored(&self, response: &ScoreResponse) {
        let ran = response.ran();
        let mut noted = self.noted();
        if let Some(submitted) = noted.submitted.filter(|_| ran.queued) {
            noted.parts.push(self.part("queue", submitted, ran.began));
        }
        noted.parts.push(self.part("score", ran.began, ran.ended));
        noted.outputs = Some(if ran.queued { Instant::now() } else { ran.ended });
        noted.attributes.extend([
            ("tidegate.model", Value::Shared(Arc::clone(&response.model))),
            ("tidegate.version", Value::Shared(Arc::clone(&response.version))),
            ("tidegate.route", Value::Fixed(response.route.name())),
            ("tidegate.prediction_id", Value::Id(response.prediction_id)),
            ("tidegate.generation", Value::Number(response.generation.cast_signed())),
            ("tidegate.batch_rows", Value::count(ran.rows)),
        ]);
    }

    /// The answer is encoded.
    pub(crate) fn delivered(&self) {
        let mut noted = self.noted();
        if let Some(outputs) = noted.outputs.take() {
            let part = self.part("encode", outputs, Instant::now());
            noted.parts.push(part);
        }
    }

    /// The answer to the whole request; a stream's says at its end how it went.
    pub(crate) fn answered(&self, answer: &Response<Answer>) {
        match self.transport {
            Transport::Http => {
                let code = answer.status().as_u16();
                self.noted().outcome = Some(Outcome { code, failed: code >= 500 });
            }
            Transport::Grpc if matches!(answer.body(), Answer::Pieces(_)) => {}
            Transport::Grpc => self.ended(Code::from_i32(access_log::grpc_status(answer).unwrap_or(0))),
        }
    }

    /// The status of a gRPC call or of one message in it.
    pub(crate) fn ended(&self, code: Code) {
        self.noted().outcome = Some(Outcome { code: code as u16, failed: is_ours(code) });
    }

    fn part(&self, name: &'static str, from: Instant, to: Instant) -> Part {
        Part { name, from: self.at(from), to: self.at(to) }
    }

    /// Nanoseconds since 1970, by the clock that nobody sets, from the request's begin on.
    fn at(&self, time: Instant) -> u64 {
        let after = time.saturating_duration_since(self.began);
        self.began_at.saturating_add(u64::try_from(after.as_nanos()).unwrap_or(u64::MAX))
    }

    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        let noted = std::mem::take(&mut *self.noted());
        let Noted { name, is_message, mut attributes, parts, outcome, .. } = noted;
        // Nobody said how it ended: the client went away.
        match (self.transport, outcome) {
            (Transport::Http, Some(Outcome { code, failed })) => {
                attributes.push(("http.response.status_code", Value::Number(code.into())));
                attributes.extend(failed.then(|| ("error.type", Value::Text(code.to_string()))));
            }
            (Transport::Http, None) => attributes.push(("error.type", Value::Fixed("cancelled"))),
            (Transport::Grpc, outcome) => {
                let code = outcome.map_or(Code::Cancelled as u16, |outcome| outcome.code);
                attributes.push(("rpc.grpc.status_code", Value::Number(code.into())));
            }
        }
        self.traces.send(Finished {
            names: self.names.clone(),
            name,
            is_message,
            from: self.began_at,
            to: self.at(Instant::now()),
            failed: outcome.map_or(self.transport == Transport::Http, |outcome| outcome.failed),
            attributes,
            parts,
        });
    }
}

/// The method, of those that the standard names.
fn verb(method: &Method) -> &'static str {
    let known = ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE"];
    known.into_iter().find(|known| method == *known).unwrap_or("_OTHER")
}

/// What is known of a request from its head alone.
fn asked<B>(request: &Request<B>, peer: &Peer) -> Vec<(&'static str, Value)> {
    let mut attributes = Vec::with_capacity(16);
    attributes.push(("client.address", Value::Address(peer.address)));
    let version = if request.version() == Version::HTTP_2 { "2" } else { "1.1" };
    attributes.push(("network.protocol.version", Value::Fixed(version)));
    let agent = request.headers().get(http::header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    attributes
        .extend(agent.map(|agent| ("user_agent.original", Value::Text(agent.chars().take(AGENT).collect()))));
    attributes
}

/// A call of gRPC by its path; one that nobody answers is not named, for anybody may ask for any.
fn call(path: &str, noted: &mut Noted) {
    noted.attributes.push(("rpc.system", Value::Fixed("grpc")));
    let named = path.strip_prefix('/').filter(|_| crate::grpc::answers(path));
    let Some((service, method)) = named.and_then(|named| named.split_once('/')) else {
        noted.name = "grpc".into();
        return;
    };
    noted.name = format!("{service}/{method}");
    noted.attributes.push(("rpc.service", Value::Text(service.into())));
    noted.attributes.push(("rpc.method", Value::Text(method.into())));
}

fn is_ours(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}
