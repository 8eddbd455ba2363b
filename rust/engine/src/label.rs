//! What really happened: a label for one row of one prediction.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt32Array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use uuid::Uuid;

use crate::FeedbackError;

/// A label, as a client reports it.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// The id that the prediction's answer carried.
    pub prediction_id: Uuid,
    /// The row within that request.
    pub row: u32,
    /// The outcome; finite.
    pub label: f64,
    /// The client's name for this report; the same one twice is one report.
    pub event_id: String,
    /// When it happened, in microseconds UTC.
    pub observed_at: Option<i64>,
    /// Who reports it.
    pub principal: Arc<str>,
}

/// Refuses labels that say nothing.
pub(crate) fn check(labels: &[Label]) -> Result<(), FeedbackError> {
    for (index, label) in labels.iter().enumerate() {
        if !label.label.is_finite() {
            return Err(FeedbackError::NotFinite { index, value: label.label });
        }
        if label.event_id.is_empty() {
            return Err(FeedbackError::NoEventId { index });
        }
    }
    Ok(())
}

/// The label log's columns.
fn schema() -> SchemaRef {
    let time = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("prediction_id", DataType::Utf8, false),
        Field::new("row", DataType::UInt32, false),
        Field::new("label", DataType::Float64, false),
        Field::new("event_id", DataType::Utf8, false),
        Field::new("observed_at", time(), true),
        Field::new("received_at", time(), false),
        Field::new("principal", DataType::Utf8, false),
    ]))
}

/// A record batch of labels, each with the time it was received.
pub(crate) fn encode<'a>(
    labels: &(impl Iterator<Item = (i64, &'a Label)> + Clone),
) -> Result<RecordBatch, ArrowError> {
    let text = |pick: fn(&Label) -> String| {
        Arc::new(StringArray::from_iter_values(labels.clone().map(|(_, label)| pick(label)))) as ArrayRef
    };
    let rows = labels.clone().map(|(_, label)| label.row);
    let values = labels.clone().map(|(_, label)| label.label);
    let observed: TimestampMicrosecondArray = labels.clone().map(|(_, label)| label.observed_at).collect();
    let received: TimestampMicrosecondArray = labels.clone().map(|(at, _)| Some(at)).collect();
    let columns: Vec<ArrayRef> = vec![
        text(|label| label.prediction_id.to_string()),
        Arc::new(UInt32Array::from_iter_values(rows)),
        Arc::new(Float64Array::from_iter_values(values)),
        text(|label| label.event_id.clone()),
        Arc::new(observed.with_timezone("UTC")),
        Arc::new(received.with_timezone("UTC")),
        text(|label| label.principal.to_string()),
    ];
    RecordBatch::try_new(schema(), columns)
}
