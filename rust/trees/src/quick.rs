//! `QuickScorer`'s view of small trees (Lucchese et al. 2015): a row keeps a bit for each leaf it may still reach, every branch
//! that it takes to the right clears those on the left, and the lowest bit left is its leaf.

use crate::forest::{Forest, Leaves, Place, at_most};

/// Most leaves of a tree: one bit each.
pub(crate) const BITS: usize = 32;

/// Branches that cost as much as one step of a walk: a row takes half of them, without waiting for one before another.
const ALONE: usize = 4;

/// A branch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch {
    pub(crate) threshold: f32,
    pub(crate) column: u32,
    /// The leaves on its left.
    pub(crate) left: u32,
}

/// A branch in the list of its column.
#[derive(Clone, Copy, Debug)]
struct Entry {
    threshold: f32,
    tree: u32,
    /// The leaves that stay reachable for a row that takes it to the right.
    kept: u32,
}

/// All trees.
#[derive(Clone, Debug)]
pub(crate) struct Quick {
    pub(crate) branches: Vec<Branch>,
    /// Where each tree's branches end.
    pub(crate) ends: Vec<usize>,
    /// What each tree's leaves hold, from left to right.
    pub(crate) held: Vec<[f32; BITS]>,
    /// Each tree's target.
    pub(crate) target: Vec<usize>,
    /// The branches of each column that has some, by threshold; and where each list ends.
    entries: Vec<Entry>,
    lists: Vec<(usize, usize)>,
    /// Whether one row is faster this way than by walks.
    pub(crate) alone: bool,
}

impl Quick {
    /// The view, if every tree is small enough and for one target.
    pub(crate) fn new(forest: &Forest) -> Option<Self> {
        let Leaves::One { target } = &forest.leaves else { return None };
        let target = target.clone();
        let mut quick = Self {
            branches: Vec::new(),
            ends: Vec::new(),
            held: Vec::new(),
            target,
            entries: Vec::new(),
            lists: Vec::new(),
            alone: false,
        };
        for &place in forest.places() {
            quick.add(forest, place)?;
        }
        quick.list();
        let steps: usize = forest.places().iter().map(|place| place.depth).sum();
        quick.alone = quick.branches.len() < ALONE * steps;
        Some(quick)
    }

    fn list(&mut self) {
        let mut sorted: Vec<(u32, Entry)> = Vec::with_capacity(self.branches.len());
        let mut begin = 0;
        for (tree, &end) in (0_u32..).zip(&self.ends) {
            let entry = |branch: &Branch| Entry { threshold: branch.threshold, tree, kept: !branch.left };
            sorted.extend(self.branches[begin..end].iter().map(|branch| (branch.column, entry(branch))));
            begin = end;
        }
        sorted.sort_by(|(a, x), (b, y)| a.cmp(b).then(x.threshold.total_cmp(&y.threshold)));
        for column in sorted.chunk_by(|(a, _), (b, _)| a == b) {
            self.entries.extend(column.iter().map(|&(_, entry)| entry));
            self.lists.push((column[0].0 as usize, self.entries.len()));
        }
    }

    /// What the leaves of one scratch row hold, tree by tree. `reachable` is memory for one word a tree.
    pub(crate) fn leaves(&self, row: &[f32], reachable: &mut Vec<u32>, leaves: &mut [f32]) {
        reachable.clear();
        reachable.resize(self.ends.len(), u32::MAX);
        let mut begin = 0;
        for &(column, end) in &self.lists {
            let value = row[column];
            for entry in &self.entries[begin..end] {
                // Thresholds only rise from here.
                if at_most(value, entry.threshold) {
                    break;
                }
                reachable[entry.tree as usize] &= entry.kept;
            }
            begin = end;
        }
        for ((leaf, held), reachable) in leaves.iter_mut().zip(&self.held).zip(reachable) {
            *leaf = held[reachable.trailing_zeros() as usize % BITS];
        }
    }

    fn add(&mut self, forest: &Forest, place: Place) -> Option<()> {
        let nodes = forest.nodes(place);
        let mut held = [0.0; BITS];
        let mut leaves = 0;
        // A leaf leads to itself. Depth first, left first; a branch is finished when its left side is.
        let mut stack = vec![(0, None)];
        while let Some((index, begun)) = stack.pop() {
            let node = *nodes.get(index)?;
            match begun {
                None if node.left() == index => {
                    *held.get_mut(leaves)? = node.threshold;
                    leaves += 1;
                }
                None => {
                    stack.push((node.left() + 1, None));
                    stack.push((index, Some(leaves)));
                    stack.push((node.left(), None));
                }
                Some(first) => self.branches.push(Branch {
                    threshold: node.threshold,
                    column: u32::try_from(node.column()).ok()?,
                    left: mask(first, leaves)?,
                }),
            }
        }
        self.ends.push(self.branches.len());
        self.held.push(held);
        Some(())
    }
}

/// Bits `first..end`; there is a leaf to the right of them.
fn mask(first: usize, end: usize) -> Option<u32> {
    (end < BITS).then(|| ((1_u32 << (end - first)) - 1) << first)
}
