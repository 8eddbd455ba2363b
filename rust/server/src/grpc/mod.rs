//! gRPC: decode, call, encode.

mod contents;
mod frame;
mod infer;
mod service;
mod status;

use std::sync::Arc;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use tonic::codegen::Service as _;
use tonic_health::pb::health_server::HealthServer;

use crate::ErrorKind;
use crate::admission::{self, Right};
use crate::body::{self, Answer};
use crate::fault::Fault;
use crate::generated::inference::grpc_inference_service_server::GrpcInferenceServiceServer;
use crate::plane::{Desk, Plane};
use service::Service;

const MODEL_INFER: &str = "/inference.GRPCInferenceService/ModelInfer";
const INFERENCE: &str = "/inference.GRPCInferenceService/";
const HEALTH: &str = "/grpc.health.v1.Health/";

/// Whether the request is for this transport.
pub(crate) fn speaks(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|media| media.as_bytes().starts_with(b"application/grpc"))
}

/// The services of the gRPC library, made once per thread.
pub(crate) struct Services {
    inference: GrpcInferenceServiceServer<Service>,
    health: HealthServer<Service>,
}

impl Services {
    pub(crate) fn new(plane: &Arc<Plane>) -> Self {
        let service = Service(Arc::clone(plane));
        let limit = plane.limits.body;
        Self {
            inference: GrpcInferenceServiceServer::new(service.clone()).max_decoding_message_size(limit),
            health: HealthServer::new(service).max_decoding_message_size(limit),
        }
    }
}

/// Answers one request, whatever it is.
pub(crate) async fn answer(desk: &Desk, services: &Services, request: Request<Incoming>) -> Response<Answer> {
    let path = request.uri().path();
    if path == MODEL_INFER {
        let (parts, body) = request.into_parts();
        let answered = model_infer(desk, &parts.headers, body).await;
        return answered.unwrap_or_else(|fault| status::failed(&fault, &parts.headers));
    }
    let headers = request.headers().clone();
    let path: String = path.chars().take(200).collect();
    if let Err(fault) = admission::admit(desk, &headers, right(&path), None) {
        return status::failed(&fault, &headers);
    }
    // Both services answer every request, with a status where they fail.
    let answered = if path.starts_with(INFERENCE) {
        services.inference.clone().call(request).await
    } else if path.starts_with(HEALTH) {
        services.health.clone().call(request).await
    } else {
        return status::failed(&status::unknown(&path), &headers);
    };
    match answered {
        Ok(response) => status::of_library(response, &headers, &path),
    }
}

/// What a call of the library needs; one that is not known here needs a right too.
fn right(path: &str) -> Right {
    match path.strip_prefix(INFERENCE) {
        Some("ServerLive" | "ServerReady") => Right::Open,
        None if path.starts_with(HEALTH) => Right::Open,
        _ => Right::Look,
    }
}

/// The hot call.
async fn model_infer(desk: &Desk, headers: &HeaderMap, body: Incoming) -> Result<Response<Answer>, Fault> {
    let caller = admission::admit(desk, headers, Right::Score, None)?;
    desk.plane.room_at_all()?;
    let body = read(headers, body, &desk.plane).await?;
    infer::infer(desk, &caller, headers, body).await
}

/// The body of the hot call: one message with its prefix.
async fn read(headers: &HeaderMap, body: Incoming, plane: &Plane) -> Result<bytes::Bytes, Fault> {
    let media = headers.get(CONTENT_TYPE).map(http::HeaderValue::as_bytes).unwrap_or_default();
    if !matches!(media, b"application/grpc" | b"application/grpc+proto") {
        let media: String = String::from_utf8_lossy(media).chars().take(80).collect();
        let message = format!("content type '{media}' is not read here; send application/grpc");
        return Err(Fault::new(ErrorKind::UnsupportedMedia, message));
    }
    body::read(headers, body, plane, frame::PREFIX).await
}
