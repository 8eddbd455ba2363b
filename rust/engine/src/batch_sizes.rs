//! Times per size of batch: as many sizes as run, up to a bound, in memory that never grows.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::stats::BatchStats;

/// Sizes that one thread tells apart.
const EXACT: usize = 64;
/// The sizes after those: one entry per power of two.
const POWERS: usize = 64;

/// One thread's table; that thread is its only writer.
#[derive(Debug)]
pub(crate) struct BatchSizes {
    /// Open addressing by the size itself, so that small sizes are found at the first look.
    exact: [Size; EXACT],
    rounded: [Size; POWERS],
}

/// Counters of one size.
#[derive(Debug, Default)]
pub(crate) struct Size {
    /// 0 while the entry is free.
    rows: AtomicU64,
    pub(crate) executions: AtomicU64,
    pub(crate) input_ns: AtomicU64,
    pub(crate) infer_ns: AtomicU64,
    pub(crate) output_ns: AtomicU64,
}

impl Default for BatchSizes {
    fn default() -> Self {
        Self {
            exact: std::array::from_fn(|_| Size::default()),
            rounded: std::array::from_fn(|_| Size::default()),
        }
    }
}

impl BatchSizes {
    /// The counters of that size, which are taken now if it is new.
    pub(crate) fn of(&self, rows: usize) -> &Size {
        let rows = (rows as u64).max(1);
        let start = rows as usize % EXACT;
        for step in 0..EXACT {
            let size = &self.exact[(start + step) % EXACT];
            let holds = size.rows.load(Relaxed);
            if holds == rows {
                return size;
            }
            if holds == 0 {
                size.rows.store(rows, Relaxed);
                return size;
            }
        }
        let rounded = rows.checked_next_power_of_two().unwrap_or(1 << 63);
        let size = &self.rounded[rounded.trailing_zeros() as usize];
        size.rows.store(rounded, Relaxed);
        size
    }

    /// The sums over all threads, smallest size first; only what ran.
    pub(crate) fn sum<'a>(tables: impl Iterator<Item = &'a Self>) -> Vec<BatchStats> {
        let mut sums: BTreeMap<u64, BatchStats> = BTreeMap::new();
        for size in tables.flat_map(|table| table.exact.iter().chain(&table.rounded)) {
            let rows = size.rows.load(Relaxed);
            let sum = sums.entry(rows).or_insert(BatchStats { rows, ..BatchStats::default() });
            sum.executions += size.executions.load(Relaxed);
            sum.input_ns += size.input_ns.load(Relaxed);
            sum.infer_ns += size.infer_ns.load(Relaxed);
            sum.output_ns += size.output_ns.load(Relaxed);
        }
        sums.into_values().filter(|sum| sum.executions > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(table: &BatchSizes, rows: usize) {
        table.of(rows).executions.fetch_add(1, Relaxed);
    }

    fn listed(tables: &[&BatchSizes]) -> Vec<(u64, u64)> {
        let sums = BatchSizes::sum(tables.iter().copied());
        sums.iter().map(|sum| (sum.rows, sum.executions)).collect()
    }

    #[test]
    fn exactly_the_sizes_that_ran_are_listed() {
        let (one, other) = (BatchSizes::default(), BatchSizes::default());
        // 65 and 129 begin their search at the place of 1.
        for rows in [1, 1, 65, 129, 1000] {
            run(&one, rows);
        }
        run(&other, 129);
        assert_eq!(listed(&[&one, &other]), [(1, 2), (65, 1), (129, 2), (1000, 1)]);
        assert_eq!(listed(&[]), []);
    }

    #[test]
    fn a_table_that_is_full_rounds_further_sizes_up() {
        let table = BatchSizes::default();
        for rows in 1..=EXACT {
            run(&table, rows);
        }
        for rows in [100, 128, 3_000, usize::MAX] {
            run(&table, rows);
        }
        run(&table, 7);
        let listed = listed(&[&table]);
        assert_eq!(listed.len(), EXACT + 3);
        assert_eq!(listed[6], (7, 2));
        assert_eq!(listed[EXACT..], [(128, 2), (4_096, 1), (1 << 63, 1)]);
    }
}
