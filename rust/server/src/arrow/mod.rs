//! Rows as Arrow IPC streams: named columns in, columns of predictions out. Neither transport is known here.

mod column;
mod decode;
mod encode;
mod frames;
mod number;

pub(crate) use decode::{decode, of_batches};
pub(crate) use encode::encode;

/// The media type of an Arrow IPC stream.
pub(crate) const MEDIA: &str = "application/vnd.apache.arrow.stream";

/// Why bytes are refused, in words.
type Problem = String;
