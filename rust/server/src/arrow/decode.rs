//! A stream of record batches into one checked batch: columns by name, one copy into the tensors.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use bytes::Bytes;
use half::f16;
use tidegate_model::{Batch, BatchBuilder, Contract, DataType, TensorData};

use super::column::Column;
use super::frames::{Stream, reads};
use crate::ErrorKind;
use crate::fault::Fault;
use crate::weave::interleave;

/// Reads the rows of all record batches in `body` as one request. The tensors may take `limit` bytes.
pub(crate) fn decode(contract: &Contract, body: &Bytes, limit: usize) -> Result<Batch, Fault> {
    let refused = |problem| Fault::invalid(format!("the body is not an Arrow IPC stream: {problem}"));
    let stream = Stream::open(body).map_err(refused)?;
    let schema = stream.schema.clone();
    Columns::of(contract, &schema)?;
    of_batches(contract, &schema, &stream.batches().map_err(refused)?, limit)
}

/// The rows of all record batches as one request. The tensors may take `limit` bytes.
pub(crate) fn of_batches(
    contract: &Contract,
    schema: &Schema,
    batches: &[RecordBatch],
    limit: usize,
) -> Result<Batch, Fault> {
    let columns = Columns::of(contract, schema)?;
    let rows = batches.iter().map(RecordBatch::num_rows).sum();
    let mut room = room(contract, rows, limit)?;
    let mut builder = BatchBuilder::new(contract);
    for (position, input) in contract.inputs.iter().enumerate() {
        let of_input: Vec<_> =
            input.columns.iter().filter_map(|name| columns.column(batches, name, input.datatype)).collect();
        let data = lay(&of_input, input.datatype, rows, input.missing.as_deref(), &mut room)?;
        let shape = [rows, input.width()];
        builder.add(position, &input.name, &shape[..input.shape.len()], data)?;
    }
    for context in &contract.context {
        let Some(column) = columns.column(batches, &context.name, context.datatype) else { continue };
        // As in JSON: null everywhere is a column that was left out, where no value can stand for null.
        if column.is_null() && !context.datatype.is_float() {
            continue;
        }
        let data = lay(&[column], context.datatype, rows, None, &mut room)?;
        builder.add(usize::MAX, &context.name, &[rows], data)?;
    }
    Ok(builder.finish()?)
}

/// Where each column of the contract stands in the stream.
struct Columns<'a>(HashMap<&'a str, usize>);

impl<'a> Columns<'a> {
    /// Refuses columns that are unknown, missing, doubled or of a type that is never read.
    fn of(contract: &'a Contract, schema: &'a Schema) -> Result<Self, Fault> {
        let features = || contract.inputs.iter().flat_map(|input| &input.columns);
        let context = || contract.context.iter().map(|spec| &spec.name);
        let mut places = HashMap::with_capacity(schema.fields().len());
        for (place, field) in schema.fields().iter().enumerate() {
            let shown: String = field.name().chars().take(80).collect();
            if !features().chain(context()).any(|name| name == field.name()) {
                let names: Vec<_> = features().chain(context()).map(String::as_str).collect();
                return Err(Fault::invalid(format!(
                    "unknown column '{shown}'; the endpoint takes: {}",
                    names.join(", ")
                )));
            }
            if places.insert(field.name().as_str(), place).is_some() {
                return Err(Fault::invalid(format!("column '{shown}' came twice")));
            }
            if !reads(field) {
                let datatype: String = field.data_type().to_string().chars().take(80).collect();
                return Err(Fault::invalid(format!(
                    "column '{shown}' is Arrow's {datatype}; numbers, booleans and strings are read"
                )));
            }
        }
        match features().find(|name| !places.contains_key(name.as_str())) {
            Some(name) => Err(Fault::invalid(format!("column '{name}' is missing"))),
            None => Ok(Self(places)),
        }
    }

    fn column<'b>(
        &self,
        batches: &'b [RecordBatch],
        name: &'b str,
        datatype: DataType,
    ) -> Option<Column<'b>> {
        let place = *self.0.get(name)?;
        Some(Column { name, pieces: batches.iter().map(|batch| batch.column(place)).collect(), datatype })
    }
}

/// What is left of `limit` bytes for strings, when everything of fixed size has its room.
fn room(contract: &Contract, rows: usize, limit: usize) -> Result<usize, Fault> {
    let size = |datatype: DataType| datatype.size().unwrap_or(size_of::<usize>());
    let inputs = contract.inputs.iter().map(|input| input.width() * size(input.datatype));
    let row: usize = inputs.chain(contract.context.iter().map(|spec| size(spec.datatype))).sum();
    rows.checked_mul(row).and_then(|bytes| limit.checked_sub(bytes)).ok_or_else(|| {
        let message = format!("the {rows} rows unpack to more than the limit of {limit} bytes");
        Fault::new(ErrorKind::TooLarge, message)
    })
}

fn lay(
    columns: &[Column<'_>],
    datatype: DataType,
    rows: usize,
    missing: Option<&str>,
    room: &mut usize,
) -> Result<TensorData, Fault> {
    let width = columns.len();
    macro_rules! numbers {
        ($type:ty) => {{
            let mut values = vec![<$type>::default(); rows * width];
            for (first, column) in columns.iter().enumerate() {
                column.lay(&mut values, first, width)?;
            }
            values
        }};
    }
    Ok(match datatype {
        DataType::Bool => {
            let mut values = vec![false; rows * width];
            for (first, column) in columns.iter().enumerate() {
                column.lay_booleans(&mut values, first, width)?;
            }
            TensorData::Bool(values)
        }
        DataType::Uint8 => TensorData::Uint8(numbers!(u8)),
        DataType::Uint16 => TensorData::Uint16(numbers!(u16)),
        DataType::Uint32 => TensorData::Uint32(numbers!(u32)),
        DataType::Uint64 => TensorData::Uint64(numbers!(u64)),
        DataType::Int8 => TensorData::Int8(numbers!(i8)),
        DataType::Int16 => TensorData::Int16(numbers!(i16)),
        DataType::Int32 => TensorData::Int32(numbers!(i32)),
        DataType::Int64 => TensorData::Int64(numbers!(i64)),
        DataType::Fp16 => TensorData::Fp16(numbers!(f16).into_iter().map(f16::to_bits).collect()),
        DataType::Fp32 => TensorData::Fp32(numbers!(f32)),
        DataType::Fp64 => TensorData::Fp64(numbers!(f64)),
        DataType::Bytes => {
            let strings = columns.iter().map(|column| column.strings(missing, room).map(TensorData::Bytes));
            interleave(strings.collect::<Result<_, _>>()?)
        }
    })
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
