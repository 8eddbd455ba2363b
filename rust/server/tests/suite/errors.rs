//! Failures as REST says them; each carries a request id.

use bytes::Bytes;
use http::Method;
use serde_json::json;
use tidegate_server::{Server, ServerConfig, ServerError};

use crate::support::home::Home;
use crate::support::http::{call, get, post};
use crate::support::scorer::FakeLoader;
use crate::support::server::Running;

#[tokio::test]
async fn each_kind_of_bad_request_is_told_apart() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let at = server.addresses.data;
    let infer = "/v2/models/flight-delay/infer";
    let body = |shape: [i64; 2]| {
        json!({"inputs": [{"name": "x", "shape": shape, "datatype": "FP32", "data": [1, 2]},
                          {"name": "carrier", "shape": [1], "datatype": "BYTES", "data": ["UA"]}]})
        .to_string()
    };
    for (path, body, status, expected) in [
        (infer, String::from("{"), 400, "not an infer request"),
        (infer, body([2, 1]), 400, "input 'x' must have shape [-1, 2], got [2, 1]"),
        ("/v2/models/nobody/infer", body([1, 2]), 404, "unknown endpoint 'nobody'; there are: flight-delay, broken, slow"),
        ("/v2/models/flight-delay/versions/9/infer", body([1, 2]), 404, "version '9' is not in the plan"),
        ("/v2/models/broken/infer", body([1, 2]), 500, "version 1 of endpoint 'broken' failed"),
        ("/v2/repository/indices", String::new(), 404, "nothing answers at '/v2/repository/indices'"),
        ("/v2/systemsharedmemory/region/x/register", String::new(), 404, "does not offer shared memory"),
        ("/v2/repository/models/flight-delay/load", String::from("{}"), 412, "use `tidegate version promote`"),
        ("/v2/repository/models/flight-delay/unload", String::new(), 412, "can't be unloaded by a client"),
        ("/v1/endpoints/nobody/score", String::new(), 404, "unknown endpoint 'nobody'"),
        ("/v1/endpoints/flight-delay/score", json!({"records": [{"gate": 1}]}).to_string(), 400, "unknown column 'gate'"),
        ("/v1/feedback", json!({"labels": []}).to_string(), 400, "'labels' is empty"),
        (
            "/v1/feedback",
            json!({"endpoint": "nobody", "prediction_id": "01936f5a-7c00-7000-8000-000000000001", "label": 1}).to_string(),
            404,
            "unknown endpoint 'nobody'",
        ),
    ] {
        let reply = post(at, path, body).await;
        assert_eq!(reply.status, status, "{path}: {:?}", reply.body);
        assert!(reply.error().contains(expected), "{path}: {}", reply.error());
        let id = reply.json()["request_id"].as_str().unwrap().to_owned();
        assert!(!id.is_empty());
        assert_eq!(reply.headers["x-request-id"], id);
    }
}

#[tokio::test]
async fn verbs_media_and_encodings() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let at = server.addresses.data;
    let infer = "/v2/models/flight-delay/infer";
    let verb = get(at, infer).await;
    assert_eq!((verb.status, &verb.headers["allow"]), (405, &"POST".parse().unwrap()));
    assert!(verb.error().contains("answers POST, not GET"));
    for (name, value) in [
        ("content-encoding", "br"),
        ("content-type", "application/vnd.apache.arrow.stream"),
        ("content-type", "text/csv; charset=utf-8"),
    ] {
        let reply = call(at, Method::POST, infer, &[(name, value)], Bytes::from_static(b"{}")).await;
        assert_eq!(reply.status, 415, "{name}: {value}");
        assert!(reply.error().contains(value), "{}", reply.error());
    }
    let named = call(at, Method::GET, "/v3", &[("x-request-id", "mine-1")], Bytes::new()).await;
    assert_eq!((named.status, &named.json()["request_id"]), (404, &json!("mine-1")));
}

#[test]
fn a_port_in_use_and_a_bad_address_are_named() {
    let home = Home::empty();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = |listen: &str| {
        let mut config = ServerConfig::new(home.path());
        (config.listen, config.admin, config.threads) = (listen.to_owned(), "127.0.0.1:0".to_owned(), 1);
        config
    };
    let (loader, _) = FakeLoader::new();
    let engine = tidegate_engine::Engine::start(
        tidegate_engine::EngineConfig::new(home.path(), 1),
        loader,
        std::sync::Arc::new(tidegate_engine::SystemClock),
    )
    .unwrap();
    let error = Server::bind(config(&address), engine.clone()).unwrap_err();
    assert!(matches!(error, ServerError::PortInUse { .. }));
    assert!(error.to_string().contains(&address));
    let error = Server::bind(config("here"), engine.clone()).unwrap_err();
    assert!(error.to_string().contains("'here'"));
    let mut two = config("127.0.0.1:0");
    two.threads = 2;
    assert!(matches!(Server::bind(two, engine).unwrap_err(), ServerError::Worker { threads: 2, .. }));
}
