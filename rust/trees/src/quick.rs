//! `QuickScorer`'s view of small trees (Lucchese et al. 2015): a row keeps a bit for each leaf it may still reach, every branch
//! that it takes to the right clears those on the left, and the lowest bit left is its leaf.

use crate::forest::{Forest, Leaves, Place};

/// Most leaves of a tree: one bit each.
pub(crate) const BITS: usize = 32;

/// A branch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Branch {
    pub(crate) threshold: f32,
    pub(crate) column: u32,
    /// The leaves on its left.
    pub(crate) left: u32,
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
}

impl Quick {
    /// The view, if every tree is small enough and for one target.
    pub(crate) fn new(forest: &Forest) -> Option<Self> {
        let Leaves::One { target } = &forest.leaves else { return None };
        let target = target.clone();
        let mut quick = Self { branches: Vec::new(), ends: Vec::new(), held: Vec::new(), target };
        for &place in forest.places() {
            quick.add(forest, place)?;
        }
        Some(quick)
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
