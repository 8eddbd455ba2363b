//! The collector: OTLP over HTTP, one batch a post.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

use super::TracesError;
use crate::TracesConfig;

/// Where a collector takes spans, when the endpoint has no path.
const PATH: &str = "/v1/traces";
const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");
const AGENT: HeaderValue = HeaderValue::from_static(concat!("tidegate/", env!("CARGO_PKG_VERSION")));
/// Bytes of an answer that are read.
const ANSWER: usize = 64 << 10;
/// Rights on a file that are not its owner's or group's.
const OTHERS: u32 = 0o007;

#[derive(Debug)]
pub(super) struct Target {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    uri: Uri,
    headers: HeaderMap,
}

/// Why a batch was not taken.
#[derive(Debug)]
pub(super) enum Failed {
    /// It may be later, at least after that time.
    Later(Duration, String),
    /// It never will be.
    Never(String),
}

impl Target {
    pub(super) fn new(config: &TracesConfig) -> Result<Self, TracesError> {
        let uri = uri(&config.endpoint).ok_or_else(|| TracesError::Endpoint(config.endpoint.clone()))?;
        let tls = tls(uri.scheme_str() == Some("https"))?;
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client = Client::builder(TokioExecutor::new()).build(connector);
        let headers = config.headers_file.as_deref().map_or(Ok(HeaderMap::new()), headers)?;
        Ok(Self { client, uri, headers })
    }

    /// Posts one batch; how many of its spans the collector did not take.
    pub(super) async fn post(&self, batch: Bytes) -> Result<u64, Failed> {
        let mut request = Request::post(&self.uri);
        if let Some(headers) = request.headers_mut() {
            headers.clone_from(&self.headers);
            headers.insert(CONTENT_TYPE, PROTOBUF);
            headers.insert(USER_AGENT, AGENT);
        }
        let request = request.body(Full::new(batch)).map_err(|error| Failed::Never(error.to_string()))?;
        let response = match self.client.request(request).await {
            Ok(response) => response,
            Err(error) => return Err(Failed::Later(Duration::ZERO, chain(&error))),
        };
        let status = response.status();
        let pause = response.headers().get(RETRY_AFTER).and_then(|pause| pause.to_str().ok()?.parse().ok());
        let answer = Limited::new(response.into_body(), ANSWER).collect().await;
        if status.is_success() {
            // A collector that says nothing more took all.
            let answer = answer.map(http_body_util::Collected::to_bytes).unwrap_or_default();
            let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
            let rejected = answer.partial_success.map_or(0, |partial| partial.rejected_spans);
            return Ok(u64::try_from(rejected).unwrap_or(0));
        }
        let said = format!("the collector answered {status}");
        Err(match status {
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => Failed::Later(Duration::from_secs(pause.unwrap_or(0)), said),
            _ => Failed::Never(said),
        })
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

fn uri(endpoint: &str) -> Option<Uri> {
    let uri = Uri::from_str(endpoint).ok()?;
    if !matches!(uri.scheme_str()?, "http" | "https") || uri.host()?.is_empty() {
        return None;
    }
    if uri.path() != "/" || uri.query().is_some() {
        return Some(uri);
    }
    Uri::from_str(&format!("{}{PATH}", endpoint.trim_end_matches('/'))).ok()
}

/// The system's authorities, where they are needed.
fn tls(needed: bool) -> Result<ClientConfig, TracesError> {
    use hyper_rustls::ConfigBuilderExt as _;
    let refused = |error: rustls::Error| TracesError::Roots(std::io::Error::other(error));
    let builder = ClientConfig::builder_with_provider(ring::default_provider().into());
    let builder = builder.with_safe_default_protocol_versions().map_err(refused)?;
    let builder = if needed {
        builder.with_native_roots().map_err(TracesError::Roots)?
    } else {
        builder.with_root_certificates(RootCertStore::empty())
    };
    Ok(builder.with_no_client_auth())
}

/// Headers of a file of `name: value` lines.
fn headers(path: &Path) -> Result<HeaderMap, TracesError> {
    let mode = fs::metadata(path).map_err(TracesError::Read)?.permissions().mode() & 0o777;
    if mode & OTHERS != 0 {
        return Err(TracesError::Open(mode));
    }
    let text = fs::read_to_string(path).map_err(TracesError::Read)?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let header = |line: &str| {
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::from_str(name.trim()).ok()?;
        let mut value = HeaderValue::from_str(value.trim()).ok()?;
        value.set_sensitive(true);
        Some((name, value))
    };
    lines.map(|(number, line)| header(line).ok_or(TracesError::Header(number + 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn an_endpoint_is_a_url_of_http() {
        let of = |endpoint: &str| uri(endpoint).map(|uri| uri.to_string());
        assert_eq!(of("http://127.0.0.1:4318").unwrap(), "http://127.0.0.1:4318/v1/traces");
        assert_eq!(of("https://collector/").unwrap(), "https://collector/v1/traces");
        assert_eq!(of("http://c:1/custom?k=v").unwrap(), "http://c:1/custom?k=v");
        for bad in ["", "127.0.0.1:4318", "/v1/traces", "grpc://c:4317", "http://", "http:// c"] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    #[test]
    fn headers_come_from_a_file_of_its_owner() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"Authorization: Basic c2VjcmV0\n\nx-tenant:7\n").unwrap();
        let read = headers(file.path()).unwrap();
        assert_eq!(
            (read.len(), &read["authorization"], &read["x-tenant"]),
            (2, &HeaderValue::from_static("Basic c2VjcmV0"), &HeaderValue::from_static("7"))
        );
        assert!(!format!("{read:?}").contains("c2VjcmV0"));
        file.write_all(b"no header\n").unwrap();
        assert!(matches!(headers(file.path()), Err(TracesError::Header(4))));
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(headers(file.path()), Err(TracesError::Open(0o644))));
        assert!(matches!(headers(Path::new("/none/such")), Err(TracesError::Read(_))));
    }
}
