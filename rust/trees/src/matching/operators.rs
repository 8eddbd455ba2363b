//! The operators around the trees that are known.

use std::sync::Arc;

use super::{Answer, Element, Known, Matcher, Table};
use crate::TreesError;
use crate::columns::{Codes, Step};
use crate::onnx::{Constant, Node};

/// Element types of Cast.
const FLOAT: i64 = 1;
const INT64: i64 = 7;

impl<'a> Matcher<'a> {
    /// Follows one node.
    pub(super) fn node(&mut self, node: &Node<'a>) -> Result<(), TreesError> {
        let known = match (node.domain, node.operator) {
            ("ai.onnx.ml", "TreeEnsembleClassifier" | "TreeEnsembleRegressor") => return self.trees(node),
            ("" | "ai.onnx", "Identity") => {
                only(node, &[])?;
                self.one(node)?.clone()
            }
            ("" | "ai.onnx", "Cast") => self.cast(node)?,
            ("" | "ai.onnx", "Mul") => self.multiply(node)?,
            ("" | "ai.onnx", "Concat") => self.concat(node)?,
            ("" | "ai.onnx", "Reshape") => self.reshape(node)?,
            ("ai.onnx.ml", "Imputer") => self.impute(node)?,
            ("ai.onnx.ml", "Scaler") => self.scale(node)?,
            ("ai.onnx.ml", "LabelEncoder") => self.encode(node)?,
            _ => return Err(TreesError::Node(node.operator.to_owned())),
        };
        match node.outputs[..] {
            [output] => self.define(output, known),
            _ => Err(misused(node, "has not one output")),
        }
    }

    fn named(&self, name: &str) -> Result<&Known, TreesError> {
        self.known.get(name).ok_or(TreesError::Damaged)
    }

    /// The only input.
    fn one(&self, node: &Node<'_>) -> Result<&Known, TreesError> {
        match node.inputs[..] {
            [input] => self.named(input),
            _ => Err(misused(node, "has not one input")),
        }
    }

    /// The only input, which is a table.
    pub(super) fn table(&self, node: &Node<'_>) -> Result<Table, TreesError> {
        match self.one(node)? {
            Known::Table(table) => Ok(table.clone()),
            _ => Err(misused(node, "works on what is no input")),
        }
    }

    fn cast(&self, node: &Node<'_>) -> Result<Known, TreesError> {
        only(node, &["to"])?;
        let to = node.attributes.get("to").and_then(|to| to.integer);
        match (self.one(node)?, to) {
            (Known::Table(table), Some(FLOAT)) if table.element != Element::Text => {
                Ok(Known::Table(Table { element: Element::Float, ..table.clone() }))
            }
            (Known::Answer(Answer::Label), Some(INT64)) if self.integer_labels() => {
                Ok(Known::Answer(Answer::Label))
            }
            (Known::Answer(Answer::Scores), Some(FLOAT)) => Ok(Known::Answer(Answer::Scores)),
            _ => Err(misused(node, "casts what the native kernel does not cast")),
        }
    }

    /// Scores times one, as `LightGBM`'s converter writes it.
    fn multiply(&self, node: &Node<'_>) -> Result<Known, TreesError> {
        only(node, &[])?;
        let [left, right] = node.inputs[..] else { return Err(misused(node, "has not two inputs")) };
        match (self.named(left)?, self.named(right)?) {
            (Known::Answer(Answer::Scores), Known::Constant(Constant::Floats(one)))
            | (Known::Constant(Constant::Floats(one)), Known::Answer(Answer::Scores))
                if one[..] == [1.0] =>
            {
                Ok(Known::Answer(Answer::Scores))
            }
            _ => Err(misused(node, "multiplies by more than one")),
        }
    }

    fn concat(&self, node: &Node<'_>) -> Result<Known, TreesError> {
        only(node, &["axis"])?;
        if !matches!(node.attributes.get("axis").and_then(|axis| axis.integer), Some(1 | -1)) {
            return Err(misused(node, "does not join columns"));
        }
        let mut joined: Option<Table> = None;
        for &input in &node.inputs {
            let Known::Table(part) = self.named(input)? else {
                return Err(misused(node, "works on what is no input"));
            };
            match &mut joined {
                None => joined = Some(part.clone()),
                Some(table) if table.element == part.element => table.columns.extend(part.columns.clone()),
                Some(_) => return Err(misused(node, "joins columns of several types")),
            }
            if joined.as_ref().is_some_and(|table| table.columns.len() > super::WIDEST) {
                return Err(misused(node, "joins too many columns"));
            }
        }
        joined.map(Known::Table).ok_or_else(|| misused(node, "joins nothing"))
    }

