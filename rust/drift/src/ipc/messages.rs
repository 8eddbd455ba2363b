//! Record batches out of Arrow IPC bytes that may be damaged.
//!
//! The Arrow library checks what arrays hold, but trusts what a message says about its own size and panics when that
//! is wrong. So frames and sizes are checked here, before it sees them.

use std::collections::HashMap;

use arrow_array::RecordBatch;
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::RecordBatchDecoder;
use arrow_ipc::{Endianness, Message, root_as_footer, root_as_message};
use arrow_schema::{DataType, Schema, SchemaRef};

use super::columns::Problem;

const MAGIC: &[u8] = b"ARROW1";
const CONTINUATION: u32 = u32::MAX;

/// The batches of an Arrow IPC file of this schema.
pub(crate) fn read_file(bytes: &[u8], schema: &SchemaRef) -> Result<Vec<RecordBatch>, Problem> {
    let content = bytes.strip_suffix(MAGIC).filter(|content| content.starts_with(MAGIC));
    let content = content.ok_or("expected an Arrow IPC file, which starts and ends with ARROW1")?;
    let (content, length) = content.split_last_chunk().ok_or("expected the footer's length")?;
    let start = usize::try_from(i32::from_le_bytes(*length))
        .ok()
        .and_then(|length| content.len().checked_sub(length));
    let start = start.ok_or("footer: expected its length within the file")?;
    let (content, footer) = content.split_at(start);
    let footer = root_as_footer(footer).map_err(|error| format!("footer: {error}"))?;
    check_schema(footer.schema().ok_or("footer: expected a schema")?, schema)?;
    let mut batches = Vec::new();
    for block in footer.recordBatches().into_iter().flatten() {
        let mut rest =
            usize::try_from(block.offset()).ok().and_then(|offset| content.get(offset..)).unwrap_or_default();
        let (message, body) =
            next(&mut rest)?.ok_or("expected a record batch, got the end-of-stream mark")?;
        batches.push(batch(&message, body, schema)?);
    }
    Ok(batches)
}

/// The batches of an Arrow IPC stream of this schema.
pub(crate) fn read_stream(bytes: &[u8], schema: &SchemaRef) -> Result<Vec<RecordBatch>, Problem> {
    let mut rest = bytes;
    let (head, _) = next(&mut rest)?.ok_or("expected a schema, got the end")?;
    check_schema(head.header_as_schema().ok_or("expected a schema as the first message")?, schema)?;
    let mut batches = Vec::new();
    while let Some((message, body)) = next(&mut rest)? {
        batches.push(batch(&message, body, schema)?);
    }
    if rest.is_empty() {
        Ok(batches)
    } else {
        Err(format!("expected the end, got {} bytes more", rest.len()))
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

fn check_schema(got: arrow_ipc::Schema<'_>, expected: &Schema) -> Result<(), Problem> {
    if got.endianness() != Endianness::Little {
        return Err("expected little-endian data".to_owned());
    }
    let schema = try_fb_to_schema(got).map_err(|error| format!("schema: {error}"))?;
    let format = |schema: &Schema| schema.metadata().get("tidegate.format").cloned().unwrap_or_default();
    let (want, got) = (format(expected), format(&schema));
    if got != want {
        return Err(format!("metadata tidegate.format: expected `{want}`, got `{got}`"));
    }
    if schema.fields() != expected.fields() {
        return Err(format!("columns: expected {}, got {}", names(expected), names(&schema)));
    }
    Ok(())
}

fn names(schema: &Schema) -> String {
    let fields = schema.fields().iter().map(|field| format!("{}: {}", field.name(), field.data_type()));
    fields.collect::<Vec<_>>().join(", ")
}

fn batch(message: &Message<'_>, body: &[u8], schema: &SchemaRef) -> Result<RecordBatch, Problem> {
    let batch = message.header_as_record_batch().ok_or("expected a record batch")?;
    if batch.compression().is_some() {
        return Err("expected buffers without compression".to_owned());
    }
    let nodes = batch.nodes().ok_or("expected field nodes")?;
    let buffers = batch.buffers().ok_or("expected buffers")?;
    let types = || schema.fields().iter().map(|field| field.data_type());
    let widths: Vec<u64> = types().flat_map(buffer_widths).collect();
    if nodes.len() != types().map(count_nodes).sum() || buffers.len() != widths.len() {
        return Err("expected as many field nodes and buffers as the columns need".to_owned());
    }
    let bytes = body.len() as u64;
    // Every value of our columns takes at least a bit, so that no honest length is above this.
    let honest = |length: i64| u64::try_from(length).is_ok_and(|length| length <= bytes.saturating_mul(8));
    if !honest(batch.length())
        || nodes.iter().any(|n| !honest(n.length()) || !(0..=n.length()).contains(&n.null_count()))
    {
        return Err("lengths: expected no more values than the body has room for".to_owned());
    }
    for (buffer, width) in buffers.iter().zip(widths) {
        let (offset, length) = (u64::try_from(buffer.offset()), u64::try_from(buffer.length()));
        let fits = offset.ok().zip(length.ok()).is_some_and(|(offset, length)| {
            let whole = offset.is_multiple_of(8) && length.is_multiple_of(width);
            whole && offset.checked_add(length).is_some_and(|end| end <= bytes)
        });
        if !fits {
            return Err("buffers: expected each within the body, aligned and of whole values".to_owned());
        }
    }
    let (body, dictionaries) = (Buffer::from(body), HashMap::new());
    RecordBatchDecoder::try_new(&body, batch, schema.clone(), &dictionaries, &message.version())
        .and_then(RecordBatchDecoder::read_record_batch)
        .map_err(|error| format!("record batch: {error}"))
}

/// Field nodes of a column: its own, and those of its items.
fn count_nodes(datatype: &DataType) -> usize {
    if let DataType::List(item) = datatype { 1 + count_nodes(item.data_type()) } else { 1 }
}

/// Bytes per value of each buffer of a column: validity, then offsets where values differ in length, then values.
fn buffer_widths(datatype: &DataType) -> Vec<u64> {
    match datatype {
        DataType::List(item) => [vec![1, 4], buffer_widths(item.data_type())].concat(),
        DataType::Utf8 | DataType::Binary => vec![1, 4, 1],
        DataType::UInt64 | DataType::Float64 => vec![1, 8],
        _ => vec![1, 1],
    }
}
