//! The admin port: health, metrics, status, drift counters. It reads and changes nothing.

mod aliases;
pub(crate) mod metrics;
mod spans;
mod waiting;

use http::{HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use serde::Serialize;
use tidegate_engine::Status;

use crate::ErrorKind;
use crate::access::Counted;
use crate::body::Answer;
use crate::fault::Fault;
use crate::http_answer;
use crate::plane::{self, Plane};

#[derive(Serialize)]
struct Live {
    live: bool,
}

#[derive(Serialize)]
struct Ready {
    ready: bool,
}

#[derive(Serialize)]
struct Process {
    pid: u32,
    server_version: &'static str,
    ready: bool,
    /// Requests that were refused for who asked, since the start.
    denied: Vec<Counted>,
    #[serde(flatten)]
    engine: Status,
}

/// Answers one request, whatever it is.
pub(crate) fn answer(plane: &Plane, request: &Request<Incoming>) -> Response<Answer> {
    let answered = dispatch(plane, request);
    answered.unwrap_or_else(|fault| {
        let allow = (fault.kind == ErrorKind::WrongVerb).then_some("GET");
        http_answer::failed(&fault, request.headers(), allow)
    })
}

fn dispatch(plane: &Plane, request: &Request<Incoming>) -> Result<Response<Answer>, Fault> {
    let path = request.uri().path();
    let drift = path.strip_prefix("/drift/").filter(|name| !name.is_empty() && !name.contains('/'));
    let known =
        matches!(path, "/v2/health/live" | "/v2/health/ready" | "/metrics" | "/status") || drift.is_some();
    if !known {
        let shown: String = path.chars().take(200).collect();
        return Err(Fault::new(ErrorKind::UnknownCall, format!("nothing answers at '{shown}'")));
    }
    if request.method() != Method::GET {
        return Err(Fault::new(
            ErrorKind::WrongVerb,
            format!("this path answers GET, not {}", request.method()),
        ));
    }
    if let Some(name) = drift {
        let name = percent_encoding::percent_decode_str(name).decode_utf8_lossy();
        let counts = plane.engine.counts_ipc(&name)?;
        return Ok(http_answer::bytes(
            counts,
            HeaderValue::from_static("application/vnd.apache.arrow.stream"),
        ));
    }
    match path {
        "/v2/health/live" => http_answer::json(&Live { live: true }),
        "/v2/health/ready" => {
            plane.ready()?;
            http_answer::json(&Ready { ready: true })
        }
        "/metrics" => {
            let text = metrics::text(plane)?;
            Ok(http_answer::bytes(text.into_bytes(), HeaderValue::from_static(metrics::MEDIA)))
        }
        _ => http_answer::json(&Process {
            pid: std::process::id(),
            server_version: plane::VERSION,
            ready: plane.ready().is_ok(),
            denied: plane.access.denials(),
            engine: plane.engine.status(),
        }),
    }
}
