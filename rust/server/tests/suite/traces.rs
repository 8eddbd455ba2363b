//! Traces: a client's context is the parent of the spans that a collector is sent.

use bytes::Bytes;
use http::Method;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};
use tidegate_engine::{LaneMode, LaneSpec};
use tidegate_server::{ServerConfig, TracesConfig};
use tokio::io::AsyncWriteExt as _;
use tonic::Request;
use tonic::metadata::MetadataValue;

use crate::grpc::typed;
use crate::support::collector::{Collector, attributes, hex};
use crate::support::grpc;
use crate::support::home::{Home, deployment};
use crate::support::http::{Reply, call};
use crate::support::server::Running;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const OTHER: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT: &str = "00f067aa0ba902b7";
const SCORE: &str = "/v1/endpoints/flight-delay/score";

/// Traces to that collector, sent at once.
pub(crate) fn traced(collector: &Collector) -> impl FnOnce(&mut ServerConfig) + use<> {
    let url = collector.url();
    move |config| {
        config.traces = Some(TracesConfig { interval_milliseconds: 5, ..TracesConfig::new(url) });
    }
}

pub(crate) fn sampled(trace: &str) -> String {
    format!("00-{trace}-{PARENT}-01")
}

pub(crate) async fn ask(server: &Running, path: &str, headers: &[(&str, &str)]) -> Reply {
    let row = json!({"records": [{"distance": 1, "wind": 5, "carrier": "UA"}]});
    call(server.addresses.data, Method::POST, path, headers, Bytes::from(row.to_string())).await
}

