//! REST: decode, call, encode.

mod asked;
mod coding;
mod column;
mod csv;
mod elements;
mod feedback;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod infer_request;
mod infer_response;
mod located;
mod media;
mod metadata;
mod mlflow;
mod parameters;
mod route;
mod rows;
mod score;
mod table;
mod template;
mod tensor_json;
mod tokens;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::header::HOST;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response, Version};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use tidegate_engine::{Endpoint, ScoreRequest};

use crate::ErrorKind;
use crate::admin::metrics;
use crate::admission::{self, Caller};
use crate::body::{self, Answer};
use crate::fault::Fault;
use crate::plane::{Desk, Plane};
use crate::statistics::{self, ModelStatistics};
use crate::traces::Span;
use crate::{arrow, configuration, http_answer, prediction_id, repository};
use coding::Coding;
use media::Media;
use route::{Call, NoCall};

/// Answers one request, whatever it is.
pub(crate) async fn answer(
    desk: &Desk,
    request: Request<Incoming>,
    span: Option<&Arc<Span>>,
) -> Response<Answer> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    if parts.version == Version::HTTP_11 && parts.headers.get_all(HOST).into_iter().count() != 1 {
        let fault = Fault::invalid("a request of HTTP/1.1 must have one Host header");
        return http_answer::failed(&fault, &parts.headers, None);
    }
    let call = match route::call(&parts.method, path) {
        Ok(call) => call,
        Err(NoCall::Path) => {
            let shown: String = path.chars().take(200).collect();
            let fault = Fault::new(ErrorKind::UnknownCall, format!("nothing answers at '{shown}'"));
            return http_answer::failed(&fault, &parts.headers, None);
        }
        Err(NoCall::Never(what)) => {
            let fault = Fault::new(ErrorKind::UnknownCall, format!("this server does not offer {what}"));
            return http_answer::failed(&fault, &parts.headers, None);
        }
        Err(NoCall::Verb(verb)) => {
            let message = format!("this path answers {verb}, not {}", parts.method);
            let fault = Fault::new(ErrorKind::WrongVerb, message);
            return http_answer::failed(&fault, &parts.headers, Some(verb));
        }
    };
    if let Some(span) = span {
        span.route(call.template());
    }
    let answered = dispatch(desk, &parts, call, body, span).await;
    let response = answered.unwrap_or_else(|fault| http_answer::failed(&fault, &parts.headers, None));
    coding::pack(Coding::asked(&parts.headers), response)
}

#[derive(Serialize)]
struct Live {
    live: bool,
}

#[derive(Serialize)]
struct Ready<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    ready: bool,
}

#[derive(Serialize)]
struct Statistics {
    model_stats: Vec<ModelStatistics>,
}

#[derive(Deserialize)]
struct IndexAsked {
    ready: Option<bool>,
}

#[derive(Serialize)]
struct Accepted {
    accepted: usize,
}

async fn dispatch(
    desk: &Desk,
    parts: &Parts,
    call: Call<'_>,
    body: Incoming,
    span: Option<&Arc<Span>>,
) -> Result<Response<Answer>, Fault> {
    let plane = &desk.plane;
    let caller = admission::admit(desk, &parts.headers, call.right(), span)?;
    match call {
        Call::Live => http_answer::json(&Live { live: true }),
        Call::Ready => {
            plane.ready()?;
            http_answer::json(&Ready { name: None, ready: true })
        }
        Call::Server => metadata::server(),
        Call::Model { name, version } => metadata::model(&*plane.endpoint_version(&name, &version)?),
        Call::ModelReady { name, version } => {
            plane.endpoint_version(&name, &version)?;
            plane.ready()?;
            http_answer::json(&Ready { name: Some(&name), ready: true })
        }
        Call::Endpoint { name } => metadata::endpoint(&*plane.endpoint(&name)?),
        Call::Infer { name, version } => {
            Plane::room(&*plane.endpoint_version(&name, &version)?, &version)?;
            let (_, body) = read(desk, &parts.headers, body, &[Media::Json]).await?;
            infer(desk, &caller, parts, &plane.endpoint(&name)?, &version, &body).await
        }
        Call::Score { name } => {
            Plane::room(&*plane.endpoint(&name)?, "")?;
            let (media, body) = read(desk, &parts.headers, body, &[Media::Json, Media::Arrow]).await?;
            score(desk, &caller, parts, &plane.endpoint(&name)?, media, &body).await
        }
        Call::Feedback => {
            let (_, body) = read(desk, &parts.headers, body, &[Media::Json]).await?;
            let feedback = feedback::decode(&body, &caller.principal)?;
            let accepted = feedback.labels.len();
            let endpoint = match &feedback.endpoint {
                Some(name) => plane.endpoint(name)?,
                None => plane.implied_endpoint()?,
            };
            plane.feedback(&endpoint.name, feedback.labels).await?;
            http_answer::json(&Accepted { accepted })
        }
        Call::Invocations => {
            Plane::room(&*plane.default_endpoint()?, "")?;
            let (media, body) = read(desk, &parts.headers, body, &[Media::Json, Media::Csv]).await?;
            invocations(desk, &caller, parts, &plane.default_endpoint()?, media, &body).await
        }
        Call::Statistics { name, version } => {
            http_answer::json(&Statistics { model_stats: statistics::statistics(plane, &name, &version)? })
        }
        Call::Configuration { name, version } => {
            http_answer::json(&configuration::configuration(&*plane.endpoint_version(&name, &version)?))
        }
        Call::RepositoryIndex => {
            let (_, body) = read(desk, &parts.headers, body, &[Media::Json]).await?;
            http_answer::json(&repository::index(plane, asks_ready(&body)?))
        }
        Call::RepositoryChange { name, call } => Err(repository::refuse(call, &name)),
        Call::Metrics => {
            let text = metrics::text(plane)?;
            Ok(http_answer::bytes(text.into_bytes(), HeaderValue::from_static(metrics::MEDIA)))
        }
        // As MLflow's own server says it.
        Call::Ping => {
            plane.ready()?;
            Ok(http_answer::bytes(b"\n".to_vec(), HeaderValue::from_static("application/json")))
        }
        Call::Version => {
            let version = crate::plane::VERSION.as_bytes().to_vec();
            Ok(http_answer::bytes(version, HeaderValue::from_static("text/plain; charset=utf-8")))
        }
    }
}

