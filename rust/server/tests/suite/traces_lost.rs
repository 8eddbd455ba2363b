//! Traces whose collector is away, slow or choosy: requests pass, and what was lost is counted.

use std::os::unix::fs::PermissionsExt as _;

use http::StatusCode;
use tidegate_server::TracesConfig;

use crate::support::collector::{Collector, hex};
use crate::support::home::Home;
use crate::support::http::get;
use crate::support::server::{Running, refusal};
use crate::traces::{ask, sampled, traced};

const SCORE: &str = "/v1/endpoints/flight-delay/score";
/// Spans of one scored request: its own, decode, score, encode.
const EACH: u64 = 4;

async fn metric(server: &Running, name: &str) -> Option<u64> {
    let reply = get(server.addresses.admin, "/metrics").await;
    let text = std::str::from_utf8(&reply.body).unwrap().to_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.map(|value| value.parse().unwrap())
}

async fn until(server: &Running, name: &str, value: u64) {
    while metric(server, name).await != Some(value) {
        tokio::task::yield_now().await;
    }
}

fn dropped(reason: &str) -> String {
    format!("tidegate_trace_spans_dropped_total{{reason=\"{reason}\"}}")
}

const EXPORTED: &str = "tidegate_trace_spans_exported_total";

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_spans_and_no_request() {
    let home = Home::served();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let server = Running::start(home.path(), |config| {
        let traces =
            TracesConfig { interval_milliseconds: 5, timeout_seconds: 0.3, ..TracesConfig::new(url) };
        config.traces = Some(traces);
    })
    .await;
    for _ in 0..10 {
        assert_eq!(ask(&server, SCORE, &[]).await.status, 200);
    }
    until(&server, &dropped("failed"), 10 * EACH).await;
    assert_eq!(metric(&server, EXPORTED).await, Some(0));
    assert_eq!(metric(&server, &dropped("queue_full")).await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_finds_the_queue_full_is_dropped_and_counted() {
    let home = Home::served();
    // It takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let server = Running::start(home.path(), |config| {
        config.traces =
            Some(TracesConfig { queue_requests: 3, interval_milliseconds: 5, ..TracesConfig::new(url) });
    })
    .await;
    let mut asked = 0;
    while metric(&server, &dropped("queue_full")).await == Some(0) {
        assert_eq!(ask(&server, SCORE, &[]).await.status, 200);
        asked += 1;
    }
    assert!((4..=8).contains(&asked), "{asked}");
    let began = std::time::Instant::now();
    let report = tokio::task::spawn_blocking(move || server.end()).await.unwrap();
    assert!(report.engine.complete);
    // The collector's ten seconds are not waited for at the end.
    assert!(began.elapsed() < std::time::Duration::from_secs(9));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_sent_again_while_the_collector_is_busy() {
    let home = Home::served();
    let mut collector = Collector::start().await;
    collector.answers_next(&[StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS]);
    let server = Running::start(home.path(), traced(&collector)).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    ask(&server, SCORE, &[("traceparent", &sampled(trace))]).await;
    assert_eq!(collector.trace(trace).await.len() as u64, EACH);
    until(&server, EXPORTED, EACH).await;
    assert_eq!(metric(&server, &dropped("failed")).await, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_collector_refuses_is_counted() {
    let home = Home::served();
    let mut collector = Collector::start().await;
    collector.answers_next(&[StatusCode::BAD_REQUEST, StatusCode::PARTIAL_CONTENT]);
    let server = Running::start(home.path(), traced(&collector)).await;
    ask(&server, SCORE, &[]).await;
    until(&server, &dropped("failed"), EACH).await;
    ask(&server, SCORE, &[]).await;
    collector.sent().await;
    until(&server, &dropped("rejected"), 1).await;
    until(&server, EXPORTED, EACH - 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_spans_are_sent_at_the_end() {
    let home = Home::served();
    let mut collector = Collector::start().await;
    let to_collector = traced(&collector);
    let secret = home.path().join("headers");
    std::fs::write(&secret, "Authorization: Bearer t0ken\n").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).unwrap();
    let server = Running::start(home.path(), |config| {
        to_collector(config);
        let traces = config.traces.as_mut().unwrap();
        traces.interval_milliseconds = 3_600_000;
        traces.service_name = "flights".into();
        traces.headers_file = Some(secret);
    })
    .await;
    ask(&server, SCORE, &[]).await;
    tokio::task::spawn_blocking(move || server.end()).await.unwrap();
    let sent = collector.sent().await;
    assert_eq!(sent.headers["authorization"], "Bearer t0ken");
    assert_eq!(sent.spans.len() as u64, EACH);
    let resource = crate::support::collector::attributes(&sent.resource.attributes);
    assert_eq!(resource["service.name"], "flights");
    assert_eq!(hex(&sent.spans[0].trace_id).len(), 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_waiting_spans_are_sent_before_their_time() {
    let home = Home::served();
    let mut collector = Collector::start().await;
    let to_collector = traced(&collector);
    let server = Running::start(home.path(), |config| {
        to_collector(config);
        config.traces.as_mut().unwrap().interval_milliseconds = 3_600_000;
        config.traces.as_mut().unwrap().queue_requests = 20;
    })
    .await;
    for _ in 0..20 {
        ask(&server, SCORE, &[]).await;
    }
    collector.sent().await;
}

#[tokio::test]
async fn settings_that_can_t_be_are_refused_by_name() {
    let home = Home::served();
    let with = |change: fn(&mut TracesConfig)| {
        refusal(home.path(), |config| {
            let mut traces = TracesConfig::new("http://127.0.0.1:4318");
            change(&mut traces);
            config.traces = Some(traces);
        })
    };
    assert!(
        with(|traces| traces.endpoint = "127.0.0.1:4318".into())
            .starts_with("traces.endpoint '127.0.0.1:4318' must be")
    );
    assert!(with(|traces| traces.sample_ratio = 1.5).starts_with("traces.sample_ratio is 1.5"));
    assert!(with(|traces| traces.sample_ratio = f64::NAN).starts_with("traces.sample_ratio is NaN"));
    assert!(with(|traces| traces.timeout_seconds = 0.0).starts_with("traces.timeout_seconds is 0"));
    assert!(
        with(|traces| traces.headers_file = Some("/none".into()))
            .starts_with("traces.headers_file: the file can't be read")
    );
}
