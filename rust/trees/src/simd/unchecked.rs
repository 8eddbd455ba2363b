//! Walks without bounds checks.

use crate::forest::{Forest, Node};
use crate::walk::{self, Reader};

/// Reads without checks. Not `pub`: only [`sum`] makes one, for a forest and rows that belong together.
#[derive(Clone, Copy)]
struct Unchecked;

impl Reader for Unchecked {
    #[inline]
    fn node(self, tree: &[Node], index: usize) -> Node {
        debug_assert!(index < tree.len());
        // SAFETY: a walk begins at 0 and goes on to children, which Forest::new takes from trees whose every branch leads
        // to two nodes of the same tree, side by side; a leaf leads to itself, since minus infinity is at most any weight.
        unsafe { *tree.get_unchecked(index) }
    }

    #[inline]
    fn value(self, rows: &[f32], index: usize) -> f32 {
        debug_assert!(index < rows.len());
        // SAFETY: `sum` checks that rows of the forest's width are there, and Forest::new lets no node read another column.
        unsafe { *rows.get_unchecked(index) }
    }
}

/// [`walk::sum`], unchecked.
pub(crate) fn sum(forest: &Forest, rows: &[f32], count: usize, leaves: &mut [f32], sums: &mut [f32]) {
    let width = forest.row.width();
    assert!(rows.len() >= count * width, "rows are missing");
    let lowest = forest.row.lowest();
    // What keeps a walk at its leaf.
    assert!(
        (0..count).all(|row| rows[row * width + lowest] == f32::NEG_INFINITY),
        "rows have no column of minus infinity"
    );
    walk::sum(Unchecked, forest, rows, count, leaves, sums);
}
