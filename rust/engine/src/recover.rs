//! How much of a growing Arrow IPC stream is whole, and cutting what is not.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use arrow_ipc::{MessageHeader, root_as_message};

/// Marks the length of each message's metadata.
const CONTINUATION: [u8; 4] = [0xff; 4];

/// The whole part of a segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Length of the schema and all whole record batches; 0 when not even the schema is whole.
    pub bytes: u64,
    /// Rows in those batches.
    pub rows: u64,
}

/// Reads the frames of a segment and says where the last whole record batch ends. Changes nothing.
///
/// # Errors
/// The file can't be read, or is not the beginning of an Arrow IPC stream.
pub fn recover(path: &Path) -> io::Result<Recovered> {
    let file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut reader = BufReader::new(file);
    let mut whole = Recovered::default();
    while let Some(frame) = next_frame(&mut reader, whole.bytes, length)? {
        whole.bytes += frame.bytes;
        whole.rows += frame.rows;
        if frame.last {
            break;
        }
        reader.seek_relative(i64::try_from(frame.body).unwrap_or(i64::MAX))?;
    }
    if whole.bytes == 0 && length >= 4 {
        reader.seek(SeekFrom::Start(0))?;
        let mut start = [0; 4];
        reader.read_exact(&mut start)?;
        if start != CONTINUATION {
            let text = format!("{} is not an Arrow IPC stream", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
    }
    Ok(whole)
}

/// Cuts the torn tail of every segment in the folders of `spool` and says so in the log.
///
/// # Errors
/// A folder can't be read, or a tail can't be cut. A file that is no segment is named in the log and left alone.
pub(crate) fn cut_torn_tails(spool: &Path) -> io::Result<()> {
    for path in segments(spool)? {
        let whole = match recover(&path) {
            Ok(whole) => whole,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                tracing::error!(file = %path.display(), "not an Arrow IPC stream; left alone");
                continue;
            }
            Err(error) => return Err(error),
        };
        let length = std::fs::metadata(&path)?.len();
        if whole.bytes == 0 {
            std::fs::remove_file(&path)?;
            tracing::warn!(file = %path.display(), bytes = length, "removed a segment without a whole schema");
        } else if whole.bytes < length {
            let file = File::options().write(true).open(&path)?;
            file.set_len(whole.bytes)?;
            file.sync_all()?;
            let cut = length - whole.bytes;
            tracing::warn!(file = %path.display(), bytes = cut, rows_kept = whole.rows, "cut a torn tail");
        }
    }
    Ok(())
}

struct Frame {
    /// Bytes of the whole frame.
    bytes: u64,
    /// Bytes of its body, which the reader has not read.
    body: u64,
    rows: u64,
    last: bool,
}

/// The frame that begins at `start`, or nothing when it is torn.
fn next_frame(reader: &mut BufReader<File>, start: u64, length: u64) -> io::Result<Option<Frame>> {
    if start + 8 > length {
        return Ok(None);
    }
    let mut prefix = [0; 8];
    reader.read_exact(&mut prefix)?;
    let [a, b, c, d, size @ ..] = prefix;
    let size = u64::from(u32::from_le_bytes(size));
    if [a, b, c, d] != CONTINUATION || start + 8 + size > length {
        return Ok(None);
    }
    if size == 0 {
        return Ok(Some(Frame { bytes: 8, body: 0, rows: 0, last: true }));
    }
    let mut metadata = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
    reader.read_exact(&mut metadata)?;
    let Ok(message) = root_as_message(&metadata) else { return Ok(None) };
    let Ok(body) = u64::try_from(message.bodyLength()) else { return Ok(None) };
    // A stream begins with its schema, and has no other.
    if (message.header_type() == MessageHeader::Schema) != (start == 0) {
        return Ok(None);
    }
    let rows = message.header_as_record_batch().map_or(0, |batch| batch.length());
    let bytes = (8 + size).saturating_add(body);
    if start.saturating_add(bytes) > length {
        return Ok(None);
    }
    Ok(Some(Frame { bytes, body, rows: u64::try_from(rows).unwrap_or_default(), last: false }))
}

/// All `*.arrows` files one folder below `spool`.
fn segments(spool: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for endpoint in std::fs::read_dir(spool)? {
        let endpoint = endpoint?.path();
        if !endpoint.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(endpoint)? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "arrows") {
                found.push(path);
            }
        }
    }
    Ok(found)
}
