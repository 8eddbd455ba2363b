//! Record batches out of an Arrow IPC stream that may say anything of itself.
//!
//! The Arrow library checks what arrays hold, but trusts what a message says about its own size and panics when that
//! is wrong. So frames and sizes are checked here, before it sees them. No buffer may lie over another, so that a
//! stream never holds more values than it has bits.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{RecordBatchDecoder, read_dictionary};
use arrow_ipc::{Endianness, Message, root_as_message};
use arrow_schema::{DataType, Field, SchemaRef};
use bytes::Bytes;

use super::Problem;

const CONTINUATION: u32 = u32::MAX;

/// A stream whose schema has been read.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    body: &'a Bytes,
    rest: &'a [u8],
    pub(super) schema: SchemaRef,
}

impl<'a> Stream<'a> {
    /// Reads the schema, and nothing behind it.
    pub(super) fn open(body: &'a Bytes) -> Result<Self, Problem> {
        if body.starts_with(b"ARROW1") {
            return Err("expected the stream format, got the file format".to_owned());
        }
        let mut rest = &body[..];
        let (head, _) = next(&mut rest)?.ok_or("expected a schema, got the end")?;
        let schema = head.header_as_schema().ok_or("expected a schema as the first message")?;
        if schema.endianness() != Endianness::Little {
            return Err("expected little-endian data".to_owned());
        }
        let schema = try_fb_to_schema(schema).map_err(|error| format!("schema: {error}"))?;
        Ok(Self { body, rest, schema: Arc::new(schema) })
    }

    /// Reads all batches. Every column must be of a type that [`reads`] knows.
    pub(super) fn batches(mut self) -> Result<Vec<RecordBatch>, Problem> {
        let mut batches = Vec::new();
        let mut dictionaries = HashMap::new();
        while let Some((message, body)) = self.next()? {
            if message.header_as_dictionary_batch().is_some() {
                self.dictionary(&message, body, &mut dictionaries)?;
            } else {
                batches.push(self.batch(&message, body, &dictionaries)?);
            }
        }
        Ok(batches)
    }

    /// The next message; `None` at the end-of-stream mark, or where the bytes end.
    fn next(&mut self) -> Result<Option<(Message<'a>, &'a [u8])>, Problem> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let message = next(&mut self.rest)?;
        match self.rest.len() {
            more if message.is_none() && more > 0 => Err(format!("expected the end, got {more} bytes more")),
            _ => Ok(message),
        }
    }

    fn dictionary(
        &self,
        message: &Message<'_>,
        body: &[u8],
        dictionaries: &mut HashMap<i64, ArrayRef>,
    ) -> Result<(), Problem> {
        let batch = message.header_as_dictionary_batch().ok_or("expected a dictionary")?;
        if batch.isDelta() {
            return Err("expected whole dictionaries, got a delta".to_owned());
        }
        #[expect(deprecated, reason = "the message names its column by this id alone")]
        let values = self.schema.fields_with_dict_id(batch.id()).into_iter().find_map(|field| {
            if let DataType::Dictionary(_, values) = field.data_type() { Some(&**values) } else { None }
        });
        let values = values.ok_or("expected the dictionary of a column")?;
        check(&batch.data().ok_or("dictionary: expected its values")?, body, &[values])?;
        read_dictionary(&self.buffer(body), batch, &self.schema, dictionaries, &message.version())
            .map_err(|error| format!("dictionary: {error}"))
    }

    fn batch(
        &self,
        message: &Message<'_>,
        body: &[u8],
        dictionaries: &HashMap<i64, ArrayRef>,
    ) -> Result<RecordBatch, Problem> {
        let batch = message.header_as_record_batch().ok_or("expected a record batch")?;
        let types: Vec<_> = self.schema.fields().iter().map(|field| field.data_type()).collect();
        check(&batch, body, &types)?;
        let schema = Arc::clone(&self.schema);
        let data = self.buffer(body);
        RecordBatchDecoder::try_new(&data, batch, schema, dictionaries, &message.version())
            .and_then(RecordBatchDecoder::read_record_batch)
            .map_err(|error| format!("record batch: {error}"))
    }

    /// A part of the body, shared with it.
    fn buffer(&self, part: &[u8]) -> Buffer {
        Buffer::from(self.body.slice_ref(part))
    }
}

/// Whether a column of this type is read at all.
pub(super) fn reads(field: &Field) -> bool {
    match field.data_type() {
        DataType::Dictionary(key, values) => key.is_dictionary_key_type() && is_text(values),
        flat => is_text(flat) || width(flat).is_some(),
    }
}

fn is_text(datatype: &DataType) -> bool {
    matches!(
        datatype,
        DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
    )
}

