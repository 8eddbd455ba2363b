//! Slow models over the network: who is refused, who gave up, and that nobody else notices.

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use tidegate_engine::{DeploymentSpec, LaneMode, LaneSpec};

use crate::support::home::{Home, deployment};
use crate::support::http::{Reply, call, get};
use crate::support::server::Running;

const SLOW: &str = "/v1/endpoints/slow/score";
const FAST: &str = "/v1/endpoints/flight-delay/score";

/// `slow` waits at the gate, on lanes.
fn slow_on_lanes() -> DeploymentSpec {
    let mut spec = deployment(1, &["bias:0.25"]);
    let slow = spec.endpoints.iter_mut().find(|endpoint| endpoint.name == "slow").unwrap();
    slow.variants[0].lane = Some(LaneSpec { mode: Some(LaneMode::Lane), batch: Some(8), delay_us: None });
    spec
}

fn row() -> Bytes {
    json!({"records": [{"distance": 1, "wind": 5, "carrier": "UA"}]}).to_string().into()
}

async fn lane(server: &Running) -> Value {
    let status = get(server.addresses.admin, "/status").await.json();
    let endpoints = status["endpoints"].as_array().unwrap();
    endpoints.iter().find(|endpoint| endpoint["name"] == "slow").unwrap()["variants"][0]["lane"].clone()
}

async fn ask(server: &Running, path: &str, headers: &[(&str, &str)]) -> Reply {
    call(server.addresses.data, Method::POST, path, headers, row()).await
}

/// Sends a request and returns when the model has it.
async fn hold(server: &Running) -> (tokio::task::JoinHandle<Reply>, std::sync::mpsc::Sender<()>) {
    let keeper = server.gate.close();
    let at = server.addresses.data;
    let held = tokio::spawn(async move {
        call(at, Method::POST, SLOW, &[("tidegate-timeout-ms", "30000")], row()).await
    });
    let open = tokio::task::spawn_blocking(move || {
        keeper.entered.recv().unwrap();
        keeper.open
    });
    (held, open.await.unwrap())
}

#[tokio::test]
async fn who_gives_up_in_the_queue_is_never_executed() {
    let home = Home::empty();
    home.keep(&slow_on_lanes());
    let server = Running::start_with(home.path(), |_| {}, |engine| engine.lanes = 1).await;
    let (held, open) = hold(&server).await;
    // The deadline passes in the queue.
    let late = ask(&server, SLOW, &[("tidegate-timeout-ms", "1")]).await;
    assert_eq!(late.status, 504, "{late:?}");
    // The client goes away.
    let at = server.addresses.data;
    let before = lane(&server).await["queued"].as_u64();
    let patient = [("tidegate-timeout-ms", "30000")];
    let gone = tokio::spawn(async move { call(at, Method::POST, SLOW, &patient, row()).await });
    while lane(&server).await["queued"].as_u64() <= before {
        tokio::task::yield_now().await;
    }
    gone.abort();
    while lane(&server).await["cancelled"] != 1 {
        tokio::task::yield_now().await;
    }
    // Another model answers all the time.
    assert_eq!(ask(&server, FAST, &[]).await.status, 200);
    open.send(()).unwrap();
    assert_eq!(held.await.unwrap().status, 200);
    assert_eq!(ask(&server, SLOW, &[]).await.status, 200);
    let after = lane(&server).await;
    assert_eq!(
        (&after["expired"], &after["cancelled"], &after["run_requests"]),
        (&json!(1), &json!(1), &json!(2))
    );
    assert_eq!((&after["mode"], &after["batch"]), (&json!("lane"), &json!(8)));
}

#[tokio::test]
async fn a_full_queue_says_so_on_both_transports_and_when_to_come_again() {
    let home = Home::empty();
    home.keep(&slow_on_lanes());
    let server = Running::start_with(
        home.path(),
        |_| {},
        |engine| {
            engine.lanes = 1;
            engine.lane_requests = 1;
        },
    )
    .await;
    let (held, open) = hold(&server).await;
    let refused = ask(&server, SLOW, &[]).await;
    assert_eq!(refused.status, 429, "{refused:?}");
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    assert!(refused.error().contains("too many requests wait for version 1 of endpoint 'slow'"));
    let mut client = crate::support::grpc(server.addresses.data).await;
    let message = crate::deadlines::message("slow");
    let status = client.model_infer(message).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted, "{status:?}");
    let pushback = status.metadata().get("grpc-retry-pushback-ms").unwrap().to_str().unwrap();
    assert!(pushback.parse::<u32>().unwrap() >= 50, "{pushback}");
    assert_eq!(ask(&server, FAST, &[]).await.status, 200);
    assert_eq!(lane(&server).await["rejected"], 2);
    open.send(()).unwrap();
    assert_eq!(held.await.unwrap().status, 200);
    assert_eq!(ask(&server, SLOW, &[]).await.status, 200);

    let reply = get(server.addresses.admin, "/metrics").await;
    let text = std::str::from_utf8(&reply.body).unwrap();
    let labels = r#"{endpoint="slow",model="flight-delay",version="1",role="answer"}"#;
    for line in [
        format!("tidegate_requests_rejected_total{labels} 2"),
        format!("tidegate_lane_mode{labels} 1"),
        format!("tidegate_lane_requests_total{labels} 2"),
        "tidegate_lanes 1".into(),
        "tidegate_lanes_in_flight_requests 0".into(),
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn a_run_that_hangs_is_a_timeout_then_a_quarantine() {
    let home = Home::empty();
    home.keep(&slow_on_lanes());
    let server = Running::start_with(home.path(), |_| {}, |engine| engine.lanes = 1).await;
    let mut doors = Vec::new();
    for hung in 1..=2 {
        let keeper = server.gate.close();
        let reply = ask(&server, SLOW, &[("tidegate-timeout-ms", "50")]).await;
        assert_eq!(reply.status, 504, "{reply:?}");
        doors.push(keeper);
        while lane(&server).await["stuck"] != hung {
            tokio::task::yield_now().await;
        }
        assert_eq!(ask(&server, FAST, &[]).await.status, 200);
    }
    let reply = ask(&server, SLOW, &[]).await;
    assert_eq!(reply.status, 503, "{reply:?}");
    assert!(reply.error().contains("version 1 of endpoint 'slow' is in quarantine"), "{}", reply.error());
    for door in doors {
        door.open.send(()).unwrap();
    }
    while get(server.addresses.admin, "/status").await.json()["lanes"]["stuck"] != 0 {
        tokio::task::yield_now().await;
    }
}