async fn infer(
    desk: &Desk,
    caller: &Caller,
    parts: &Parts,
    endpoint: &Arc<Endpoint>,
    version: &str,
    body: &Bytes,
) -> Result<Response<Answer>, Fault> {
    let arrived = Instant::now();
    let (asked, outputs) = infer_request::decode(&endpoint.contract, body, json_length(&parts.headers)?)?;
    let id = asked.id.clone();
    let request = ScoreRequest {
        version: (!version.is_empty()).then(|| version.to_owned()),
        ..asked.request(caller, parts, endpoint, arrived)
    };
    let response = desk.score(caller, endpoint, request).await?;
    let mut answer = infer_response::encode(endpoint, id.as_deref(), &outputs, &response)?;
    desk.delivered(caller, &response);
    prediction_id::stamp(answer.headers_mut(), response.prediction_id);
    Ok(answer)
}

/// Rows by name, in JSON or Arrow; the answer is Arrow where that came or is asked for.
async fn score(
    desk: &Desk,
    caller: &Caller,
    parts: &Parts,
    endpoint: &Arc<Endpoint>,
    media: Media,
    body: &Bytes,
) -> Result<Response<Answer>, Fault> {
    let arrived = Instant::now();
    let asked = match media {
        Media::Arrow => arrow::decode(&endpoint.contract, body, desk.plane.limits.body)?.into(),
        Media::Json | Media::Csv => score::decode(&endpoint.contract, body)?,
    };
    let (rows, id) = (asked.batch.rows, asked.id.clone());
    let response = desk.score(caller, endpoint, asked.request(caller, parts, endpoint, arrived)).await?;
    let mut answer = if media == Media::Arrow || media::asks_arrow(&parts.headers) {
        let media = HeaderValue::from_static(arrow::MEDIA);
        http_answer::bytes(arrow::encode(endpoint, id.as_deref(), &response)?, media)
    } else {
        score::encode(endpoint, id.as_deref(), rows, &response)?
    };
    desk.delivered(caller, &response);
    prediction_id::stamp(answer.headers_mut(), response.prediction_id);
    Ok(answer)
}

/// Rows as `MLflow`'s clients send them, for the default endpoint.
async fn invocations(
    desk: &Desk,
    caller: &Caller,
    parts: &Parts,
    endpoint: &Arc<Endpoint>,
    media: Media,
    body: &Bytes,
) -> Result<Response<Answer>, Fault> {
    let arrived = Instant::now();
    let asked = match media {
        Media::Csv => csv::read(&endpoint.contract, body)?.into(),
        Media::Json | Media::Arrow => mlflow::decode(&endpoint.contract, body)?,
    };
    let response = desk.score(caller, endpoint, asked.request(caller, parts, endpoint, arrived)).await?;
    let mut answer = mlflow::encode(endpoint, &response)?;
    desk.delivered(caller, &response);
    prediction_id::stamp(answer.headers_mut(), response.prediction_id);
    Ok(answer)
}

/// Whether the index of what is ready alone is asked for. The body may be empty.
fn asks_ready(body: &[u8]) -> Result<bool, Fault> {
    if body.is_empty() {
        return Ok(false);
    }
    let asked: IndexAsked = located::parse("an index request", body)?;
    Ok(asked.ready.unwrap_or(false))
}

fn json_length(headers: &HeaderMap) -> Result<Option<usize>, Fault> {
    let Some(length) = headers.get(infer_response::JSON_LENGTH) else { return Ok(None) };
    match length.to_str().ok().and_then(|text| text.parse().ok()) {
        Some(length) => Ok(Some(length)),
        None => Err(Fault::invalid("Inference-Header-Content-Length must be a number of bytes")),
    }
}

/// The body, unpacked, and its kind, which must be one of `taken`.
async fn read(
    desk: &Desk,
    headers: &HeaderMap,
    body: Incoming,
    taken: &[Media],
) -> Result<(Media, Bytes), Fault> {
    let media = Media::of(headers, taken)?;
    let coding = Coding::of(headers)?;
    let limits = desk.plane.limits;
    let body = body::read(headers, body, &desk.plane, 0).await?;
    Ok((media, coding.map_or(Ok(body.clone()), |coding| coding.unpack(&body, limits.body))?))
}
