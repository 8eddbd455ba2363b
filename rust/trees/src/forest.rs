//! The layout that walks are fast on: nodes of 8 bytes, breadth first, siblings adjacent, leaves that lead to themselves.

use crate::TreesError;
use crate::ensemble::{DEEPEST, Ensemble, Node as Parsed, Tree};
use crate::quick::Quick;

/// Trees that are walked at a time for one row.
pub(crate) const ABREAST: usize = 16;

const COLUMN_BITS: u32 = 12;
const CHILD_BITS: u32 = 32 - COLUMN_BITS;
/// Most columns of a scratch row.
const WIDEST: usize = 1 << COLUMN_BITS;
/// Most nodes of a tree.
const LARGEST: usize = 1 << CHILD_BITS;

/// A branch or a leaf. The next node is `left` if the row's value is at most the threshold, else the one behind it. A leaf
/// compares minus infinity, so it stays where it is; its threshold is its weight, or the bits of its number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node {
    pub(crate) threshold: f32,
    packed: u32,
}

impl Node {
    fn new(threshold: f32, column: usize, left: usize) -> Self {
        Self { threshold, packed: (column as u32) << CHILD_BITS | left as u32 }
    }

    pub(crate) const fn column(self) -> usize {
        (self.packed >> CHILD_BITS) as usize
    }

    pub(crate) const fn left(self) -> usize {
        (self.packed & ((1 << CHILD_BITS) - 1)) as usize
    }

    /// The node after this one for a value.
    pub(crate) fn next(self, value: f32) -> usize {
        // NaN is not at most anything.
        self.left() + usize::from(!at_most(value, self.threshold))
    }
}

/// Spelled out, so that nobody turns its negation into `>`, which is another thing for NaN.
pub(crate) fn at_most(value: f32, threshold: f32) -> bool {
    value <= threshold
}

/// Where a tree stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Steps from the root to the deepest leaf.
    pub(crate) depth: usize,
}

/// What leaves hold.
#[derive(Clone, Debug)]
pub(crate) enum Leaves {
    /// One weight, in the leaf; all of a tree's are for the same target, given by tree.
    One { target: Vec<usize> },
    /// A row of one weight a target, by the leaf's number.
    Many { weights: Vec<f32> },
}

/// What a scratch row holds: the columns as they are, minus infinity, and the columns with minus infinity for NaN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) columns: usize,
    /// Whether the second copy is needed.
    pub(crate) twice: bool,
}

impl Row {
    pub(crate) const fn width(self) -> usize {
        if self.twice { 2 * self.columns + 1 } else { self.columns + 1 }
    }

    /// The column that holds minus infinity.
    pub(crate) const fn lowest(self) -> usize {
        self.columns
    }

    /// The copy in which NaN goes the wanted way.
    pub(crate) const fn column(self, column: usize, missing_left: bool) -> usize {
        if missing_left { self.columns + 1 + column } else { column }
    }
}

/// All trees. Every child is a node of its tree and every column one of the row: walks rely on it.
#[derive(Clone, Debug)]
pub(crate) struct Forest {
    pub(crate) row: Row,
    pub(crate) targets: usize,
    nodes: Vec<Node>,
    places: Vec<Place>,
    /// Trees by depth, [`ABREAST`] together; the last group repeats its last tree.
    groups: Vec<[usize; ABREAST]>,
    pub(crate) leaves: Leaves,
    pub(crate) quick: Option<Quick>,
}

impl Forest {
    /// Lays out an ensemble over rows of `columns` columns.
    ///
    /// # Errors
    /// [`TreesError::TooMany`] where a node would not fit into 8 bytes.
    pub(crate) fn new(ensemble: &Ensemble, columns: usize) -> Result<Self, TreesError> {
        let twice = ensemble.trees.iter().flat_map(|tree| &tree.nodes).any(|node| match node {
            Parsed::Branch { missing_left, .. } => *missing_left,
            Parsed::Leaf(_) => false,
        });
        let row = Row { columns, twice };
        within("columns", row.width(), WIDEST)?;
        let mut forest = Self {
            row,
            targets: ensemble.targets,
            nodes: Vec::new(),
            places: Vec::new(),
            groups: Vec::new(),
            leaves: match single_targets(ensemble) {
                Some(target) => Leaves::One { target },
                None => Leaves::Many { weights: Vec::new() },
            },
            quick: None,
        };
        for tree in &ensemble.trees {
            forest.add(tree)?;
        }
        forest.group();
        forest.quick = Quick::new(&forest);
        Ok(forest)
    }

