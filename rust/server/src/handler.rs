//! One request from its head to its answer: in the access log, in its trace, through its transport, whatever panics.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::FutureExt as _;
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;

use crate::access_log::AccessLog;
use crate::body::Answer;
use crate::fault::Fault;
use crate::plane::Desk;
use crate::spin::Spin;
use crate::traces::{Context, Parent, Span, TraceId};
use crate::{grpc, http_answer, rest};

/// Answers what comes on one connection.
#[derive(Clone)]
pub(crate) struct Handler {
    pub(crate) desk: Rc<Desk>,
    pub(crate) services: Rc<grpc::Services>,
    pub(crate) log: Option<AccessLog>,
    pub(crate) spin: Rc<Spin>,
}

impl Handler {
    /// Answers one request, whatever it is.
    pub(crate) async fn answer(self, request: Request<Incoming>) -> Response<Answer> {
        let is_grpc = grpc::speaks(request.headers());
        let context = self.desk.plane.traces.as_ref().map(|traces| traces.context(request.headers()));
        let span = context.and_then(|context| self.span(context, &request, is_grpc));
        let begun = self
            .log
            .as_ref()
            .map(|log| log.begin(&request, &self.desk.peer, trace_id(context, request.headers())));
        let answering = async {
            if is_grpc {
                grpc::answer(&self.desk, &self.services, request, span.as_ref()).await
            } else {
                rest::answer(&self.desk, request, span.as_ref()).await
            }
        };
        let answer = AssertUnwindSafe(answering).catch_unwind().await.unwrap_or_else(|_| broken(is_grpc));
        if let Some(span) = span {
            span.answered(&answer);
        }
        if let Some(begun) = begun {
            begun.end(&answer);
        }
        self.spin.answered();
        answer
    }

    fn span(&self, context: Context, request: &Request<Incoming>, is_grpc: bool) -> Option<Arc<Span>> {
        self.desk.plane.traces.as_ref()?.span(context, request, &self.desk.peer, is_grpc)
    }
}

/// The trace that a request belongs to, traced here or not.
fn trace_id(context: Option<Context>, headers: &HeaderMap) -> Option<TraceId> {
    context.map(|context| context.trace).or_else(|| Parent::of(headers).map(|parent| parent.trace))
}

/// The answer of a request whose handling panicked: its id is in the log, right behind the panic.
fn broken(is_grpc: bool) -> Response<Answer> {
    let fault = Fault::panicked();
    let unknown = HeaderMap::new();
    if is_grpc { grpc::failed(&fault, &unknown) } else { http_answer::failed(&fault, &unknown, None) }
}
