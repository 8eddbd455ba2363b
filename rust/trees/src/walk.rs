//! Walks through trees, several at a time so that one's wait is another's work. The depth is fixed: leaves stay in place.

use crate::forest::{ABREAST, Forest, Node, Place};

/// How a walk reads its nodes and rows: checked here, unchecked in `simd`.
pub(crate) trait Reader: Copy {
    /// The node at `index` of a tree.
    fn node(self, tree: &[Node], index: usize) -> Node;
    /// The value at `index` of the rows.
    fn value(self, rows: &[f32], index: usize) -> f32;
}

/// The portable reader.
#[derive(Clone, Copy)]
pub(crate) struct Checked;

impl Reader for Checked {
    #[inline]
    fn node(self, tree: &[Node], index: usize) -> Node {
        tree[index]
    }

    #[inline]
    fn value(self, rows: &[f32], index: usize) -> f32 {
        rows[index]
    }
}

/// Rows that are walked through one tree at a time.
const LANES: usize = 8;

/// Adds up the leaves of `count` scratch rows: `sums` holds `targets` zeros for each. `leaves` has room for one value a tree.
#[inline]
pub(crate) fn sum<R: Reader>(
    reader: R,
    forest: &Forest,
    rows: &[f32],
    count: usize,
    leaves: &mut [f32],
    sums: &mut [f32],
) {
    let (width, targets) = (forest.row.width(), forest.targets);
    let together = count - count % LANES;
    if together > 0 {
        rows_abreast(reader, forest, &rows[..together * width], &mut sums[..together * targets]);
    }
    for row in together..count {
        let row_values = &rows[row * width..(row + 1) * width];
        let row_sums = &mut sums[row * targets..(row + 1) * targets];
        trees_abreast(reader, forest, row_values, leaves, row_sums);
    }
}

/// One row through all trees.
#[inline]
fn trees_abreast<R: Reader>(reader: R, forest: &Forest, row: &[f32], leaves: &mut [f32], sums: &mut [f32]) {
    for group in forest.groups() {
        let places: [Place; ABREAST] = group.map(|tree| forest.place(tree));
        let trees: [&[Node]; ABREAST] = places.map(|place| forest.nodes(place));
        let mut at = [0; ABREAST];
        for _ in 0..places[ABREAST - 1].depth {
            for slot in 0..ABREAST {
                let node = reader.node(trees[slot], at[slot]);
                at[slot] = node.next(reader.value(row, node.column()));
            }
        }
        for slot in 0..ABREAST {
            leaves[group[slot]] = reader.node(trees[slot], at[slot]).threshold;
        }
    }
    for (tree, &held) in leaves.iter().enumerate() {
        forest.add_leaf(tree, held, sums);
    }
}

/// A multiple of [`LANES`] rows, tree by tree.
#[inline]
fn rows_abreast<R: Reader>(reader: R, forest: &Forest, rows: &[f32], sums: &mut [f32]) {
    let (width, targets) = (forest.row.width(), forest.targets);
    for (tree, &place) in forest.places().iter().enumerate() {
        let nodes = forest.nodes(place);
        let chunks = rows.chunks_exact(LANES * width).zip(sums.chunks_exact_mut(LANES * targets));
        for (rows, sums) in chunks {
            let mut at = [0; LANES];
            for _ in 0..place.depth {
                for (lane, at) in at.iter_mut().enumerate() {
                    let node = reader.node(nodes, *at);
                    *at = node.next(reader.value(rows, lane * width + node.column()));
                }
            }
            for (at, sums) in at.into_iter().zip(sums.chunks_exact_mut(targets)) {
                forest.add_leaf(tree, reader.node(nodes, at).threshold, sums);
            }
        }
    }
}
