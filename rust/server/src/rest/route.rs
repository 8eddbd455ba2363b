//! Which call a verb and a path mean.

use std::borrow::Cow;

use http::Method;
use percent_encoding::percent_decode_str;

use crate::admission::Right;

/// A call of the data port.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Call<'a> {
    Live,
    Ready,
    Server,
    Model { name: Cow<'a, str>, version: Cow<'a, str> },
    ModelReady { name: Cow<'a, str>, version: Cow<'a, str> },
    Infer { name: Cow<'a, str>, version: Cow<'a, str> },
    Endpoint { name: Cow<'a, str> },
    Score { name: Cow<'a, str> },
    Feedback,
}

/// Why there is no call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoCall {
    /// Nothing has that path.
    Path,
    /// The path has this verb only.
    Verb(&'static str),
}

impl Call<'_> {
    const fn verb(&self) -> &'static str {
        match self {
            Self::Live
            | Self::Ready
            | Self::Server
            | Self::Model { .. }
            | Self::ModelReady { .. }
            | Self::Endpoint { .. } => "GET",
            Self::Infer { .. } | Self::Score { .. } | Self::Feedback => "POST",
        }
    }

    /// What the caller must be allowed.
    pub(super) const fn right(&self) -> Right {
        match self {
            Self::Live | Self::Ready => Right::Open,
            Self::Server | Self::Model { .. } | Self::ModelReady { .. } | Self::Endpoint { .. } => {
                Right::Look
            }
            Self::Infer { .. } | Self::Score { .. } => Right::Score,
            Self::Feedback => Right::Feedback,
        }
    }

    /// The endpoint that the path names.
    pub(super) fn endpoint(&self) -> Option<&str> {
        match self {
            Self::Model { name, .. }
            | Self::ModelReady { name, .. }
            | Self::Infer { name, .. }
            | Self::Endpoint { name }
            | Self::Score { name } => Some(name),
            Self::Live | Self::Ready | Self::Server | Self::Feedback => None,
        }
    }
}

/// The call of a request line. A version that the path lacks is empty.
pub(super) fn call<'a>(method: &Method, path: &'a str) -> Result<Call<'a>, NoCall> {
    let call = find(path).ok_or(NoCall::Path)?;
    if method.as_str() == call.verb() { Ok(call) } else { Err(NoCall::Verb(call.verb())) }
}

fn find(path: &str) -> Option<Call<'_>> {
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut parts = path.split('/');
    match parts.next()? {
        "v2" => protocol(parts),
        "v1" => own(parts),
        _ => None,
    }
}

/// The Open Inference Protocol. One page of it writes `model` for `models`; both are taken.
fn protocol(mut parts: std::str::Split<'_, char>) -> Option<Call<'_>> {
    match parts.next() {
        None => return Some(Call::Server),
        Some("health") => {
            let call = match parts.next()? {
                "live" => Call::Live,
                "ready" => Call::Ready,
                _ => return None,
            };
            return parts.next().is_none().then_some(call);
        }
        Some("models" | "model") => {}
        Some(_) => return None,
    }
    let name = name(parts.next()?)?;
    let mut verb = parts.next();
    let mut version = Cow::Borrowed("");
    if verb == Some("versions") {
        version = self::name(parts.next()?)?;
        verb = parts.next();
    }
    let call = match verb {
        None => Call::Model { name, version },
        Some("ready") => Call::ModelReady { name, version },
        Some("infer") => Call::Infer { name, version },
        Some(_) => return None,
    };
    parts.next().is_none().then_some(call)
}

/// Tidegate's own calls.
fn own(mut parts: std::str::Split<'_, char>) -> Option<Call<'_>> {
    let call = match parts.next()? {
        "feedback" => Call::Feedback,
        "endpoints" => {
            let name = name(parts.next()?)?;
            match parts.next() {
                None => Call::Endpoint { name },
                Some("score") => Call::Score { name },
                Some(_) => return None,
            }
        }
        _ => return None,
    };
    parts.next().is_none().then_some(call)
}

fn name(part: &str) -> Option<Cow<'_, str>> {
    if part.is_empty() {
        return None;
    }
    percent_decode_str(part).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_protocol_is_known() {
        let get = |path| call(&Method::GET, path);
        let post = |path| call(&Method::POST, path);
        let (name, none, one) = (Cow::from("flight-delay"), Cow::from(""), Cow::from("1"));
        assert_eq!(get("/v2/health/live"), Ok(Call::Live));
        assert_eq!(get("/v2/health/ready"), Ok(Call::Ready));
        assert_eq!(get("/v2"), Ok(Call::Server));
        assert_eq!(get("/v2/"), Ok(Call::Server));
        let model =
            |version: &Cow<'static, str>| Call::Model { name: name.clone(), version: version.clone() };
        assert_eq!(get("/v2/models/flight-delay"), Ok(model(&none)));
        assert_eq!(get("/v2/model/flight%2Ddelay"), Ok(model(&none)));
        assert_eq!(get("/v2/models/flight-delay/versions/1"), Ok(model(&one)));
        assert_eq!(
            get("/v2/models/flight-delay/versions/1/ready"),
            Ok(Call::ModelReady { name: name.clone(), version: one.clone() })
        );
        assert_eq!(
            post("/v2/models/flight-delay/infer"),
            Ok(Call::Infer { name: name.clone(), version: none.clone() })
        );
        assert_eq!(
            post("/v2/models/flight-delay/versions/1/infer"),
            Ok(Call::Infer { name: name.clone(), version: one.clone() })
        );
        assert_eq!(get("/v1/endpoints/flight-delay"), Ok(Call::Endpoint { name: name.clone() }));
        assert_eq!(post("/v1/endpoints/flight-delay/score"), Ok(Call::Score { name }));
        assert_eq!(post("/v1/feedback"), Ok(Call::Feedback));
    }

    #[test]
    fn another_verb_or_path_is_told_apart() {
        assert_eq!(call(&Method::GET, "/v2/models/m/infer"), Err(NoCall::Verb("POST")));
        assert_eq!(call(&Method::POST, "/v2/health/live"), Err(NoCall::Verb("GET")));
        assert_eq!(call(&Method::PUT, "/v1/feedback"), Err(NoCall::Verb("POST")));
        for path in [
            "",
            "/",
            "/v3",
            "/v2/health",
            "/v2/health/live/x",
            "/v2/models",
            "/v2/models//infer",
            "/v2/models/m/versions",
            "/v2/models/m/config",
            "/v2/models/m/infer/x",
            "/v2/models/%ff",
            "/v1/endpoints",
            "/v1/feedback/x",
        ] {
            assert_eq!(call(&Method::GET, path), Err(NoCall::Path), "{path}");
        }
    }
}
