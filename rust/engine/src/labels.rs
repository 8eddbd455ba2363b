//! The label log: many reports in one write and one sync, then each is acknowledged.

use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use crate::engine::FeedbackDone;
use crate::spool::Spool;
use crate::totals::Totals;
use crate::{FeedbackError, Label, label};

/// Labels of one endpoint that wait for the disk.
pub(crate) struct Report {
    pub(crate) endpoint: String,
    pub(crate) labels: Vec<Label>,
    pub(crate) received_at: i64,
    pub(crate) done: FeedbackDone,
}

/// Writes and syncs reports, one batch per endpoint, and tells their senders.
pub(crate) fn write_reports(
    reports: Vec<Report>,
    spools: &mut HashMap<String, Spool>,
    make: impl Fn(&str) -> Spool,
    totals: &Totals,
    now: i64,
) {
    let mut by_endpoint: HashMap<String, Vec<Report>> = HashMap::new();
    for report in reports {
        by_endpoint.entry(report.endpoint.clone()).or_default().push(report);
    }
    for (endpoint, reports) in by_endpoint {
        let spool = spools.entry(endpoint).or_insert_with_key(|endpoint| make(endpoint));
        let written = write(&reports, spool, now).map_err(Arc::new);
        totals.write_errors.fetch_add(spool.take_errors(), Relaxed);
        let count = reports.iter().map(|report| report.labels.len() as u64).sum::<u64>();
        let counter = if written.is_ok() { &totals.labels_logged } else { &totals.labels_failed };
        counter.fetch_add(count, Relaxed);
        for report in reports {
            tell(report.done, written.clone().map_err(FeedbackError::Write));
        }
    }
}

/// Calls back; a panic there is its owner's, and must not cost other senders their answer.
pub(crate) fn tell(done: FeedbackDone, result: Result<(), FeedbackError>) {
    if catch_unwind(AssertUnwindSafe(|| done(result))).is_err() {
        tracing::error!("the receiver of a label acknowledgement panicked");
    }
}

fn write(reports: &[Report], spool: &mut Spool, now: i64) -> io::Result<()> {
    let labels =
        reports.iter().flat_map(|report| report.labels.iter().map(move |label| (report.received_at, label)));
    let batch = label::encode(&labels).map_err(io::Error::other)?;
    if batch.num_rows() == 0 {
        return Ok(());
    }
    spool.append(&batch, now)?;
    spool.sync(now)
}
