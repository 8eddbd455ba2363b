//! gRPC: decode, call, encode.

mod columns;
mod contents;
mod describe;
mod frame;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod health;
mod infer;
mod methods;
mod parameters;
mod score;
mod service;
mod status;
mod stream;
mod tidegate;
mod watch;

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::Incoming;
use tonic::codegen::Service as _;
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::server::Builder;

use crate::ErrorKind;
use crate::admission::{self, Caller, Right};
use crate::body::{self, Answer};
use crate::fault::Fault;
use crate::generated::DESCRIPTORS;
use crate::generated::inference::grpc_inference_service_server::GrpcInferenceServiceServer;
use crate::generated::tidegate_v1::tidegate_server::TidegateServer;
use crate::plane::{Desk, Plane};
use crate::traces::Span;
use service::Service;

/// Whether the request is for this transport.
pub(crate) fn speaks(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|media| media.as_bytes().starts_with(b"application/grpc"))
}

/// Whether anything answers at that path.
pub(crate) fn answers(path: &str) -> bool {
    methods::right(path).is_some()
}

/// The whole answer of a failed request; `asked` are the request's headers.
pub(crate) fn failed(fault: &Fault, asked: &HeaderMap) -> Response<Answer> {
    status::failed(fault, asked)
}

/// The services of the gRPC library, made once per thread.
pub(crate) struct Services {
    inference: GrpcInferenceServiceServer<Service>,
    tidegate: TidegateServer<Service>,
    health: HealthServer<Service>,
    reflection: Option<Reflection>,
}

/// Answers in both versions of the protocol.
type Dispatch = Box<dyn Fn(Request<Incoming>, bool) -> Reflected>;
type Reflected = std::pin::Pin<Box<dyn Future<Output = Response<tonic::body::Body>>>>;

struct Reflection(Dispatch);

impl Services {
    pub(crate) fn new(plane: &Arc<Plane>) -> Self {
        let service = Service(Arc::clone(plane));
        let limit = plane.limits.body;
        Self {
            inference: GrpcInferenceServiceServer::new(service.clone()).max_decoding_message_size(limit),
            tidegate: TidegateServer::new(service.clone()).max_decoding_message_size(limit),
            health: HealthServer::new(service).max_decoding_message_size(limit),
            reflection: Reflection::new()
                .inspect_err(|error| tracing::error!(%error, "there will be no reflection"))
                .ok(),
        }
    }
}

impl Reflection {
    fn new() -> Result<Self, tonic_reflection::server::Error> {
        let described = || {
            Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        };
        let (new, old) = (described().build_v1()?, described().build_v1alpha()?);
        Ok(Self(Box::new(move |request, is_old| {
            let (mut new, mut old) = (new.clone(), old.clone());
            Box::pin(async move {
                let answered = if is_old { old.call(request).await } else { new.call(request).await };
                match answered {
                    Ok(response) => response,
                }
            })
        })))
    }
}

/// Answers one request, whatever it is.
pub(crate) async fn answer(
    desk: &Rc<Desk>,
    services: &Services,
    request: Request<Incoming>,
    span: Option<&Arc<Span>>,
) -> Response<Answer> {
    let path = request.uri().path();
    let known = methods::right(path);
    // Who may see nothing is not told what there is.
    let admitted = admission::admit(desk, request.headers(), known.unwrap_or(Right::Look), span);
    let caller = match (admitted, known) {
        (Ok(caller), Some(_)) => caller,
        (Ok(_), None) => return status::failed(&methods::unknown(path), request.headers()),
        (Err(fault), _) => return status::failed(&fault, request.headers()),
    };
    match path {
        methods::MODEL_INFER | methods::SCORE => {
            let is_score = path == methods::SCORE;
            let (parts, body) = request.into_parts();
            let answered = by_hand(desk, &caller, &parts.headers, body, is_score).await;
            answered.unwrap_or_else(|fault| status::failed(&fault, &parts.headers))
        }
        methods::MODEL_STREAM_INFER => {
            let (parts, body) = request.into_parts();
            stream::answer(desk, caller, parts.headers, body)
        }
        // Boxed, so that it does not make the hot calls' future larger, which is moved for each request.
        _ => Box::pin(by_library(desk, caller, services, request)).await,
    }
}

/// The calls that score: decoded, answered and encoded without the library.
async fn by_hand(
    desk: &Desk,
    caller: &Caller,
    headers: &HeaderMap,
    body: Incoming,
    is_score: bool,
) -> Result<Response<Answer>, Fault> {
    speaks_protobuf(headers)?;
    let coding = frame::Coding::of(headers)?;
    desk.plane.room_at_all()?;
    let body = body::read(headers, body, &desk.plane, frame::PREFIX).await?;
    let message = frame::message(body, coding, desk.plane.limits.body)?;
    if is_score {
        return Box::pin(score::answer(desk, caller, headers, message)).await;
    }
    infer::answer(desk, caller, headers, message).await
}

fn speaks_protobuf(headers: &HeaderMap) -> Result<(), Fault> {
    let media = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    if matches!(media, b"application/grpc" | b"application/grpc+proto") {
        return Ok(());
    }
    let media: String = String::from_utf8_lossy(media).chars().take(80).collect();
    let message = format!("content type '{media}' is not read here; send application/grpc");
    Err(Fault::new(ErrorKind::UnsupportedMedia, message))
}

/// All other calls. The library answers every request, with a status where it fails.
async fn by_library(
    desk: &Desk,
    caller: Caller,
    services: &Services,
    mut request: Request<Incoming>,
) -> Response<Answer> {
    let headers = request.headers().clone();
    let path: String = request.uri().path().chars().take(200).collect();
    request.extensions_mut().insert(caller);
    let answering = async {
        let service = path.split('/').nth(1).unwrap_or_default();
        let answered = match (service, &services.reflection) {
            ("inference.GRPCInferenceService", _) => services.inference.clone().call(request).await,
            ("tidegate.v1.Tidegate", _) => services.tidegate.clone().call(request).await,
            ("grpc.health.v1.Health", _) => services.health.clone().call(request).await,
            (_, Some(reflection)) => Ok((reflection.0)(request, service.contains("v1alpha")).await),
            (_, None) => return status::failed(&status::unknown(&path), &headers),
        };
        match answered {
            Ok(response) => status::of_library(response, &headers, &path),
        }
    };
    // Until the first answer; what is watched goes on after it.
    let time = desk.plane.limits.body_time;
    tokio::time::timeout(time, answering).await.unwrap_or_else(|_| {
        let message = format!("the request did not come within {} s", time.as_secs_f64());
        status::failed(&Fault::new(ErrorKind::DeadlineExceeded, message), &headers)
    })
}

/// A message as a type of ours.
fn decoded<M: prost::Message + Default>(message: Bytes, name: &str) -> Result<M, Fault> {
    M::decode(message).map_err(|error| Fault::invalid(format!("the message is not a {name}: {error}")))
}
