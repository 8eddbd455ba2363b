//! `MLflow`'s scoring surface.

use http::Method;
use serde_json::json;

use crate::support::home::{Home, deployment};
use crate::support::http::{call, get, post};
use crate::support::server::Running;

#[tokio::test]
async fn rows_in_every_form_are_answered_by_the_default_endpoint() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let at = server.addresses.data;
    let expected = json!([
        {"score": 0.4, "decision": false, "echo": "UA", "length": 2, "probabilities": [0.6, 0.4]},
        {"score": 0.6, "decision": true, "echo": "?", "length": 1, "probabilities": [0.399_999_98, 0.6]},
    ]);
    let records = json!([
        {"distance": 1, "wind": 5, "carrier": "UA"},
        {"distance": 3, "wind": 5, "carrier": null},
    ]);
    for body in [
        json!({"dataframe_split": {"columns": ["carrier", "wind", "distance"], "data": [["UA", 5, 1], [null, 5, 3]]}}),
        json!({"dataframe_records": records}),
        json!({"instances": records}),
        json!({"inputs": {"carrier": ["UA", null], "wind": [5, 5], "distance": [1, 3]}}),
    ] {
        let reply = post(at, "/invocations", body.to_string()).await;
        assert_eq!(reply.status, 200, "{:?}", reply.body);
        assert_eq!(reply.json(), json!({"predictions": expected}), "{body}");
        assert!(reply.headers.contains_key("tidegate-prediction-id"));
    }
    let csv = "carrier,wind,distance\nUA,5,1\n,5,3\n";
    let reply = call(at, Method::POST, "/invocations", &[("content-type", "text/csv")], csv.into()).await;
    assert_eq!(reply.json(), json!({"predictions": expected}));

    let wrong = post(at, "/invocations", json!({"dataframe_records": [{"gate": 1}]}).to_string()).await;
    assert_eq!(wrong.status, 400);
    assert!(wrong.error().contains("unknown column 'gate'"), "{}", wrong.error());
}

#[tokio::test]
async fn without_a_default_endpoint_the_others_are_named() {
    let home = Home::empty();
    let mut spec = deployment(1, &["bias:0.25"]);
    spec.default_endpoint = None;
    home.keep(&spec);
    let server = Running::start(home.path(), |_| {}).await;
    let reply = post(server.addresses.data, "/invocations", "{}").await;
    assert_eq!(reply.status, 404);
    assert_eq!(reply.error(), "no endpoint is the default one; there are: flight-delay, broken, slow");
}

#[tokio::test]
async fn health_as_mlflow_s_clients_ask() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    for path in ["/ping", "/health"] {
        let reply = get(server.addresses.data, path).await;
        assert_eq!((reply.status, &reply.body[..]), (200, &b"\n"[..]), "{path}");
    }
    let version = get(server.addresses.data, "/version").await;
    assert_eq!((version.status, &version.body[..]), (200, env!("CARGO_PKG_VERSION").as_bytes()));
}
