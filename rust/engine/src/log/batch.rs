//! A record batch from the requests that wait for the writer.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Float64Builder, StringBuilder, TimestampMicrosecondBuilder, UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;

use super::columns::{self, Part};
use super::layout::{Column, FIXED, Origin};
use super::policy::{Cover, Policy};
use super::{Layout, Record, RowRole};

/// Encodes records, all of one endpoint and contract. `gap` is how many rows were dropped before the first. A text
/// column that meets a string that is no UTF-8 becomes a binary one in `layout`.
pub(crate) fn encode(records: &[Record], layout: &mut Layout, gap: u64) -> Result<RecordBatch, ArrowError> {
    let rows = records.iter().map(Record::rows).sum();
    let mut arrays = Fixed::build(records, &layout.policy, rows, gap);
    arrays.insert(FIXED - 3, columns::score(&scores(records, layout)));
    let mut index = 0;
    while let Some(column) = layout.columns.get(index) {
        match contract_column(records, column) {
            Ok(array) => {
                arrays.push(array);
                index += 1;
            }
            Err(columns::NotText) => layout.make_binary(index),
        }
    }
    RecordBatch::try_new(Arc::clone(&layout.schema), arrays)
}

fn contract_column(records: &[Record], column: &Column) -> Result<ArrayRef, columns::NotText> {
    let mut parts: Vec<_> = records.iter().map(|record| part(record, column.origin)).collect();
    match &column.cover {
        Some(Cover::Drop) => parts.iter_mut().for_each(|part| part.data = None),
        Some(Cover::Hash(salt)) => return Ok(columns::hashed(salt, &parts)),
        Some(Cover::Truncate(length)) => return columns::truncated(*length, column.binary, &parts),
        None => {}
    }
    match column.origin {
        Origin::List(_) => columns::lists(column.datatype, column.binary, &parts),
        _ => columns::scalars(column.datatype, column.binary, &parts),
    }
}

fn scores<'a>(records: &'a [Record], layout: &Layout) -> Vec<Part<'a>> {
    let of = |record: &'a Record| match layout.score {
        Some((output, column)) => part(record, Origin::Output { output, column }),
        None => Part { data: None, offset: 0, stride: 1, rows: record.rows() },
    };
    records.iter().map(of).collect()
}

/// A record's share of a column. A shadow row leaves inputs and context to the answer's row.
fn part(record: &Record, origin: Origin) -> Part<'_> {
    let rows = record.rows();
    let batch = (record.role == RowRole::Answer).then_some(&record.request.batch);
    let (data, offset) = match origin {
        Origin::Input { input, column } => {
            (batch.and_then(|batch| batch.inputs.get(input)).map(|tensor| &tensor.data), column)
        }
        Origin::Context(index) => {
            (batch.and_then(|batch| batch.context.get(index)).and_then(Option::as_ref), 0)
        }
        Origin::Output { output, column } => (record.outputs.get(output).map(|tensor| &tensor.data), column),
        Origin::List(output) => (record.outputs.get(output).map(|tensor| &tensor.data), 0),
    };
    // Row-major, so that the stride is the width; tensors were checked when they came.
    let stride = data.map_or(1, |data| data.len() / rows.max(1)).max(1);
    Part { data, offset, stride, rows }
}

/// The columns that every log has, without the score.
struct Fixed {
    id: StringBuilder,
    row: UInt32Builder,
    role: StringBuilder,
    model: StringBuilder,
    version: StringBuilder,
    variant: StringBuilder,
    route: StringBuilder,
    sticky: BooleanBuilder,
    generation: UInt64Builder,
    client_id: StringBuilder,
    principal: StringBuilder,
    key: StringBuilder,
    event_time: TimestampMicrosecondBuilder,
    received_at: TimestampMicrosecondBuilder,
    gap: UInt64Builder,
    sample: Float64Builder,
}

impl Fixed {
    fn build(records: &[Record], policy: &Policy, rows: usize, gap: u64) -> Vec<ArrayRef> {
        let mut fixed = Self::with_capacity(rows);
        for record in records {
            fixed.push(record, policy);
        }
        fixed.sample.append_value_n(policy.sample, rows);
        for row in 0..rows {
            fixed.gap.append_value(if row == 0 { gap } else { 0 });
        }
        fixed.finish()
    }

    fn with_capacity(rows: usize) -> Self {
        let text = |width: usize| StringBuilder::with_capacity(rows, rows * width);
        let time = || TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC");
        Self {
            id: text(36),
            row: UInt32Builder::with_capacity(rows),
            role: text(6),
            model: text(16),
            version: text(4),
            variant: text(71),
            route: text(6),
            sticky: BooleanBuilder::with_capacity(rows),
            generation: UInt64Builder::with_capacity(rows),
            client_id: text(0),
            principal: text(8),
            key: text(8),
            event_time: time(),
            received_at: time(),
            gap: UInt64Builder::with_capacity(rows),
            sample: Float64Builder::with_capacity(rows),
        }
    }

    fn push(&mut self, record: &Record, policy: &Policy) {
        let request = &*record.request;
        let (key, client_id) = (request.key.as_deref(), request.client_id.as_deref());
        let masked_key = covered(policy.key.as_ref(), key);
        let masked_id = covered(policy.client_id.as_ref(), client_id);
        let mut buffer = uuid::Uuid::encode_buffer();
        let id = &*request.id.hyphenated().encode_lower(&mut buffer);
        for row in 0..record.rows() {
            self.id.append_value(id);
            self.row.append_value(row as u32);
            self.role.append_value(record.role.name());
            self.model.append_value(&*record.variant.model);
            self.version.append_value(&*record.variant.version);
            self.variant.append_value(&*record.variant.digest);
            self.route.append_value(request.route.name());
            self.sticky.append_value(request.sticky);
            self.generation.append_value(request.endpoint.generation);
            self.client_id.append_option(masked_id.as_deref());
            self.principal.append_value(&*request.principal);
            self.key.append_option(masked_key.as_deref());
            self.event_time.append_value(request.event_time);
            self.received_at.append_value(request.received_at);
        }
    }

    fn finish(mut self) -> Vec<ArrayRef> {
        vec![
            Arc::new(self.id.finish()),
            Arc::new(self.row.finish()),
            Arc::new(self.role.finish()),
            Arc::new(self.model.finish()),
            Arc::new(self.version.finish()),
            Arc::new(self.variant.finish()),
            Arc::new(self.route.finish()),
            Arc::new(self.sticky.finish()),
            Arc::new(self.generation.finish()),
            Arc::new(self.client_id.finish()),
            Arc::new(self.principal.finish()),
            Arc::new(self.key.finish()),
            Arc::new(self.event_time.finish()),
            Arc::new(self.received_at.finish()),
            Arc::new(self.gap.finish()),
            Arc::new(self.sample.finish()),
        ]
    }
}

fn covered<'a>(cover: Option<&Cover>, value: Option<&'a str>) -> Option<Cow<'a, str>> {
    match cover {
        None => value.map(Cow::Borrowed),
        Some(cover) => value.and_then(|value| cover.text(value)).map(Cow::Owned),
    }
}
