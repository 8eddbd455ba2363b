//! REST: decode, call, encode.

mod coding;
mod column;
mod elements;
mod feedback;
mod infer_request;
mod infer_response;
mod media;
mod metadata;
mod parameters;
mod route;
mod rows;
mod score;
mod table;
mod tensor_json;
mod tokens;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Request, Response};
use hyper::body::Incoming;
use serde::Serialize;
use tidegate_engine::{Endpoint, ScoreRequest, ScoreResponse};

use crate::ErrorKind;
use crate::admission::{self, Caller};
use crate::arrow;
use crate::body::{self, Answer};
use crate::fault::Fault;
use crate::http_answer;
use crate::plane::{Desk, PREDICTION_ID, Plane, ROUTING_KEY};
use coding::Coding;
use media::Media;
use route::{Call, NoCall};

/// Answers one request, whatever it is.
pub(crate) async fn answer(desk: &Desk, request: Request<Incoming>) -> Response<Answer> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    let call = match route::call(&parts.method, path) {
        Ok(call) => call,
        Err(NoCall::Path) => {
            let shown: String = path.chars().take(200).collect();
            let fault = Fault::new(ErrorKind::UnknownCall, format!("nothing answers at '{shown}'"));
            return http_answer::failed(&fault, &parts.headers, None);
        }
        Err(NoCall::Verb(verb)) => {
            let message = format!("this path answers {verb}, not {}", parts.method);
            let fault = Fault::new(ErrorKind::WrongVerb, message);
            return http_answer::failed(&fault, &parts.headers, Some(verb));
        }
    };
    let answered = dispatch(desk, &parts, call, body).await;
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
struct Accepted {
    accepted: usize,
}

async fn dispatch(
    desk: &Desk,
    parts: &Parts,
    call: Call<'_>,
    body: Incoming,
) -> Result<Response<Answer>, Fault> {
    let plane = &desk.plane;
    let caller = admission::admit(desk, &parts.headers, call.right(), call.endpoint())?;
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
    let asked = infer_request::decode(&endpoint.contract, body, json_length(&parts.headers)?)?;
    let request = ScoreRequest {
        client_id: asked.id.clone(),
        version: (!version.is_empty()).then(|| version.to_owned()),
        routing_key: routing_key(&parts.headers, asked.parameters.routing_key.map(|key| key.0)),
        headers: endpoint.met(|name| Some(parts.headers.get(name)?.as_bytes())),
        event_time: asked.parameters.event_time,
        arrived: Some(arrived),
        ..caller.request(asked.batch)
    };
    let response = desk.score(endpoint, request).await?;
    let answer = infer_response::encode(endpoint, asked.id.as_deref(), &asked.outputs, &response)?;
    desk.delivered(&response);
    Ok(named(answer, &response))
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
        Media::Json => score::decode(&endpoint.contract, body)?,
    };
    let rows = asked.batch.rows;
    let request = ScoreRequest {
        client_id: asked.id.clone(),
        routing_key: routing_key(&parts.headers, asked.routing_key),
        headers: endpoint.met(|name| Some(parts.headers.get(name)?.as_bytes())),
        event_time: asked.event_time,
        arrived: Some(arrived),
        ..caller.request(asked.batch)
    };
    let response = desk.score(endpoint, request).await?;
    let answer = if media == Media::Arrow || media::asks_arrow(&parts.headers) {
        let media = HeaderValue::from_static(arrow::MEDIA);
        http_answer::bytes(arrow::encode(endpoint, asked.id.as_deref(), &response)?, media)
    } else {
        score::encode(endpoint, asked.id.as_deref(), rows, &response)?
    };
    desk.delivered(&response);
    Ok(named(answer, &response))
}

/// The prediction's id as a header, for clients that don't look into bodies.
fn named(mut answer: Response<Answer>, response: &ScoreResponse) -> Response<Answer> {
    let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
    let id: &str = response.prediction_id.hyphenated().encode_lower(&mut text);
    if let Ok(id) = HeaderValue::from_str(id) {
        answer.headers_mut().insert(PREDICTION_ID, id);
    }
    answer
}

/// The header's key goes before the parameter's.
fn routing_key(headers: &HeaderMap, parameter: Option<Vec<u8>>) -> Option<Vec<u8>> {
    headers.get(ROUTING_KEY).map(|key| key.as_bytes().to_vec()).or(parameter)
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
