//! The tree node itself.

use std::collections::HashSet;

use super::operators::{misused, only};
use super::{Answer, Element, Known, Labels, Matcher};
use crate::TreesError;
use crate::columns::Column;
use crate::ensemble::{Ensemble, Weights};
use crate::finish::{Finish, Kind, Transform};
use crate::onnx::Node;

pub(crate) use crate::ensemble::{floats, integers};

/// Attributes of both operators.
const NODES: [&str; 11] = [
    "nodes_falsenodeids",
    "nodes_featureids",
    "nodes_hitrates",
    "nodes_missing_value_tracks_true",
    "nodes_modes",
    "nodes_nodeids",
    "nodes_treeids",
    "nodes_truenodeids",
    "nodes_values",
    "base_values",
    "post_transform",
];
const CLASSIFIER: [&str; 6] = [
    "class_ids",
    "class_nodeids",
    "class_treeids",
    "class_weights",
    "classlabels_int64s",
    "classlabels_strings",
];
const REGRESSOR: [&str; 6] =
    ["aggregate_function", "n_targets", "target_ids", "target_nodeids", "target_treeids", "target_weights"];
/// Most targets or classes.
const MOST_TARGETS: usize = 1 << 12;

/// The ensemble of a graph.
pub(super) struct Found {
    pub(super) columns: Vec<Column>,
    pub(super) ensemble: Ensemble,
    pub(super) finish: Finish,
    pub(super) labels: Labels,
}

impl<'a> Matcher<'a> {
    pub(super) fn trees(&mut self, node: &Node<'a>) -> Result<(), TreesError> {
        if self.trees.is_some() {
            return Err(TreesError::Model("several tree ensembles"));
        }
        let table = self.table(node)?;
        if table.element != Element::Float {
            return Err(misused(node, "reads other values than floats"));
        }
        let found = if node.operator == "TreeEnsembleClassifier" {
            only(node, &[&NODES[..], &CLASSIFIER].concat())?;
            classifier(node, table.columns)?
        } else {
            only(node, &[&NODES[..], &REGRESSOR].concat())?;
            regressor(node, table.columns)?
        };
        found.finish.check()?;
        self.trees = Some(found);
        match (node.operator, &node.outputs[..]) {
            ("TreeEnsembleClassifier", &[label, scores]) => {
                self.define(label, Known::Answer(Answer::Label))?;
                self.define(scores, Known::Answer(Answer::Scores))
            }
            ("TreeEnsembleRegressor", &[scores]) => self.define(scores, Known::Answer(Answer::Scores)),
            _ => Err(misused(node, "has another number of outputs than its operator")),
        }
    }

    pub(super) fn integer_labels(&self) -> bool {
        self.trees.as_ref().is_some_and(|trees| matches!(trees.labels, Labels::Integers(_)))
    }
}

fn text<'a>(node: &Node<'a>, name: &str, default: &'a [u8]) -> &'a [u8] {
    node.attributes.get(name).and_then(|value| value.text).unwrap_or(default)
}

fn targets(found: usize) -> Result<usize, TreesError> {
    if found > MOST_TARGETS {
        return Err(TreesError::TooMany { what: "targets", found, most: MOST_TARGETS });
    }
    Ok(found)
}

fn regressor(node: &Node<'_>, columns: Vec<Column>) -> Result<Found, TreesError> {
    let given = node.attributes.get("n_targets").and_then(|value| value.integer).unwrap_or(0);
    let targets = targets(usize::try_from(given).unwrap_or(0))?;
    if targets == 0 {
        return Err(TreesError::Trees("has no targets"));
    }
    let weights = Weights {
        tree: integers(node, "target_treeids"),
        node: integers(node, "target_nodeids"),
        target: integers(node, "target_ids"),
        weight: floats(node, "target_weights"),
    };
    let ensemble = Ensemble::read(node, columns.len(), targets, &weights)?;
    let divisor = match text(node, "aggregate_function", b"SUM") {
        b"SUM" => None,
        b"AVERAGE" => Some(ensemble.trees.len() as f32),
        _ => return Err(TreesError::Trees("aggregates in a way that the native kernel does not know")),
    };
    let finish = Finish {
        kind: Kind::Regressor { divisor },
        base: floats(node, "base_values").to_vec(),
        transform: Transform::from_name(text(node, "post_transform", b"NONE"))?,
        targets,
    };
    Ok(Found { columns, ensemble, finish, labels: Labels::None })
}

fn classifier(node: &Node<'_>, columns: Vec<Column>) -> Result<Found, TreesError> {
    let texts = node.attributes.get("classlabels_strings").map_or(&[][..], |names| &names.texts);
    let names = integers(node, "classlabels_int64s");
    let targets = targets(if texts.is_empty() { names.len() } else { texts.len() })?;
    if targets < 2 {
        return Err(TreesError::Trees("has fewer than two classes"));
    }
    let weights = Weights {
        tree: integers(node, "class_treeids"),
        node: integers(node, "class_nodeids"),
        target: integers(node, "class_ids"),
        weight: floats(node, "class_weights"),
    };
    let ensemble = Ensemble::read(node, columns.len(), targets, &weights)?;
    let scored: Option<Vec<bool>> = (0..targets).map(|target| ensemble.scored(target)).collect();
    let scored = scored.ok_or(TreesError::Trees("has leaves that lack some classes"))?;
    let classes: HashSet<i64> = weights.target.iter().copied().collect();
    let binary = targets == 2 && classes.len() == 1;
    // Without this, ONNX Runtime answers 1 and 0 whatever the labels are.
    let names = if targets == 2 && !binary { &[0, 1][..] } else { names };
    let labels = if texts.is_empty() {
        Labels::Integers(names.to_vec())
    } else {
        Labels::Texts(texts.iter().map(|&name| name.to_vec()).collect())
    };
    let positive = weights.weight.iter().all(|&weight| weight >= 0.0);
    let finish = Finish {
        kind: Kind::Classifier { scored, binary, positive },
        base: floats(node, "base_values").to_vec(),
        transform: Transform::from_name(text(node, "post_transform", b"NONE"))?,
        targets,
    };
    Ok(Found { columns, ensemble, finish, labels })
}
