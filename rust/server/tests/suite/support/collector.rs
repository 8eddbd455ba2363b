//! A collector of OTLP over HTTP that keeps what it is sent, decoded with OpenTelemetry's own types.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Runs on the test's own runtime; ends with it.
pub(crate) struct Collector {
    pub(crate) address: SocketAddr,
    taken: UnboundedReceiver<Sent>,
    answers: Answers,
    seen: Vec<Span>,
}

/// What is answered next, in order; then 200.
type Answers = Arc<Mutex<Vec<StatusCode>>>;

/// One post that was answered with 200.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) resource: Resource,
    pub(crate) spans: Vec<Span>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, taken) = unbounded_channel();
        let answers = Answers::default();
        let next = Arc::clone(&answers);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (sender, next) = (sender.clone(), Arc::clone(&next));
                let service = service_fn(move |request| answer(request, sender.clone(), Arc::clone(&next)));
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, taken, answers, seen: Vec::new() }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next posts are answered so; `PARTIAL_CONTENT` stands for 200 with one span that was not taken.
    pub(crate) fn answers_next(&self, answers: &[StatusCode]) {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).extend(answers);
    }

    /// The next post that was taken.
    pub(crate) async fn sent(&mut self) -> Sent {
        let sent = self.taken.recv().await.unwrap();
        self.seen.extend(sent.spans.iter().cloned());
        sent
    }

    /// All spans so far of that trace, once its server span is among them.
    pub(crate) async fn trace(&mut self, trace_id: &str) -> Vec<Span> {
        loop {
            let of_it: Vec<_> =
                self.seen.iter().filter(|span| hex(&span.trace_id) == trace_id).cloned().collect();
            if of_it.iter().any(|span| span.kind == 2) {
                return of_it;
            }
            self.sent().await;
        }
    }

    /// All spans so far.
    pub(crate) fn seen(&self) -> &[Span] {
        &self.seen
    }
}

async fn answer(
    request: Request<Incoming>,
    sender: UnboundedSender<Sent>,
    answers: Answers,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mut spans = Vec::new();
    let mut resource = Resource::default();
    for of_resource in ExportTraceServiceRequest::decode(body).unwrap().resource_spans {
        resource = of_resource.resource.unwrap();
        spans.extend(of_resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
    }
    let next = {
        let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.is_empty() { StatusCode::OK } else { answers.remove(0) }
    };
    let is_partial = next == StatusCode::PARTIAL_CONTENT;
    let mut response = ExportTraceServiceResponse::default();
    if is_partial {
        let partial = ExportTracePartialSuccess { rejected_spans: 1, error_message: "one is bad".into() };
        response.partial_success = Some(partial);
    }
    let mut reply = Response::new(Full::new(response.encode_to_vec().into()));
    *reply.status_mut() = if is_partial { StatusCode::OK } else { next };
    if reply.status().is_success() {
        let path = parts.uri.path().to_owned();
        sender.send(Sent { path, headers: parts.headers, resource, spans }).unwrap();
    }
    Ok(reply)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Attributes as text, by their names.
pub(crate) fn attributes(pairs: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |pair: &KeyValue| match pair.value.as_ref().unwrap().value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        Value::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    };
    let map: BTreeMap<_, _> = pairs.iter().map(|pair| (pair.key.clone(), text(pair))).collect();
    assert_eq!(map.len(), pairs.len(), "an attribute stands twice");
    map
}
