//! One endpoint's prediction log: the records that wait for the next batch, and the spool that takes it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use tidegate_model::Contract;

use crate::log::{Layout, Policy, Record, encode};
use crate::spool::Spool;
use crate::totals::{EndpointLog, Totals};

/// The waiting records all have one contract and one policy.
#[derive(Debug)]
pub(crate) struct Predictions {
    spool: Spool,
    log: Arc<EndpointLog>,
    form: Option<Form>,
    waiting: Vec<Record>,
    rows: usize,
    bytes: usize,
}

/// The contract and the policy of the waiting records, and their columns.
#[derive(Debug)]
struct Form {
    generation: u64,
    contract: Contract,
    policy: Policy,
    layout: Layout,
}

impl Predictions {
    pub(crate) fn new(spool: Spool, log: Arc<EndpointLog>) -> Self {
        Self { spool, log, form: None, waiting: Vec::new(), rows: 0, bytes: 0 }
    }

    pub(crate) fn spool(&mut self) -> &mut Spool {
        &mut self.spool
    }

    pub(crate) fn unsynced(&self) -> u64 {
        self.spool.unsynced()
    }

    /// Adds a record, if the policy keeps it, and writes a batch when it is full. Gives back the bytes that no longer
    /// wait.
    pub(crate) fn push(
        &mut self,
        record: Record,
        bytes: usize,
        batch_rows: usize,
        totals: &Totals,
        now: i64,
    ) -> usize {
        if !record.kept() {
            totals.sampled.fetch_add(record.rows() as u64, Relaxed);
            return bytes;
        }
        let mut freed = self.adopt(&record, totals, now);
        self.rows += record.rows();
        self.bytes += bytes;
        self.waiting.push(record);
        if self.rows >= batch_rows {
            freed += self.write(totals, now);
        }
        freed
    }

    /// Writes what is waiting as one batch; rows that can't be written are counted as lost.
    pub(crate) fn write(&mut self, totals: &Totals, now: i64) -> usize {
        let Some(form) = self.form.as_mut().filter(|_| !self.waiting.is_empty()) else { return 0 };
        let gap = self.log.gap.swap(0, Relaxed);
        let written = encode(&self.waiting, &mut form.layout, gap)
            .map_err(std::io::Error::other)
            .and_then(|batch| self.spool.append(&batch, now));
        totals.write_errors.fetch_add(self.spool.take_errors(), Relaxed);
        totals.degraded.store(written.is_err(), Relaxed);
        let rows = self.rows as u64;
        match written {
            Ok(()) => {
                totals.logged.fetch_add(rows, Relaxed);
                self.clear()
            }
            Err(error) => {
                tracing::error!(%error, rows, "predictions were not logged");
                self.log.gap.fetch_add(gap, Relaxed);
                self.discard(totals)
            }
        }
    }

    /// Forces what is written to the disk.
    pub(crate) fn sync(&mut self, totals: &Totals, now: i64) {
        if let Err(error) = self.spool.sync(now) {
            tracing::error!(%error, "predictions were not synced");
            totals.degraded.store(true, Relaxed);
        }
        totals.write_errors.fetch_add(self.spool.take_errors(), Relaxed);
    }

    /// Lets go of what is waiting and counts it as lost.
    pub(crate) fn discard(&mut self, totals: &Totals) -> usize {
        let rows = self.rows as u64;
        if rows > 0 {
            self.log.lose(totals, rows);
        }
        self.clear()
    }

    fn clear(&mut self) -> usize {
        self.waiting.clear();
        self.rows = 0;
        std::mem::take(&mut self.bytes)
    }

    /// Makes the record's contract the current one; what waits under another is written first.
    fn adopt(&mut self, record: &Record, totals: &Totals, now: i64) -> usize {
        let endpoint = &record.request.endpoint;
        match &mut self.form {
            Some(form) if form.generation == endpoint.generation => return 0,
            Some(form) if form.contract == endpoint.contract && form.policy == endpoint.policy => {
                form.generation = endpoint.generation;
                return 0;
            }
            _ => {}
        }
        let freed = self.write(totals, now);
        self.form = Some(Form {
            generation: endpoint.generation,
            contract: endpoint.contract.clone(),
            policy: endpoint.policy.clone(),
            layout: Layout::new(&endpoint.contract, &endpoint.policy),
        });
        freed
    }
}