/// The server span, and its children by name.
fn tree(spans: &[Span]) -> (&Span, Vec<&str>) {
    let server: Vec<_> = spans.iter().filter(|span| span.kind == 2).collect();
    assert_eq!(server.len(), 1, "{spans:?}");
    let children: Vec<_> = spans.iter().filter(|span| span.kind == 1).collect();
    for child in &children {
        assert_eq!(child.parent_span_id, server[0].span_id);
        assert_eq!(child.flags, 0x101);
        assert!(child.start_time_unix_nano >= server[0].start_time_unix_nano);
        assert!(child.end_time_unix_nano >= child.start_time_unix_nano);
        assert!(child.end_time_unix_nano <= server[0].end_time_unix_nano);
    }
    (server[0], children.iter().map(|child| child.name.as_str()).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rest_request_is_a_child_of_its_client() {
    let home = Home::served();
    let mut collector = Collector::start().await;
    let server = Running::start(home.path(), traced(&collector)).await;
    let headers =
        [("traceparent", &*sampled(TRACE)), ("tracestate", "rojo=1, congo=2"), ("user-agent", "a client")];
    let answer = ask(&server, &format!("{SCORE}?secret=1"), &headers).await.json();
    let sent = collector.sent().await;
    assert_eq!(sent.path, "/v1/traces");
    assert_eq!(sent.headers["content-type"], "application/x-protobuf");
    let resource = attributes(&sent.resource.attributes);
    assert_eq!(resource["service.name"], "tidegate");
    assert_eq!(resource["process.pid"], std::process::id().to_string());

    let spans = collector.trace(TRACE).await;
    let (span, children) = tree(&spans);
    assert_eq!(children, ["decode", "score", "encode"]);
    assert_eq!(hex(&span.parent_span_id), PARENT);
    assert_eq!((span.trace_state.as_str(), span.flags), ("rojo=1,congo=2", 0x301));
    assert_eq!(span.name, "POST /v1/endpoints/{endpoint}/score");
    assert!(span.status.is_none());
    let found = attributes(&span.attributes);
    for (name, value) in [
        ("http.request.method", "POST"),
        ("url.path", SCORE),
        ("url.scheme", "http"),
        ("http.route", "/v1/endpoints/{endpoint}/score"),
        ("http.response.status_code", "200"),
        ("network.protocol.version", "1.1"),
        ("client.address", "127.0.0.1"),
        ("user_agent.original", "a client"),
        ("tidegate.endpoint", "flight-delay"),
        ("tidegate.model", "flight-delay"),
        ("tidegate.version", "1"),
        ("tidegate.route", "weight"),
        ("tidegate.generation", "1"),
        ("tidegate.rows", "1"),
        ("tidegate.batch_rows", "1"),
        ("tidegate.prediction_id", answer["prediction_id"].as_str().unwrap()),
    ] {
        assert_eq!(found.get(name).map(String::as_str), Some(value), "{name}");
    }
    assert_eq!(found.len(), 16);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_surface_that_scores_shows_its_parts() {
    let home = Home::served();
    let mut collector = Collector::start().await;
    let server = Running::start(home.path(), traced(&collector)).await;
    let rows = json!({"dataframe_records": [{"distance": 1, "wind": 5, "carrier": "UA"}]});
    let infer = json!({"inputs": [
        {"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 5]},
        {"name": "carrier", "shape": [1, 1], "datatype": "BYTES", "data": ["UA"]},
    ]});
    for (path, body, route) in [
        ("/invocations", rows, "/invocations"),
        ("/v2/models/flight-delay/versions/1/infer", infer, "/v2/models/{model}/versions/{version}/infer"),
    ] {
        let trace = format!("{:032x}", path.len());
        let headers = [("traceparent", &*sampled(&trace)), ("content-type", "application/json")];
        let body = Bytes::from(body.to_string());
        let reply = call(server.addresses.data, Method::POST, path, &headers, body).await;
        let spans = collector.trace(&trace).await;
        let (span, children) = tree(&spans);
        // Who may not pin is refused after decoding.
        let expected: &[&str] =
            if reply.status == 200 { &["decode", "score", "encode"] } else { &["decode"] };
        assert_eq!(children, expected, "{path}: {reply:?}");
        assert_eq!(span.name, format!("POST {route}"));
        assert_eq!(attributes(&span.attributes)["http.response.status_code"], reply.status.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grpc_call_is_a_child_of_its_client() {
    let home = Home::served();
    let mut collector = Collector::start().await;
    let server = Running::start(home.path(), traced(&collector)).await;
    let mut client = grpc(server.addresses.data).await;
    for (model, trace, code) in [("flight-delay", TRACE, "0"), ("nobody", OTHER, "5")] {
        let mut request = Request::new(typed(model));
        let parent = sampled(trace);
        request.metadata_mut().insert("traceparent", MetadataValue::try_from(&parent).unwrap());
        let answered = client.model_infer(request).await;
        let spans = collector.trace(trace).await;
        let (span, children) = tree(&spans);
        let expected: &[&str] = if code == "0" { &["decode", "score", "encode"] } else { &[] };
        assert_eq!(children, expected);
        assert_eq!(hex(&span.parent_span_id), PARENT);
        assert_eq!(span.name, "inference.GRPCInferenceService/ModelInfer");
        assert!(span.status.is_none());
        let found = attributes(&span.attributes);
        assert_eq!((&*found["rpc.system"], &*found["rpc.grpc.status_code"]), ("grpc", code));
        assert_eq!(found["rpc.service"], "inference.GRPCInferenceService");
        assert_eq!(found["rpc.method"], "ModelInfer");
        assert_eq!(found["network.protocol.version"], "2");
        if let Ok(answer) = answered {
            let id = answer.metadata().get("tidegate-prediction-id").unwrap();
            assert_eq!(found["tidegate.prediction_id"], id.to_str().unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_messages_of_a_stream_are_children_of_its_call() {
    let home = Home::served();
    let mut collector = Collector::start().await;
    let server = Running::start(home.path(), traced(&collector)).await;
    let mut client = grpc(server.addresses.data).await;
    let messages = [typed("flight-delay"), typed("nobody"), typed("flight-delay")];
    let mut request = Request::new(futures_util::stream::iter(messages));
    request.metadata_mut().insert("traceparent", MetadataValue::try_from(&sampled(TRACE)).unwrap());
    let mut answers = client.model_stream_infer(request).await.unwrap().into_inner();
    while answers.message().await.unwrap().is_some() {}
    let spans = collector.trace(TRACE).await;
    let call = spans.iter().find(|span| span.kind == 2).unwrap();
    assert_eq!(call.name, "inference.GRPCInferenceService/ModelStreamInfer");
    assert_eq!(attributes(&call.attributes)["rpc.grpc.status_code"], "0");
    let messages: Vec<_> = spans.iter().filter(|span| span.name == "message").collect();
    let codes = |span: &&Span| attributes(&span.attributes)["rpc.grpc.status_code"].clone();
    assert_eq!(messages.iter().map(codes).collect::<Vec<_>>(), ["0", "5", "0"]);
    assert!(messages.iter().all(|message| message.parent_span_id == call.span_id));
    let parts = spans.iter().filter(|span| span.parent_span_id == messages[0].span_id);
    assert_eq!(parts.map(|part| &*part.name).collect::<Vec<_>>(), ["decode", "score", "encode"]);
    assert_eq!(attributes(&messages[2].attributes)["tidegate.endpoint"], "flight-delay");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_parent_decides_and_a_malformed_one_is_none() {
    let home = Home::served();
    let mut collector = Collector::start().await;
    let server = Running::start(home.path(), traced(&collector)).await;
    ask(&server, SCORE, &[("traceparent", &format!("00-{OTHER}-{PARENT}-00"))]).await;
    let malformed = format!("00-{}-{PARENT}-01", OTHER.to_uppercase());
    ask(&server, SCORE, &[("traceparent", &malformed), ("tracestate", "a=1")]).await;
    ask(&server, SCORE, &[("traceparent", &sampled(TRACE))]).await;
    collector.trace(TRACE).await;
    let servers: Vec<_> = collector.seen().iter().filter(|span| span.kind == 2).collect();
    let [new, given] = &servers[..] else { panic!("{servers:?}") };
    assert_eq!(hex(&given.trace_id), TRACE);
    assert!(new.parent_span_id.is_empty() && new.trace_state.is_empty());
    assert_ne!(hex(&new.trace_id), OTHER);
    assert_eq!(new.flags, 0x101);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_parent_the_share_decides() {
    let home = Home::served();
    let mut collector = Collector::start().await;
    let to_collector = traced(&collector);
    let server = Running::start(home.path(), |config| {
        to_collector(config);
        config.traces.as_mut().unwrap().sample_ratio = 0.0;
    })
    .await;
    for _ in 0..20 {
        ask(&server, SCORE, &[]).await;
    }
    ask(&server, SCORE, &[("traceparent", &sampled(TRACE))]).await;
    collector.trace(TRACE).await;
    assert!(collector.seen().iter().all(|span| hex(&span.trace_id) == TRACE));
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_for_a_lane_is_shown() {
    let home = Home::empty();
    let mut spec = deployment(1, &["bias:0.25"]);
    for variant in spec.endpoints.iter_mut().flat_map(|endpoint| &mut endpoint.variants) {
        variant.lane = Some(LaneSpec { mode: Some(LaneMode::Lane), batch: Some(8), delay_us: None });
    }
    home.keep(&spec);
    let mut collector = Collector::start().await;
    let server = Running::start(home.path(), traced(&collector)).await;
    let reply = ask(&server, SCORE, &[("traceparent", &sampled(TRACE))]).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let spans = collector.trace(TRACE).await;
    assert_eq!(tree(&spans).1, ["decode", "queue", "score", "encode"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_and_refusals_are_told_apart() {
    let home = Home::served();
    let mut collector = Collector::start().await;
    let server = Running::start(home.path(), traced(&collector)).await;
    for (path, trace, status, name, fails) in [
        ("/v1/endpoints/broken/score", TRACE, "500", "POST /v1/endpoints/{endpoint}/score", true),
        ("/v1/endpoints/nobody/score", OTHER, "404", "POST /v1/endpoints/{endpoint}/score", false),
        ("/no/such/path", "00000000000000000000000000000001", "404", "POST", false),
    ] {
        ask(&server, path, &[("traceparent", &sampled(trace))]).await;
        let spans = collector.trace(trace).await;
        let span = tree(&spans).0;
        let found = attributes(&span.attributes);
        assert_eq!((&*span.name, &*found["http.response.status_code"]), (name, status));
        assert_eq!(span.status.as_ref().is_some_and(|status| status.code == 2), fails);
        assert_eq!(found.get("error.type").map(String::as_str), fails.then_some("500"));
    }
    // A client that goes away in the middle of its body.
    let mut stream = tokio::net::TcpStream::connect(server.addresses.data).await.unwrap();
    let gone = "00000000000000000000000000000002";
    let head = format!(
        "POST {SCORE} HTTP/1.1\r\nhost: h\r\ncontent-length: 9\r\ntraceparent: {}\r\nexpect: 100-continue\r\n\r\n",
        sampled(gone)
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut answer).await.unwrap();
    drop(stream);
    let spans = collector.trace(gone).await;
    let found = attributes(&tree(&spans).0.attributes);
    let ended = found.get("error.type").or_else(|| found.get("http.response.status_code"));
    assert!(matches!(ended.map(String::as_str), Some("cancelled" | "400")), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_access_log_names_the_trace_with_traces_on_or_off() {
    let mut collector = Collector::start().await;
    for is_on in [true, false] {
        let home = Home::served();
        let to_collector = traced(&collector);
        let server = Running::start(home.path(), |config| {
            config.access_log = true;
            if is_on {
                to_collector(config);
            }
        })
        .await;
        ask(&server, SCORE, &[("traceparent", &sampled(TRACE))]).await;
        ask(&server, SCORE, &[("traceparent", &format!("00-{OTHER}-{PARENT}-00"))]).await;
        ask(&server, SCORE, &[]).await;
        tokio::task::spawn_blocking(move || server.end()).await.unwrap();
        let mut lines = Vec::new();
        while lines.len() < 3 {
            let text = std::fs::read_to_string(home.path().join("access.log")).unwrap();
            lines = text
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap()["trace_id"].clone())
                .collect();
        }
        assert_eq!(lines[..2], [TRACE, OTHER]);
        assert_eq!(lines[2].as_str().map(str::len), is_on.then_some(32));
    }
    collector.trace(TRACE).await;
}
