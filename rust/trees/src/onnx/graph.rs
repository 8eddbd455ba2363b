//! `ModelProto` as a plain graph; anything that changes what a graph means and is not known is refused.

use std::collections::BTreeMap;

use super::wire::{Fields, Value};
use crate::TreesError;

/// Newest version of the operators of ai.onnx.ml that are known: 5 brings another tree node.
const NEWEST: i64 = 4;

/// A graph.
#[derive(Default)]
pub(crate) struct Graph<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) inputs: Vec<Port<'a>>,
    pub(crate) outputs: Vec<Port<'a>>,
    pub(crate) constants: BTreeMap<&'a str, Constant>,
}

/// A node.
#[derive(Default)]
pub(crate) struct Node<'a> {
    pub(crate) domain: &'a str,
    pub(crate) operator: &'a str,
    pub(crate) inputs: Vec<&'a str>,
    pub(crate) outputs: Vec<&'a str>,
    pub(crate) attributes: BTreeMap<&'a str, Attribute<'a>>,
}

/// A node's attribute: the fields of every kind, of which its writer filled one.
#[derive(Default)]
pub(crate) struct Attribute<'a> {
    pub(crate) float: Option<f32>,
    pub(crate) integer: Option<i64>,
    pub(crate) text: Option<&'a [u8]>,
    pub(crate) floats: Vec<f32>,
    pub(crate) integers: Vec<i64>,
    pub(crate) texts: Vec<&'a [u8]>,
    /// Whether it holds a tensor, a graph or a reference.
    pub(crate) other: bool,
}

/// An input or output of the graph. `element` is 0 where it is no tensor; dimensions are -1 where they vary.
#[derive(Default)]
pub(crate) struct Port<'a> {
    pub(crate) name: &'a str,
    pub(crate) element: i64,
    pub(crate) shape: Option<Vec<i64>>,
}

/// A small constant; others are [`Constant::Other`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Constant {
    Floats(Vec<f32>),
    Integers(Vec<i64>),
    Other,
}

/// Elements of a constant that are looked at; those that matter here have one or two.
const MOST_ELEMENTS: usize = 16;

/// Reads a model.
///
/// # Errors
/// [`TreesError`] when the bytes are no model, or one with functions, another tree node's operators and the like.
pub(crate) fn read(onnx: &[u8]) -> Result<Graph<'_>, TreesError> {
    let mut fields = Fields::new(onnx);
    let mut graph = None;
    while let Some((number, value)) = fields.next()? {
        match number {
            7 if graph.is_none() => graph = Some(read_graph(value.bytes()?)?),
            7 => return Err(TreesError::Damaged),
            8 => operators(value.bytes()?)?,
            20 | 25 => return Err(TreesError::Model("functions or training graphs")),
            _ => {}
        }
    }
    graph.ok_or(TreesError::Damaged)
}

fn operators(bytes: &[u8]) -> Result<(), TreesError> {
    let mut fields = Fields::new(bytes);
    let (mut domain, mut version) = ("", 0);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => domain = value.text()?,
            2 => version = value.integer()?,
            _ => {}
        }
    }
    if domain == "ai.onnx.ml" && version > NEWEST {
        return Err(TreesError::Model("operators of ai.onnx.ml 5 or newer"));
    }
    Ok(())
}

fn read_graph(bytes: &[u8]) -> Result<Graph<'_>, TreesError> {
    let mut fields = Fields::new(bytes);
    let mut graph = Graph::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => graph.nodes.push(node(value.bytes()?)?),
            5 => {
                let (name, constant) = constant(value.bytes()?)?;
                graph.constants.insert(name, constant);
            }
            11 => graph.inputs.push(port(value.bytes()?)?),
            12 => graph.outputs.push(port(value.bytes()?)?),
            14 | 15 => return Err(TreesError::Model("sparse or quantized constants")),
            _ => {}
        }
    }
    // Old writers list constants among the inputs too.
    let constants = &graph.constants;
    graph.inputs.retain(|input| !constants.contains_key(input.name));
    Ok(graph)
}