/// Bits of one value that is not text.
fn width(datatype: &DataType) -> Option<u64> {
    match datatype {
        DataType::Null => Some(0),
        DataType::Boolean => Some(1),
        DataType::Int8 | DataType::UInt8 => Some(8),
        DataType::Int16 | DataType::UInt16 | DataType::Float16 => Some(16),
        DataType::Int32 | DataType::UInt32 | DataType::Float32 => Some(32),
        DataType::Int64 | DataType::UInt64 | DataType::Float64 => Some(64),
        _ => None,
    }
}

/// Takes one message and its body off the front of `rest`; `None` at the end-of-stream mark.
fn next<'a>(rest: &mut &'a [u8]) -> Result<Option<(Message<'a>, &'a [u8])>, Problem> {
    if take_u32(rest)? != CONTINUATION {
        return Err("message: expected the continuation mark 0xffffffff".to_owned());
    }
    let length = take_u32(rest)?;
    if length == 0 {
        return Ok(None);
    }
    let metadata = take(rest, u64::from(length))?;
    let message = root_as_message(metadata).map_err(|error| format!("message: {error}"))?;
    let length =
        u64::try_from(message.bodyLength()).map_err(|_| "message body: expected no negative length")?;
    let body = take(rest, length)?;
    Ok(Some((message, body)))
}

fn take<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], Problem> {
    let split = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
    let (taken, left) = split.ok_or_else(|| format!("expected {length} bytes more, got {}", rest.len()))?;
    *rest = left;
    Ok(taken)
}

fn take_u32(rest: &mut &[u8]) -> Result<u32, Problem> {
    let (taken, left) =
        rest.split_first_chunk().ok_or("expected a message or the end-of-stream mark, got the end")?;
    *rest = left;
    Ok(u32::from_le_bytes(*taken))
}

/// Checks every size that a batch of these columns says of itself against the bytes that it has.
fn check(batch: &arrow_ipc::RecordBatch<'_>, body: &[u8], types: &[&DataType]) -> Result<(), Problem> {
    if batch.compression().is_some() {
        return Err("expected buffers without compression".to_owned());
    }
    let bytes = body.len() as u64;
    let nodes = batch.nodes().ok_or("expected field nodes")?;
    let same = |length: i64| length == batch.length();
    // A value takes at least a bit, but for columns of nulls alone; a stream of nothing else has no rows that count.
    let honest = u64::try_from(batch.length()).is_ok_and(|rows| rows <= bytes.saturating_mul(8));
    let nulls = |null_count: i64| (0..=batch.length()).contains(&null_count);
    let agree = nodes.iter().all(|node| same(node.length()) && nulls(node.null_count()));
    if nodes.len() != types.len() || !honest || !agree {
        return Err("lengths: expected one field node a column, and no more rows than the body has room for"
            .to_owned());
    }
    let mut end = 0;
    for buffer in batch.buffers().into_iter().flatten() {
        let range = u64::try_from(buffer.offset()).ok().zip(u64::try_from(buffer.length()).ok());
        let next = range.and_then(|(offset, length)| {
            let free = length == 0 || offset >= end;
            let next = offset.checked_add(length)?;
            (free && offset.is_multiple_of(8) && next <= bytes).then_some(end.max(next))
        });
        end = next.ok_or("buffers: expected each within the body, aligned and behind the one before it")?;
    }
    check_buffers(batch, types)
}

/// Checks that each column has its buffers, and that each is a whole number of values.
fn check_buffers(batch: &arrow_ipc::RecordBatch<'_>, types: &[&DataType]) -> Result<(), Problem> {
    let mut buffers = batch.buffers().into_iter().flatten();
    let mut views = batch.variadicBufferCounts().into_iter().flatten();
    for datatype in types {
        let whole: &[u64] = match datatype {
            DataType::Null => &[],
            DataType::Utf8 | DataType::Binary => &[1, 4, 1],
            DataType::LargeUtf8 | DataType::LargeBinary => &[1, 8, 1],
            DataType::Utf8View | DataType::BinaryView => &[1, 16],
            DataType::Dictionary(key, _) => &[1, width(key).unwrap_or(8) / 8],
            flat => &[1, width(flat).unwrap_or(8).max(8) / 8],
        };
        let mut next = |size: u64| {
            let length = buffers.next().map(|buffer| buffer.length().cast_unsigned());
            length.is_some_and(|length| length.is_multiple_of(size))
        };
        let mut fits = whole.iter().all(|size| next(*size));
        if matches!(datatype, DataType::Utf8View | DataType::BinaryView) {
            fits &= views.next().is_some_and(|count| (0..count).all(|_| next(1)));
        }
        if !fits {
            return Err("buffers: expected those of every column, of whole values".to_owned());
        }
    }
    match buffers.next() {
        Some(_) => Err("buffers: expected no more than the columns need".to_owned()),
        None => Ok(()),
    }
}