    /// A column that is made a column.
    fn reshape(&self, node: &Node<'_>) -> Result<Known, TreesError> {
        only(node, &[])?;
        let [input, shape] = node.inputs[..] else { return Err(misused(node, "has not two inputs")) };
        match (self.named(input)?, self.named(shape)?) {
            (Known::Table(table), Known::Constant(Constant::Integers(shape)))
                if table.columns.len() == 1 && shape[..] == [-1, 1] =>
            {
                Ok(Known::Table(table.clone()))
            }
            _ => Err(misused(node, "does more than to make a column a column")),
        }
    }

    fn impute(&self, node: &Node<'_>) -> Result<Known, TreesError> {
        only(node, &["imputed_value_floats", "replaced_value_float"])?;
        let mut table = self.table(node)?;
        let replaced = node.attributes.get("replaced_value_float").and_then(|value| value.float);
        let (Element::Float, Some(replaced)) = (table.element, replaced) else {
            return Err(misused(node, "imputes other values than floats"));
        };
        let by = super::trees::floats(node, "imputed_value_floats");
        let by = per_column(node, by, table.columns.len())?;
        for (column, by) in table.columns.iter_mut().zip(by) {
            column.steps.push(Step::Impute { replaced, by });
        }
        Ok(Known::Table(table))
    }

    fn scale(&self, node: &Node<'_>) -> Result<Known, TreesError> {
        only(node, &["offset", "scale"])?;
        let mut table = self.table(node)?;
        if table.element == Element::Text {
            return Err(misused(node, "scales strings"));
        }
        let offsets = super::trees::floats(node, "offset");
        let scales = super::trees::floats(node, "scale");
        if offsets.len() != scales.len() {
            return Err(misused(node, "has lists of different lengths"));
        }
        let offsets = per_column(node, offsets, table.columns.len())?;
        let scales = per_column(node, scales, table.columns.len())?;
        for ((column, offset), scale) in table.columns.iter_mut().zip(offsets).zip(scales) {
            column.steps.push(Step::Scale { offset, scale });
        }
        table.element = Element::Float;
        Ok(Known::Table(table))
    }

    /// Strings to numbers.
    fn encode(&self, node: &Node<'_>) -> Result<Known, TreesError> {
        only(node, &["keys_strings", "values_int64s", "values_floats", "default_int64", "default_float"])?;
        let mut table = self.table(node)?;
        if table.element != Element::Text {
            return Err(misused(node, "encodes other values than strings"));
        }
        let attribute = |name: &str| node.attributes.get(name);
        let keys = attribute("keys_strings").map_or(&[][..], |keys| &keys.texts);
        let (values, other) = if let Some(values) = attribute("values_int64s") {
            table.element = Element::Integer;
            let other = attribute("default_int64").and_then(|value| value.integer).unwrap_or(-1);
            (values.integers.iter().map(|&value| value as f32).collect(), other as f32)
        } else {
            table.element = Element::Float;
            let other = attribute("default_float").and_then(|value| value.float).unwrap_or(-0.0);
            (attribute("values_floats").map_or_else(Vec::new, |values| values.floats.clone()), other)
        };
        let codes = Codes::new(keys, &values, other).ok_or_else(|| misused(node, "has a key twice"))?;
        let codes = Arc::new(codes);
        for column in &mut table.columns {
            column.codes = Some(Arc::clone(&codes));
        }
        Ok(Known::Table(table))
    }
}

/// Refuses attributes that are not listed, and values of kinds that no listed one has.
pub(super) fn only(node: &Node<'_>, known: &[&str]) -> Result<(), TreesError> {
    let strange = node.attributes.iter().find(|(name, value)| value.other || !known.contains(name));
    strange.map_or(Ok(()), |(name, _)| {
        let (operator, attribute) = (node.operator.to_owned(), (*name).to_owned());
        Err(TreesError::Attribute { operator, attribute })
    })
}

pub(super) fn misused(node: &Node<'_>, problem: &'static str) -> TreesError {
    TreesError::Use { operator: node.operator.to_owned(), problem }
}

/// One value for each column, from one for each or one for all.
fn per_column(node: &Node<'_>, values: &[f32], columns: usize) -> Result<Vec<f32>, TreesError> {
    match values {
        [value] => Ok(vec![*value; columns]),
        _ if values.len() == columns => Ok(values.to_vec()),
        _ => Err(misused(node, "has not one value a column")),
    }
}