    fn add(&mut self, tree: &Tree) -> Result<(), TreesError> {
        within("nodes in a tree", tree.nodes.len(), LARGEST)?;
        let start = self.nodes.len();
        let mut depths = vec![0; tree.nodes.len()];
        for (index, node) in tree.nodes.iter().enumerate() {
            let laid = match node {
                Parsed::Branch { column, threshold, missing_left, left, right } => {
                    // Parents stand before their children.
                    depths[*left] = depths[index] + 1;
                    depths[*right] = depths[index] + 1;
                    Node::new(*threshold, self.row.column(*column, *missing_left), *left)
                }
                Parsed::Leaf(weights) => {
                    let held = self.leaf(weights);
                    Node::new(held, self.row.lowest(), index)
                }
            };
            self.nodes.push(laid);
        }
        let depth = depths.into_iter().max().unwrap_or(0);
        within("levels in a tree", depth, DEEPEST)?;
        self.places.push(Place { start, end: self.nodes.len(), depth });
        Ok(())
    }

    /// What a leaf's threshold is.
    fn leaf(&mut self, weights: &[(usize, f32)]) -> f32 {
        let targets = self.targets;
        match &mut self.leaves {
            Leaves::One { .. } => weights.first().map_or(-0.0, |&(_, weight)| weight),
            Leaves::Many { weights: rows } => {
                let number = rows.len() / targets;
                // x + -0.0 is x for every x.
                rows.resize(rows.len() + targets, -0.0);
                for &(target, weight) in weights {
                    rows[number * targets + target] = weight;
                }
                f32::from_bits(number as u32)
            }
        }
    }

    fn group(&mut self) {
        let mut order: Vec<usize> = (0..self.places.len()).collect();
        order.sort_by_key(|&tree| self.places[tree].depth);
        self.groups = order
            .chunks(ABREAST)
            .map(|chunk| std::array::from_fn(|slot| chunk[slot.min(chunk.len() - 1)]))
            .collect();
    }

    pub(crate) fn trees(&self) -> usize {
        self.places.len()
    }

    pub(crate) fn place(&self, tree: usize) -> Place {
        self.places[tree]
    }

    pub(crate) fn places(&self) -> &[Place] {
        &self.places
    }

    pub(crate) fn nodes(&self, place: Place) -> &[Node] {
        &self.nodes[place.start..place.end]
    }

    pub(crate) fn groups(&self) -> &[[usize; ABREAST]] {
        &self.groups
    }

    /// Adds the leaf that a row reached in `tree` to the row's sums.
    #[inline]
    pub(crate) fn add_leaf(&self, tree: usize, held: f32, sums: &mut [f32]) {
        match &self.leaves {
            Leaves::One { target } => sums[target[tree]] += held,
            Leaves::Many { weights } => {
                let first = held.to_bits() as usize * self.targets;
                let row = &weights[first..first + self.targets];
                sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += weight);
            }
        }
    }
}

/// The target of each tree, if all of its leaves have one weight and for the same target.
fn single_targets(ensemble: &Ensemble) -> Option<Vec<usize>> {
    let target = |tree: &Tree| {
        let mut found = None;
        for node in &tree.nodes {
            if let Parsed::Leaf(weights) = node {
                let [(target, _)] = weights[..] else { return None };
                if found.is_some_and(|known| known != target) {
                    return None;
                }
                found = Some(target);
            }
        }
        found
    };
    ensemble.trees.iter().map(target).collect()
}

fn within(what: &'static str, found: usize, most: usize) -> Result<(), TreesError> {
    if found > most { Err(TreesError::TooMany { what, found, most }) } else { Ok(()) }
}
