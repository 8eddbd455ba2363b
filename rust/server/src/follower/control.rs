//! The HTTP client to control: the next deployment, and artifacts by digest.

use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use crate::{ServerConfig, ServerError};

/// Seconds for which control may hold a question open.
const WAIT_SECONDS: u64 = 20;
/// How much longer than that an answer may take.
const GRACE: Duration = Duration::from_secs(10);
/// Time for one artifact.
const ARTIFACT_TIME: Duration = Duration::from_mins(5);
/// Bytes of a deployment, of a key table and of an artifact.
const DEPLOYMENT_LIMIT: usize = 64 << 20;
const KEYS_LIMIT: usize = 64 << 20;
const ARTIFACT_LIMIT: usize = 2 << 30;

/// Control, as a server sees it.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    client: Client<HttpConnector, Empty<Bytes>>,
    base: String,
    key: Option<HeaderValue>,
}

/// Why control gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ControlError {
    /// It can't be reached, or broke off.
    #[error("control can't be reached: {0}")]
    Connect(#[source] hyper_util::client::legacy::Error),
    /// The answer did not come whole, or is too long.
    #[error("control's answer broke off: {0}")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// It took too long.
    #[error("control did not answer {path} within {seconds} s")]
    Timeout { path: String, seconds: u64 },
    /// It answered something else than was asked for.
    #[error("control answered {status} to {path}")]
    Status { path: String, status: StatusCode },
    /// The address and a path make no URI.
    #[error("control's address can't be asked for {path}: {source}")]
    Request { path: String, source: http::Error },
}

impl Control {
    /// The control that `config` names, if it names one.
    pub(crate) fn of(config: &ServerConfig) -> Result<Option<Self>, ServerError> {
        let Some(address) = &config.control else { return Ok(None) };
        let base = address.trim_end_matches('/');
        let valid = base
            .parse::<Uri>()
            .is_ok_and(|uri| uri.scheme_str() == Some("http") && uri.host().is_some() && uri.path() == "/");
        if !valid {
            return Err(ServerError::Control(address.clone()));
        }
        let key = config.node_key.as_ref().map(|key| {
            let mut value =
                HeaderValue::from_str(&format!("Bearer {}", key.text())).map_err(|_| ServerError::NodeKey)?;
            value.set_sensitive(true);
            Ok(value)
        });
        let client = Client::builder(TokioExecutor::new()).build_http();
        Ok(Some(Self { client, base: base.to_owned(), key: key.transpose()? }))
    }

    /// The newest deployment after `generation`, or `None` when there is none for a while.
    pub(crate) async fn deployment(&self, generation: u64) -> Result<Option<Bytes>, ControlError> {
        let path = format!("/v1/deployment?after={generation}&wait={WAIT_SECONDS}");
        self.newer(path, DEPLOYMENT_LIMIT).await
    }

    /// The answer of a question that control holds open while it has nothing to say.
    async fn newer(&self, path: String, limit: usize) -> Result<Option<Bytes>, ControlError> {
        let time = Duration::from_secs(WAIT_SECONDS) + GRACE;
        let (status, body) = self.get(&path, time, limit).await?;
        match status {
            StatusCode::OK => Ok(Some(body)),
            StatusCode::NO_CONTENT => Ok(None),
            status => Err(ControlError::Status { path, status }),
        }
    }

    /// The key table, if it is another one than that with the digest `known`, or `None` when it stays so for a while.
    pub(crate) async fn keys(&self, known: &str) -> Result<Option<Bytes>, ControlError> {
        let path = format!("/v1/scoring-keys?known={known}&wait={WAIT_SECONDS}");
        self.newer(path, KEYS_LIMIT).await
    }

    /// The bytes of a digest, unverified.
    pub(crate) async fn artifact(&self, digest: &str) -> Result<Bytes, ControlError> {
        let path = format!("/v1/artifacts/{digest}");
        match self.get(&path, ARTIFACT_TIME, ARTIFACT_LIMIT).await? {
            (StatusCode::OK, body) => Ok(body),
            (status, _) => Err(ControlError::Status { path, status }),
        }
    }

    async fn get(
        &self,
        path: &str,
        time: Duration,
        limit: usize,
    ) -> Result<(StatusCode, Bytes), ControlError> {
        let mut request = Request::get(format!("{}{path}", self.base));
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, key);
        }
        let request = request
            .body(Empty::new())
            .map_err(|source| ControlError::Request { path: path.to_owned(), source })?;
        let ask = async {
            let response = self.client.request(request).await.map_err(ControlError::Connect)?;
            let status = response.status();
            let body =
                Limited::new(response.into_body(), limit).collect().await.map_err(ControlError::Body)?;
            Ok((status, body.to_bytes()))
        };
        match tokio::time::timeout(time, ask).await {
            Ok(answered) => answered,
            Err(_) => Err(ControlError::Timeout { path: path.to_owned(), seconds: time.as_secs() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Secret;

    fn of(address: &str, key: &str) -> Result<Option<Control>, ServerError> {
        Control::of(&ServerConfig {
            control: Some(address.into()),
            node_key: Some(Secret::new(key)),
            ..ServerConfig::new("/h")
        })
    }

    #[test]
    fn only_an_http_address_can_be_followed() {
        assert!(of("http://127.0.0.1:8010", "k").unwrap().is_some());
        assert_eq!(of("http://127.0.0.1:8010/", "k").unwrap().unwrap().base, "http://127.0.0.1:8010");
        for bad in ["127.0.0.1:8010", "https://h", "http://", "http://h/path", ""] {
            assert!(matches!(of(bad, "k"), Err(ServerError::Control(_))), "{bad}");
        }
        assert!(matches!(of("http://h", "a\nb"), Err(ServerError::NodeKey)));
        assert!(Control::of(&ServerConfig::new("/h")).unwrap().is_none());
    }
}
