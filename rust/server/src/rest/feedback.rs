//! The feedback call: what really happened, one label or many.

use std::fmt;
use std::sync::Arc;

use chrono::DateTime;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use tidegate_engine::Label;
use uuid::Uuid;

use super::located;
use crate::fault::Fault;

/// A decoded request.
#[derive(Debug, PartialEq)]
pub(super) struct Feedback {
    pub(super) endpoint: Option<String>,
    pub(super) labels: Vec<Label>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Many {
    endpoint: Option<String>,
    labels: Vec<One>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct One {
    endpoint: Option<String>,
    prediction_id: Uuid,
    #[serde(default)]
    row: u32,
    label: Outcome,
    event_id: Option<String>,
    observed_at: Option<Moment>,
}

/// Tells the two forms apart without reading the labels.
#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    labels: Option<serde::de::IgnoredAny>,
}

/// Decodes a body: `{"labels": […]}`, or one label by itself.
pub(super) fn decode(body: &[u8], principal: &Arc<str>) -> Result<Feedback, Fault> {
    let form: Form = located::parse("feedback", body)?;
    let many = if form.labels.is_some() {
        located::parse("feedback", body)?
    } else {
        let mut one: One = located::parse("feedback", body)?;
        Many { endpoint: one.endpoint.take(), labels: vec![one] }
    };
    if many.labels.is_empty() {
        return Err(Fault::invalid("'labels' is empty"));
    }
    let mut labels = Vec::with_capacity(many.labels.len());
    for (index, one) in many.labels.into_iter().enumerate() {
        if let Some(endpoint) = one.endpoint {
            return Err(Fault::invalid(format!(
                "label {index} names endpoint '{endpoint}'; the endpoint stands beside 'labels'"
            )));
        }
        labels.push(Label {
            event_id: one.event_id.unwrap_or_else(|| format!("{}/{}", one.prediction_id, one.row)),
            prediction_id: one.prediction_id,
            row: one.row,
            label: one.label.0,
            observed_at: one.observed_at.map(|moment| moment.0),
            principal: Arc::clone(principal),
        });
    }
    Ok(Feedback { endpoint: many.endpoint, labels })
}

/// A number, or a boolean as 1 or 0.
struct Outcome(f64);

impl<'de> Deserialize<'de> for Outcome {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OutcomeVisitor)
    }
}

struct OutcomeVisitor;

impl Visitor<'_> for OutcomeVisitor {
    type Value = Outcome;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a label: a number or a boolean")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Outcome, E> {
        Ok(Outcome(f64::from(u8::from(value))))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Outcome, E> {
        Ok(Outcome(value as f64))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Outcome, E> {
        Ok(Outcome(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Outcome, E> {
        Ok(Outcome(value))
    }
}

/// Microseconds UTC, from an integer or an RFC 3339 text.
struct Moment(i64);

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MomentVisitor)
    }
}

struct MomentVisitor;

impl Visitor<'_> for MomentVisitor {
    type Value = Moment;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time: microseconds UTC or RFC 3339")
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Moment, E> {
        Ok(Moment(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Moment, E> {
        i64::try_from(value).map(Moment).map_err(E::custom)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Moment, E> {
        DateTime::parse_from_rfc3339(text)
            .map(|time| Moment(time.timestamp_micros()))
            .map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01936f5a-7c00-7000-8000-000000000001";

    fn read(body: &str) -> Result<Feedback, String> {
        decode(body.as_bytes(), &"local".into()).map_err(|fault| fault.message)
    }

    #[test]
    fn one_label_and_a_list_of_one_are_the_same() {
        let one = read(&format!(r#"{{"endpoint": "e", "prediction_id": "{ID}", "label": true}}"#)).unwrap();
        let list =
            read(&format!(r#"{{"endpoint": "e", "labels": [{{"prediction_id": "{ID}", "label": 1}}]}}"#));
        assert_eq!(Ok(&one), list.as_ref());
        assert_eq!(one.labels[0].label.to_bits(), 1.0_f64.to_bits());
        assert_eq!(one.labels[0].event_id, format!("{ID}/0"));
    }

    #[test]
    fn times_are_microseconds_or_rfc_3339() {
        let at = |text: &str| {
            let body = format!(
                r#"{{"labels": [{{"prediction_id": "{ID}", "row": 3, "label": 0.5, "observed_at": {text}}}]}}"#
            );
            read(&body).map(|feedback| feedback.labels[0].observed_at)
        };
        assert_eq!(at("1357034400000000"), Ok(Some(1_357_034_400_000_000)));
        assert_eq!(at("\"2013-01-01T11:00:00+01:00\""), Ok(Some(1_357_034_400_000_000)));
        assert!(at("\"yesterday\"").unwrap_err().contains("RFC 3339"));
    }

    #[test]
    fn each_fault_is_named() {
        for (body, expected) in [
            ("{}".into(), "missing field `prediction_id`"),
            (r#"{"labels": []}"#.into(), "'labels' is empty"),
            (r#"{"labels": [{"prediction_id": "x", "label": 1}]}"#.into(), "UUID"),
            (format!(r#"{{"labels": [{{"prediction_id": "{ID}"}}]}}"#), "missing field `label`"),
            (
                format!(r#"{{"labels": [{{"prediction_id": "{ID}", "label": "late"}}]}}"#),
                "a number or a boolean",
            ),
            (
                format!(r#"{{"labels": [{{"prediction_id": "{ID}", "label": 1, "when": 2}}]}}"#),
                "unknown field `when`",
            ),
            (
                format!(r#"{{"labels": [{{"prediction_id": "{ID}", "label": 1, "endpoint": "e"}}]}}"#),
                "label 0 names endpoint 'e'",
            ),
        ] {
            let message = read(&body).unwrap_err();
            assert!(message.contains(expected), "{body}: {message}");
        }
    }
}
