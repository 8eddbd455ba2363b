//! Spans as OTLP's messages.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use uuid::Uuid;

use super::context::SpanId;
use super::span::{Finished, Names, Value};
use crate::plane::{NAME, VERSION};

/// Bits of [`Span::flags`]: sampled; whether it is known where the parent is; whether that is another process.
const SAMPLED: u32 = 1;
const KNOWN: u32 = 1 << 8;
const REMOTE: u32 = 1 << 9;

/// What all spans of this process come from.
pub(super) fn resource(service: &str) -> Resource {
    let attributes = vec![
        text("service.name", service.to_owned()),
        text("service.version", VERSION.to_owned()),
        text("service.instance.id", Uuid::now_v7().to_string()),
        number("process.pid", i64::from(std::process::id())),
    ];
    Resource { attributes, ..Resource::default() }
}

/// One batch.
pub(super) fn request(resource: &Resource, batch: Vec<Finished>) -> ExportTraceServiceRequest {
    let scope = InstrumentationScope { name: NAME.into(), version: VERSION.into(), ..Default::default() };
    let spans = batch.into_iter().flat_map(spans).collect();
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(resource.clone()),
            scope_spans: vec![ScopeSpans { scope: Some(scope), spans, ..Default::default() }],
            ..Default::default()
        }],
    }
}

/// A request's own span, then its parts.
fn spans(finished: Finished) -> Vec<Span> {
    let Finished { names, name, is_message, from, to, failed, attributes, parts } = finished;
    let status = failed.then(|| Status { code: StatusCode::Error.into(), ..Status::default() });
    let kind = if is_message { SpanKind::Internal } else { SpanKind::Server };
    let mut spans = vec![Span { status, ..span(&names, name, kind, from, to) }];
    spans[0].attributes = attributes.into_iter().map(|(key, value)| attribute(key, value)).collect();
    spans.extend(parts.into_iter().map(|part| {
        let within = Names { span: SpanId::new(), parent: Some(names.span), remote: false, ..names.clone() };
        span(&within, part.name.into(), SpanKind::Internal, part.from, part.to)
    }));
    spans
}

fn span(names: &Names, name: String, kind: SpanKind, from: u64, to: u64) -> Span {
    let parent = names.parent.map(|SpanId(parent)| parent.to_be_bytes().to_vec());
    Span {
        trace_id: names.trace.0.to_be_bytes().to_vec(),
        span_id: names.span.0.to_be_bytes().to_vec(),
        parent_span_id: parent.unwrap_or_default(),
        trace_state: names.state.clone().unwrap_or_default(),
        flags: SAMPLED | KNOWN | if names.remote { REMOTE } else { 0 },
        name,
        kind: kind.into(),
        start_time_unix_nano: from,
        end_time_unix_nano: to,
        ..Span::default()
    }
}

fn attribute(key: &str, value: Value) -> KeyValue {
    match value {
        Value::Fixed(value) => text(key, value.to_owned()),
        Value::Shared(value) => text(key, value.to_string()),
        Value::Text(value) => text(key, value),
        Value::Id(value) => text(key, value.to_string()),
        Value::Address(value) => text(key, value.to_string()),
        Value::Number(value) => number(key, value),
    }
}

fn text(key: &str, value: String) -> KeyValue {
    pair(key, Any::StringValue(value))
}

fn number(key: &str, value: i64) -> KeyValue {
    pair(key, Any::IntValue(value))
}

fn pair(key: &str, value: Any) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}
