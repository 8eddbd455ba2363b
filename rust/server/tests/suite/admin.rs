//! The admin port.

use bytes::Bytes;
use http::Method;
use serde_json::json;
use tidegate_engine::DURATION_BOUNDS_US;

use crate::support::home::Home;
use crate::support::http::{call, get, post};
use crate::support::server::Running;

#[tokio::test]
async fn metrics_count_what_was_answered() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let at = server.addresses;
    let records = json!({"records": [{"distance": 1, "wind": 5, "carrier": "UA"}, {"distance": 1, "wind": 5, "carrier": "AA"}]});
    for _ in 0..3 {
        assert_eq!(post(at.data, "/v1/endpoints/flight-delay/score", records.to_string()).await.status, 200);
    }
    let failed = post(at.data, "/v1/endpoints/broken/score", records.to_string()).await;
    assert_eq!(failed.status, 500);
    let reply = get(at.admin, "/metrics").await;
    assert_eq!(reply.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
    let text = std::str::from_utf8(&reply.body).unwrap();
    let labels = r#"{endpoint="flight-delay",model="flight-delay",version="1",role="answer"}"#;
    let broken = r#"{endpoint="broken",model="flight-delay",version="1",role="answer"}"#;
    for line in [
        format!("tidegate_requests_total{labels} 3"),
        format!("tidegate_rows_total{labels} 6"),
        format!("tidegate_request_errors_total{broken} 1"),
        format!("tidegate_score_duration_seconds_count{labels} 3"),
        "tidegate_predictions_dropped_total 0".into(),
        "tidegate_deployment_generation 1".into(),
        "# TYPE tidegate_score_duration_seconds histogram".into(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    let buckets: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("tidegate_score_duration_seconds_bucket{endpoint=\"flight-delay\""))
        .collect();
    assert_eq!(buckets.len(), DURATION_BOUNDS_US.len() + 1);
    assert!(buckets.last().unwrap().ends_with("le=\"+Inf\"} 3"), "{buckets:?}");
}

#[tokio::test]
async fn health_status_and_drift() {
    let home = Home::served();
    let server = Running::start(home.path(), |_| {}).await;
    let at = server.addresses.admin;
    assert_eq!(get(at, "/v2/health/live").await.json(), json!({"live": true}));
    assert_eq!(get(at, "/v2/health/ready").await.json(), json!({"ready": true}));
    let status = get(at, "/status").await.json();
    assert_eq!(status["pid"], std::process::id());
    assert_eq!((&status["generation"], &status["ready"]), (&json!(1), &json!(true)));
    assert_eq!(status["endpoints"][0]["variants"][0]["weight"], 1.0);
    assert_eq!(status["failed"], json!(null));
    let drift = get(at, "/drift/flight-delay").await;
    assert_eq!(drift.headers["content-type"], "application/vnd.apache.arrow.stream");
    assert_eq!(drift.body[..4], [0xff; 4], "an Arrow stream begins with its continuation mark");
    assert_eq!(get(at, "/drift/nobody").await.status, 404);
    assert_eq!(get(at, "/v2/models/flight-delay").await.status, 404);
    let write = call(at, Method::POST, "/status", &[], Bytes::new()).await;
    assert_eq!((write.status, &write.headers["allow"]), (405, &"GET".parse().unwrap()));
}
