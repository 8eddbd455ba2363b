//! What really happened: a label for one row of one prediction.

use std::sync::Arc;

use uuid::Uuid;

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
