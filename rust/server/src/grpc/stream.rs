//! `ModelStreamInfer`: one request after the other on the thread of its connection.
//!
//! The next request is read when the client has taken the answer before it, so that a client that does not read holds
//! one answer and no more. What is wrong with a request is said in its answer; what is wrong with the stream ends it.

use std::panic::AssertUnwindSafe;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use futures_util::stream::unfold;
use http::{HeaderMap, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming};
use tidegate_engine::ScoreResponse;
use tonic::Code;

use super::frame::Coding;
use super::{decoded, frame, infer, speaks_protobuf, status};
use crate::ErrorKind;
use crate::admission::Caller;
use crate::body::Answer;
use crate::fault::Fault;
use crate::generated::inference::{ModelInferRequest, ModelInferResponse, ModelStreamInferResponse};
use crate::plane::{Desk, Plane};
use crate::readiness::Phase;

/// Answers a call for as long as the client has requests.
pub(super) fn answer(
    desk: &Rc<Desk>,
    caller: Caller,
    headers: HeaderMap,
    body: Incoming,
) -> Response<Answer> {
    let coding = match speaks_protobuf(&headers).and_then(|()| Coding::of(&headers)) {
        Ok(coding) => coding,
        Err(fault) => return status::failed(&fault, &headers),
    };
    let session = Session { desk: Rc::clone(desk), caller, headers, body, coding, read: BytesMut::new() };
    let pieces = unfold(Some(session), |session| async move {
        let mut session = session?;
        // What panics here is past the guard of the whole request.
        let next = AssertUnwindSafe(session.next()).catch_unwind().await;
        Some(match next.unwrap_or_else(|_| Err(Fault::panicked())) {
            Ok(Some(answer)) => (Frame::data(answer), Some(session)),
            Ok(None) => {
                ended(&session.caller, Code::Ok);
                (Frame::trailers(frame::good()), None)
            }
            Err(fault) => {
                ended(&session.caller, fault.kind.codes().grpc);
                (Frame::trailers(status::trailers(&fault, &session.headers)), None)
            }
        })
    });
    frame::streamed(Answer::Pieces(Box::pin(pieces)))
}

/// Notes in the trace how the call, or one message in it, went.
fn ended(caller: &Caller, code: Code) {
    if let Some(span) = &caller.span {
        span.ended(code);
    }
}

struct Session {
    desk: Rc<Desk>,
    caller: Caller,
    headers: HeaderMap,
    body: Incoming,
    coding: Coding,
    /// What came and is not yet a message.
    read: BytesMut,
}

impl Session {
    /// The next answer, framed; `None` when the client has ended.
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        let plane = std::sync::Arc::clone(&self.desk.plane);
        let message = tokio::select! {
            biased;
            () = drains(&plane) => {
                return Err(Fault::new(ErrorKind::Unavailable, "the server is shutting down"));
            }
            message = self.message() => message?,
        };
        let Some(message) = message else { return Ok(None) };
        let span = self.caller.span.as_ref().map(|span| span.message());
        let caller = Caller { deadline: self.caller.deadline.again(), span, ..self.caller.clone() };
        let (response, scored) = self.score(&caller, message).await;
        let framed = frame::framed(&response)?;
        if let Some(scored) = scored {
            self.desk.delivered(&caller, &scored);
        }
        Ok(Some(framed))
    }

    async fn score(
        &self,
        caller: &Caller,
        message: Bytes,
    ) -> (ModelStreamInferResponse, Option<ScoreResponse>) {
        let request: ModelInferRequest = match decoded(message, "ModelInferRequest") {
            Ok(request) => request,
            Err(fault) => return (self.refused(caller, &fault, ModelInferResponse::default()), None),
        };
        let (name, id) = (request.model_name.clone(), request.id.clone());
        match infer::infer(&self.desk, caller, &self.headers, request).await {
            Ok((response, scored)) => {
                ended(caller, Code::Ok);
                let infer_response = Some(response);
                (ModelStreamInferResponse { error_message: String::new(), infer_response }, Some(scored))
            }
            Err(fault) => {
                let which = ModelInferResponse { model_name: name, id, ..ModelInferResponse::default() };
                (self.refused(caller, &fault, which), None)
            }
        }
    }

    fn refused(&self, caller: &Caller, fault: &Fault, which: ModelInferResponse) -> ModelStreamInferResponse {
        ended(caller, fault.kind.codes().grpc);
        let status = status::status(fault, &self.headers);
        ModelStreamInferResponse { error_message: status.message().to_owned(), infer_response: Some(which) }
    }

    /// The next message; one that has begun must come in time.
    async fn message(&mut self) -> Result<Option<Bytes>, Fault> {
        let limits = self.desk.plane.limits;
        loop {
            if let Some(message) = frame::next(&mut self.read, self.coding, limits.body)? {
                return Ok(Some(message));
            }
            let begun = !self.read.is_empty();
            let piece = if begun {
                tokio::time::timeout(limits.body_time, self.body.frame()).await.map_err(|_| {
                    let seconds = limits.body_time.as_secs_f64();
                    let message = format!("a message did not come within {seconds} s");
                    Fault::new(ErrorKind::DeadlineExceeded, message)
                })?
            } else {
                self.body.frame().await
            };
            match piece {
                None if begun => return Err(Fault::invalid("the stream ended within a message")),
                None => return Ok(None),
                Some(piece) => {
                    let piece = piece.map_err(|_| Fault::invalid("the stream broke off"))?;
                    if let Ok(data) = piece.into_data() {
                        self.read.extend_from_slice(&data);
                    }
                }
            }
        }
    }
}

/// Returns when the server drains.
pub(super) async fn drains(plane: &Plane) {
    let mut changes = plane.readiness.changes().subscribe();
    while plane.readiness.phase() != Phase::Draining {
        if changes.changed().await.is_err() {
            return;
        }
    }
}
