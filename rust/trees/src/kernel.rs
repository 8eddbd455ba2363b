//! From tensors to sums, in blocks of rows, by the fastest way that the machine and the forest allow.

use std::cell::RefCell;

use tidegate_model::{Tensor, TensorData};

use crate::columns::Column;
use crate::forest::{Forest, Row};
use crate::{simd, walk};

/// Rows of a block: few enough that they stay in the first cache while trees pass by.
pub(crate) const BLOCK: usize = 64;

/// Fewest rows for which vectors are worth their empty lanes.
#[cfg(target_arch = "x86_64")]
const FEW: usize = 3;

/// How sums are made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// Portable code.
    Portable,
    /// Walks without bounds checks, `QuickScorer` where trees are small.
    #[cfg(target_arch = "x86_64")]
    Vectors(simd::Lanes),
}

impl Way {
    /// The fastest way here.
    pub(crate) fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if let Some(lanes) = simd::Lanes::detect() {
            return Self::Vectors(lanes);
        }
        Self::Portable
    }
}

/// Memory of a thread, so that a call makes none.
#[derive(Default)]
struct Scratch {
    rows: Vec<f32>,
    leaves: Vec<f32>,
    reachable: Vec<u32>,
    sums: Vec<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Columns and trees that belong together.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) columns: Vec<Column>,
    pub(crate) forest: Forest,
    /// Whether the trees read one float input as it comes.
    plain: bool,
}

impl Kernel {
    pub(crate) fn new(columns: Vec<Column>, forest: Forest) -> Self {
        let in_order = |(index, column): (usize, &Column)| {
            column.plain() && (column.input, column.offset) == (0, index) && column.stride == columns.len()
        };
        let plain = columns.iter().enumerate().all(in_order);
        Self { columns, forest, plain }
    }

    /// Gives every row's sums to `finish`, with the row's number. `inputs` fit the graph's signature.
    pub(crate) fn sums(
        &self,
        way: Way,
        rows: usize,
        inputs: &[&Tensor],
        mut finish: impl FnMut(usize, &mut [f32]),
    ) {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut first = 0;
            while first < rows {
                let count = (rows - first).min(BLOCK);
                self.block(way, first, count, inputs, scratch);
                let sums = scratch.sums.chunks_exact_mut(self.forest.targets);
                sums.take(count).enumerate().for_each(|(row, sums)| finish(first + row, sums));
                first += count;
            }
        });
    }

    fn block(&self, way: Way, first: usize, count: usize, inputs: &[&Tensor], scratch: &mut Scratch) {
        let targets = self.forest.targets;
        scratch.sums.clear();
        scratch.sums.resize(count * targets, 0.0);
        let mut done = 0;
        #[cfg(target_arch = "x86_64")]
        if let (Way::Vectors(lanes), Some(_)) = (way, &self.forest.quick) {
            while count - done >= FEW {
                let left = count - done;
                done += if left > 2 * simd::LANES {
                    self.vectors::<4>(lanes, (first, done, left), inputs, scratch)
                } else {
                    self.vectors::<1>(lanes, (first, done, left), inputs, scratch)
                };
            }
        }
        if done == count {
            return;
        }
        let width = self.forest.row.width();
        resize(&mut scratch.rows, (count - done) * width);
        resize(&mut scratch.leaves, self.forest.trees());
        self.fill_rows(inputs, first + done, count - done, &mut scratch.rows);
        let (leaves, sums) =
            (&mut scratch.leaves[..self.forest.trees()], &mut scratch.sums[done * targets..]);
        let rows = &scratch.rows[..(count - done) * width];
        #[cfg(target_arch = "x86_64")]
        if let (Way::Vectors(_), Some(quick)) = (way, self.forest.quick.as_ref().filter(|quick| quick.alone))
        {
            for (row, sums) in rows.chunks_exact(width).zip(sums.chunks_exact_mut(targets)) {
                quick.leaves(row, &mut scratch.reachable, leaves);
                leaves.iter().zip(&quick.target).for_each(|(leaf, &target)| sums[target] += leaf);
            }
            return;
        }
        match way {
            Way::Portable => walk::sum(walk::Checked, &self.forest, rows, count - done, leaves, sums),
            #[cfg(target_arch = "x86_64")]
            Way::Vectors(_) => simd::sum(&self.forest, rows, count - done, leaves, sums),
        }
    }

    /// Scores up to `V` vectors of rows; gives how many.
    #[cfg(target_arch = "x86_64")]
    fn vectors<const V: usize>(
        &self,
        lanes: simd::Lanes,
        (first, done, left): (usize, usize, usize),
        inputs: &[&Tensor],
        scratch: &mut Scratch,
    ) -> usize {
        let (size, targets) = (V * simd::LANES, self.forest.targets);
        let count = left.min(size);
        let Some(quick) = &self.forest.quick else { return 0 };
        let Row { columns, twice } = self.forest.row;
        resize(&mut scratch.rows, self.forest.row.width() * size);
        let rows = &mut scratch.rows[..self.forest.row.width() * size];
        for (column, lane) in self.columns.iter().zip(rows.chunks_exact_mut(size)) {
            column.read(inputs, first + done, count, |row, x| lane[row] = x);
        }
        if twice {
            let (plain, again) = rows.split_at_mut((columns + 1) * size);
            again.iter_mut().zip(&*plain).for_each(|(again, &x)| *again = lowest_if_missing(x));
        }
        let mut sums: smallvec::SmallVec<[f32; 128]> = smallvec::smallvec![0.0; targets * size];
        lanes.sum::<V>(quick, rows, &mut sums);
        for (target, sums) in sums.chunks_exact(size).enumerate() {
            for (row, &sum) in sums[..count].iter().enumerate() {
                scratch.sums[(done + row) * targets + target] = sum;
            }
        }
        count
    }

    /// Rows as [`Row`] describes them.
    fn fill_rows(&self, inputs: &[&Tensor], first: usize, count: usize, rows: &mut [f32]) {
        let Row { columns, twice } = self.forest.row;
        let width = self.forest.row.width();
        let plain = match inputs.first().map(|tensor| &tensor.data) {
            Some(TensorData::Fp32(values)) if self.plain => values.get(first * columns..),
            _ => None,
        };
        if let Some(values) = plain {
            let lines = rows.chunks_exact_mut(width).zip(values.chunks_exact(columns));
            lines.take(count).for_each(|(row, values)| row[..columns].copy_from_slice(values));
        } else {
            for (index, column) in self.columns.iter().enumerate() {
                column.read(inputs, first, count, |row, x| rows[row * width + index] = x);
            }
        }
        for row in rows.chunks_exact_mut(width).take(count) {
            row[self.forest.row.lowest()] = f32::NEG_INFINITY;
            if twice {
                let (plain, again) = row.split_at_mut(columns + 1);
                again.iter_mut().zip(&*plain).for_each(|(again, &x)| *again = lowest_if_missing(x));
            }
        }
    }
}

fn lowest_if_missing(x: f32) -> f32 {
    if x.is_nan() { f32::NEG_INFINITY } else { x }
}

/// Grows only: what is in it is overwritten.
fn resize(scratch: &mut Vec<f32>, length: usize) {
    if scratch.len() < length {
        scratch.resize(length, 0.0);
    }
}
