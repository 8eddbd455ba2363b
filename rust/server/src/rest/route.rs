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
    Model {
        name: Cow<'a, str>,
        version: Cow<'a, str>,
    },
    ModelReady {
        name: Cow<'a, str>,
        version: Cow<'a, str>,
    },
    Infer {
        name: Cow<'a, str>,
        version: Cow<'a, str>,
    },
    Endpoint {
        name: Cow<'a, str>,
    },
    Score {
        name: Cow<'a, str>,
    },
    Feedback,
    Statistics {
        name: Cow<'a, str>,
        version: Cow<'a, str>,
    },
    Configuration {
        name: Cow<'a, str>,
        version: Cow<'a, str>,
    },
    RepositoryIndex,
    /// `load` or `unload`.
    RepositoryChange {
        name: Cow<'a, str>,
        call: &'static str,
    },
    Metrics,
    Ping,
    Version,
    Invocations,
}

/// Why there is no call.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoCall {
    /// Nothing has that path.
    Path,
    /// The path has this verb only.
    Verb(&'static str),
    /// Triton has that path; what it does is not offered here.
    Never(&'static str),
}

impl Call<'_> {
    const fn verb(&self) -> &'static str {
        match self {
            Self::Live
            | Self::Ready
            | Self::Server
            | Self::Model { .. }
            | Self::ModelReady { .. }
            | Self::Endpoint { .. }
            | Self::Statistics { .. }
            | Self::Configuration { .. }
            | Self::Metrics
            | Self::Ping
            | Self::Version => "GET",
            Self::Infer { .. }
            | Self::Score { .. }
            | Self::Feedback
            | Self::RepositoryIndex
            | Self::RepositoryChange { .. }
            | Self::Invocations => "POST",
        }
    }

    /// What the caller must be allowed.
    pub(super) const fn right(&self) -> Right {
        match self {
            Self::Live | Self::Ready | Self::Ping | Self::Version => Right::Open,
            Self::Server
            | Self::Model { .. }
            | Self::ModelReady { .. }
            | Self::Endpoint { .. }
            | Self::Statistics { .. }
            | Self::Configuration { .. }
            | Self::RepositoryIndex
            | Self::RepositoryChange { .. }
            | Self::Metrics => Right::Look,
            Self::Infer { .. } | Self::Score { .. } | Self::Invocations => Right::Score,
            Self::Feedback => Right::Feedback,
        }
    }
}

/// The call of a request line. A version that the path lacks is empty.
pub(super) fn call<'a>(method: &Method, path: &'a str) -> Result<Call<'a>, NoCall> {
    let call = find(path)?;
    if method.as_str() == call.verb() { Ok(call) } else { Err(NoCall::Verb(call.verb())) }
}

fn find(path: &str) -> Result<Call<'_>, NoCall> {
    let path = path.strip_prefix('/').ok_or(NoCall::Path)?;
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut parts = path.split('/');
    let call = match parts.next() {
        Some("v2") => match path.split('/').nth(1).and_then(never) {
            Some(what) => return Err(NoCall::Never(what)),
            None => protocol(parts),
        },
        Some("v1") => own(parts),
        Some(_) => plain(path),
        None => None,
    };
    call.ok_or(NoCall::Path)
}

/// What Triton offers under `/v2` and this server does not.
fn never(part: &str) -> Option<&'static str> {
    match part {
        "systemsharedmemory" | "cudasharedmemory" => Some("shared memory"),
        "trace" => Some("trace settings"),
        "logging" => Some("log settings"),
        _ => None,
    }
}

/// `MLflow`'s scoring surface, and metrics where scrapers look for them.
fn plain(path: &str) -> Option<Call<'_>> {
    match path {
        "metrics" => Some(Call::Metrics),
        "ping" | "health" => Some(Call::Ping),
        "version" => Some(Call::Version),
        "invocations" => Some(Call::Invocations),
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
        Some("repository") => return repository(parts),
        Some("models" | "model") => {}
        Some(_) => return None,
    }
    if parts.clone().eq(["stats"]) {
        return Some(Call::Statistics { name: "".into(), version: "".into() });
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
        Some("stats") => Call::Statistics { name, version },
        Some("config") => Call::Configuration { name, version },
        Some(_) => return None,
    };
    parts.next().is_none().then_some(call)
}

/// The model repository extension.
fn repository(mut parts: std::str::Split<'_, char>) -> Option<Call<'_>> {
    let call = match parts.next()? {
        "index" => Call::RepositoryIndex,
        "models" => {
            let name = name(parts.next()?)?;
            let call = match parts.next()? {
                "load" => "load",
                "unload" => "unload",
                _ => return None,
            };
            Call::RepositoryChange { name, call }
        }
        _ => return None,
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
    fn extensions_and_other_surfaces_are_known() {
        let get = |path| call(&Method::GET, path);
        let post = |path| call(&Method::POST, path);
        let (name, none, one) = (Cow::from("m"), Cow::from(""), Cow::from("1"));
        let stats = |name: &Cow<'static, str>, version: &Cow<'static, str>| Call::Statistics {
            name: name.clone(),
            version: version.clone(),
        };
        assert_eq!(get("/v2/models/stats"), Ok(stats(&none, &none)));
        assert_eq!(get("/v2/models/m/stats"), Ok(stats(&name, &none)));
        assert_eq!(get("/v2/models/m/versions/1/stats"), Ok(stats(&name, &one)));
        assert_eq!(
            get("/v2/models/m/config"),
            Ok(Call::Configuration { name: name.clone(), version: none.clone() })
        );
        assert_eq!(post("/v2/repository/index"), Ok(Call::RepositoryIndex));
        let change = |call| Call::RepositoryChange { name: name.clone(), call };
        assert_eq!(post("/v2/repository/models/m/load"), Ok(change("load")));
        assert_eq!(post("/v2/repository/models/m/unload"), Ok(change("unload")));
        assert_eq!(
            (get("/metrics"), get("/ping"), get("/health")),
            (Ok(Call::Metrics), Ok(Call::Ping), Ok(Call::Ping))
        );
        assert_eq!((get("/version"), post("/invocations")), (Ok(Call::Version), Ok(Call::Invocations)));
        assert_eq!(get("/v2/systemsharedmemory/status"), Err(NoCall::Never("shared memory")));
        assert_eq!(post("/v2/logging"), Err(NoCall::Never("log settings")));
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
            "/v2/models/m/trace/setting",
            "/v2/repository",
            "/v2/repository/models/m",
            "/v2/repository/models/m/reload",
            "/metrics/x",
            "/v2/models/m/infer/x",
            "/v2/models/%ff",
            "/v1/endpoints",
            "/v1/feedback/x",
        ] {
            assert_eq!(call(&Method::GET, path), Err(NoCall::Path), "{path}");
        }
    }
}
