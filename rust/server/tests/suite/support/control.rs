//! A control that holds one deployment and the artifacts it names.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tidegate_engine::{DeploymentSpec, digest};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub(crate) const KEY: &str = "tg_node_secret";

/// Runs on the test's own runtime; ends with it.
pub(crate) struct FakeControl {
    pub(crate) address: SocketAddr,
    deployments: watch::Sender<Option<(u64, Bytes)>>,
    keys: watch::Sender<Option<Bytes>>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    artifacts: Mutex<BTreeMap<String, Bytes>>,
    asked: Mutex<Vec<String>>,
}

impl FakeControl {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (deployments, newest) = watch::channel(None);
        let (keys, table) = watch::channel(None);
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (newest, table, shared) = (newest.clone(), table.clone(), Arc::clone(&shared));
                let service = service_fn(move |request| {
                    answer(request, newest.clone(), table.clone(), Arc::clone(&shared))
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { address, deployments, keys, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Hands out a key table.
    pub(crate) fn hand_out(&self, table: &str) {
        self.keys.send_replace(Some(Bytes::copy_from_slice(table.as_bytes())));
    }

    pub(crate) fn hold(&self, bytes: &str) {
        self.hold_as(&digest(bytes.as_bytes()), bytes);
    }

    /// Holds bytes under a digest that may not be theirs.
    pub(crate) fn hold_as(&self, digest: &str, bytes: &str) {
        let mut artifacts = self.state.artifacts.lock().unwrap_or_else(PoisonError::into_inner);
        artifacts.insert(digest.to_owned(), Bytes::copy_from_slice(bytes.as_bytes()));
    }

    pub(crate) fn publish(&self, spec: &DeploymentSpec) {
        self.publish_bytes(spec.generation, spec.to_json().unwrap());
    }

    pub(crate) fn publish_bytes(&self, generation: u64, bytes: Vec<u8>) {
        self.deployments.send_replace(Some((generation, bytes.into())));
    }

    /// Paths that were asked for, in order.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    mut newest: watch::Receiver<Option<(u64, Bytes)>>,
    mut keys: watch::Receiver<Option<Bytes>>,
    state: Arc<State>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let key = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    if key != Some(&format!("Bearer {KEY}")) {
        return Ok(reply(StatusCode::UNAUTHORIZED, Bytes::new()));
    }
    state.asked.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
    if let Some(digest) = path.strip_prefix("/v1/artifacts/") {
        let artifacts = state.artifacts.lock().unwrap_or_else(PoisonError::into_inner);
        return Ok(match artifacts.get(digest) {
            Some(bytes) => reply(StatusCode::OK, bytes.clone()),
            None => reply(StatusCode::NOT_FOUND, Bytes::new()),
        });
    }
    if path == "/v1/scoring-keys" {
        let known = request
            .uri()
            .query()
            .and_then(|query| query.split('&').find_map(|pair| pair.strip_prefix("known=")));
        let other = |held: &Option<Bytes>| held.as_ref().is_some_and(|bytes| Some(&*digest(bytes)) != known);
        let found = keys.wait_for(other).await.ok().and_then(|held| held.clone());
        return Ok(found.map_or_else(
            || reply(StatusCode::NO_CONTENT, Bytes::new()),
            |bytes| reply(StatusCode::OK, bytes),
        ));
    }
    let after = request.uri().query().and_then(|query| {
        let pair = query.split('&').find_map(|pair| pair.strip_prefix("after="))?;
        pair.parse::<u64>().ok()
    });
    let newer =
        |held: &Option<(u64, Bytes)>| held.as_ref().is_some_and(|(generation, _)| Some(*generation) > after);
    // Holds the question open until there is something; the server under test ends first.
    let found = newest.wait_for(newer).await.ok().and_then(|held| held.clone());
    Ok(match found {
        Some((_, bytes)) => reply(StatusCode::OK, bytes),
        None => reply(StatusCode::NO_CONTENT, Bytes::new()),
    })
}

fn reply(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
}
