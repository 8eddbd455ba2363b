//! The one thread that writes: predictions from the ring, labels, panes.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use arrow_array::RecordBatch;

use crate::disk::Disk;
use crate::labels::{Report, write_reports};
use crate::log::Record;
use crate::predictions::Predictions;
use crate::ring::Popper;
use crate::shared::Shared;
use crate::spool::{Rotation, Spool};
use crate::{Fsync, LogConfig};

/// What the writer is asked for, besides predictions.
pub(crate) enum Command {
    /// Labels, to be synced before they are acknowledged.
    Labels(Report),
    /// A closed pane of an endpoint.
    Pane { endpoint: String, batch: RecordBatch },
    /// Answer when everything queued before is written.
    Flush(Sender<()>),
    /// Write, sync and close everything; answer whether all of it worked; end.
    Stop(Sender<bool>),
}

/// How often the `group` policy syncs at least.
const GROUP_INTERVAL: Duration = Duration::from_secs(1);
/// How many unsynced bytes the `group` policy allows.
const GROUP_BYTES: u64 = 1 << 20;

/// The writer's own state.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    records: Popper<Record>,
    commands: Receiver<Command>,
    spools: Spools,
    predictions: HashMap<String, Predictions>,
    labels: HashMap<String, Spool>,
    panes: HashMap<String, Spool>,
    next_write: Instant,
    next_sync: Instant,
}

/// Makes spools.
#[derive(Debug)]
pub(crate) struct Spools {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) home: std::path::PathBuf,
    pub(crate) log: LogConfig,
}

impl Spools {
    pub(crate) fn make(&self, kind: &str, endpoint: &str) -> Spool {
        let rotation = Rotation { bytes: self.log.segment_bytes, age: self.log.segment_age };
        let keeps = kind == "labels" || self.log.fsync != Fsync::Os;
        Spool::new(Arc::clone(&self.disk), self.home.join(kind).join(endpoint), rotation, keeps)
    }
}

