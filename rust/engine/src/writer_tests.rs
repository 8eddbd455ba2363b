//! The writer on a disk that fails: what is lost is counted, and the thread lives on.

use std::sync::mpsc::channel;
use std::time::Duration;

use super::*;
use crate::testing::{BrokenDisk, Folder, Operation, endpoint, record};
use crate::threads::Threads;
use crate::{EngineConfig, FeedbackError, Label, LogStatus, SystemClock, recover, start};

struct Desk {
    folder: Folder,
    disk: BrokenDisk,
    shared: Arc<Shared>,
    threads: Threads,
}

impl Desk {
    fn new() -> Self {
        let (folder, disk) = (Folder::new(), BrokenDisk::default());
        let mut config = EngineConfig::new(folder.path(), 1);
        config.log.batch_interval = Duration::from_hours(1);
        config.log.fsync = Fsync::Durable;
        let (shared, threads) =
            start::start_on(config, Arc::new(SystemClock), Arc::new(disk.clone())).unwrap();
        Self { folder, disk, shared, threads }
    }

    fn flush(&self) -> LogStatus {
        let (flushed, written) = channel();
        self.shared.commands.send(Command::Flush(flushed)).unwrap();
        self.shared.records.wake();
        // A flush whose turn panicked is not answered.
        let _ = written.recv();
        self.shared.totals.log_status()
    }

    fn rows(&self, kind: &str) -> u64 {
        let Ok(files) = std::fs::read_dir(self.folder.path().join(kind).join("delay")) else { return 0 };
        files.map(|file| recover(&file.unwrap().path()).unwrap().rows).sum()
    }

    fn label(&self) -> Result<(), FeedbackError> {
        let (sender, receiver) = channel();
        let label = Label {
            prediction_id: uuid::Uuid::from_u128(1),
            row: 0,
            label: 1.0,
            event_id: "e".into(),
            observed_at: None,
            principal: "local".into(),
        };
        let done = Box::new(move |result| drop(sender.send(result)));
        let report = Report { endpoint: "delay".into(), labels: vec![label], received_at: 0, done };
        self.shared.commands.send(Command::Labels(report)).unwrap();
        self.shared.records.wake();
        receiver.recv().unwrap()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.threads.shutdown(&self.shared, Duration::from_secs(30));
    }
}

#[test]
fn rows_that_a_full_disk_refused_are_counted_and_told_by_the_next_batch() {
    let desk = Desk::new();
    let endpoint = endpoint();
    desk.shared.log(record(&endpoint, 3));
    desk.disk.fail(Operation::Append, 2);
    let status = desk.flush();
    assert_eq!((status.accepted, status.logged, status.dropped, status.degraded), (3, 0, 3, true));
    assert_eq!(endpoint.log.gap.load(Relaxed), 3);

    desk.shared.log(record(&endpoint, 5));
    let status = desk.flush();
    assert_eq!((status.accepted, status.logged, status.dropped, status.degraded), (8, 5, 3, false));
    assert_eq!(endpoint.log.gap.load(Relaxed), 0, "told");
    assert_eq!(desk.rows("predictions"), 5);
}

#[test]
fn a_failed_sync_of_predictions_loses_no_row() {
    let desk = Desk::new();
    let endpoint = endpoint();
    desk.disk.fail(Operation::Sync, 1);
    desk.shared.log(record(&endpoint, 3));
    let status = desk.flush();
    assert_eq!((status.logged, status.dropped, status.write_errors), (3, 0, 1));
    assert_eq!(desk.rows("predictions"), 3);
}

#[test]
fn a_label_that_can_not_be_synced_is_not_acknowledged() {
    let desk = Desk::new();
    desk.label().unwrap();
    desk.disk.fail(Operation::Sync, 2);
    let Err(FeedbackError::Write(error)) = desk.label() else { panic!("acknowledged") };
    assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
    desk.disk.fail(Operation::Append, 3);
    assert!(matches!(desk.label(), Err(FeedbackError::Write(_))));
    desk.label().unwrap();
    assert_eq!((desk.shared.totals.label_status().logged, desk.shared.totals.label_status().failed), (2, 2));
}

#[test]
fn a_panic_costs_what_was_waiting_and_not_the_thread() {
    let desk = Desk::new();
    let endpoint = endpoint();
    desk.shared.log(record(&endpoint, 3));
    desk.disk.panic_once();
    desk.flush();
    desk.shared.log(record(&endpoint, 5));
    let status = desk.flush();
    assert_eq!((status.accepted, status.logged, status.dropped), (8, 5, 3));
    assert!(status.write_errors > 0);
    assert_eq!(desk.rows("predictions"), 5);
}
