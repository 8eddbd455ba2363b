//! What an engine is built with.

use std::path::PathBuf;
use std::time::Duration;

/// Settings of an engine; [`EngineConfig::new`] gives the defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// The home; `predictions/`, `labels/` and `drift/` are made in it.
    pub home: PathBuf,
    /// How many transport threads score; worker indexes run from 0 to `workers - 1`.
    pub workers: usize,
    /// The spools.
    pub log: LogConfig,
    /// Threads that score what is too slow for a transport's thread.
    pub lanes: usize,
    /// Requests that may be on lanes at once, waiting or running.
    pub lane_requests: usize,
    /// Bytes that the outputs of one run may have.
    pub output_limit: usize,
    /// Mirrored requests that may wait for the shadow thread before new ones are dropped.
    pub shadow_queue: usize,
    /// Most bytes that the drift counters of a deployment may take; known before they are made.
    pub counter_bytes: u64,
    /// Rows after which a drift pane may close.
    pub pane_rows: u64,
    /// Seconds of event time after which a drift pane may close.
    pub pane_seconds: u64,
}

impl EngineConfig {
    /// The defaults for a home and a number of transport threads.
    #[must_use]
    pub fn new(home: impl Into<PathBuf>, workers: usize) -> Self {
        Self {
            home: home.into(),
            workers,
            log: LogConfig::default(),
            lanes: std::thread::available_parallelism()
                .map_or(1, |cores| cores.get().saturating_sub(1).max(1)),
            lane_requests: 2048,
            output_limit: 64 << 20,
            shadow_queue: 1024,
            counter_bytes: 2 << 30,
            pane_rows: 1000,
            pane_seconds: 60,
        }
    }
}

/// Settings of the prediction log, the label log and the pane log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogConfig {
    /// Requests that may wait for the writer; the newest beyond it is dropped and counted.
    pub ring_records: usize,
    /// Bytes that may wait for the writer.
    pub ring_bytes: usize,
    /// Rows after which a record batch is written.
    pub batch_rows: usize,
    /// Time after which a record batch is written, however small.
    pub batch_interval: Duration,
    /// When predictions are forced to the disk. Labels always are, before they are acknowledged.
    pub fsync: Fsync,
    /// Bytes after which a segment is closed.
    pub segment_bytes: u64,
    /// Age after which a segment is closed.
    pub segment_age: Duration,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            ring_records: 8192,
            ring_bytes: 16 << 20,
            batch_rows: 4096,
            batch_interval: Duration::from_millis(250),
            fsync: Fsync::Group,
            segment_bytes: 64 << 20,
            segment_age: Duration::from_hours(1),
        }
    }
}

/// When the prediction log is forced to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// Never; the operating system decides.
    Os,
    /// Every second or every MiB, whichever comes first.
    Group,
    /// After every record batch.
    Durable,
}
