//! A folder of segments: append a batch, and it stands in the newest one.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::disk::Disk;
use crate::segment::Segment;

/// When a segment is closed and the next one begun.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rotation {
    pub(crate) bytes: u64,
    pub(crate) age: Duration,
}

/// The segments of one kind and endpoint, of which the newest is open.
#[derive(Debug)]
pub(crate) struct Spool {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    rotation: Rotation,
    /// Whether batches are kept until they are synced, so that they can be written again.
    keeps: bool,
    segment: Option<Segment>,
    unsynced: Vec<RecordBatch>,
    errors: u64,
}

impl Spool {
    /// A spool that opens its first segment with its first batch.
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: PathBuf, rotation: Rotation, keeps: bool) -> Self {
        Self { disk, folder, rotation, keeps, segment: None, unsynced: Vec::new(), errors: 0 }
    }

    /// Bytes written since the last sync.
    pub(crate) fn unsynced(&self) -> u64 {
        self.segment.as_ref().map_or(0, Segment::unsynced)
    }

    /// Failed writes and syncs since the last call.
    pub(crate) fn take_errors(&mut self) -> u64 {
        std::mem::take(&mut self.errors)
    }

    /// Appends a batch; where a segment fails, to a new one. After an error the batch is nowhere.
    pub(crate) fn append(&mut self, batch: &RecordBatch, now: i64) -> io::Result<()> {
        self.rotate(batch, now);
        if let Err(error) = self.append_once(batch, now) {
            self.replace(Fault::Write, &error, now)?;
            self.append_or_leave(batch, now)?;
        }
        if self.keeps {
            self.unsynced.push(batch.clone());
        }
        Ok(())
    }

    /// Forces everything to the disk. A failed file is never synced again: what it may have lost goes to a new one.
    pub(crate) fn sync(&mut self, now: i64) -> io::Result<()> {
        let Some(segment) = self.segment.as_mut() else { return Ok(()) };
        if segment.unsynced() == 0 {
            return Ok(());
        }
        match segment.sync() {
            Ok(()) => self.unsynced.clear(),
            Err(error) => self.replace(Fault::Sync, &error, now)?,
        }
        Ok(())
    }

    /// Closes the open segment: sync, end mark.
    pub(crate) fn finish(&mut self, now: i64) -> io::Result<()> {
        self.sync(now)?;
        match self.segment.take() {
            Some(mut segment) => segment.finish().inspect_err(|_| self.errors += 1),
            None => Ok(()),
        }
    }

    fn rotate(&mut self, batch: &RecordBatch, now: i64) {
        let Some(segment) = &self.segment else { return };
        let age = u64::try_from(now.saturating_sub(segment.opened_at())).unwrap_or(0);
        let old = Duration::from_micros(age) >= self.rotation.age;
        if segment.has_schema(&batch.schema()) && segment.bytes() < self.rotation.bytes && !old {
            return;
        }
        if let Err(error) = self.finish(now) {
            tracing::error!(folder = %self.folder.display(), %error, "a segment was not closed in order");
            self.segment = None;
        }
    }

    fn append_once(&mut self, batch: &RecordBatch, now: i64) -> io::Result<()> {
        let segment = if let Some(segment) = self.segment.as_mut() {
            segment
        } else {
            let segment = self.create(&batch.schema(), now)?;
            self.segment.insert(segment)
        };
        segment.append(batch)
    }

    /// A new segment; names that an earlier process of the same id took in the same second are passed over.
    fn create(&self, schema: &SchemaRef, now: i64) -> io::Result<Segment> {
        loop {
            let path = self.folder.join(segment_name(now));
            match Segment::create(&*self.disk, path, schema, now) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                created => return created,
            }
        }
    }

    /// Gives up the open segment, after writing what it may have lost to a new one.
    fn replace(&mut self, fault: Fault, error: &io::Error, now: i64) -> io::Result<()> {
        self.errors += 1;
        let Some(mut failed) = self.segment.take() else { return Ok(()) };
        let path = failed.path().display().to_string();
        tracing::error!(file = %path, %error, "{fault:?} failed; the segment is closed and the next one begun");
        let unsynced = std::mem::take(&mut self.unsynced);
        if unsynced.is_empty() || (fault == Fault::Write && failed.sync().is_ok()) {
            return Ok(());
        }
        self.rewrite(&unsynced, now)?;
        if let Err(error) = failed.cut_unsynced() {
            tracing::error!(file = %path, %error, "rows stand in two segments");
        }
        Ok(())
    }

    fn rewrite(&mut self, batches: &[RecordBatch], now: i64) -> io::Result<()> {
        for batch in batches {
            self.append_or_leave(batch, now)?;
        }
        let synced = self.segment.as_mut().map_or(Ok(()), Segment::sync);
        synced.inspect_err(|_| self.leave())
    }

    fn append_or_leave(&mut self, batch: &RecordBatch, now: i64) -> io::Result<()> {
        self.append_once(batch, now).inspect_err(|_| self.leave())
    }

    /// Gives up the open segment as it is; a file that failed is not trusted with another batch.
    fn leave(&mut self) {
        self.errors += 1;
        self.segment = None;
    }
}

/// What a segment failed at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Write,
    Sync,
}

/// `<utc yyyymmddThhmmss>-<pid>-<n>.arrows`; `n` makes it unique within the process.
fn segment_name(now: i64) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{}-{n}.arrows", timestamp(now), std::process::id())
}

/// Microseconds since 1970 as `yyyymmddThhmmss` (days to date after Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", 2013).
fn timestamp(now: i64) -> String {
    let seconds = now.div_euclid(1_000_000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{:02}", second % 60)
}

#[cfg(test)]
#[path = "spool_tests.rs"]
mod tests;
