//! The trees of a `TreeEnsembleClassifier` or `TreeEnsembleRegressor`, checked, with every comparison turned into one kind.

use std::collections::HashMap;

use crate::TreesError;
use crate::onnx::{Attribute, Node as Operator};

/// Deepest tree: walks have a fixed depth, and one that is a chain would be slower than ONNX Runtime's.
pub(crate) const DEEPEST: usize = 128;

/// One tree, its root first.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
}

/// A node of a tree; children stand behind their parent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    /// Left if `x <= threshold`; NaN goes where `missing_left` says.
    Branch { column: usize, threshold: f32, missing_left: bool, left: usize, right: usize },
    /// Weights by target, at most one for each, ascending.
    Leaf(Vec<(usize, f32)>),
}

/// All trees, in the order in which their weights are added.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ensemble {
    pub(crate) trees: Vec<Tree>,
    /// Sums per row.
    pub(crate) targets: usize,
}

/// The attributes of one operator, as parallel lists.
struct Lists<'a> {
    tree: &'a [i64],
    node: &'a [i64],
    column: &'a [i64],
    mode: &'a [&'a [u8]],
    threshold: &'a [f32],
    then: &'a [i64],
    otherwise: &'a [i64],
    missing: &'a [i64],
}

/// What a node weighs.
pub(crate) struct Weights<'a> {
    pub(crate) tree: &'a [i64],
    pub(crate) node: &'a [i64],
    pub(crate) target: &'a [i64],
    pub(crate) weight: &'a [f32],
}

impl Ensemble {
    /// Reads the trees of `operator`; `columns` is the width of its input.
    ///
    /// # Errors
    /// [`TreesError::Trees`] where the lists are no trees, or trees that the kernel does not walk.
    pub(crate) fn read(
        operator: &Operator<'_>,
        columns: usize,
        targets: usize,
        weights: &Weights<'_>,
    ) -> Result<Self, TreesError> {
        let lists = Lists::of(operator)?;
        let mut trees = Vec::new();
        let mut known = HashMap::new();
        let mut start = 0;
        while start < lists.tree.len() {
            let id = lists.tree[start];
            let end = start + lists.tree[start..].iter().take_while(|&&tree| tree == id).count();
            if known.insert(id, trees.len()).is_some() {
                return Err(TreesError::Trees("has a tree whose nodes do not stand together"));
            }
            trees.push(lists.tree(start, end, columns)?);
            start = end;
        }
        if trees.is_empty() {
            return Err(TreesError::Trees("has no trees"));
        }
        weigh(&mut trees, &known, weights, targets)?;
        let ensemble = Self { trees: trees.into_iter().map(|(tree, _)| tree).collect(), targets };
        ensemble.check_leaves()?;
        Ok(ensemble)
    }

    fn leaves(&self) -> impl Iterator<Item = &[(usize, f32)]> {
        self.trees.iter().flat_map(|tree| &tree.nodes).filter_map(|node| match node {
            Node::Leaf(weights) => Some(&weights[..]),
            Node::Branch { .. } => None,
        })
    }

    /// ONNX Runtime reads a leaf's first weight whether it has one or not, if there is one target.
    fn check_leaves(&self) -> Result<(), TreesError> {
        if self.targets == 1 && self.leaves().any(|weights| weights.len() != 1) {
            return Err(TreesError::Trees("has a leaf without a weight"));
        }
        Ok(())
    }

    /// Whether rows have a score for `target`: always or never. `None` if it depends on the row.
    pub(crate) fn scored(&self, target: usize) -> Option<bool> {
        let has = |weights: &[(usize, f32)]| weights.iter().any(|&(index, _)| index == target);
        let always = self.trees.iter().any(|tree| {
            tree.nodes.iter().all(|node| match node {
                Node::Leaf(weights) => has(weights),
                Node::Branch { .. } => true,
            })
        });
        if always {
            return Some(true);
        }
        (!self.leaves().any(has)).then_some(false)
    }
}

impl<'a> Lists<'a> {
    fn of(operator: &'a Operator<'_>) -> Result<Self, TreesError> {
        let integers = |name| operator.attributes.get(name).map_or(&[][..], |found| &found.integers);
        let lists = Self {
            tree: integers("nodes_treeids"),
            node: integers("nodes_nodeids"),
            column: integers("nodes_featureids"),
            mode: operator.attributes.get("nodes_modes").map_or(&[][..], |found| &found.texts),
            threshold: operator.attributes.get("nodes_values").map_or(&[][..], |found| &found.floats),
            then: integers("nodes_truenodeids"),
            otherwise: integers("nodes_falsenodeids"),
            missing: integers("nodes_missing_value_tracks_true"),
        };
        let nodes = lists.tree.len();
        let lengths = [lists.node.len(), lists.column.len(), lists.mode.len(), lists.threshold.len()];
        let same = lengths.into_iter().chain([lists.then.len(), lists.otherwise.len()]);
        if same.into_iter().any(|length| length != nodes) || ![0, nodes].contains(&lists.missing.len()) {
            return Err(TreesError::Trees("has lists of different lengths"));
        }
        Ok(lists)
    }

