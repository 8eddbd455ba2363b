//! HTTP answers in JSON, the failed ones among them.

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Response};
use serde::Serialize;

use crate::body::Answer;
use crate::fault::Fault;
use crate::plane::REQUEST_ID;
use crate::request_id;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    request_id: &'a str,
}

/// An answer with a JSON body.
pub(crate) fn json(body: &impl Serialize) -> Result<Response<Answer>, Fault> {
    let body = serde_json::to_vec(body).map_err(|error| Fault::internal(&error))?;
    Ok(bytes(body, JSON))
}

/// An answer with a body that is ready.
pub(crate) fn bytes(body: Vec<u8>, media: HeaderValue) -> Response<Answer> {
    let mut response = Response::new(Answer::whole(body));
    response.headers_mut().insert(CONTENT_TYPE, media);
    response
}

/// The answer of a failed request; writes its log line. `asked` are the request's headers.
pub(crate) fn failed(fault: &Fault, asked: &HeaderMap, allow: Option<&'static str>) -> Response<Answer> {
    let id = request_id::request_id(asked);
    fault.log(request_id::text(&id));
    let body = ErrorBody { error: &fault.message, request_id: request_id::text(&id) };
    let codes = fault.kind.codes();
    let mut response = bytes(serde_json::to_vec(&body).unwrap_or_default(), JSON);
    *response.status_mut() = codes.http;
    let headers = response.headers_mut();
    fault.headers(headers);
    if let Some(seconds) = fault.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if let Some(verb) = allow {
        headers.insert(ALLOW, HeaderValue::from_static(verb));
    }
    headers.insert(REQUEST_ID, id);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use http::StatusCode;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn every_kind_has_its_status_a_text_and_an_id() {
        for kind in ErrorKind::ALL {
            let mut asked = HeaderMap::new();
            asked.insert(REQUEST_ID, HeaderValue::from_static("r-1"));
            let response = failed(&Fault::new(kind, "what came"), &asked, None);
            assert_eq!(response.status(), kind.codes().http);
            assert_ne!(response.status(), StatusCode::OK);
            assert_eq!(response.headers()[REQUEST_ID], "r-1");
            assert_eq!(response.headers().contains_key(RETRY_AFTER), kind.codes().retry_after.is_some());
            let body = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, r#"{"error":"what came","request_id":"r-1"}"#);
        }
    }
}
