//! The strict matcher: a graph is a tree ensemble with known surroundings from its inputs to its outputs, or it is not.

mod operators;
mod trees;

use std::collections::HashMap;

use tidegate_model::{DataType, Signature, TensorSpec};

use crate::TreesError;
use crate::columns::Column;
use crate::ensemble::Ensemble;
use crate::finish::Finish;
use crate::onnx::{Constant, Graph, Port, read};

/// A graph that the kernel can run.
pub(crate) struct Matched {
    pub(crate) signature: Signature,
    /// The table that the trees read.
    pub(crate) columns: Vec<Column>,
    pub(crate) ensemble: Ensemble,
    pub(crate) finish: Finish,
    pub(crate) labels: Labels,
    /// What each of the graph's outputs is.
    pub(crate) outputs: Vec<Answer>,
}

/// The names of classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Labels {
    /// A regressor has none.
    None,
    Integers(Vec<i64>),
    Texts(Vec<Vec<u8>>),
}

/// What an output gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Label,
    Scores,
}

/// What a name in the graph stands for.
#[derive(Clone)]
enum Known {
    Table(Table),
    Answer(Answer),
    Constant(Constant),
}

/// A matrix whose columns come from the inputs.
#[derive(Clone)]
struct Table {
    element: Element,
    columns: Vec<Column>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Float,
    Integer,
    Text,
}

/// What was understood so far.
struct Matcher<'a> {
    known: HashMap<&'a str, Known>,
    trees: Option<trees::Found>,
}

impl Matched {
    /// Matches a whole model.
    ///
    /// # Errors
    /// [`TreesError`], the first thing that is not known.
    pub(crate) fn new(onnx: &[u8]) -> Result<Self, TreesError> {
        let graph = read(onnx)?;
        let mut matcher = Matcher { known: HashMap::new(), trees: None };
        let constants = graph.constants.iter();
        matcher.known.extend(constants.map(|(&name, constant)| (name, Known::Constant(constant.clone()))));
        let mut inputs = Vec::with_capacity(graph.inputs.len());
        for (index, port) in graph.inputs.iter().enumerate() {
            let (spec, table) = input(index, port)?;
            inputs.push(spec);
            matcher.define(port.name, Known::Table(table))?;
        }
        for node in &graph.nodes {
            matcher.node(node)?;
        }
        matcher.finish(&graph, inputs)
    }
}

impl<'a> Matcher<'a> {
    fn define(&mut self, name: &'a str, known: Known) -> Result<(), TreesError> {
        match self.known.insert(name, known) {
            None => Ok(()),
            Some(_) => Err(TreesError::Damaged),
        }
    }

    fn finish(self, graph: &Graph<'_>, inputs: Vec<TensorSpec>) -> Result<Matched, TreesError> {
        let trees = self.trees.ok_or(TreesError::NoTrees)?;
        let mut specs = Vec::with_capacity(graph.outputs.len());
        let mut outputs = Vec::with_capacity(graph.outputs.len());
        for port in &graph.outputs {
            let Some(Known::Answer(answer)) = self.known.get(port.name) else {
                return Err(TreesError::Output(port.name.to_owned()));
            };
            let width = i64::try_from(trees.finish.width()).unwrap_or(i64::MAX);
            let (datatype, shape) = match answer {
                Answer::Scores => (DataType::Fp32, vec![-1, width]),
                Answer::Label if matches!(trees.labels, Labels::Texts(_)) => (DataType::Bytes, vec![-1]),
                Answer::Label => (DataType::Int64, vec![-1]),
            };
            specs.push(TensorSpec { name: port.name.to_owned(), datatype, shape });
            outputs.push(*answer);
        }
        let signature = Signature { inputs, outputs: specs };
        let trees::Found { columns, ensemble, finish, labels } = trees;
        Ok(Matched { signature, columns, ensemble, finish, labels, outputs })
    }
}

/// An input as the signature shows it and as a table.
fn input(index: usize, port: &Port<'_>) -> Result<(TensorSpec, Table), TreesError> {
    let refuse = |expected| TreesError::Input { name: port.name.to_owned(), expected };
    let (element, datatype) = match port.element {
        1 => (Element::Float, DataType::Fp32),
        7 => (Element::Integer, DataType::Int64),
        8 => (Element::Text, DataType::Bytes),
        _ => return Err(refuse("of type FP32, INT64 or BYTES")),
    };
    let Some([-1, stride]) = port.shape.as_deref() else {
        return Err(refuse("a table: rows first, then columns"));
    };
    let stride = usize::try_from(*stride).ok().filter(|&stride| (1..=WIDEST).contains(&stride));
    let stride = stride.ok_or(refuse("a table of a known number of columns"))?;
    let columns = (0..stride).map(|offset| Column {
        input: index,
        offset,
        stride,
        steps: smallvec::SmallVec::new(),
        codes: None,
    });
    let shape = port.shape.clone().unwrap_or_default();
    let spec = TensorSpec { name: port.name.to_owned(), datatype, shape };
    Ok((spec, Table { element, columns: columns.collect() }))
}

/// Most columns of an input, so that no claim of a graph makes memory.
const WIDEST: usize = 1 << 16;
