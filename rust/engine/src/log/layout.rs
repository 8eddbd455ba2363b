//! The columns of an endpoint's prediction log, made from its contract.

use std::sync::Arc;

use arrow_schema::{DataType as Arrow, Field, Schema, SchemaRef, TimeUnit};
use tidegate_model::{Contract, DataType};

use super::policy::{Cover, Policy};
use crate::plan::score_position;

/// Columns that every log has, before those of the contract.
pub(super) const FIXED: usize = 17;

/// Where a column of the contract's part comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// Column `column` of input `input`.
    Input { input: usize, column: usize },
    /// A context column.
    Context(usize),
    /// Column `column` of output `output`.
    Output { output: usize, column: usize },
    /// All values of an output whose width the contract leaves open, as a list.
    List(usize),
}

/// One column of the contract's part.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) datatype: DataType,
    /// Whether strings are kept as bytes, because one came that is not UTF-8.
    pub(super) binary: bool,
    /// What stands in the place of its values.
    pub(super) cover: Option<Cover>,
}

/// The log's columns: [`FIXED`] ones, then `input.*`, `context.*`, `output.*`.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(super) schema: SchemaRef,
    pub(super) columns: Vec<Column>,
    /// The output and the column of the score.
    pub(super) score: Option<(usize, usize)>,
    pub(super) policy: Policy,
}

impl Layout {
    /// The layout of a contract under a policy.
    pub(crate) fn new(contract: &Contract, policy: &Policy) -> Self {
        let columns: Vec<_> =
            inputs(contract, policy).chain(context(contract, policy)).chain(outputs(contract)).collect();
        let (schema, score) = (schema(&columns), score_position(contract));
        Self { schema, columns, score, policy: policy.clone() }
    }

    /// From now on keeps a string column as bytes. The schema changes, so that the next batch begins a new segment.
    pub(crate) fn make_binary(&mut self, column: usize) {
        if let Some(column) = self.columns.get_mut(column) {
            column.binary = true;
        }
        self.schema = schema(&self.columns);
    }
}

fn inputs(contract: &Contract, policy: &Policy) -> impl Iterator<Item = Column> {
    contract.inputs.iter().enumerate().flat_map(move |(input, spec)| {
        spec.columns.iter().enumerate().map(move |(column, name)| Column {
            name: format!("input.{name}"),
            origin: Origin::Input { input, column },
            datatype: spec.datatype,
            binary: false,
            cover: policy.cover(name).cloned(),
        })
    })
}

fn context(contract: &Contract, policy: &Policy) -> impl Iterator<Item = Column> {
    contract.context.iter().enumerate().map(move |(index, spec)| Column {
        name: format!("context.{}", spec.name),
        origin: Origin::Context(index),
        datatype: spec.datatype,
        binary: false,
        cover: policy.cover(&spec.name).cloned(),
    })
}

fn outputs(contract: &Contract) -> impl Iterator<Item = Column> {
    contract.outputs.iter().enumerate().flat_map(|(output, spec)| {
        let one = |name: String, origin| Column {
            name,
            origin,
            datatype: spec.datatype,
            binary: false,
            cover: None,
        };
        match spec.shape[..] {
            [_] => vec![one(format!("output.{}", spec.name), Origin::Output { output, column: 0 })],
            [_, width] if width > 0 => (0..usize::try_from(width).unwrap_or(0))
                .map(|column| {
                    one(format!("output.{}.{column}", spec.name), Origin::Output { output, column })
                })
                .collect(),
            _ => vec![one(format!("output.{}", spec.name), Origin::List(output))],
        }
    })
}

fn schema(columns: &[Column]) -> SchemaRef {
    let time = || Arrow::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut fields = vec![
        Field::new("prediction_id", Arrow::Utf8, false),
        Field::new("row", Arrow::UInt32, false),
        Field::new("role", Arrow::Utf8, false),
        Field::new("model", Arrow::Utf8, false),
        Field::new("version", Arrow::Utf8, false),
        Field::new("variant", Arrow::Utf8, false),
        Field::new("route", Arrow::Utf8, false),
        Field::new("sticky", Arrow::Boolean, false),
        Field::new("generation", Arrow::UInt64, false),
        Field::new("client_id", Arrow::Utf8, true),
        Field::new("principal", Arrow::Utf8, false),
        Field::new("key", Arrow::Utf8, true),
        Field::new("event_time", time(), false),
        Field::new("received_at", time(), false),
        Field::new("score", Arrow::Float64, true),
        Field::new("gap", Arrow::UInt64, false),
        Field::new("sample", Arrow::Float64, false),
    ];
    fields.extend(columns.iter().map(|column| Field::new(&column.name, arrow_type(column), true)));
    Arc::new(Schema::new(fields))
}

fn arrow_type(column: &Column) -> Arrow {
    let bytes = if column.binary { Arrow::Binary } else { Arrow::Utf8 };
    if matches!(column.cover, Some(Cover::Hash(_))) {
        return Arrow::Utf8;
    }
    match (column.origin, column.datatype) {
        (Origin::List(_), DataType::Bytes) => list(bytes),
        (Origin::List(_), _) => list(Arrow::Float64),
        (_, DataType::Bool) => Arrow::Boolean,
        (_, DataType::Uint8) => Arrow::UInt8,
        (_, DataType::Uint16) => Arrow::UInt16,
        (_, DataType::Uint32) => Arrow::UInt32,
        (_, DataType::Uint64) => Arrow::UInt64,
        (_, DataType::Int8) => Arrow::Int8,
        (_, DataType::Int16) => Arrow::Int16,
        (_, DataType::Int32) => Arrow::Int32,
        (_, DataType::Int64) => Arrow::Int64,
        // Exact in single precision, which every reader knows.
        (_, DataType::Fp16 | DataType::Fp32) => Arrow::Float32,
        (_, DataType::Fp64) => Arrow::Float64,
        (_, DataType::Bytes) => bytes,
    }
}

fn list(item: Arrow) -> Arrow {
    Arrow::List(Arc::new(Field::new_list_field(item, true)))
}