/// What a turn has to do besides writing what is due.
#[derive(Default)]
struct Orders {
    reports: Vec<Report>,
    panes: Vec<(String, RecordBatch)>,
    flushes: Vec<Sender<()>>,
    stop: Option<Sender<bool>>,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        records: Popper<Record>,
        commands: Receiver<Command>,
        disk: Arc<dyn Disk>,
    ) -> Self {
        let now = Instant::now();
        let (home, log) = (shared.config.home.clone(), shared.config.log.clone());
        let next_write = now + log.batch_interval;
        Self {
            shared,
            records,
            commands,
            spools: Spools { disk, home, log },
            predictions: HashMap::new(),
            labels: HashMap::new(),
            panes: HashMap::new(),
            next_write,
            next_sync: now + GROUP_INTERVAL,
        }
    }

    /// Runs until stopped. A panic costs what was waiting, and is counted; the thread lives on.
    pub(crate) fn run(mut self) {
        self.records.attach();
        loop {
            match catch_unwind(AssertUnwindSafe(|| self.turn())) {
                Ok(true) => return,
                Ok(false) => {
                    std::thread::park_timeout(self.next_write.saturating_duration_since(Instant::now()));
                }
                Err(_panic) => self.recover(),
            }
        }
    }

    /// One round; whether it was the last.
    fn turn(&mut self) -> bool {
        // Commands before the ring, so that a flush covers every record that was queued before it.
        let orders = self.read_commands();
        let now = self.shared.clock.now_us();
        self.pull(now);
        self.write_panes(orders.panes, now);
        let moment = Instant::now();
        let asked = !orders.flushes.is_empty() || orders.stop.is_some();
        if asked || moment >= self.next_write || self.records.pressed() {
            self.write_waiting(now);
            self.next_write = moment + self.spools.log.batch_interval;
        }
        self.sync(now, moment);
        let spool = |endpoint: &str| self.spools.make("labels", endpoint);
        write_reports(orders.reports, &mut self.labels, spool, &self.shared.totals, now);
        for flushed in orders.flushes {
            let _ = flushed.send(());
        }
        let Some(stopped) = orders.stop else { return false };
        let _ = stopped.send(self.finish(now));
        true
    }

    fn read_commands(&self) -> Orders {
        let mut orders = Orders::default();
        while orders.stop.is_none() {
            match self.commands.try_recv() {
                Ok(Command::Labels(report)) => orders.reports.push(report),
                Ok(Command::Pane { endpoint, batch }) => orders.panes.push((endpoint, batch)),
                Ok(Command::Flush(flushed)) => orders.flushes.push(flushed),
                Ok(Command::Stop(stopped)) => orders.stop = Some(stopped),
                Err(_empty) => break,
            }
        }
        orders
    }

    /// Moves records from the ring to their endpoints; at most a ring full, so that commands get their turn.
    fn pull(&mut self, now: i64) {
        for _ in 0..self.spools.log.ring_records.max(1) {
            let Some((record, bytes)) = self.records.pop() else { return };
            let name = &record.request.endpoint.name;
            let predictions = if let Some(predictions) = self.predictions.get_mut(name) {
                predictions
            } else {
                let spool = self.spools.make("predictions", name);
                let made = Predictions::new(spool, Arc::clone(&record.request.endpoint.log));
                self.predictions.entry(name.clone()).or_insert(made)
            };
            let full = predictions.push(record, bytes, self.spools.log.batch_rows, &self.shared.totals, now);
            self.records.release(full);
        }
    }

    fn write_waiting(&mut self, now: i64) {
        for predictions in self.predictions.values_mut() {
            self.records.release(predictions.write(&self.shared.totals, now));
        }
    }

    fn write_panes(&mut self, panes: Vec<(String, RecordBatch)>, now: i64) {
        for (endpoint, batch) in panes {
            let make = || self.spools.make("drift", &endpoint);
            let spool = self.panes.entry(endpoint.clone()).or_insert_with(make);
            if let Err(error) = spool.append(&batch, now) {
                tracing::error!(endpoint, %error, "a pane was not written");
            }
            self.shared.totals.write_errors.fetch_add(spool.take_errors(), Relaxed);
        }
    }

    fn sync(&mut self, now: i64, moment: Instant) {
        let timely = moment >= self.next_sync;
        if timely {
            self.next_sync = moment + GROUP_INTERVAL;
        }
        let fsync = self.spools.log.fsync;
        for predictions in self.predictions.values_mut() {
            let due = match fsync {
                Fsync::Os => false,
                Fsync::Group => timely || predictions.unsynced() >= GROUP_BYTES,
                Fsync::Durable => true,
            };
            if due {
                predictions.sync(&self.shared.totals, now);
            }
        }
        if timely && fsync != Fsync::Os {
            for spool in self.panes.values_mut() {
                report_sync(&spool.sync(now), "panes");
                self.shared.totals.write_errors.fetch_add(spool.take_errors(), Relaxed);
            }
        }
    }

    fn finish(&mut self, now: i64) -> bool {
        // What came between the last pull and the stop.
        self.pull(now);
        self.write_waiting(now);
        let predictions = self.predictions.values_mut().map(Predictions::spool);
        let spools = predictions.chain(self.labels.values_mut()).chain(self.panes.values_mut());
        let mut complete = true;
        for spool in spools {
            complete &= report_sync(&spool.finish(now), "segments");
            self.shared.totals.write_errors.fetch_add(spool.take_errors(), Relaxed);
        }
        complete && !self.shared.totals.degraded.load(Relaxed)
    }

    /// After a panic: lets go of what was waiting, since it may be what panicked.
    fn recover(&mut self) {
        tracing::error!("the log writer panicked; the rows that were waiting are lost");
        self.shared.totals.write_errors.fetch_add(1, Relaxed);
        self.shared.totals.degraded.store(true, Relaxed);
        for predictions in self.predictions.values_mut() {
            self.records.release(predictions.discard(&self.shared.totals));
        }
    }
}

fn report_sync(result: &std::io::Result<()>, what: &str) -> bool {
    if let Err(error) = result {
        tracing::error!(%error, "{what} were not synced");
    }
    result.is_ok()
}

#[cfg(test)]
#[path = "writer_tests.rs"]
mod tests;