fn node(bytes: &[u8]) -> Result<Node<'_>, TreesError> {
    let mut fields = Fields::new(bytes);
    let mut node = Node::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => node.inputs.push(value.text()?),
            2 => node.outputs.push(value.text()?),
            4 => node.operator = value.text()?,
            5 => {
                let (name, attribute) = attribute(value.bytes()?)?;
                if node.attributes.insert(name, attribute).is_some() {
                    return Err(TreesError::Damaged);
                }
            }
            7 => node.domain = value.text()?,
            8 if !value.bytes()?.is_empty() => return Err(TreesError::Model("overloaded functions")),
            _ => {}
        }
    }
    Ok(node)
}

fn attribute(bytes: &[u8]) -> Result<(&str, Attribute<'_>), TreesError> {
    let mut fields = Fields::new(bytes);
    let mut attribute = Attribute::default();
    let mut name = "";
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => name = value.text()?,
            2 => attribute.float = Some(value.float()?),
            3 => attribute.integer = Some(value.integer()?),
            4 => attribute.text = Some(value.bytes()?),
            7 => value.floats(&mut attribute.floats)?,
            8 => value.integers(&mut attribute.integers)?,
            9 => attribute.texts.push(value.bytes()?),
            13 | 20 => {}
            _ => attribute.other = true,
        }
    }
    Ok((name, attribute))
}

fn port(bytes: &[u8]) -> Result<Port<'_>, TreesError> {
    let mut fields = Fields::new(bytes);
    let mut port = Port::default();
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => port.name = value.text()?,
            2 => {
                let mut kinds = Fields::new(value.bytes()?);
                while let Some((kind, value)) = kinds.next()? {
                    if kind == 1 {
                        (port.element, port.shape) = tensor_type(value.bytes()?)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(port)
}

fn tensor_type(bytes: &[u8]) -> Result<(i64, Option<Vec<i64>>), TreesError> {
    let mut fields = Fields::new(bytes);
    let (mut element, mut shape) = (0, None);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => element = value.integer()?,
            2 => shape = Some(dimensions(value.bytes()?)?),
            _ => {}
        }
    }
    Ok((element, shape))
}

fn dimensions(bytes: &[u8]) -> Result<Vec<i64>, TreesError> {
    let mut fields = Fields::new(bytes);
    let mut dimensions = Vec::new();
    while let Some((number, value)) = fields.next()? {
        if number == 1 {
            let mut parts = Fields::new(value.bytes()?);
            let mut size = -1;
            while let Some((part, value)) = parts.next()? {
                match part {
                    1 => size = value.integer()?,
                    2 => size = -1,
                    _ => {}
                }
            }
            dimensions.push(size);
        }
    }
    Ok(dimensions)
}

fn constant(bytes: &[u8]) -> Result<(&str, Constant), TreesError> {
    let mut fields = Fields::new(bytes);
    let (mut name, mut element, mut outside, mut raw) = ("", 0, false, None);
    let (mut floats, mut integers) = (Vec::new(), Vec::new());
    while let Some((number, value)) = fields.next()? {
        match number {
            2 => element = value.integer()?,
            4 => value.floats(&mut floats)?,
            7 => value.integers(&mut integers)?,
            8 => name = value.text()?,
            9 => raw = Some(value.bytes()?),
            3 | 13 | 14 => outside |= !matches!(value, Value::Varint(0)),
            _ => {}
        }
    }
    let raw = raw.unwrap_or_default();
    let constant = match element {
        _ if outside || raw.len() > MOST_ELEMENTS * 8 => Constant::Other,
        1 => {
            floats.extend(raw.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)));
            Constant::Floats(floats)
        }
        7 => {
            integers.extend(raw.as_chunks::<8>().0.iter().map(|&bytes| i64::from_le_bytes(bytes)));
            Constant::Integers(integers)
        }
        _ => Constant::Other,
    };
    Ok((name, constant))
}