    /// The tree at `start..end`, breadth first with siblings together, and where each node id went.
    fn tree(
        &self,
        start: usize,
        end: usize,
        columns: usize,
    ) -> Result<(Tree, HashMap<i64, usize>), TreesError> {
        let found: HashMap<i64, usize> = (start..end).map(|index| (self.node[index], index)).collect();
        if found.len() != end - start {
            return Err(TreesError::Trees("has two nodes of the same name"));
        }
        let child = |id: i64| {
            found.get(&id).copied().ok_or(TreesError::Trees("has a branch to a node that is not there"))
        };
        let mut order = vec![start];
        let mut nodes = Vec::new();
        let mut at = 0;
        while at < order.len() {
            let index = order[at];
            let node = self.node(index, columns)?;
            nodes.push(match node {
                Node::Branch { column, threshold, missing_left, .. } => {
                    let (then, otherwise) = (child(self.then[index])?, child(self.otherwise[index])?);
                    let left = order.len();
                    order.extend(if swapped(self.mode[index]) {
                        [otherwise, then]
                    } else {
                        [then, otherwise]
                    });
                    if order.len() > end - start {
                        return Err(TreesError::Trees("has two branches to the same node"));
                    }
                    Node::Branch { column, threshold, missing_left, left, right: left + 1 }
                }
                leaf @ Node::Leaf(_) => leaf,
            });
            at += 1;
        }
        if nodes.len() != end - start {
            return Err(TreesError::Trees("has nodes that no branch leads to"));
        }
        let mut places: HashMap<i64, usize> = HashMap::with_capacity(nodes.len());
        for (place, &index) in order.iter().enumerate() {
            // A cycle would visit a node twice.
            if places.insert(self.node[index], place).is_some() {
                return Err(TreesError::Trees("has two branches to the same node"));
            }
        }
        Ok((Tree { nodes }, places))
    }

    fn node(&self, index: usize, columns: usize) -> Result<Node, TreesError> {
        let (mode, given) = (self.mode[index], self.threshold[index]);
        let tracks = self.missing.get(index).is_some_and(|&tracks| tracks == 1);
        let (threshold, missing_left) = match mode {
            b"LEAF" => return Ok(Node::Leaf(Vec::new())),
            b"BRANCH_LEQ" => (given, tracks),
            b"BRANCH_LT" => (below(given)?, tracks),
            b"BRANCH_GT" => (given, !tracks),
            b"BRANCH_GTE" => (below(given)?, !tracks),
            _ => return Err(TreesError::Trees("compares in a way that the native kernel does not know")),
        };
        let column = usize::try_from(self.column[index]).ok().filter(|&column| column < columns);
        let column = column.ok_or(TreesError::Trees("reads a column that its input lacks"))?;
        if threshold.is_nan() {
            return Err(TreesError::Trees("has a threshold that is no number"));
        }
        Ok(Node::Branch { column, threshold, missing_left, left: 0, right: 0 })
    }
}

/// Whether the branch that a comparison leads to is the right one of `x <= threshold`.
fn swapped(mode: &[u8]) -> bool {
    matches!(mode, b"BRANCH_GT" | b"BRANCH_GTE")
}

/// `x < threshold` is `x <= below(threshold)` for every float.
fn below(threshold: f32) -> Result<f32, TreesError> {
    if threshold == f32::NEG_INFINITY {
        return Err(TreesError::Trees("has a threshold of minus infinity"));
    }
    Ok(threshold.next_down())
}

fn weigh(
    trees: &mut [(Tree, HashMap<i64, usize>)],
    known: &HashMap<i64, usize>,
    weights: &Weights<'_>,
    targets: usize,
) -> Result<(), TreesError> {
    let Weights { tree, node, target, weight } = weights;
    if [tree.len(), node.len(), target.len()].iter().any(|&length| length != weight.len()) {
        return Err(TreesError::Trees("has lists of different lengths"));
    }
    for index in 0..weight.len() {
        let place = known.get(&tree[index]).and_then(|&tree| {
            let (tree, places) = &mut trees[tree];
            places.get(&node[index]).map(|&place| &mut tree.nodes[place])
        });
        let Some(Node::Leaf(leaf)) = place else {
            return Err(TreesError::Trees("has a weight that is not a leaf's"));
        };
        let target = usize::try_from(target[index]).ok().filter(|&target| target < targets);
        let target = target.ok_or(TreesError::Trees("has a weight for a target that is not there"))?;
        if !weight[index].is_finite() {
            return Err(TreesError::Trees("has a weight that is not finite"));
        }
        if leaf.iter().any(|&(known, _)| known == target) {
            return Err(TreesError::Trees("has a leaf with two weights for one target"));
        }
        leaf.push((target, weight[index]));
    }
    for (tree, _) in trees {
        for node in &mut tree.nodes {
            if let Node::Leaf(leaf) = node {
                leaf.sort_unstable_by_key(|&(target, _)| target);
            }
        }
    }
    Ok(())
}

/// An attribute's integers, none when it is absent.
pub(crate) fn integers<'a>(operator: &'a Operator<'_>, name: &str) -> &'a [i64] {
    operator.attributes.get(name).map_or(&[], |found: &Attribute<'_>| &found.integers)
}

/// An attribute's floats, none when it is absent.
pub(crate) fn floats<'a>(operator: &'a Operator<'_>, name: &str) -> &'a [f32] {
    operator.attributes.get(name).map_or(&[], |found: &Attribute<'_>| &found.floats)
}
