//! One growing file: an Arrow IPC stream, a batch at a time, whole or cut.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, SchemaRef};

use crate::disk::{Disk, SegmentFile};

/// A segment that is open for writing.
pub(crate) struct Segment {
    file: Box<dyn SegmentFile>,
    path: PathBuf,
    schema: SchemaRef,
    encoder: StreamWriter<Vec<u8>>,
    opened_at: i64,
    /// Length of the schema and all whole batches.
    bytes: u64,
    /// Length that is known to be on the disk.
    synced: u64,
}

impl Segment {
    /// A new file. Nothing is written before the first batch, so that a file never holds less than a schema.
    pub(crate) fn create(disk: &dyn Disk, path: PathBuf, schema: &SchemaRef, now: i64) -> io::Result<Self> {
        let encoder = StreamWriter::try_new(Vec::new(), schema).map_err(arrow_error)?;
        let file = disk.create(&path)?;
        Ok(Self { file, path, schema: Arc::clone(schema), encoder, opened_at: now, bytes: 0, synced: 0 })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    pub(crate) fn unsynced(&self) -> u64 {
        self.bytes - self.synced
    }

    pub(crate) fn opened_at(&self) -> i64 {
        self.opened_at
    }

    pub(crate) fn has_schema(&self, schema: &SchemaRef) -> bool {
        Arc::ptr_eq(&self.schema, schema) || self.schema == *schema
    }

    /// Appends a batch in one write; after an error the file is cut back to its last whole batch.
    pub(crate) fn append(&mut self, batch: &RecordBatch) -> io::Result<()> {
        self.encoder.write(batch).map_err(arrow_error)?;
        self.write_encoded()
    }

    /// Forces everything to the disk. After an error this file must not be synced again: the system may have dropped
    /// the pages, and the next call would succeed without them.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        self.file.sync()?;
        self.synced = self.bytes;
        Ok(())
    }

    /// Writes the end-of-stream mark and syncs.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.encoder.finish().map_err(arrow_error)?;
        self.write_encoded()?;
        self.sync()
    }

    /// Cuts what is not known to be on the disk, once it stands elsewhere.
    pub(crate) fn cut_unsynced(&mut self) -> io::Result<()> {
        self.file.truncate(self.synced)
    }

    fn write_encoded(&mut self) -> io::Result<()> {
        let encoded = std::mem::take(self.encoder.get_mut());
        if let Err(error) = self.file.append(&encoded) {
            // The first error is the one that counts; a tail that stays is cut at the next start.
            let _ = self.file.truncate(self.bytes);
            return Err(error);
        }
        self.bytes += encoded.len() as u64;
        Ok(())
    }
}

impl fmt::Debug for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Segment")
            .field("path", &self.path)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

fn arrow_error(error: ArrowError) -> io::Error {
    match error {
        ArrowError::IoError(_, error) => error,
        other => io::Error::other(other),
    }
}
